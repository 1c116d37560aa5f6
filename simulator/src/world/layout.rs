//! The slots of nodes in the tables of a world.

use indoubt_proto::ids::{NodeId, Role};

/// Numbers the nodes: coordinating nodes first, then participants, then clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    coordinators: usize,
    participants: usize,
    clients: usize,
}

impl Layout {
    pub(super) fn new(coordinators: u16, participants: u16, clients: usize) -> Self {
        Layout { coordinators: coordinators.into(), participants: participants.into(), clients }
    }

    /// The number of nodes, including clients.
    pub(super) fn count(&self) -> usize {
        self.coordinators + self.participants + self.clients
    }

    /// The slot of a node. `None` for the lab, and for nodes that this cluster does not have.
    pub(super) fn slot(&self, node: NodeId) -> Option<usize> {
        let (first, count) = match node.role {
            Role::Coordinating => (0, self.coordinators),
            Role::Participant => (self.coordinators, self.participants),
            Role::Client => (self.coordinators + self.participants, self.clients),
            Role::Lab => return None,
        };
        let at = usize::from(node.number.checked_sub(1)?);
        (at < count).then_some(first + at)
    }
}
