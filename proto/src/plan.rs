//! The business transaction as a client submits it. The same plan runs under every protocol: 2PC makes one branch of all
//! steps of a participant; a saga runs the steps in order and knows how to undo each.

use crate::{
    ids::{NodeId, TxnId},
    operation::Operation,
};
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

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

    /// Why no protocol can run this plan, or `None` if it is sound. Limits are checked by the coordinating node, not here.
    pub fn fault(&self) -> Option<String> {
        if self.steps.is_empty() {
            return Some("a transaction needs at least one step".into());
        }
        if let Some(step) = self.first_step(|s| s.ops.is_empty()) {
            return Some(format!("step {step} has no operation"));
        }
        if let Some(step) = self.first_step(|s| s.node.role != crate::ids::Role::Participant) {
            return Some(format!("step {step} does not run at a participant"));
        }
        if let Some(step) = self.first_step(|s| self.audit && s.ops.iter().any(|op| !op.is_read())) {
            return Some(format!("an audit only reads, but step {step} writes"));
        }
        None
    }

    /// Why a saga cannot run this plan, sound in other ways, and keep rule 32: once the pivot is applied, the saga
    /// completes. `None` if it can.
    pub fn saga_fault(&self) -> Option<String> {
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
            return Some("the steps of a saga are compensatable, then at most one pivot, then retriable".into());
        }
        let can_undo = |s: &PlanStep| !s.undo.is_empty() || s.ops.iter().all(Operation::is_read);
        if let Some(step) = self.first_step(|s| s.kind == StepKind::Compensatable && !can_undo(s)) {
            return Some(format!("step {step} writes, can be undone by nothing, and is not the pivot"));
        }
        let may_be_refused = |op: &Operation| matches!(op, Operation::Add { min: Some(_), .. });
        let step = self.first_step(|s| s.kind == StepKind::Retriable && s.ops.iter().any(may_be_refused))?;
        Some(format!(
            "step {step} has a minimum and so may be refused, but it comes after the pivot and must succeed (rule 32)"
        ))
    }

    /// The number of the first step of which this is true, 1-based.
    fn first_step(&self, is: impl Fn(&PlanStep) -> bool) -> Option<usize> {
        self.steps.iter().position(is).map(|index| index + 1)
    }

    /// A number that tells this submission's work from that of another: two submissions of one name are the same transaction
    /// only if it is equal. Computed anew in each process, and never written down.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.audit, &self.steps).hash(&mut hasher);
        hasher.finish()
    }
}
