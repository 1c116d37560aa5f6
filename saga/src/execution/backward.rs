//! The way back: turning, and compensating the applied steps in reverse order (rules 24 to 30).

use super::{Execution, OrchestratorRecord, Out, State};
use crate::{
    context::{AtDurable, Context},
    tries::Tries,
};
use indoubt_proto::{
    ids::NodeId,
    message::{Reason, UndoOutcome},
    observation::Observation,
    plan::StepKind,
};

impl Execution {
    /// Turns back at a step that may still be applied, because copies of its request may be on their way. The barrier of
    /// its compensation rules that out. A pivot has no compensation, so the saga settles it first.
    pub(super) fn give_up(&mut self, step: u32, reason: Reason, ctx: &mut Context, out: &mut Out) {
        match self.begun.plan.step(step).kind {
            StepKind::Pivot => self.settle(step, reason, ctx, out),
            _ if self.recovered && self.begun.plan.writes_after(step) => self.settle(step + 1, reason, ctx, out),
            _ if self.begun.plan.has_compensation(step) => self.turn(step, reason, ctx, out),
            _ => self.turn(step - 1, reason, ctx, out),
        }
    }

    /// The step was not applied and never will be, so the saga is undone from step `from` downwards. But an earlier
    /// incarnation may have requested later steps, if the participant only forgot this one: a step that only reads leaves
    /// no forced record.
    pub(super) fn never_ran(&mut self, step: u32, from: u32, reason: Reason, ctx: &mut Context, out: &mut Out) {
        if self.recovered && self.begun.plan.only_reads(step) && self.begun.plan.writes_after(step) {
            return self.settle(step + 1, reason, ctx, out);
        }
        self.turn(from, reason, ctx, out);
    }

    fn turn(&mut self, from: u32, reason: Reason, ctx: &mut Context, out: &mut Out) {
        out.disarm(self.timer());
        self.state = State::Turning { from, reason: reason.clone() };
        ctx.wait(
            out.force(OrchestratorRecord::Turned { txn: self.begun.txn, undo: from, reason }),
            AtDurable::GoOn(self.begun.txn),
        );
    }

    /// Undoes the steps from this one downwards, starting with the highest that needs it.
    pub(super) fn compensate_from(&mut self, from: u32, reason: Reason, ctx: &mut Context, out: &mut Out) {
        let Some(step) = self.next_to_compensate(from, ctx) else {
            out.disarm(self.timer());
            let end = out.lazy(OrchestratorRecord::Ended { txn: self.begun.txn });
            return self.close(self.outcome_after_turn(reason), Some(end), ctx, out);
        };
        self.state = State::Compensating { step, reason, tries: Tries::default() };
        self.request(ctx, out);
    }

    #[cfg(not(feature = "mutants"))]
    fn next_to_compensate(&self, from: u32, _: &Context) -> Option<u32> {
        self.begun.plan.next_to_compensate(from)
    }

    /// With the planted bug, the first step is undone first.
    #[cfg(feature = "mutants")]
    fn next_to_compensate(&self, from: u32, ctx: &Context) -> Option<u32> {
        if ctx.settings.planted.is(indoubt_proto::planted::Mutant::CompensateForward) {
            let over = if let State::Compensating { step, .. } = self.state { step } else { 0 };
            return (over + 1..=from.max(self.done)).find(|step| self.begun.plan.has_compensation(*step));
        }
        self.begun.plan.next_to_compensate(from)
    }

    /// Handles the answer to a compensation.
    pub(super) fn compensation_answered(
        &mut self,
        from: NodeId,
        step: u32,
        result: UndoOutcome,
        ctx: &mut Context,
        out: &mut Out,
    ) {
        let State::Compensating { step: asked, reason, tries } = &self.state else { return };
        if *asked != step || self.begun.plan.step(step).node != from {
            return;
        }
        let gives_up = tries.at_last(ctx.settings.options.compensation_attempts);
        let reason = reason.clone();
        let undone = match result {
            UndoOutcome::Undone => true,
            UndoOutcome::NothingToUndo => false,
            UndoOutcome::Failed(_) if gives_up => return self.get_stuck(step, reason, out),
            UndoOutcome::Failed(_) => return self.failed(ctx, out),
        };
        self.undone |= undone;
        out.lazy(OrchestratorRecord::StepUndone { txn: self.begun.txn, step, undone });
        self.compensate_from(step - 1, reason, ctx, out);
    }

    fn get_stuck(&mut self, step: u32, reason: Reason, out: &mut Out) {
        out.lazy(OrchestratorRecord::Stuck { txn: self.begun.txn, step, resumed: false });
        out.disarm(self.timer());
        self.state = State::Stuck { step, reason };
        out.observe(Observation::Stuck { txn: self.begun.txn, step, resumed: false });
    }

    /// An operator lets the saga continue. Returns `false` if the saga was not stuck.
    pub(super) fn resume_compensation(&mut self, ctx: &Context, out: &mut Out) -> bool {
        let State::Stuck { step, reason } = &self.state else { return false };
        let (step, reason) = (*step, reason.clone());
        out.lazy(OrchestratorRecord::Stuck { txn: self.begun.txn, step, resumed: true });
        out.observe(Observation::Stuck { txn: self.begun.txn, step, resumed: true });
        self.state = State::Compensating { step, reason, tries: Tries::default() };
        self.request(ctx, out);
        true
    }
}
