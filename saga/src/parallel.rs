//! One saga whose steps run at the same time unless they depend on each other (`Plan::depends`): forward, or back through
//! their compensations. A step is compensated after all steps that depend on it (rule 24). The module `backward` turns back
//! and compensates; `step` keeps what is known of each step.
//!
//! An answer counts if the saga requested that step, or asked about it, even if it answers another copy of the request.
//! Every other answer is late or a copy, and changes nothing. So after the turn, a step that is still on its way is
//! compensated like an applied one: its barrier makes sure that it never runs, or that it is undone (rules 39 and 40).
//!
//! The states of a saga, and the states that one input can lead to (checked by tests/diagram.rs):
//!
//! ```text
//! new          -> Beginning
//! Beginning    -> Forward
//! Forward      -> Completing | Settling | Turning
//! Settling     -> Forward | Completing | Turning
//! Turning      -> Compensating | over
//! Compensating -> over
//! Completing   -> over
//! recovered    -> Forward | Settling | Compensating | Completing
//! ```

use crate::{
    begun::Begun,
    context::{AtDurable, Context},
    effects::{OutOf, Resend},
    record::SagaRecord,
    saga::Saga,
    tries::Tries,
};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    message::{Outcome, Reason, ReasonKind, StepOutcome, UndoOutcome},
    observation::Phase,
    operation::ReadValue,
    plan::StepKind,
};
use step::{Progress, Steps};

mod backward;
mod recovery;
mod step;

/// The records of sagas whose steps run in parallel. A turn record lists the steps to undo.
pub type ParallelRecord = SagaRecord<Vec<u32>>;

type Out = OutOf<ParallelExecution>;

/// A saga whose steps run in parallel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParallelExecution {
    begun: Begun,
    steps: Steps,
    /// Whether an earlier incarnation began the saga. That one may have requested more steps than this one knows of.
    recovered: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The begin record is not durable, so nothing may be sent. Recovery starts in this state too.
    Beginning,
    /// All steps whose dependencies are applied were requested.
    Forward,
    /// The saga asks whether some steps ran. A step that did not run never will (rules 26 and 39).
    Settling { why: Reason },
    /// The turn record is not durable, so no compensation may be sent.
    Turning { reason: Reason },
    /// Compensations run. A step's compensation is requested when no step that depends on it is left to undo. Some may be
    /// stuck.
    Compensating { reason: Reason },
    /// All steps are applied. The end record is not durable.
    Completing,
    /// Finished; the orchestrator removes it.
    Ended,
}

impl Saga for ParallelExecution {
    type Undo = Vec<u32>;
    /// The step of the request.
    type Which = u32;

    fn new(begun: Begun) -> Self {
        let steps = Steps::new(begun.plan.last());
        ParallelExecution { begun, steps, recovered: false, state: State::Beginning }
    }

    fn begun(&mut self) -> &mut Begun {
        &mut self.begun
    }

    fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    fn describe(&self) -> String {
        match &self.state {
            State::Beginning => "beginning".into(),
            State::Forward => format!("{} of {} steps applied", self.steps.applied(), self.begun.plan.last()),
            State::Settling { .. } => format!("settling {}", self.steps.listed(Progress::is_settling)),
            State::Turning { .. } => "turning back".into(),
            State::Compensating { .. } if self.steps.any(Progress::is_stuck) => {
                format!("stuck at compensating {}", self.steps.listed(Progress::is_stuck))
            }
            State::Compensating { .. } => format!("compensating {}", self.steps.listed(Progress::is_undoing)),
            State::Completing => "completing".into(),
            State::Ended => "ended".into(),
        }
    }

    fn durable(&mut self, ctx: &mut Context, out: &mut Out) {
        match &self.state {
            State::Beginning => {
                self.begun.reach(Phase::Begun, out);
                self.go_forward(ctx, out);
                self.begun.reach(Phase::WorkSent, out);
            }
            State::Turning { reason } => {
                let reason = reason.clone();
                self.begun.reach(Phase::Decided, out);
                self.compensate(reason, ctx, out);
            }
            State::Completing => {
                self.begun.reach(Phase::Decided, out);
                self.close(self.outcome(), None, ctx, out);
            }
            _ => {}
        }
    }

    fn step_result(&mut self, from: NodeId, step: u32, result: StepOutcome, ctx: &mut Context, out: &mut Out) {
        if !self.begun.plan.runs_at(step, from) {
            return;
        }
        match self.steps.of(step) {
            Progress::Asked(tries) => {
                let tries = tries.clone();
                self.step_answered(step, &tries, result, ctx, out);
            }
            Progress::Settling(_) => self.question_answered(step, result, ctx, out),
            _ => {}
        }
    }

    fn undo_result(&mut self, from: NodeId, step: u32, result: UndoOutcome, ctx: &mut Context, out: &mut Out) {
        if self.begun.plan.runs_at(step, from) {
            self.compensation_answered(step, result, ctx, out);
        }
    }

    fn resume(&mut self, ctx: &Context, out: &mut Out) -> bool {
        self.resume_compensations(ctx, out)
    }

    /// Sends the request again, because no answer came or the pause is over. A missing answer never decides anything.
    fn resend(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        self.request(step, ctx, out);
    }

