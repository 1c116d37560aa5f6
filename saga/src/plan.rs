//! A saga's steps: compensatable ones, then at most one pivot, then retriable ones (rule 32); what undoes each of them, and
//! what must be undone at all. Steps are numbered from 1.

use indoubt_proto::{
    ids::NodeId,
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

    /// Whether step `number` is one of them and runs at `node`.
    pub(crate) fn runs_at(&self, number: u32, node: NodeId) -> bool {
        (1..=self.last()).contains(&number) && self.step(number).node == node
    }

    /// Whether step `later` depends on step `earlier`, so that it may run only after that one, where steps run in parallel.
    /// Steps at one participant stay in the order of the plan. A pivot waits for everything before it, and retriable
    /// steps wait for the pivot (rule 32). If the pivot only reads, nothing durable at its participant shows that the saga must
    /// complete: then retriable steps stay in the order of the plan, so that the first of them shows it.
    pub fn depends(&self, later: u32, earlier: u32) -> bool {
        if earlier >= later {
            return false;
        }
        let (before, after) = (self.step(earlier), self.step(later));
        before.node == after.node
            || match (before.kind, after.kind) {
                (StepKind::Compensatable, StepKind::Compensatable) => false,
                (StepKind::Retriable, _) => self.pivot_only_reads(),
                _ => true,
            }
    }

    fn pivot_only_reads(&self) -> bool {
        (1..=self.last()).any(|number| self.step(number).kind == StepKind::Pivot && self.only_reads(number))
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
