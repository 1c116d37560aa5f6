//! What a coordinator knows of the participants of one transaction.

use crate::record::Voter;
use indoubt_proto::{
    ids::{LogId, NodeId},
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
}

/// What a participant has answered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Heard {
    Nothing,
    WorkDone,
    /// With the journal that it is prepared in.
    Yes(LogId),
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
            None => branches.push(Branch { node, work: vec![ops], heard: Heard::Nothing }),
        }
    }
    branches
}

/// Who is told this decision and, if the presumption wants it, acknowledges it: a commit goes to those who voted YES, an
/// abort to everybody not known to have voted NO or READ (docs/08-costs.md).
pub(crate) fn due(branches: &[Branch], decision: Decision) -> Vec<Voter> {
    let voter = |b: &Branch| match b.heard {
        Heard::Yes(log) => Some(Voter { node: b.node, log: Some(log) }),
        Heard::Nothing | Heard::WorkDone if decision == Decision::Abort => Some(Voter { node: b.node, log: None }),
        _ => None,
    };
    branches.iter().filter_map(voter).collect()
}

/// The names of those of whom this was heard last, for people.
pub(crate) fn names(branches: &[Branch], heard: Heard) -> String {
    let names = branches.iter().filter(|b| b.heard == heard).map(|b| b.node.to_string());
    names.collect::<Vec<_>>().join(", ")
}
