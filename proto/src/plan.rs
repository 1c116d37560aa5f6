//! The plan of a transaction, as a client submits it. The same plan runs under every protocol: 2PC makes one branch of all steps of
//! a participant. A saga runs the steps in order, and can undo each by its compensation.

use crate::{
    ids::{LogId, NodeId, TxnId},
    operation::Operation,
};
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

/// The kind of a step in a saga. A plan has compensatable steps, then at most one pivot, then retriable steps (docs/rules.md, 32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepKind {
    /// The step can be undone by its compensation.
    #[default]
    Compensatable,
    /// The step is the pivot: once it is applied, the saga completes.
    Pivot,
    /// The step comes after the pivot, and is retried until it succeeds.
    Retriable,
}

/// One step: a local transaction at one participant, with its compensation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanStep {
    /// The participant at which the step runs.
    pub node: NodeId,
    /// The operations of the step.
    pub ops: Vec<Operation>,
    /// The operations of the compensation, which is semantic (rule 29) and has no constraints. Empty for reads, the pivot and
    /// retriable steps.
    pub undo: Vec<Operation>,
    /// The kind of the step in a saga.
    pub kind: StepKind,
}

/// A transaction, as its client submits it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Submission {
    /// The id, which the client chooses.
    pub txn: TxnId,
    /// The incarnation of the coordinating node to which the client first sent this submission. A repeated submission has the same
    /// epoch. So a later incarnation knows that the transaction may have begun, and never runs it again.
    pub epoch: u32,
    /// The journal that the coordinating node had then. A node that lost it cannot know what it began, so it runs nothing that was
    /// first sent to another journal.
    pub log: LogId,
    /// Whether it is a read-only audit. Audits are not counted in phases.
    pub audit: bool,
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
}

/// The operations of one step, as they are sent to a participant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepOps {
    /// The number of the step in the plan, from 1.
    pub step: u32,
    /// The operations of the step.
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

    /// What is wrong with this plan under any protocol; `None` if it is valid. The coordinating node checks limits, not this
    /// function.
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

    /// The reason why a saga cannot run this plan and keep rule 32, which says that a saga completes once its pivot is
    /// applied. `None` if it can. The plan must be valid in all other respects.
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
            return Some(format!("step {step} writes, has no compensation, and is not the pivot"));
        }
        let may_be_refused = |op: &Operation| matches!(op, Operation::Add { min: Some(_), .. });
        let step = self.first_step(|s| s.kind == StepKind::Retriable && s.ops.iter().any(may_be_refused))?;
        Some(format!(
            "step {step} has a minimum and so may be refused, but it comes after the pivot and must succeed (rule 32)"
        ))
    }

    /// The number of the first step with this property, from 1.
    fn first_step(&self, is: impl Fn(&PlanStep) -> bool) -> Option<usize> {
        self.steps.iter().position(is).map(|index| index + 1)
    }

    /// A number that is equal for equal plans. Two submissions with the same name are the same transaction only if it is
    /// equal. It may change with the compiler, so it must never be stored.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        (self.audit, &self.steps).hash(&mut hasher);
        hasher.finish()
    }
}
