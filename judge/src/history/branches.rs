//! The branches of one transaction, in the order of their nodes. A later transaction uses the same buffers again.

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
    /// Whether its PREPARE or its vote was lost, or a fault answered one of them with a failure.
    pub(crate) disturbed: bool,
    /// The time since which it is in doubt, and how many journals its node had lost by then.
    pub(crate) in_doubt: Option<(i64, u32)>,
    /// Its node restarted, and the journal says that the branch is in doubt, but the node has not observed that yet.
    pub(crate) assumed: Option<(i64, u32)>,
    pub(crate) decisions: Vec<(i64, Decision)>,
    /// The decision that it learned last, unless it is in doubt again.
    pub(crate) learned: Option<Learned>,
    /// Whether the next decision of the branch comes from an operator.
    pub(super) overruled: bool,
    /// The operator actions that ended it, with their times.
    pub(crate) heuristics: Vec<(i64, Decision)>,
    /// The time at which an operator first acted on it, also if it had only read and so has no decision.
    pub(crate) operated: Option<i64>,
}

/// A decision that a branch learned. Its record may be lazy, and is durable only later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    pub(crate) decision: Decision,
    /// The `in_doubt` of the branch that the decision ended.
    pub(crate) doubt: Option<(i64, u32)>,
    /// The record of the decision, once it is appended.
    pub(crate) record: Option<Lsn>,
}

impl Learned {
    pub(super) fn is_durable(&self, upto: Lsn) -> bool {
        self.record.is_some_and(|record| record <= upto)
    }
}

impl Branch {
    /// Clears the branch and keeps its buffers.
    pub(super) fn clear(&mut self) {
        let Branch { mut votes, mut votes_received, mut decisions, .. } = std::mem::take(self);
        votes.clear();
        votes_received.clear();
        decisions.clear();
        *self = Branch { votes, votes_received, decisions, ..Branch::default() };
    }

    /// Its node restarted with its journal up to `upto`. Either the record of the decision survived, or the branch is in doubt as
    /// before. At boot, a node observes its branches in doubt. If it does not observe this one, it has forgotten it.
    pub(super) fn recover(&mut self, upto: Lsn) {
        self.overruled = false;
        let forgotten = self.learned.take_if(|learned| !learned.is_durable(upto));
        self.assumed = self.in_doubt.take().or(self.assumed).or_else(|| forgotten?.doubt);
    }
}

/// The branches of one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Branches {
    /// The first `used` branches, in the order of their nodes. The others are spare.
    all: Vec<(NodeId, Branch)>,
    used: usize,
}

impl Branches {
    /// The branch at a node. Adds one if there is none.
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

    /// The branch at a node, if there is one.
    pub(crate) fn get(&self, node: NodeId) -> Option<&Branch> {
        self.iter().find(|(at, _)| *at == node).map(|(_, branch)| branch)
    }

    /// The decision that the branch at a node learned last.
    pub(super) fn learned_at(&mut self, node: NodeId) -> Option<&mut Learned> {
        self.existing(node)?.learned.as_mut()
    }

    /// Calls [`Branch::recover`] for the branch at a node.
    pub(super) fn recover(&mut self, node: NodeId, upto: Lsn) {
        if let Some(branch) = self.existing(node) {
            branch.recover(upto);
        }
    }

    fn existing(&mut self, node: NodeId) -> Option<&mut Branch> {
        self.all[..self.used].iter_mut().find(|(at, _)| *at == node).map(|(_, branch)| branch)
    }

    /// All branches, in the order of their nodes.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (NodeId, &Branch)> + '_ {
        self.all[..self.used].iter().map(|(node, branch)| (*node, branch))
    }

    /// All branches, in the order of their nodes.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Branch> + '_ {
        self.iter().map(|(_, branch)| branch)
    }

    /// Clears all branches and keeps their buffers.
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
