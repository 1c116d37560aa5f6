//! The census of a run: every edge of every effect that its nodes pass, counted as a fault would count it.

use super::crash_point::CrashPoint;
use indoubt_driver::gate::{Edge, Verb};
use indoubt_proto::{
    ids::{MessageId, NodeId},
    observation::{Observation, Stamped},
};
use indoubt_scenario::{points, protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world::{self, Passed, Sink};
use std::collections::{BTreeMap, BTreeSet};

/// A crash point that a run passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Where.
    pub point: CrashPoint,
    /// How many records of the node's journal no force covers at that instant, at most: 0 to so many may survive.
    pub tail: usize,
    /// How many faults of the run had fired by then.
    pub faults_before: usize,
    /// After a send that no client takes: its message, which was taken when it is reached.
    pub message: Option<MessageId>,
}

#[derive(Default)]
struct Census {
    /// Each with how many faults had fired.
    passed: Vec<(usize, Passed)>,
    lost: BTreeSet<MessageId>,
    faults: usize,
}

impl Sink for Census {
    fn take(&mut self, seen: Stamped) {
        match seen.what {
            Observation::Fault { .. } => self.faults += 1,
            Observation::Dropped { id, copy: false, .. } => {
                self.lost.insert(id);
            }
            _ => {}
        }
    }

    fn watches(&self) -> bool {
        true
    }

    fn pass(&mut self, passed: Passed) {
        self.passed.push((self.faults, passed));
    }
}

/// What a fault can tell apart at a node.
type Name = (NodeId, u8, u8, &'static str, Option<&'static str>, Option<u32>);

/// Every crash point that this run passes, in order. A send whose message nobody took has no "after": nobody was told.
pub(super) fn census(scenario: &Scenario, protocol: Protocol, seed: u64) -> Vec<Spot> {
    let mut census = Census::default();
    world::run_into(scenario, protocol, seed, &mut census);
    let Census { passed, lost, .. } = census;
    let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
    let mut spots = Vec::with_capacity(passed.len());
    for (faults_before, mut passed) in passed {
        // What selectors cannot name does not distinguish points: the count does.
        passed.qualifier = passed.qualifier.filter(|q| points::qualifiers(passed.verb, passed.word).contains(q));
        passed.step = passed.step.filter(|_| points::has_steps(passed.verb, passed.word));
        let (edge, verb) = (u8::from(passed.edge == Edge::After), verb_number(passed.verb));
        let name = (passed.node, edge, verb, passed.word, passed.qualifier, passed.step);
        let nth = counts.entry(name).or_default();
        // A fault that waits for the n-th counts those before it, lost or not, and strikes at none that is lost.
        *nth += 1;
        if passed.message.is_some_and(|id| lost.contains(&id)) {
            continue;
        }
        let point = CrashPoint::of(&passed, *nth);
        spots.push(Spot { point, tail: passed.tail, faults_before, message: passed.message });
    }
    spots
}

fn verb_number(verb: Verb) -> u8 {
    match verb {
        Verb::Append => 0,
        Verb::Send => 1,
        Verb::Deliver => 2,
        Verb::Observe => 3,
    }
}
