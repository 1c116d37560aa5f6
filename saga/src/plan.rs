//! The steps of a saga: compensatable ones, then at most one pivot, then retriable ones (rule 32). Says how each step is
//! undone, and whether it needs that. Steps are numbered from 1.

use indoubt_proto::{
    ids::NodeId,
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// The steps of one saga, already checked by [`indoubt_proto::plan::Submission::fault`]. The saga and its records share
/// them, so a clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(Arc<[PlanStep]>);

impl Plan {
    /// Makes a plan of these steps.
    pub fn new(steps: Vec<PlanStep>) -> Self {
        Plan(steps.into())
    }

    /// The number of the last step.
    pub fn last(&self) -> u32 {
        u32::try_from(self.0.len()).expect("the limit on operations keeps plans far below 2^32 steps")
    }

    /// Step `number`, from 1.
    pub fn step(&self, number: u32) -> &PlanStep {
        &self.0[number as usize - 1]
    }

    /// Whether the saga has a step `number` at `node`.
    pub(crate) fn runs_at(&self, number: u32, node: NodeId) -> bool {
        (1..=self.last()).contains(&number) && self.step(number).node == node
    }

    /// Whether step `later` depends on step `earlier`, so that it must run after that one even in a saga whose steps run in
    /// parallel. Steps at one participant stay in the order of the plan. A pivot waits for all steps before it, and
    /// retriable steps wait for the pivot (rule 32). If the pivot only reads, no durable record at its participant shows
    /// that the saga must complete. Then the retriable steps stay in the order of the plan, so that the first of them shows
    /// it.
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

    /// Whether the saga must complete once its first `done` steps are applied, because the pivot is among them (rule 32).
    pub fn is_committed_by(&self, done: u32) -> bool {
        // Pivot and retriable steps come last, so it is enough to look at the last applied step.
        done > 0 && self.step(done).kind != StepKind::Compensatable
    }

    /// Whether an applied step `number` needs compensation. A step that only reads does not.
    pub fn has_compensation(&self, number: u32) -> bool {
        !self.step(number).undo.is_empty()
    }

    /// Whether step `number` only reads, so that its participant need not force a record of it.
    pub fn only_reads(&self, number: u32) -> bool {
        self.step(number).ops.iter().all(Operation::is_read)
    }

    /// Whether any step after `number` writes.
    pub fn writes_after(&self, number: u32) -> bool {
        (number + 1..=self.last()).any(|later| !self.only_reads(later))
    }

    /// The next step to compensate: the highest one that needs it, from `from` (included) downwards. `None` if none is
    /// left.
    pub fn next_to_compensate(&self, from: u32) -> Option<u32> {
        (1..=from).rev().find(|number| self.has_compensation(*number))
    }

    /// All records that the saga writes. They stay flagged as pending until the saga ends.
    pub fn written(&self) -> BTreeSet<&Key> {
        self.0.iter().flat_map(|step| &step.ops).filter(|op| !op.is_read()).map(Operation::key).collect()
    }
}
