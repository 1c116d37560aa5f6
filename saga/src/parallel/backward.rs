//! The way back: settling steps that may have run, turning, and compensating (rules 24 to 32).

use super::{Out, ParallelExecution, ParallelRecord, Progress, State};
use crate::{
    context::{AtDurable, Context},
    tries::Tries,
};
use indoubt_proto::{
    message::{Outcome, Reason, StepOutcome, UndoOutcome},
    observation::Observation,
    plan::StepKind,
    settings::CompensateFrom,
};

impl ParallelExecution {
    /// Gives up. The barrier of a compensation covers a step that is still on its way. But a pivot has no compensation, and
    /// an earlier incarnation may have requested more steps than this one knows of. In these cases the saga first settles
    /// such steps.
    pub(super) fn give_up(&mut self, reason: Reason, ctx: &mut Context, out: &mut Out) {
        let asked = |progress: &Progress| matches!(progress, Progress::Asked(_));
        let pivot_asked =
            self.steps.which(asked).into_iter().any(|step| self.begun.plan.step(step).kind == StepKind::Pivot);
        if self.recovered || pivot_asked { self.settle(reason, ctx, out) } else { self.turn(reason, ctx, out) }
    }

    /// Asks about all steps that may have run and whose state is not known.
    pub(super) fn settle(&mut self, why: Reason, ctx: &mut Context, out: &mut Out) {
        self.state = State::Settling { why };
        for step in self.steps.which(|progress| matches!(progress, Progress::Asked(_))) {
            self.ask_about(step, ctx, out);
        }
        self.settle_on(ctx, out);
    }

    /// Asks about further steps that may have run, according to what is known now. When no question is open, the saga turns
    /// back, or completes.
    fn settle_on(&mut self, ctx: &mut Context, out: &mut Out) {
        // After the pivot, a missing step is requested again instead. A question would void it.
        if self.recovered && !self.is_committed() {
            for step in self.steps.which(|progress| *progress == Progress::Waiting) {
                if self.steps.may_have_started(step, &self.begun.plan) {
                    self.ask_about(step, ctx, out);
                }
            }
        }
        if self.steps.any(Progress::is_settling) {
            return;
        }
        let State::Settling { why } = &self.state else { return };
        if self.is_committed() || self.steps.all(Progress::is_applied) {
            self.go_forward(ctx, out);
        } else {
            self.turn(why.clone(), ctx, out);
        }
    }

    /// Whether the pivot is applied. Then the saga must complete (rule 32).
    pub(super) fn is_committed(&self) -> bool {
        let applied = self.steps.which(Progress::is_applied);
        applied.into_iter().any(|step| self.begun.plan.step(step).kind != StepKind::Compensatable)
    }

    fn ask_about(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        self.steps.set(step, Progress::Settling(Tries::default()));
        self.request(step, ctx, out);
    }

    /// Handles the answer to a question about a step.
    pub(super) fn question_answered(&mut self, step: u32, result: StepOutcome, ctx: &mut Context, out: &mut Out) {
        match result {
            StepOutcome::Applied { reads } => self.applied(step, reads, out),
            StepOutcome::Refused(reason) => {
                self.never_ran(step, Progress::Refused, out);
                self.state = State::Settling { why: reason };
            }
            StepOutcome::Voided => self.never_ran(step, Progress::Void, out),
            StepOutcome::Failed(_) => return self.failed(step, ctx, out),
        }
        self.settle_on(ctx, out);
    }

    /// Turns back. After that, only steps matter that may be applied and have something to undo.
    fn turn(&mut self, reason: Reason, ctx: &mut Context, out: &mut Out) {
        for step in 1..=self.begun.plan.last() {
            let may_be_applied = match self.steps.of(step) {
                Progress::Applied { .. } => true,
                Progress::Asked(_) => {
                    out.disarm(self.timer(step));
                    true
                }
                // A refused step has no effect, so its compensation does nothing (rule 30).
                Progress::Refused => ctx.settings.options.compensate_from == CompensateFrom::Failed,
                _ => false,
            };
            let undo = may_be_applied && self.begun.plan.has_compensation(step);
            self.steps.set(step, if undo { Progress::ToUndo } else { Progress::Void });
        }
        self.state = State::Turning { reason: reason.clone() };
        let undo = self.steps.which(Progress::is_to_undo);
        let turned = out.force(ParallelRecord::Turned { txn: self.begun.txn, undo, reason });
        ctx.wait(turned, AtDurable::GoOn(self.begun.txn));
    }

