//! The branches of one transaction: a handful, in the order of their nodes, in buffers that a later transaction uses again.

use super::{Branch, Learned};
use indoubt_proto::ids::{Lsn, NodeId};

/// The branches of one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branches {
    /// In order; those beyond `used` are spare.
    all: Vec<(NodeId, Branch)>,
    used: usize,
}

impl Branches {
    /// The branch at a node, which it begins if there is none.
    pub(super) fn of(&mut self, node: NodeId) -> &mut Branch {
        let slot = self.all[..self.used].partition_point(|(at, _)| *at < node);
        if slot == self.used || self.all[slot].0 != node {
            if self.used == self.all.len() {
                self.all.push((node, Branch::default()));
            }
            self.all[self.used].0 = node;
            self.all[slot..=self.used].rotate_right(1);
            self.used += 1;
        }
        &mut self.all[slot].1
    }

    /// The branch at a node.
    pub(crate) fn get(&self, node: NodeId) -> Option<&Branch> {
        self.iter().find(|(at, _)| *at == node).map(|(_, branch)| branch)
    }

    /// What the branch at a node learned last.
    pub(super) fn learned_at(&mut self, node: NodeId) -> Option<&mut Learned> {
        self.existing(node)?.learned.as_mut()
    }

    /// See [`Branch::recover`].
    pub(super) fn recover(&mut self, node: NodeId, upto: Lsn) {
        if let Some(branch) = self.existing(node) {
            branch.recover(upto);
        }
    }

    fn existing(&mut self, node: NodeId) -> Option<&mut Branch> {
        self.all[..self.used].iter_mut().find(|(at, _)| *at == node).map(|(_, branch)| branch)
    }

    /// All, in the order of their nodes.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (NodeId, &Branch)> + '_ {
        self.all[..self.used].iter().map(|(node, branch)| (*node, branch))
    }

    /// All, in the order of their nodes.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Branch> + '_ {
        self.iter().map(|(_, branch)| branch)
    }

    /// Forgets them, and keeps their buffers.
    pub(super) fn clear(&mut self) {
        for (_, branch) in &mut self.all[..self.used] {
            branch.clear();
        }
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_in_order_and_a_used_buffer_is_empty() {
        let mut branches = Branches::default();
        for round in 0..2 {
            for number in [3, 1, 2, 3] {
                branches.of(NodeId::participant(number)).votes_received.push(i64::from(number));
            }
            let found: Vec<_> = branches.iter().map(|(node, b)| (node.number, b.votes_received.clone())).collect();
            assert_eq!(found, [(1, vec![1]), (2, vec![2]), (3, vec![3, 3])], "round {round}");
            assert!(branches.get(NodeId::participant(4)).is_none());
            branches.clear();
            assert_eq!(branches.iter().len(), 0);
        }
    }
}
