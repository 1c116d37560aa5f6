//! A saga's steps: compensatable ones, then at most one pivot, then retriable ones (rule 32); what undoes each of them, and
//! what must be undone at all. Steps are numbered from 1.

use indoubt_proto::{
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// The steps of one saga, sound by [`indoubt_proto::plan::Submission::fault`]. Shared by the saga and its records, so
/// cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(Arc<[PlanStep]>);

impl Plan {
    /// The plan of these steps.
    pub fn new(steps: Vec<PlanStep>) -> Self {
        Plan(steps.into())
    }

    /// The number of the last step.
    pub fn last(&self) -> u32 {
        u32::try_from(self.0.len()).expect("the limit on operations keeps plans far below 2^32 steps")
    }

    /// Step `number`, 1-based.
    pub fn step(&self, number: u32) -> &PlanStep {
        &self.0[number as usize - 1]
    }

    /// Whether the saga must complete once its first `done` steps are applied: the pivot is among them (rule 32).
    pub fn is_committed_by(&self, done: u32) -> bool {
        // Pivot and retriable steps come last, so the last one applied tells.
        done > 0 && self.step(done).kind != StepKind::Compensatable
    }

    /// Whether step `number`, once applied, leaves something to undo. A step that only read does not.
    pub fn has_compensation(&self, number: u32) -> bool {
        !self.step(number).undo.is_empty()
    }

    /// Whether step `number` changes nothing, so that its participant need not force a record of it.
    pub fn only_reads(&self, number: u32) -> bool {
        self.step(number).ops.iter().all(Operation::is_read)
    }

    /// Whether a later step than `number` changes something.
    pub fn writes_after(&self, number: u32) -> bool {
        (number + 1..=self.last()).any(|later| !self.only_reads(later))
    }

    /// The next step to compensate, going down from `from` (included); `None` if nothing is left to undo.
    pub fn next_to_compensate(&self, from: u32) -> Option<u32> {
        (1..=from).rev().find(|number| self.has_compensation(*number))
    }

    /// Every record that the saga writes: those that stay flagged pending until its end.
    pub fn written(&self) -> BTreeSet<&Key> {
        self.0.iter().flat_map(|step| &step.ops).filter(|op| !op.is_read()).map(Operation::key).collect()
    }
}
