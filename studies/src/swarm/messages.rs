//! Random scenarios in which only messages are touched: each combines two of what the network and faults can do to them. The
//! two worlds must tell them alike to the letter.

use super::case::Case;
use indoubt_driver::random::{Stream, stream};
use indoubt_proto::{
    ids::{NodeId, Role},
    settings::WorkRound,
};
use indoubt_scenario::{faults::draw::one_of, points, protocol::Protocol, scenario::Scenario};
use rand::{RngExt, seq::IndexedRandom};

/// Participants of a drawn cluster. It has one coordinating node.
const PARTICIPANTS: u16 = 3;

/// What can happen to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Loss,
    Copies,
    Latency,
    Fault(&'static str),
    /// A client's submission is lost.
    DroppedSubmit,
}

const TOUCHES: [Touch; 8] = [
    Touch::Loss,
    Touch::Copies,
    Touch::Latency,
    Touch::Fault("drop"),
    Touch::Fault("delay"),
    Touch::Fault("duplicate"),
    Touch::Fault("refuse"),
    Touch::DroppedSubmit,
];

/// How many pairs there are: cases of so many seeds in a row contain each.
pub const PAIRS: u64 = (TOUCHES.len() * (TOUCHES.len() - 1) / 2) as u64;

/// The case of this seed, with the pair whose turn it is; the protocols take turns too. Each attempt is another case of the same
/// pair under the same protocol.
///
/// # Panics
/// If `protocols` is empty.
pub fn draw_messages(seed: u64, attempt: u64, protocols: &[Protocol]) -> Case {
    let run_seed = seed + (attempt << 32);
    let mut random = stream(run_seed, "messages");
    // In the next round of pairs each meets the next protocol.
    let protocol = protocols[((seed + seed / PAIRS) % protocols.len() as u64) as usize];
    let pairs =
        TOUCHES.iter().enumerate().flat_map(|(at, first)| TOUCHES[at + 1..].iter().map(move |next| (first, next)));
    let (first, second) = pairs.cycle().nth(turn(seed)).expect("a cycle has no end");
    let text = text(run_seed, protocol, [*first, *second], &mut random);
    let scenario = Scenario::parse(&text, "messages").unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
    Case { scenario, protocol, seed: run_seed }
}

/// Which pair has its turn: first loss with copies. A stride that shares no factor with their number spreads the kinds.
fn turn(seed: u64) -> usize {
    (seed * 9 % PAIRS) as usize
}

fn text(seed: u64, protocol: Protocol, touches: [Touch; 2], random: &mut Stream) -> String {
    let work = if random.random_bool(0.25) { WorkRound::WithPrepare } else { WorkRound::Separate };
    let (mut network, mut faults) = (String::from("[network]\n"), String::new());
    for touch in touches {
        match touch {
            Touch::Loss => network += &format!("loss = {}\n", one_of(random, &["0.05", "0.1", "0.15"])),
            Touch::Copies => network += &format!("duplicate = {}\n", one_of(random, &["0.2", "0.5"])),
            Touch::Latency => network += "latency = { min = \"1ms\", max = \"9ms\" }\n",
            Touch::Fault(deed) => faults += &format!("[[fault]]\n{}", fault(deed, protocol, work, random)),
            Touch::DroppedSubmit => {
                let nth = random.random_range(2..=6);
                faults += &format!("[[fault]]\ndo = \"drop\"\nmessage = \"submit\"\nnth = {nth}\n");
            }
        }
    }
    let work = match work {
        WorkRound::Separate => "separate",
        WorkRound::WithPrepare => "with-prepare",
    };
    format!(
        "name = \"messages-{seed}\"\nprotocols = [\"{protocol}\"]\nseed = {seed}\nduration = \"1s\"\nsettle = \"10s\"\n\
         [cluster]\nparticipants = {PARTICIPANTS}\ncoordinators = 1\n[workload]\nkind = \"transfer\"\nclients = 1\ntransactions = 8\nkeys = 4\ntouch = 3\n\
         {network}[options]\nwork = \"{work}\"\n{faults}"
    )
}

/// A fault that touches messages of one kind over one link: which of several nodes is the first is a race. A delay is longer
/// than a transaction, so that it does not race with the next one.
fn fault(mut deed: &str, protocol: Protocol, work: WorkRound, random: &mut Stream) -> String {
    let known: Vec<_> = points::messages(protocol, work).filter(|info| info.is_internal()).collect();
    let mut kinds = known.clone();
    kinds.retain(|info| deed != "refuse" || info.can_fail);
    if kinds.is_empty() {
        (deed, kinds) = ("drop", known);
    }
    let kind = kinds.choose(random).expect("every protocol sends something");
    let node = |roles: &[Role], random: &mut Stream| match roles {
        [Role::Coordinating, ..] => NodeId::coordinating(1),
        _ => NodeId::participant(random.random_range(1..=PARTICIPANTS)),
    };
    let (from, mut to) = (node(kind.from, random), node(kind.to, random));
    if from == to {
        to = NodeId::participant(from.number % PARTICIPANTS + 1);
    }
    let mut text = format!("do = \"{deed}\"\nmessage = \"{}\"\nfrom = \"{from}\"\nto = \"{to}\"\n", kind.kind.word());
    text += &match random.random_range(0..3) {
        0 => format!("nth = {}\n", random.random_range(1..=4)),
        1 => format!("count = {}\n", random.random_range(1..=4)),
        _ => format!("share = {}\n", one_of(random, &["0.2", "0.5"])),
    };
    if deed == "delay" {
        text += &format!("by = \"{}ms\"\n", random.random_range(100..300));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_driver::conditions::{Conditions, Latency};
    use std::collections::BTreeSet;

    #[test]
    fn every_pair_has_its_turn_and_the_first_four_touch_loss_with_copies_and_a_submission() {
        assert_eq!((0..PAIRS).map(turn).collect::<BTreeSet<_>>().len() as u64, PAIRS);
        let of = |seed| draw_messages(seed, 0, &Protocol::ALL).scenario;
        let both = of(0).network.base;
        assert!(both.loss > 0.0 && both.duplicate > 0.0);
        assert!((0..4).any(|seed| of(seed).faults.iter().any(|fault| fault.text.contains("submit"))));
        for seed in 0..2 * PAIRS {
            let scenario = of(seed);
            let Conditions { loss, duplicate, latency } = scenario.network.base;
            let varies = !matches!(latency, Latency::Constant(_));
            let touched = [loss > 0.0, duplicate > 0.0, varies].into_iter().filter(|it| *it).count();
            assert_eq!(touched + scenario.faults.len(), 2, "{}", scenario.name);
        }
    }
}
