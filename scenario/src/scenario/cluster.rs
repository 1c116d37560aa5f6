//! How many nodes there are, and their names.

use indoubt_proto::ids::NodeId;
use serde::Serialize;

/// How many nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// p1, p2, …
    pub participants: u16,
    /// c1, c2, …
    pub coordinators: u16,
}

impl Cluster {
    /// p1, p2, …
    pub fn participants(self) -> impl Iterator<Item = NodeId> + Clone {
        (1..=self.participants).map(NodeId::participant)
    }

    /// c1, c2, …
    pub fn coordinating(self) -> impl Iterator<Item = NodeId> + Clone {
        (1..=self.coordinators).map(NodeId::coordinating)
    }

    /// c1, c2, …, p1, p2, …
    pub fn nodes(self) -> impl Iterator<Item = NodeId> + Clone {
        self.coordinating().chain(self.participants())
    }
}
