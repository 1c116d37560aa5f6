//! The hellos at the beginning of sessions, as far as they matter here: nodes that do not know any more what they once said are
//! refused (rule 17). Real nodes check more (`node/src/peers.rs`), but in this world nobody says what is not true.

use super::World;
use indoubt_driver::{
    packet::Packet,
    peer_journal::{PeerJournal, Said},
};
use indoubt_proto::{ids::NodeId, message::Message, observation::Observation, planted::Mutant};
use indoubt_scenario::{faults::Waiver, protocol::Protocol, scenario::Scenario};
use std::collections::{BTreeMap, BTreeSet};

/// What nodes remember of each other, and who refuses whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    /// Whether journals go back in this run. Otherwise nobody can know less than it said, and nothing is kept here.
    kept: bool,
    /// Whether participants speak to each other.
    cooperative: bool,
    /// What each node remembers, by the slots of the two nodes.
    known: BTreeMap<(usize, usize), PeerJournal>,
    /// Pairs without a session, in both orders.
    refused: BTreeSet<(usize, usize)>,
}

impl Sessions {
    pub(super) fn of(scenario: &Scenario, protocol: Protocol) -> Self {
        let restores =
            scenario.faults.iter().any(|fault| matches!(fault.action.waives(), Some(Waiver::RestoredLog(_))));
        let kept = restores && !scenario.planted.is(Mutant::RestoredIsTrusted);
        Sessions { kept, cooperative: protocol.entry().cooperates, ..Sessions::default() }
    }

    /// Whether two nodes have no session because one of them knows too little.
    pub(super) fn is_refused(&self, from: usize, to: usize) -> bool {
        !self.refused.is_empty() && self.refused.contains(&(from, to))
    }

    /// A node crashed. Its memory is gone, and so are its sessions.
    pub(super) fn forget(&mut self, at: usize) {
        self.known.retain(|(who, _), _| *who != at);
        self.refused.retain(|(from, to)| *from != at && *to != at);
    }

    /// Two nodes say hello. Returns whether they have a session then.
    fn hello(&mut self, a: (usize, Said), b: (usize, Said)) -> bool {
        let agreed = [(a, b), (b, a)]
            .into_iter()
            .all(|((who, _), (of, said))| self.known.get(&(who, of)).is_none_or(|known| known.check(&said).is_ok()));
        for ((who, _), (of, said)) in [(a, b), (b, a)] {
            if !agreed {
                self.refused.insert((who, of));
            } else if let Some(known) = self.known.get_mut(&(who, of)) {
                known.meet(said);
            } else {
                self.known.insert((who, of), PeerJournal::new(said));
            }
        }
        agreed
    }

    fn speak(&self, a: NodeId, b: NodeId) -> bool {
        let speak = a.role.dials(b.role) || b.role.dials(a.role);
        speak && a != b && (a.role != b.role || self.cooperative)
    }
}

impl World<'_> {
    /// A node that has just booted says hello to all that are up.
    pub(super) fn greet(&mut self, at: usize) {
        if !self.kernel.sessions.kept {
            return;
        }
        for other in 0..self.nodes.len() {
            let (me, peer) = (self.nodes[at].id(), self.nodes[other].id());
            if !self.nodes[other].is_up() || !self.kernel.sessions.speak(me, peer) {
                continue;
            }
            let hellos = ((at, self.said(at)), (other, self.said(other)));
            if !self.kernel.sessions.hello(hellos.0, hellos.1) {
                self.kernel.observe(me, Observation::SessionRefused { peer });
                self.kernel.observe(peer, Observation::SessionRefused { peer: me });
            }
        }
    }

    fn said(&self, at: usize) -> Said {
        let node = &self.nodes[at];
        Said { log: node.machine.journal().0, incarnation: node.incarnation(), end: node.machine.durable_end() }
    }

    /// A node learns from a vote how far the journal of the voter is.
    pub(super) fn learn(&mut self, at: usize, packet: &Packet) {
        if self.kernel.sessions.kept
            && let Message::Vote { log, place, .. } = packet.message
            && let Some(from) = self.kernel.layout.slot(packet.id.from)
            && let Some(known) = self.kernel.sessions.known.get_mut(&(at, from))
        {
            known.learn(log, place);
        }
    }
}
