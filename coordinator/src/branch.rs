//! What a coordinator knows of the participants of one transaction.

use crate::record::Voter;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId},
    message::Decision,
    plan::{PlanStep, StepOps},
};

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Branch {
    pub(crate) node: NodeId,
    /// Its operations, until they are sent.
    pub(crate) work: Vec<StepOps>,
    pub(crate) heard: Heard,
    /// How an operator ended it, if it has said so.
    pub(crate) heuristic: Option<Decision>,
}

/// What a participant has answered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Heard {
    Nothing,
    WorkDone,
    /// With the journal that it is prepared in, and the place of its prepared record.
    Yes(LogId, Lsn),
    No,
    Read,
}

/// One branch for each participant, in order of first use, with its share of the steps.
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

/// Who is told this decision and, if the presumption wants it, acknowledges it: a commit goes to those who voted YES, an
/// abort to everybody not known to have voted NO or READ (docs/08-costs.md).
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

/// Who aborted alone: an abort needs no word to them.
pub(crate) fn aborted_alone(branches: &[Branch]) -> usize {
    branches.iter().filter(|b| b.heard == Heard::No).count()
}

/// Whom an operator ended otherwise than this decision.
pub(crate) fn overruled(branches: &[Branch], decision: Decision) -> Vec<NodeId> {
    let otherwise = |b: &&Branch| b.heuristic.is_some_and(|by_operator| by_operator != decision);
    branches.iter().filter(otherwise).map(|b| b.node).collect()
}

/// The names of those of whom this was heard last, for people.
pub(crate) fn names(branches: &[Branch], heard: Heard) -> String {
    let names = branches.iter().filter(|b| b.heard == heard).map(|b| b.node.to_string());
    names.collect::<Vec<_>>().join(", ")
}
