//! The business transaction as a client submits it. The same plan runs under every protocol: 2PC makes one branch of all
//! steps of a participant; a saga runs the steps in order and knows how to undo each.

use crate::{
    ids::{NodeId, TxnId},
    operation::Operation,
};
use serde::{Deserialize, Serialize};

/// How a saga may treat a step (docs/rules.md, 32: compensatable*, then at most one pivot, then retriable*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepKind {
    /// Can be undone by its compensation.
    #[default]
    Compensatable,
    /// The point of no return: once it is applied, the saga completes.
    Pivot,
    /// Comes after the pivot and is retried until it succeeds.
    Retriable,
}

/// One step: a local transaction at one participant, and what undoes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanStep {
    /// Where it runs.
    pub node: NodeId,
    /// What it does.
    pub ops: Vec<Operation>,
    /// Its compensation: semantic (rule 29), without constraints. Empty for reads, the pivot and retriable steps.
    pub undo: Vec<Operation>,
    /// How a saga may treat it.
    pub kind: StepKind,
}

/// A transaction as submitted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Submission {
    /// Its name, chosen by the client.
    pub txn: TxnId,
    /// The incarnation of the coordinating node to which the client first sent this submission. A repeated submission
    /// carries the first one, so that a later incarnation knows that it may have been begun, and never runs it again.
    pub epoch: u32,
    /// A read-only audit: phases do not count it.
    pub audit: bool,
    /// Its steps, in order.
    pub steps: Vec<PlanStep>,
}

/// The operations of one step, as sent to a participant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepOps {
    /// The step of the plan, 1-based.
    pub step: u32,
    /// What it does.
    pub ops: Vec<Operation>,
}

impl Submission {
    /// The participants, each once, in order of first use.
    pub fn participants(&self) -> Vec<NodeId> {
        let mut nodes = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            if !nodes.contains(&step.node) {
                nodes.push(step.node);
            }
        }
        nodes
    }

    /// The work of one participant: its steps with their numbers in the plan.
    pub fn work_of(&self, node: NodeId) -> Vec<StepOps> {
        self.steps
            .iter()
            .zip(1..)
            .filter(|(step, _)| step.node == node)
            .map(|(step, number)| StepOps { step: number, ops: step.ops.clone() })
            .collect()
    }

    /// Why this plan is none, or `None` if it is sound. Limits are checked by the coordinating node, not here.
    pub fn fault(&self) -> Option<&'static str> {
        if self.steps.is_empty() {
            return Some("a transaction needs at least one step");
        }
        if self.steps.iter().any(|s| s.ops.is_empty()) {
            return Some("every step needs at least one operation");
        }
        if self.steps.iter().any(|s| s.node.role != crate::ids::Role::Participant) {
            return Some("every step runs at a participant");
        }
        if self.audit && self.steps.iter().flat_map(|s| &s.ops).any(|op| !op.is_read()) {
            return Some("an audit only reads");
        }
        let rank = |kind| match kind {
            StepKind::Compensatable => 0,
            StepKind::Pivot => 1,
            StepKind::Retriable => 2,
        };
        let ranks: Vec<u8> = self.steps.iter().map(|s| rank(s.kind)).collect();
        if !ranks.is_sorted()
            || ranks.iter().filter(|r| **r == 1).count() > 1
            || (ranks.contains(&2) && !ranks.contains(&1))
        {
            return Some("steps must be compensatable, then at most one pivot, then retriable");
        }
        let can_undo = |s: &PlanStep| !s.undo.is_empty() || s.ops.iter().all(Operation::is_read);
        if self.steps.iter().any(|s| s.kind == StepKind::Compensatable && !can_undo(s)) {
            return Some("a compensatable step that writes needs a compensation");
        }
        None
    }
}
