//! The participants of one transaction, as its coordinator knows them.

use crate::record::Voter;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId},
    message::Decision,
    plan::{PlanStep, StepOps},
};

/// The state of one participant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Branch {
    pub(crate) node: NodeId,
    /// Its operations, until they are sent.
    pub(crate) work: Vec<StepOps>,
    pub(crate) heard: Heard,
    /// How an operator ended the branch; `None` if the participant has not reported an operator.
    pub(crate) heuristic: Option<Decision>,
}

/// The last answer of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Heard {
    Nothing,
    WorkDone,
    /// The journal in which the branch is prepared, and the position of its prepared record there.
    Yes(LogId, Lsn),
    No,
    Read,
}

/// Makes one branch for each participant, in order of first use, with the steps of that participant.
pub(crate) fn branches(steps: Vec<PlanStep>) -> Vec<Branch> {
    let mut branches: Vec<Branch> = Vec::with_capacity(steps.len());
    for (PlanStep { node, ops, .. }, step) in steps.into_iter().zip(1..) {
        let ops = StepOps { step, ops };
        match branches.iter_mut().find(|b| b.node == node) {
            Some(branch) => branch.work.push(ops),
            None => branches.push(Branch { node, work: vec![ops], heard: Heard::Nothing, heuristic: None }),
        }
    }
    branches
}

/// The participants that receive this decision and, if the presumption wants it, acknowledge it. A COMMIT goes to those
/// that voted YES, an ABORT to all that are not known to have voted NO or READ (docs/08-costs.md).
pub(crate) fn due(branches: &[Branch], decision: Decision) -> Vec<Voter> {
    let voter = |b: &Branch| match b.heard {
        Heard::Yes(log, place) => Some(Voter { node: b.node, log: Some(log), place }),
        Heard::Nothing | Heard::WorkDone if decision == Decision::Abort => {
            Some(Voter { node: b.node, log: None, place: Lsn(0) })
        }
        _ => None,
    };
    branches.iter().filter_map(voter).collect()
}

/// The participants that aborted before any decision. They need no ABORT.
pub(crate) fn aborted_alone(branches: &[Branch]) -> usize {
    branches.iter().filter(|b| b.heard == Heard::No).count()
}

/// The participants at which an operator ended the branch against this decision.
pub(crate) fn overruled(branches: &[Branch], decision: Decision) -> Vec<NodeId> {
    let otherwise = |b: &&Branch| b.heuristic.is_some_and(|by_operator| by_operator != decision);
    branches.iter().filter(otherwise).map(|b| b.node).collect()
}

/// The names of the participants whose last answer is this one, for error texts.
pub(crate) fn names(branches: &[Branch], heard: Heard) -> String {
    let names = branches.iter().filter(|b| b.heard == heard).map(|b| b.node.to_string());
    names.collect::<Vec<_>>().join(", ")
}
