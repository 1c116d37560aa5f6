//! A random schedule of faults, all of which are over when load ends or soon after.

use super::draw::{Frame, one_of};
use indoubt_driver::random::Stream;
use indoubt_proto::{
    ids::{NodeId, Role},
    observation::Phase,
};
use indoubt_scenario::{points, protocol::Family};
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
    /// Whether one node has most of the bad luck: only who dies twice shows what the first death left behind.
    one_victim: bool,
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
            lose: share(0.85),
            one_victim: random.random_bool(0.4),
        }
    }
}

/// The `[[fault]]` tables of a run.
pub(super) fn faults(frame: &Frame, mood: &Mood, random: &mut Stream) -> String {
    let mut text = String::new();
    let victim = mood.one_victim.then(|| any_node(frame, random));
    let mut add = |share: f64, most: u32, random: &mut Stream, fault: fn(&Frame, NodeId, &mut Stream) -> String| {
        for _ in 0..most {
            if random.random_bool(share) {
                let node = victim.filter(|_| random.random_bool(0.7));
                let node = node.unwrap_or_else(|| any_node(frame, random));
                text += "[[fault]]\n";
                text += &fault(frame, node, random);
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

fn kill(frame: &Frame, node: NodeId, random: &mut Stream) -> String {
    let mut text = when(frame, node, random) + &format!("do = \"kill\"\nnode = \"{node}\"\n");
    // Mostly soon: what happens to a node that recovers under load matters more than a long silence.
    let away = if random.random_bool(0.6) { 100 } else { 800 };
    text += &format!("restart_after = \"{}ms\"\n", random.random_range(1..away));
    if random.random_bool(0.3) {
        text += &format!("keep = {}\n", random.random_range(0..4));
    }
    text
}

fn pause(frame: &Frame, node: NodeId, random: &mut Stream) -> String {
    let lasts = random.random_range(1..400);
    when(frame, node, random) + &format!("do = \"pause\"\nnode = \"{node}\"\nfor = \"{lasts}ms\"\n")
}

fn cut(frame: &Frame, node: NodeId, random: &mut Stream) -> String {
    let mut others: Vec<NodeId> = (1..=frame.participants).map(NodeId::participant).collect();
    others.extend((1..=frame.coordinators).map(NodeId::coordinating));
    others.retain(|other| *other != node && random.random_bool(0.5));
    if others.is_empty() {
        others.push(NodeId::participant(if node == NodeId::participant(1) { 2 } else { 1 }));
    }
    let others: Vec<String> = others.iter().map(|other| format!("\"{other}\"")).collect();
    let (left, right) = (format!("[\"{node}\"]"), format!("[{}]", others.join(", ")));
    let (left, right) = if random.random_bool(0.5) { (left, right) } else { (right, left) };
    let (one_way, lasts) = (random.random_bool(0.4), random.random_range(1..400));
    when(frame, node, random)
        + &format!("do = \"partition\"\nbetween = [{left}, {right}]\none_way = {one_way}\nfor = \"{lasts}ms\"\n")
}

/// Something happens to messages: of one kind or of all, over one link or over all.
fn touch(frame: &Frame, _: NodeId, random: &mut Stream) -> String {
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

fn slow(frame: &Frame, node: NodeId, random: &mut Stream) -> String {
    let (force, lasts) = (random.random_range(5..100), random.random_range(10..500));
    when(frame, node, random)
        + &format!("do = \"slow-disk\"\nnode = \"{node}\"\nforce = \"{force}ms\"\nfor = \"{lasts}ms\"\n")
}

fn lose(frame: &Frame, node: NodeId, random: &mut Stream) -> String {
    let after = random.random_range(1..300);
    when(frame, node, random) + &format!("do = \"lose-log\"\nnode = \"{node}\"\nrestart_after = \"{after}ms\"\n")
}

fn any_node(frame: &Frame, random: &mut Stream) -> NodeId {
    if random.random_bool(0.5) {
        NodeId::coordinating(random.random_range(1..=frame.coordinators))
    } else {
        NodeId::participant(random.random_range(1..=frame.participants))
    }
}

/// A trigger: a time, a phase, or before or after an exact effect.
fn when(frame: &Frame, node: NodeId, random: &mut Stream) -> String {
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
            let mut at = if random.random_bool(0.5) { node } else { any_node(frame, random) };
            if frame.protocol.family() == Family::Unprotected && at.role == Role::Coordinating {
                // It writes nothing, and sends what participants take.
                at = NodeId::participant(1);
            }
            let effect = effect(frame, at.role, random);
            let edge = one_of(random, &["before", "after"]);
            format!("on = {{ node = \"{at}\", effect = \"{effect}\", edge = \"{edge}\", nth = {nth} }}\n")
        }
    }
}

/// Something that this node appends, sends or takes.
fn effect(frame: &Frame, role: Role, random: &mut Stream) -> String {
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
    words.choose(random).cloned().expect("every node sends or takes something")
}