    fn replay(&mut self, record: ParallelRecord, ctx: &mut Context, out: &mut Out) {
        self.replay_record(record, ctx, out);
    }

    fn recover(&mut self, ctx: &mut Context, out: &mut Out) {
        self.go_on(ctx, out);
    }

    fn compact(&self, records: &mut Vec<ParallelRecord>) {
        self.recreate(records);
    }
}

impl ParallelExecution {
    /// Handles the answer to a requested step.
    fn step_answered(&mut self, step: u32, tries: &Tries, result: StepOutcome, ctx: &mut Context, out: &mut Out) {
        let kind = self.begun.plan.step(step).kind;
        match result {
            StepOutcome::Applied { reads } => {
                self.applied(step, reads, out);
                self.go_forward(ctx, out);
            }
            // After the pivot the saga cannot turn back. It requests the step again after any answer except success.
            _ if kind == StepKind::Retriable => self.failed(step, ctx, out),
            StepOutcome::Refused(reason) => {
                // A participant may lose a refusal in a crash, because the record is lazy, and then apply a copy of the
                // request.
                if !tries.repeated() && !self.recovered {
                    self.never_ran(step, Progress::Refused, out);
                }
                self.give_up(reason, ctx, out);
            }
            StepOutcome::Voided => {
                self.never_ran(step, Progress::Void, out);
                self.give_up(ReasonKind::Recovery.into(), ctx, out);
            }
            StepOutcome::Failed(reason) if tries.at_last(ctx.settings.options.step_attempts) => {
                self.give_up(reason, ctx, out);
            }
            StepOutcome::Failed(_) => self.failed(step, ctx, out),
        }
    }

    /// A step is applied. So are the steps that it depends on; otherwise it would not have been requested. This also
    /// settles steps that only read, which their participants may have forgotten.
    fn applied(&mut self, step: u32, reads: Vec<ReadValue>, out: &mut Out) {
        self.steps.set(step, Progress::Applied { reads: reads.clone() });
        self.steps.apply_below(step, &self.begun.plan);
        out.lazy(ParallelRecord::StepDone { txn: self.begun.txn, step, reads });
        out.disarm(self.timer(step));
        if self.steps.applied() == 1 && self.begun.plan.last() > 1 {
            self.begun.reach(Phase::HalfDone, out);
        }
    }

    /// A step was not applied and never will be.
    fn never_ran(&mut self, step: u32, progress: Progress, out: &mut Out) {
        self.steps.set(step, progress);
        out.disarm(self.timer(step));
    }

    /// Requests all steps whose dependencies are applied, or completes the saga.
    fn go_forward(&mut self, ctx: &mut Context, out: &mut Out) {
        if self.steps.all(Progress::is_applied) {
            return self.complete(ctx, out);
        }
        self.state = State::Forward;
        for step in 1..=self.begun.plan.last() {
            if *self.steps.of(step) == Progress::Waiting && self.may_start(step, ctx) {
                self.steps.set(step, Progress::Asked(Tries::default()));
                self.request(step, ctx, out);
            }
        }
    }

    /// Whether all dependencies of a step are applied.
    #[cfg(not(feature = "mutants"))]
    fn may_start(&self, step: u32, _: &Context) -> bool {
        self.steps.may_start(step, &self.begun.plan)
    }

    /// With the planted bug, no step waits for another.
    #[cfg(feature = "mutants")]
    fn may_start(&self, step: u32, ctx: &Context) -> bool {
        ctx.settings.planted.is(indoubt_proto::planted::Mutant::StepTooEarly)
            || self.steps.may_start(step, &self.begun.plan)
    }

    fn complete(&mut self, ctx: &mut Context, out: &mut Out) {
        self.begun.reach(Phase::WorkDone, out);
        self.state = State::Completing;
        let end = out.force(ParallelRecord::Ended { txn: self.begun.txn });
        ctx.wait(end, AtDurable::GoOn(self.begun.txn));
    }

    /// Sends the pending request about a step, and arms the timer that repeats it.
    fn request(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        // Without a pending request, the timer is stale.
        let Some((request, tries)) = self.steps.asked(step) else { return };
        let wait = tries.send(&ctx.settings.timeouts);
        self.begun.ask(request, step, ctx, out);
        out.arm(self.timer(step), wait);
    }

    /// The answer was a failure. The same request follows after a pause.
    fn failed(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        let Some((_, tries)) = self.steps.asked(step) else { return };
        if let Some(pause) = tries.fail(&ctx.settings.timeouts) {
            out.arm(self.timer(step), pause);
        }
    }

    /// Ends the saga. `end` is the lazy end record of a saga that turned back.
    fn close(&mut self, outcome: Outcome, end: Option<Lsn>, ctx: &mut Context, out: &mut Out) {
        self.begun.close(outcome, end, ctx, out);
        self.state = State::Ended;
    }

    /// The outcome for clients when the saga ends.
    fn outcome(&self) -> Outcome {
        match &self.state {
            State::Turning { reason } | State::Compensating { reason } => self.outcome_after_turn(reason.clone()),
            _ => Outcome::Completed { reads: self.steps.reads() },
        }
    }

    fn timer(&self, step: u32) -> Resend<u32> {
        Resend { txn: self.begun.txn, which: step }
    }
}
