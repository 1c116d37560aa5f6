//! What is known of each step of a saga whose steps run in parallel.

use crate::{begun::Request, plan::Plan, tries::Tries};
use indoubt_proto::operation::ReadValue;

/// What is known of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Progress {
    /// This incarnation has not asked for it.
    Waiting,
    /// It was asked for.
    Asked(Tries),
    /// It was asked about.
    Settling(Tries),
    /// It is applied.
    Applied { reads: Vec<ReadValue> },
    /// Its participant refused it: it was not applied, and never will be.
    Refused,
    /// It was not applied, and never will be; or it needs no undoing.
    Void,
    /// It may be applied, and is to be undone.
    ToUndo,
    /// Its compensation was asked for.
    Undoing(Tries),
    /// Its compensation failed too often; an operator must let it go on.
    Stuck,
    /// It needs no more undoing. `undone`: there was something to undo.
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

    /// Whether the way back is not over for it.
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

    /// How many are applied.
    pub(super) fn applied(&self) -> usize {
        self.0.iter().filter(|progress| progress.is_applied()).count()
    }

    /// The numbers of some of them.
    pub(super) fn which(&self, are: fn(&Progress) -> bool) -> Vec<u32> {
        self.iter().filter(|(_, progress)| are(progress)).map(|(step, _)| step).collect()
    }

    /// The same, for people.
    pub(super) fn listed(&self, are: fn(&Progress) -> bool) -> String {
        self.which(are).iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
    }

    /// What was read, in the order of the steps.
    pub(super) fn reads(&self) -> Vec<ReadValue> {
        let of = |progress: &Progress| match progress {
            Progress::Applied { reads } => reads.clone(),
            _ => Vec::new(),
        };
        self.0.iter().flat_map(of).collect()
    }

    /// The request that waits for an answer about a step.
    pub(super) fn asked(&mut self, step: u32) -> Option<(Request, &mut Tries)> {
        match &mut self.0[step as usize - 1] {
            Progress::Asked(tries) => Some((Request::Step, tries)),
            Progress::Settling(tries) => Some((Request::Settle, tries)),
            Progress::Undoing(tries) => Some((Request::Compensate, tries)),
            _ => None,
        }
    }

    /// Whether everything that a step depends on is applied.
    pub(super) fn may_start(&self, step: u32, plan: &Plan) -> bool {
        (1..step).all(|earlier| !plan.depends(step, earlier) || self.of(earlier).is_applied())
    }

    /// Whether an earlier incarnation may have asked for a step: everything that it depends on is applied, or was a read, whose
    /// participant may have forgotten it.
    pub(super) fn may_have_started(&self, step: u32, plan: &Plan) -> bool {
        let passed = |earlier| match self.of(earlier) {
            Progress::Applied { .. } => true,
            Progress::Refused | Progress::Void => plan.only_reads(earlier),
            _ => false,
        };
        (1..step).all(|earlier| !plan.depends(step, earlier) || passed(earlier))
    }

    /// Every step that this one depends on is applied.
    pub(super) fn apply_below(&mut self, step: u32, plan: &Plan) {
        for earlier in (1..step).filter(|earlier| plan.depends(step, *earlier)) {
            if !self.of(earlier).is_applied() {
                self.set(earlier, Progress::Applied { reads: Vec::new() });
            }
        }
    }

    /// Whether no step that depends on this one is still to be undone.
    pub(super) fn may_undo(&self, step: u32, plan: &Plan) -> bool {
        let last = self.0.len() as u32;
        (step + 1..=last).all(|later| !plan.depends(later, step) || !self.of(later).is_to_undo())
    }
}
