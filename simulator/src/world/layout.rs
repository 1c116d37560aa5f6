//! The slots of nodes in the tables of a world.

use indoubt_proto::ids::{NodeId, Role};

/// Numbers the nodes: role by role, in the order of the roles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The number of nodes of each role.
    counts: [usize; Role::ALL.len()],
}

impl Layout {
    /// The slots of these nodes. The numbers of each role are 1, 2, … without gaps.
    pub(super) fn of(nodes: impl Iterator<Item = NodeId>) -> Self {
        let mut counts = [0; Role::ALL.len()];
        nodes.for_each(|node| counts[node.role as usize] += 1);
        Layout { counts }
    }

    /// The number of nodes, including clients.
    pub(super) fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The slot of a node. `None` for nodes that this cluster does not have.
    pub(super) fn slot(&self, node: NodeId) -> Option<usize> {
        let role = node.role as usize;
        let at = usize::from(node.number.checked_sub(1)?);
        let first: usize = self.counts[..role].iter().sum();
        (at < self.counts[role]).then_some(first + at)
    }
}
