//! One random scenario from one seed. It is drawn as a text and parsed like any other, so that whatever fails can be written
//! to a file as it is.

use super::{
    case::Case,
    faults::{faults, refusals_are_forgotten},
};
use indoubt_driver::random::{Stream, stream};
use indoubt_proto::settings::WorkRound;
use indoubt_scenario::{
    faults::draw::{Frame, one_of},
    protocol::Protocol,
    scenario::{Cluster, Scenario},
};
use rand::RngExt;

/// The case of this seed; the protocols take turns.
///
/// # Panics
/// If `protocols` is empty.
pub fn draw(seed: u64, protocols: &[Protocol]) -> Case {
    let protocol = protocols[(seed % protocols.len() as u64) as usize];
    let mut random = stream(seed, "swarm");
    let text = text(seed, protocol, &mut random);
    let scenario = Scenario::parse(&text, "swarm").unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
    Case { scenario, protocol, seed }
}

fn text(seed: u64, protocol: Protocol, random: &mut Stream) -> String {
    let participants = random.random_range(2..=5);
    let work = if random.random_bool(0.25) { WorkRound::WithPrepare } else { WorkRound::Separate };
    let duration = random.random_range(100..=800);
    let cluster = Cluster { participants, coordinators: random.random_range(1..=3) };
    let frame = Frame { protocol, cluster, work, seed, duration_ms: duration };
    let sections = [
        format!(
            "name = \"swarm-{seed}\"\nprotocols = [\"{protocol}\"]\nseed = {seed}\nduration = \"{duration}ms\"\nsettle = \"120s\"\n\
             [cluster]\nparticipants = {participants}\ncoordinators = {}\n",
            cluster.coordinators
        ),
        workload(&frame, random),
        patience(&frame),
        network(&frame, random),
        surroundings(&frame, random),
        options(&frame, random),
        faults(&frame, random),
    ];
    sections.concat()
}

fn workload(frame: &Frame, random: &mut Stream) -> String {
    let kind = one_of(random, &["transfer", "order", "trip"]);
    let (kind, opening) = match refusals_are_forgotten(frame) {
        true => ("transfer", "opening = 100\n"),
        false => (kind, ""),
    };
    let arrivals = if random.random_bool(0.3) {
        format!("clients = {}", random.random_range(1..=6))
    } else {
        format!("rate = {}.0", random.random_range(10..=150))
    };
    let touch = random.random_range(2..=frame.cluster.participants);
    format!(
        "[workload]\nkind = \"{kind}\"\n{arrivals}\ntransactions = {}\nkeys = {}\nskew = {}\ntouch = {touch}\nrefuse = {}\naudit = {}\nlookup = {}\n{opening}",
        random.random_range(1..=40),
        one_of(random, &["1", "2", "5", "20"]),
        one_of(random, &["0.0", "0.8", "1.5"]),
        one_of(random, &["0.0", "0.0", "0.1", "0.4"]),
        one_of(random, &["0.0", "0.1", "0.3"]),
        one_of(random, &["0.0", "0.0", "0.3"]),
    )
}

/// How long clients wait, in some cases. From a stream of its own, so that all other draws of a seed stay.
fn patience(frame: &Frame) -> String {
    let random = &mut stream(frame.seed, "swarm patience");
    if !random.random_bool(0.3) {
        return String::new();
    }
    let ask_after = if random.random_bool(0.7) {
        format!("ask_after = \"{}ms\"\n", random.random_range(10..1_000))
    } else {
        String::new()
    };
    format!(
        "timeout = \"{}ms\"\nretries = {}\ndie = {}\n{ask_after}",
        random.random_range(5..400),
        random.random_range(0..=3),
        one_of(random, &["0.0", "0.0", "0.1", "0.5"]),
    )
}

fn network(frame: &Frame, random: &mut Stream) -> String {
    let latency = |random: &mut Stream| match random.random_range(0..3) {
        0 => format!("\"{}us\"", random.random_range(100..5_000)),
        1 => format!("{{ min = \"{}us\", max = \"{}ms\" }}", random.random_range(50..900), random.random_range(1..20)),
        _ => format!(
            "{{ median = \"{}us\", p99 = \"{}ms\" }}",
            random.random_range(100..900),
            random.random_range(1..40)
        ),
    };
    let share = |random: &mut Stream| one_of(random, &["0.0", "0.0", "0.01", "0.05", "0.2"]);
    let mut text =
        format!("[network]\nlatency = {}\nloss = {}\nduplicate = {}\n", latency(random), share(random), share(random));
    if random.random_bool(0.2) {
        let (from, to) =
            (random.random_range(1..=frame.cluster.coordinators), random.random_range(1..=frame.cluster.participants));
        let (from, to) = if random.random_bool(0.5) {
            (format!("c{from}"), format!("p{to}"))
        } else {
            (format!("p{to}"), format!("c{from}"))
        };
        text += &format!(
            "[[network.link]]\nfrom = \"{from}\"\nto = \"{to}\"\nlatency = {}\nloss = {}\n",
            latency(random),
            share(random)
        );
    }
    text
}

fn surroundings(frame: &Frame, random: &mut Stream) -> String {
    let mut text = format!("[disk]\nforce = \"{}us\"\n", random.random_range(50..5_000));
    text += &compactions(&mut stream(frame.seed, "swarm compactions"));
    if random.random_bool(0.3) {
        text += &format!("[clocks]\ndrift = {}\n", one_of(random, &["0.01", "0.1", "0.5"]));
    }
    if random.random_bool(0.5) {
        text += &format!(
            "[timeouts]\nvote = \"{}ms\"\ndecision = \"{}ms\"\nlock = \"{}ms\"\nretry = \"{}ms\"\n",
            random.random_range(10..500),
            random.random_range(10..500),
            random.random_range(10..500),
            random.random_range(5..100)
        );
    }
    text
}

/// How often journals are compacted. A small interval is as likely as a large one: the larger it is, the less a run shows of it.
fn compactions(random: &mut Stream) -> String {
    let magnitude = random.random_range(0..=7);
    match random.random_bool(0.5) {
        true => format!("compact_every = {}\n", random.random_range(1 << magnitude..=200.min(2 << magnitude))),
        false => String::new(),
    }
}

fn options(frame: &Frame, random: &mut Stream) -> String {
    let work = match frame.work {
        WorkRound::Separate => "separate",
        WorkRound::WithPrepare => "with-prepare",
    };
    // From a stream of its own, so that all other draws of a seed stay.
    let answer = one_of(&mut stream(frame.seed, "swarm answer"), &["decided", "decided", "acknowledged"]);
    format!(
        "[options]\nanswer = \"{answer}\"\nwork = \"{work}\"\nread_only = {}\nforward_recovery = {}\ncompensate_from = \"{}\"\nabort = \"{}\"\nremembered = {}\n",
        random.random_bool(0.7),
        random.random_bool(0.3),
        one_of(random, &["previous", "failed"]),
        one_of(random, &["at-once", "at-once", "after-all-votes"]),
        one_of(random, &["10000", "10000", "2", "0"]),
    )
}
