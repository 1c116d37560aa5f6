//! Points: the named moments in the life of a transaction under a protocol.

use indoubt_driver::gate::{Edge, Selector, Verb};
use indoubt_proto::ids::{NodeId, Role};

/// A point. In its description, *processed* means that the machine has taken the message as input and finished that step. What
/// the step appended need not be durable.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The name in scenarios. Points of several protocols with one name have one meaning.
    pub name: &'static str,
    /// The role of the node that reaches the point. `node` in a scenario must have this role.
    pub role: Role,
    /// Whether a step number may follow the name, as `:n`.
    pub steps: bool,
    /// What has just happened at this point, for people.
    pub about: &'static str,
    gate: PointGate,
    pub(crate) verb: Verb,
    pub(crate) word: &'static str,
    pub(crate) qualifier: Option<&'static str>,
    edge: Edge,
    record: Option<&'static str>,
}

/// The nodes whose gate watches for a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PointGate {
    /// The node that reaches the point.
    Itself,
    /// The coordinating nodes, which receive its message.
    Coordinating,
}

impl Point {
    /// The record without which a protocol does not have this point.
    pub(super) fn needs_record(&self) -> Option<&'static str> {
        if self.verb == Verb::Append { Some(self.word) } else { self.record }
    }

    /// The role of the node whose gate watches for this point.
    #[cfg(test)]
    pub(crate) fn decided_at(&self) -> Role {
        match self.gate {
            PointGate::Itself => self.role,
            PointGate::Coordinating => Role::Coordinating,
        }
    }

    /// The nodes whose gates watch for this point of `node`, and the moments that they select.
    pub(crate) fn watch(
        &self,
        node: NodeId,
        step: Option<u32>,
        coordinating: impl Iterator<Item = NodeId>,
    ) -> (Vec<NodeId>, Selector) {
        let (nodes, peer) = match self.gate {
            PointGate::Itself => (vec![node], None),
            PointGate::Coordinating => (coordinating.collect(), Some(node)),
        };
        let selector = Selector {
            word: Some(self.word.into()),
            qualifier: self.qualifier.map(Into::into),
            step,
            peer,
            edge: self.edge,
            ..Selector::any(self.verb)
        };
        (nodes, selector)
    }

    /// A participant's point, before the effect that `verb` and `word` name.
    pub(super) const fn new(name: &'static str, verb: Verb, word: &'static str, about: &'static str) -> Point {
        Point {
            name,
            role: Role::Participant,
            steps: false,
            about,
            gate: PointGate::Itself,
            verb,
            word,
            qualifier: None,
            edge: Edge::Before,
            record: None,
        }
    }

    pub(super) const fn after(self) -> Point {
        Point { edge: Edge::After, ..self }
    }

    pub(super) const fn qualified(self, qualifier: &'static str) -> Point {
        Point { qualifier: Some(qualifier), ..self }
    }

    pub(super) const fn coordinating(self) -> Point {
        Point { role: Role::Coordinating, ..self }
    }

    /// Makes it the moment at which a coordinating node has processed the participant's message.
    pub(super) const fn told(self) -> Point {
        Point { gate: PointGate::Coordinating, edge: Edge::After, ..self }
    }

    pub(super) const fn with_steps(self) -> Point {
        Point { steps: true, ..self }
    }

    /// Restricts the point to protocols that append this record.
    pub(super) const fn with_record(self, record: &'static str) -> Point {
        Point { record: Some(record), ..self }
    }
}
