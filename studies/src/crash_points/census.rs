//! The census of a run: finds all its crash points, and counts them as a fault would.

use super::crash_point::CrashPoint;
use indoubt_driver::gate::{Edge, Verb};
use indoubt_proto::{
    ids::{MessageId, NodeId},
    observation::{Observation, Stamped},
};
use indoubt_scenario::{points, protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world::{self, Passed, Sink, Unforced};
use std::collections::{BTreeMap, BTreeSet};

/// A crash point that a run reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The crash point.
    pub point: CrashPoint,
    /// What a crash at this time may leave of what no forced write of the node's journal covers.
    pub unforced: Unforced,
    /// How many faults of the run had fired before.
    pub faults_before: usize,
    /// The message, if the point is after a send to a node. When the point is reached, the receiver has taken the message.
    pub message: Option<MessageId>,
}

#[derive(Default)]
struct Census {
    /// The edges that were passed, each with the number of faults that had fired before.
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

/// The properties by which a fault can select moments.
type Name = (NodeId, u8, u8, &'static str, Option<&'static str>, Option<u32>);

/// All crash points that this run reaches, in order. A send whose message was not taken has no crash point after it.
pub(super) fn census(scenario: &Scenario, protocol: Protocol, seed: u64) -> Vec<Spot> {
    let mut census = Census::default();
    world::run_into(scenario, protocol, seed, &mut census);
    let Census { passed, lost, .. } = census;
    let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
    let mut spots = Vec::with_capacity(passed.len());
    for (faults_before, mut passed) in passed {
        // A selector cannot name this qualifier, so only the count distinguishes these crash points.
        passed.qualifier = passed.qualifier.filter(|q| points::qualifiers(passed.verb, passed.word).contains(q));
        passed.step = passed.step.filter(|_| points::has_steps(passed.verb, passed.word));
        let (edge, verb) = (u8::from(passed.edge == Edge::After), verb_number(passed.verb));
        let name = (passed.node, edge, verb, passed.word, passed.qualifier, passed.step);
        let nth = counts.entry(name).or_default();
        // A fault that waits for the n-th moment counts lost messages too, but does not strike at a lost one.
        *nth += 1;
        if passed.message.is_some_and(|id| lost.contains(&id)) {
            continue;
        }
        let point = CrashPoint::of(&passed, *nth);
        spots.push(Spot { point, unforced: passed.unforced, faults_before, message: passed.message });
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
