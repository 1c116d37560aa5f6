//! A random schedule of faults, all of which are over when load ends or soon after.

use super::draw::{Frame, one_of};
use crate::{points, protocol::Family};
use indoubt_proto::{ids::Role, observation::Phase, random::Stream};
use rand::{RngExt, seq::IndexedRandom};

/// How often each class of faults happens in this run, 0 to 1; each is absent from a good part of all runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    kill: f64,
    pause: f64,
    cut: f64,
    touch: f64,
    slow: f64,
    lose: f64,
}

impl Mood {
    pub(super) fn draw(random: &mut Stream) -> Mood {
        let mut share = |absent: f64| if random.random_bool(absent) { 0.0 } else { random.random_range(0.1..1.0) };
        Mood {
            kill: share(0.2),
            pause: share(0.6),
            cut: share(0.5),
            touch: share(0.4),
            slow: share(0.7),
            lose: share(0.95),
        }
    }
}

/// The `[[fault]]` tables of a run.
pub(super) fn faults(frame: &Frame, mood: &Mood, random: &mut Stream) -> String {
    let mut text = String::new();
    let mut add = |share: f64, most: u32, random: &mut Stream, fault: fn(&Frame, &mut Stream) -> String| {
        for _ in 0..most {
            if random.random_bool(share) {
                text += "[[fault]]\n";
                text += &fault(frame, random);
            }
        }
    };
    add(mood.kill, 4, random, kill);
    add(mood.pause, 2, random, pause);
    add(mood.cut, 2, random, cut);
    add(mood.touch, 4, random, touch);
    add(mood.slow, 1, random, slow);
    add(mood.lose, 1, random, lose);
    text
}

fn kill(frame: &Frame, random: &mut Stream) -> String {
    let mut text = when(frame, random) + &format!("do = \"kill\"\nnode = \"{}\"\n", node(frame, random));
    text += &format!("restart_after = \"{}ms\"\n", random.random_range(1..800));
    if random.random_bool(0.3) {
        text += &format!("keep = {}\n", random.random_range(0..4));
    }
    text
}

fn pause(frame: &Frame, random: &mut Stream) -> String {
    let lasts = random.random_range(1..400);
    when(frame, random) + &format!("do = \"pause\"\nnode = \"{}\"\nfor = \"{lasts}ms\"\n", node(frame, random))
}

fn cut(frame: &Frame, random: &mut Stream) -> String {
    let one = node(frame, random);
    let mut others: Vec<String> = (1..=frame.participants).map(|n| format!("p{n}")).collect();
    others.extend((1..=frame.coordinators).map(|n| format!("c{n}")));
    others.retain(|other| *other != one && random.random_bool(0.5));
    if others.is_empty() {
        others.push(if one == "p1" { "p2".into() } else { "p1".into() });
    }
    let others: Vec<String> = others.iter().map(|other| format!("\"{other}\"")).collect();
    let (left, right) = (format!("[\"{one}\"]"), format!("[{}]", others.join(", ")));
    let (left, right) = if random.random_bool(0.5) { (left, right) } else { (right, left) };
    let (one_way, lasts) = (random.random_bool(0.4), random.random_range(1..400));
    when(frame, random)
        + &format!("do = \"partition\"\nbetween = [{left}, {right}]\none_way = {one_way}\nfor = \"{lasts}ms\"\n")
}

