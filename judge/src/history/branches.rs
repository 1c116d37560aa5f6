//! The branches of one transaction: a handful, in the order of their nodes, in buffers that a later transaction uses again.

use indoubt_proto::{
    ids::{Lsn, NodeId},
    message::{Decision, Vote},
};

/// What happened to a 2PC transaction at one participant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    pub(crate) prepare_sent: Option<i64>,
    pub(crate) votes: Vec<(i64, Vote)>,
    pub(crate) votes_received: Vec<i64>,
    /// A PREPARE to it or a vote of it was lost, or answered with a failure in its name.
    pub(crate) disturbed: bool,
    /// Since when it is in doubt, and how many journals its node had lost by then.
    pub(crate) in_doubt: Option<(i64, u32)>,
    /// Its node came back with it in doubt, and has not said so yet.
    pub(crate) assumed: Option<(i64, u32)>,
    pub(crate) decisions: Vec<(i64, Decision)>,
    /// What it learned last, unless it is in doubt again.
    pub(crate) learned: Option<Learned>,
    /// An operator is about to end it.
    pub(super) overruled: bool,
    /// How operators ended it, and when.
    pub(crate) heuristics: Vec<(i64, Decision)>,
}

/// A decision that a branch learned. Its record may be lazy, and is durable only later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    pub(crate) decision: Decision,
    /// The doubt that it ended.
    pub(crate) doubt: Option<(i64, u32)>,
    /// The record of it, once it is appended.
    pub(crate) record: Option<Lsn>,
}

impl Learned {
    pub(super) fn is_durable(&self, upto: Lsn) -> bool {
        self.record.is_some_and(|record| record <= upto)
    }
}

impl Branch {
    /// Empties it, and keeps its buffers.
    pub(super) fn clear(&mut self) {
        let Branch { mut votes, mut votes_received, mut decisions, .. } = std::mem::take(self);
        votes.clear();
        votes_received.clear();
        decisions.clear();
        *self = Branch { votes, votes_received, decisions, ..Branch::default() };
    }

    /// Its node is back with its journal up to `upto`: what it had learned is known again, or it is in doubt as before. A node
    /// says at boot what it is in doubt about; one that does not has forgotten it.
    pub(super) fn recover(&mut self, upto: Lsn) {
        self.overruled = false;
        let forgotten = self.learned.take_if(|learned| !learned.is_durable(upto));
        self.assumed = self.in_doubt.take().or(self.assumed).or_else(|| forgotten?.doubt);
    }
}

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
