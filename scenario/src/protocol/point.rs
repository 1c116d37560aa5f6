//! Points: moments in the life of a transaction that a protocol has a name for.

use indoubt_driver::gate::{Edge, Selector, Verb};
use indoubt_proto::ids::{NodeId, Role};

/// A point. *Taken*, in what one means, says that the whole step is done which took the message; nothing of it need be
/// durable.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Its name in scenarios. No two points of one name have different meanings.
    pub name: &'static str,
    /// Whose point it is: what `node` may name.
    pub role: Role,
    /// Whether `:n`, a step, may follow the name.
    pub steps: bool,
    /// What has just happened, for people.
    pub about: &'static str,
    gate: PointGate,
    pub(crate) verb: Verb,
    pub(crate) word: &'static str,
    pub(crate) qualifier: Option<&'static str>,
    edge: Edge,
    record: Option<&'static str>,
}

/// Where the gate decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PointGate {
    /// At the node whose point it is.
    Itself,
    /// At the coordinating nodes, which take its message.
    Coordinating,
}

impl Point {
    /// The record without which a protocol does not have this point.
    pub(super) fn needs_record(&self) -> Option<&'static str> {
        if self.verb == Verb::Append { Some(self.word) } else { self.record }
    }

    /// What the node is for at which the gate decides.
    #[cfg(test)]
    pub(crate) fn decided_at(&self) -> Role {
        match self.gate {
            PointGate::Itself => self.role,
            PointGate::Coordinating => Role::Coordinating,
        }
    }

    /// At which nodes the gate decides about this point of `node`, and which moments it selects there.
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

    /// A participant's point, before what `verb` does with `word`.
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

    /// It is the participant's message that is taken by a coordinating node.
    pub(super) const fn told(self) -> Point {
        Point { gate: PointGate::Coordinating, edge: Edge::After, ..self }
    }

    pub(super) const fn with_steps(self) -> Point {
        Point { steps: true, ..self }
    }

    /// Only protocols that append this record have it.
    pub(super) const fn with_record(self, record: &'static str) -> Point {
        Point { record: Some(record), ..self }
    }
}
