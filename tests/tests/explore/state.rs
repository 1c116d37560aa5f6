//! A state of an explored cluster, the actions that are possible in it, and questions about it.

use crate::{
    history::History,
    node::{Explorable, Node},
};
use indoubt_participant::Participant;
use indoubt_proto::{
    ids::{NodeId, Role},
    inspect::Inspection,
    message::{Decision, Message},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

pub(crate) const HOME: NodeId = NodeId::coordinating(1);

/// The budget: what may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) crashes: u8,
    pub(crate) losses: u8,
    pub(crate) timeouts: u8,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Packet {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// A state of a cluster. States share their parts, because an action changes only a few of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State<C: Explorable> {
    pub(crate) home: Arc<Node<C>>,
    pub(crate) participants: Vec<Arc<Node<Participant>>>,
    /// The messages on their way: a multiset, in the order of their hashes, because the time of sending does not matter.
    pub(crate) net: Vec<(u64, Arc<Packet>)>,
    pub(crate) budget: Budget,
    pub(crate) history: Arc<History>,
}

/// An action that is possible in a state. Nodes have numbers: 0 is the coordinating node, 1 is p1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Deliver(Arc<Packet>),
    Lose(Arc<Packet>),
    Force(usize),
    /// The timer with this index among the armed ones fires.
    Fire(usize, usize),
    /// The node crashes, and this number of records of the tail survives.
    Crash(usize, usize),
    Restart(usize),
}

/// The position of a participant of two-phase commit, in the words of the abstract problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stand {
    Working,
    Prepared,
    Committed,
    Aborted,
}

impl<C: Explorable> State<C> {
    pub(crate) fn nodes(&self) -> usize {
        1 + self.participants.len()
    }

    pub(crate) fn is_up(&self, at: usize) -> bool {
        self.read(at, Node::is_up, Node::is_up)
    }

    pub(crate) fn timers(&self, at: usize) -> usize {
        self.read(at, |n| n.timers.len(), |n| n.timers.len())
    }

    pub(crate) fn wants_force(&self, at: usize) -> bool {
        self.read(at, Node::wants_force, Node::wants_force)
    }

    pub(crate) fn unforced(&self, at: usize) -> usize {
        self.read(at, Node::unforced, Node::unforced)
    }

    pub(crate) fn read<T>(&self, at: usize, home: fn(&Node<C>) -> T, participant: fn(&Node<Participant>) -> T) -> T {
        match at.checked_sub(1) {
            None => home(&self.home),
            Some(place) => participant(&self.participants[place]),
        }
    }

    pub(crate) fn send(&mut self, packet: Packet) {
        let mut hasher = DefaultHasher::new();
        packet.hash(&mut hasher);
        let hash = hasher.finish();
        let place = self.net.partition_point(|(other, _)| *other < hash);
        self.net.insert(place, (hash, Arc::new(packet)));
    }

    pub(crate) fn take(&mut self, packet: &Packet) {
        let place = self.net.iter().position(|(_, other)| **other == *packet);
        self.net.remove(place.expect("an action is done where it was offered"));
    }

    /// An action that needs no failure and no timeout.
    pub(crate) fn next_quiet(&self) -> Option<Action> {
        let deliver = self.net.first().map(|(_, packet)| Action::Deliver(packet.clone()));
        deliver.or_else(|| (0..self.nodes()).find(|at| self.wants_force(*at)).map(Action::Force))
    }

    /// The positions of all participants.
    pub(crate) fn stands(&self) -> Vec<Stand> {
        let history = &self.history;
        let decided = |node, decision| history.decided.contains(&(node, decision));
        let stand = |node: NodeId| match () {
            () if decided(node, Decision::Commit) => Stand::Committed,
            () if decided(node, Decision::Abort) => Stand::Aborted,
            () if history.yes.contains(&node) => Stand::Prepared,
            () => Stand::Working,
        };
        self.participants.iter().map(|p| stand(p.id)).collect()
    }

    /// Whether no transaction is open, no record is locked, and no message is on its way.
    pub(crate) fn is_resolved(&self) -> bool {
        let done = |inspection: Inspection| inspection.open.is_empty() && inspection.locks.is_empty();
        (0..self.nodes()).all(|at| self.is_up(at))
            && done(self.home.inspect())
            && self.participants.iter().all(|p| done(p.inspect()))
            && self.next_quiet().is_none()
    }
}

/// The number of a node in actions.
pub(crate) fn place_of(node: NodeId) -> usize {
    if node.role == Role::Coordinating { 0 } else { usize::from(node.number) }
}