/// Something happens to messages: of one kind or of all, over one link or over all.
fn touch(frame: &Frame, random: &mut Stream) -> String {
    let mut deed = one_of(random, &["drop", "drop", "delay", "duplicate", "refuse"]);
    let known: Vec<_> = points::messages(frame.protocol, frame.work).filter(|info| info.is_internal()).collect();
    let mut kinds = known.clone();
    kinds.retain(|info| deed != "refuse" || info.can_fail);
    if kinds.is_empty() {
        (deed, kinds) = ("drop", known);
    }
    let kind = kinds.choose(random).expect("every protocol sends something");
    let mut text = format!("do = \"{deed}\"\nmessage = \"{}\"\n", kind.kind.word());
    if random.random_bool(0.5) {
        let to_participant = kind.to == [Role::Participant] && kind.from == [Role::Coordinating];
        let (c, p) = (random.random_range(1..=frame.coordinators), random.random_range(1..=frame.participants));
        if to_participant {
            text += &format!("from = \"c{c}\"\nto = \"p{p}\"\n");
        } else if kind.from == [Role::Participant] && kind.to == [Role::Coordinating] {
            text += &format!("from = \"p{p}\"\nto = \"c{c}\"\n");
        }
    }
    text += &match random.random_range(0..3) {
        0 => format!("nth = {}\n", random.random_range(1..=6)),
        1 => format!("count = {}\n", random.random_range(1..=4)),
        _ => format!("share = {}\n", one_of(random, &["0.05", "0.2", "0.5"])),
    };
    if deed == "delay" {
        text += &format!("by = \"{}ms\"\n", random.random_range(1..300));
    }
    text
}

fn slow(frame: &Frame, random: &mut Stream) -> String {
    let (force, lasts) = (random.random_range(5..100), random.random_range(10..500));
    let node = node(frame, random);
    when(frame, random)
        + &format!("do = \"slow-disk\"\nnode = \"{node}\"\nforce = \"{force}ms\"\nfor = \"{lasts}ms\"\n")
}

fn lose(frame: &Frame, random: &mut Stream) -> String {
    let after = random.random_range(1..300);
    when(frame, random)
        + &format!("do = \"lose-log\"\nnode = \"{}\"\nrestart_after = \"{after}ms\"\n", node(frame, random))
}

fn node(frame: &Frame, random: &mut Stream) -> String {
    if random.random_bool(0.5) {
        format!("c{}", random.random_range(1..=frame.coordinators))
    } else {
        format!("p{}", random.random_range(1..=frame.participants))
    }
}

/// A trigger: a time, a phase, or before or after an exact effect.
fn when(frame: &Frame, random: &mut Stream) -> String {
    let nth = random.random_range(1..=8);
    match random.random_range(0..5) {
        0 | 1 => format!("at = \"{}ms\"\n", random.random_range(1..frame.duration)),
        2 => {
            let family = frame.protocol.family();
            let phases: Vec<Phase> =
                Phase::ALL.into_iter().filter(|phase| points::phase_meaning(family, *phase).is_some()).collect();
            let phase = phases.choose(random).expect("every protocol has phases");
            let home = random.random_range(1..=frame.coordinators);
            format!("on = {{ phase = \"{}\", node = \"c{home}\", nth = {nth} }}\n", phase.word())
        }
        _ => {
            let (at, effect) = effect(frame, random);
            let edge = one_of(random, &["before", "after"]);
            format!("on = {{ node = \"{at}\", effect = \"{effect}\", edge = \"{edge}\", nth = {nth} }}\n")
        }
    }
}

/// A node, and something that it appends, sends or takes.
fn effect(frame: &Frame, random: &mut Stream) -> (String, String) {
    let coordinating = frame.protocol.family() != Family::Unprotected && random.random_bool(0.5);
    let (role, at) = if coordinating {
        (Role::Coordinating, format!("c{}", random.random_range(1..=frame.coordinators)))
    } else {
        (Role::Participant, format!("p{}", random.random_range(1..=frame.participants)))
    };
    let records = points::records(frame.protocol, role);
    let messages = points::messages(frame.protocol, frame.work).filter(|info| info.is_internal());
    let words: Vec<String> = records
        .iter()
        .map(|record| format!("append:{record}"))
        .chain(messages.flat_map(|info| {
            let sent = info.from.contains(&role).then(|| format!("send:{}", info.kind.word()));
            sent.into_iter().chain(info.to.contains(&role).then(|| format!("deliver:{}", info.kind.word())))
        }))
        .collect();
    (at, words.choose(random).cloned().expect("every node sends or takes something"))
}