    /// Requests the compensations of steps on which no step that is left to undo depends, later steps first. Ends the saga
    /// if no step is left to undo.
    pub(super) fn compensate(&mut self, reason: Reason, ctx: &mut Context, out: &mut Out) {
        if !self.steps.any(Progress::is_to_undo) {
            let end = out.lazy(ParallelRecord::Ended { txn: self.begun.txn });
            return self.close(self.outcome_after_turn(reason), Some(end), ctx, out);
        }
        self.state = State::Compensating { reason };
        for step in self.steps.which(|progress| *progress == Progress::ToUndo).into_iter().rev() {
            if self.may_undo(step, ctx) {
                self.undo(step, ctx, out);
            }
        }
    }

    fn undo(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        self.steps.set(step, Progress::Undoing(Tries::default()));
        self.request(step, ctx, out);
    }

    #[cfg(not(feature = "mutants"))]
    fn may_undo(&self, step: u32, _: &Context) -> bool {
        self.steps.may_undo(step, &self.begun.plan)
    }

    /// With the planted bug, no compensation waits for another.
    #[cfg(feature = "mutants")]
    fn may_undo(&self, step: u32, ctx: &Context) -> bool {
        ctx.settings.planted.is(indoubt_proto::planted::Mutant::UndoTooEarly)
            || self.steps.may_undo(step, &self.begun.plan)
    }

    /// Handles the answer to a compensation.
    pub(super) fn compensation_answered(&mut self, step: u32, result: UndoOutcome, ctx: &mut Context, out: &mut Out) {
        let (Progress::Undoing(tries), State::Compensating { reason }) = (self.steps.of(step), &self.state) else {
            return;
        };
        let undone = match result {
            UndoOutcome::Undone => true,
            UndoOutcome::NothingToUndo => false,
            UndoOutcome::Failed(_) if tries.at_last(ctx.settings.options.compensation_attempts) => {
                return self.get_stuck(step, out);
            }
            UndoOutcome::Failed(_) => return self.failed(step, ctx, out),
        };
        let reason = reason.clone();
        self.steps.set(step, Progress::Undone { undone });
        out.disarm(self.timer(step));
        out.lazy(ParallelRecord::StepUndone { txn: self.begun.txn, step, undone });
        self.compensate(reason, ctx, out);
    }

    /// Continues with the steps that waited for this one.
    fn get_stuck(&mut self, step: u32, out: &mut Out) {
        self.steps.set(step, Progress::Stuck);
        out.lazy(ParallelRecord::Stuck { txn: self.begun.txn, step, resumed: false });
        out.disarm(self.timer(step));
        out.observe(Observation::Stuck { txn: self.begun.txn, step, resumed: false });
    }

    /// An operator lets all stuck compensations continue. Returns `false` if none is stuck.
    pub(super) fn resume_compensations(&mut self, ctx: &Context, out: &mut Out) -> bool {
        let stuck = self.steps.which(Progress::is_stuck);
        for step in &stuck {
            out.lazy(ParallelRecord::Stuck { txn: self.begun.txn, step: *step, resumed: true });
            out.observe(Observation::Stuck { txn: self.begun.txn, step: *step, resumed: true });
            self.undo(*step, ctx, out);
        }
        !stuck.is_empty()
    }

    pub(super) fn outcome_after_turn(&self, reason: Reason) -> Outcome {
        let undone = self.steps.any(|progress| *progress == Progress::Undone { undone: true });
        if undone { Outcome::Compensated(reason) } else { Outcome::Aborted(reason) }
    }
}
