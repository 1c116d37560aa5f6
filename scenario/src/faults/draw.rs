//! What the draws of the swarm have in common: who suffers, and when.

use crate::{
    points,
    protocol::{Family, Protocol},
    scenario::cluster::Cluster,
};
use indoubt_driver::random::Stream;
use indoubt_proto::{
    ids::{NodeId, Role},
    observation::Phase,
    settings::WorkRound,
};
use rand::{RngExt, seq::IndexedRandom};

/// The run for which faults are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Under which protocol it runs.
    pub protocol: Protocol,
    /// How many nodes it has.
    pub cluster: Cluster,
    /// How the work travels.
    pub work: WorkRound,
    /// The seed of the case.
    pub seed: u64,
    /// How long its load lasts, in milliseconds.
    pub duration_ms: u64,
}

impl Frame {
    /// A node of the cluster.
    pub fn any_node(&self, random: &mut Stream) -> NodeId {
        if random.random_bool(0.5) {
            NodeId::coordinating(random.random_range(1..=self.cluster.coordinators))
        } else {
            NodeId::participant(random.random_range(1..=self.cluster.participants))
        }
    }

    /// A trigger: a time, a phase, or before or after an exact effect.
    pub(super) fn when(&self, node: NodeId, random: &mut Stream) -> String {
        let nth = random.random_range(1..=8);
        match random.random_range(0..5) {
            0 | 1 => format!("at = \"{}ms\"\n", random.random_range(1..self.duration_ms)),
            2 => {
                let family = self.protocol.family();
                let phases: Vec<Phase> =
                    Phase::ALL.into_iter().filter(|phase| points::phase_meaning(family, *phase).is_some()).collect();
                let phase = phases.choose(random).expect("every protocol has phases");
                let home = random.random_range(1..=self.cluster.coordinators);
                format!("on = {{ phase = \"{}\", node = \"c{home}\", nth = {nth} }}\n", phase.word())
            }
            _ => {
                let mut at = if random.random_bool(0.5) { node } else { self.any_node(random) };
                if self.protocol.family() == Family::Unprotected && at.role == Role::Coordinating {
                    // It writes nothing, and sends what participants take.
                    at = NodeId::participant(1);
                }
                let effect = self.effect(at.role, random);
                let edge = one_of(random, &["before", "after"]);
                format!("on = {{ node = \"{at}\", effect = \"{effect}\", edge = \"{edge}\", nth = {nth} }}\n")
            }
        }
    }

    /// Something that a node of this role appends, sends or takes.
    fn effect(&self, role: Role, random: &mut Stream) -> String {
        let records = points::records(self.protocol, role);
        let messages = points::messages(self.protocol, self.work).filter(|info| info.is_internal());
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
}

/// One of some words.
pub fn one_of<'a>(random: &mut Stream, from: &[&'a str]) -> &'a str {
    from.choose(random).copied().unwrap_or_default()
}
