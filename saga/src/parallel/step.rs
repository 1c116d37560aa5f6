//! What is known of each step of a saga whose steps run in parallel.

use crate::{begun::Request, plan::Plan, tries::Tries};
use indoubt_proto::operation::ReadValue;

/// The progress of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Progress {
    /// This incarnation has not requested it.
    Waiting,
    /// It was requested.
    Asked(Tries),
    /// The saga asks whether it ran.
    Settling(Tries),
    /// It is applied.
    Applied { reads: Vec<ReadValue> },
    /// Its participant refused it. It was not applied, and never will be.
    Refused,
    /// It was not applied and never will be, or it needs no compensation.
    Void,
    /// It may be applied, and will be compensated.
    ToUndo,
    /// Its compensation was requested.
    Undoing(Tries),
    /// Its compensation failed too often. It waits for an operator.
    Stuck,
    /// Its compensation is done. `undone` is `false` if there was nothing to undo.
    Undone { undone: bool },
}

impl Progress {
    pub(super) fn is_applied(&self) -> bool {
        matches!(self, Progress::Applied { .. })
    }

    pub(super) fn is_settling(&self) -> bool {
        matches!(self, Progress::Settling(_))
    }

    pub(super) fn is_undoing(&self) -> bool {
        matches!(self, Progress::Undoing(_))
    }

    pub(super) fn is_stuck(&self) -> bool {
        *self == Progress::Stuck
    }

    /// Whether the step still has to be compensated.
    pub(super) fn is_to_undo(&self) -> bool {
        matches!(self, Progress::ToUndo | Progress::Undoing(_) | Progress::Stuck)
    }
}

/// All steps of one saga, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Steps(Vec<Progress>);

impl Steps {
    pub(super) fn new(last: u32) -> Self {
        Steps(vec![Progress::Waiting; last as usize])
    }

    pub(super) fn of(&self, step: u32) -> &Progress {
        &self.0[step as usize - 1]
    }

    pub(super) fn set(&mut self, step: u32, progress: Progress) {
        self.0[step as usize - 1] = progress;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Progress)> {
        (1..).zip(&self.0)
    }

    pub(super) fn any(&self, is: fn(&Progress) -> bool) -> bool {
        self.0.iter().any(is)
    }

    pub(super) fn all(&self, are: fn(&Progress) -> bool) -> bool {
        self.0.iter().all(are)
    }

    /// The number of applied steps.
    pub(super) fn applied(&self) -> usize {
        self.0.iter().filter(|progress| progress.is_applied()).count()
    }

    /// The numbers of the steps with this progress.
    pub(super) fn which(&self, are: fn(&Progress) -> bool) -> Vec<u32> {
        self.iter().filter(|(_, progress)| are(progress)).map(|(step, _)| step).collect()
    }

    /// The same numbers as text.
    pub(super) fn listed(&self, are: fn(&Progress) -> bool) -> String {
        self.which(are).iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The values read, in the order of the steps.
    pub(super) fn reads(&self) -> Vec<ReadValue> {
        let of = |progress: &Progress| match progress {
            Progress::Applied { reads } => reads.clone(),
            _ => Vec::new(),
        };
        self.0.iter().flat_map(of).collect()
    }

    /// The pending request about a step; `None` if no answer is awaited.
    pub(super) fn asked(&mut self, step: u32) -> Option<(Request, &mut Tries)> {
        match &mut self.0[step as usize - 1] {
            Progress::Asked(tries) => Some((Request::Step, tries)),
            Progress::Settling(tries) => Some((Request::Settle, tries)),
            Progress::Undoing(tries) => Some((Request::Compensate, tries)),
            _ => None,
        }
    }

    /// Whether all dependencies of a step are applied.
    pub(super) fn may_start(&self, step: u32, plan: &Plan) -> bool {
        (1..step).all(|earlier| !plan.depends(step, earlier) || self.of(earlier).is_applied())
    }

    /// Whether an earlier incarnation may have requested a step: each of its dependencies is applied, or only read, so that
    /// its participant may have forgotten it.
    pub(super) fn may_have_started(&self, step: u32, plan: &Plan) -> bool {
        let passed = |earlier| match self.of(earlier) {
            Progress::Applied { .. } => true,
            Progress::Refused | Progress::Void => plan.only_reads(earlier),
            _ => false,
        };
        (1..step).all(|earlier| !plan.depends(step, earlier) || passed(earlier))
    }

    /// Marks all dependencies of this step as applied.
    pub(super) fn apply_below(&mut self, step: u32, plan: &Plan) {
        for earlier in (1..step).filter(|earlier| plan.depends(step, *earlier)) {
            if !self.of(earlier).is_applied() {
                self.set(earlier, Progress::Applied { reads: Vec::new() });
            }
        }
    }

    /// Whether no step that depends on this one is left to compensate.
    pub(super) fn may_undo(&self, step: u32, plan: &Plan) -> bool {
        let last = self.0.len() as u32;
        (step + 1..=last).all(|later| !plan.depends(later, step) || !self.of(later).is_to_undo())
    }
}
