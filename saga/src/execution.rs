//! One saga whose steps run one after another: forward, or back through their compensations (rule 24). The module
//! `backward` turns back and compensates.
//!
//! An answer counts if it is about the current step, even if it answers another copy of the request, because the state of a
//! step at its participant does not depend on who asked. Every other answer is late or a copy, and changes nothing.
//!
//! The states of a saga, and the states that one input can lead to (checked by tests/diagram.rs):
//!
//! ```text
//! new          -> Beginning
//! Beginning    -> Forward
//! Forward      -> Completing | Settling | Turning
//! Settling     -> Forward | Completing | Turning
//! Turning      -> Compensating | over
//! Compensating -> Stuck | over
//! Stuck        -> Compensating
//! Completing   -> over
//! recovered    -> Forward | Settling | Compensating | Stuck | Completing
//! ```

use crate::{
    begun::{Begun, Request},
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
    settings::CompensateFrom,
};

mod backward;
mod recovery;

/// The records of sagas whose steps run one after another. A turn record names the highest step to undo; it and all steps
/// below it are undone. 0 if there is none.
pub type OrchestratorRecord = SagaRecord<u32>;

type Out = OutOf<Execution>;

/// A saga whose steps run one after another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Execution {
    begun: Begun,
    /// The highest step that is known to be applied; so are all steps below it.
    done: u32,
    reads: Vec<ReadValue>,
    /// Whether some step was really undone. If not, the outcome is `aborted` instead of `compensated`.
    undone: bool,
    /// Whether an earlier incarnation began the saga. That one may have requested more steps than are known to be applied.
    recovered: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The begin record is not durable, so nothing may be sent. Recovery starts in this state too.
    Beginning,
    /// This step was requested.
    Forward { step: u32, tries: Tries },
    /// The saga asks whether this step ran. If it did not, it never will (rules 26 and 39).
    Settling { step: u32, why: Reason, tries: Tries },
    /// The turn record is not durable, so no compensation may be sent.
    Turning { from: u32, reason: Reason },
    /// The compensation of this step was requested. All later steps are undone, or need no compensation.
    Compensating { step: u32, reason: Reason, tries: Tries },
    /// The compensation of this step failed too often. It waits for an operator.
    Stuck { step: u32, reason: Reason },
    /// All steps are applied. The end record is not durable.
    Completing,
    /// Finished; the orchestrator removes it.
    Ended,
}

impl Saga for Execution {
    type Undo = u32;
    /// There is only one request at a time.
    type Which = ();

    fn new(begun: Begun) -> Self {
        let (done, reads, undone, recovered) = (0, Vec::new(), false, false);
        Execution { begun, done, reads, undone, recovered, state: State::Beginning }
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
            State::Forward { step, .. } => format!("step {step} of {}", self.begun.plan.last()),
            State::Settling { step, .. } => format!("settling {step}"),
            State::Turning { .. } => "turning back".into(),
            State::Compensating { step, .. } => format!("compensating {step}"),
            State::Stuck { step, .. } => format!("stuck at compensating {step}"),
            State::Completing => "completing".into(),
            State::Ended => "ended".into(),
        }
    }

    fn durable(&mut self, ctx: &mut Context, out: &mut Out) {
        match &self.state {
            State::Beginning => {
                self.begun.reach(Phase::Begun, out);
                self.ask_for(1, ctx, out);
            }
            State::Turning { from, reason } => {
                let (from, reason) = (*from, reason.clone());
                self.begun.reach(Phase::Decided, out);
                self.compensate_from(from, reason, ctx, out);
            }
            State::Completing => {
                self.begun.reach(Phase::Decided, out);
                self.close(self.outcome(), None, ctx, out);
            }
            _ => {}
        }
    }

    fn step_result(&mut self, from: NodeId, step: u32, result: StepOutcome, ctx: &mut Context, out: &mut Out) {
        let (asked, why, tries) = match &self.state {
            State::Forward { step, tries } => (*step, None, tries),
            State::Settling { step, why, tries } => (*step, Some(why.clone()), tries),
            _ => return,
        };
        if asked != step || self.begun.plan.step(step).node != from {
            return;
        }
        // After the pivot the saga cannot turn back. It requests the step again after any answer except success.
        let retriable = self.begun.plan.step(step).kind == StepKind::Retriable;
        let gives_up = why.is_none() && !retriable && tries.at_last(ctx.settings.options.step_attempts);
        let asked_again = why.is_none() && (tries.repeated() || self.recovered);
        match result {
            StepOutcome::Applied { reads } => self.applied(step, reads, why, ctx, out),
            StepOutcome::Refused(_) | StepOutcome::Voided if retriable && why.is_none() => self.failed(ctx, out),
            // A participant may lose a refusal in a crash, because the record is lazy, and then apply a copy of the
            // request.
            StepOutcome::Refused(reason) if asked_again => self.give_up(step, reason, ctx, out),
            StepOutcome::Refused(reason) => {
                // A refused step has no effect, so its compensation does nothing (rule 30).
                let from = match ctx.settings.options.compensate_from {
                    CompensateFrom::Previous => step - 1,
                    CompensateFrom::Failed => step,
                };
                self.never_ran(step, from, reason, ctx, out);
            }
            StepOutcome::Voided => {
                self.never_ran(step, step - 1, why.unwrap_or(ReasonKind::Recovery.into()), ctx, out);
            }
            StepOutcome::Failed(reason) if gives_up => self.give_up(step, reason, ctx, out),
            StepOutcome::Failed(_) => self.failed(ctx, out),
        }
    }

    fn undo_result(&mut self, from: NodeId, step: u32, result: UndoOutcome, ctx: &mut Context, out: &mut Out) {
        self.compensation_answered(from, step, result, ctx, out);
    }

    fn resume(&mut self, ctx: &Context, out: &mut Out) -> bool {
        self.resume_compensation(ctx, out)
    }

    /// Sends the request again, because no answer came or the pause is over. A missing answer never decides anything.
    fn resend(&mut self, (): (), ctx: &Context, out: &mut Out) {
        self.request(ctx, out);
    }

    fn replay(&mut self, record: OrchestratorRecord, ctx: &mut Context, out: &mut Out) {
        self.replay_record(record, ctx, out);
    }

    fn recover(&mut self, ctx: &mut Context, out: &mut Out) {
        self.go_on(ctx, out);
    }

    fn compact(&self, records: &mut Vec<OrchestratorRecord>) {
        self.recreate(records);
    }
}

impl Execution {
    /// A step is applied. Continues with the next step, or completes the saga. `why` is set if the saga learned this by
    /// settling.
    fn applied(&mut self, step: u32, reads: Vec<ReadValue>, why: Option<Reason>, ctx: &mut Context, out: &mut Out) {
        self.done = step;
        self.reads.extend(reads.iter().cloned());
        out.lazy(OrchestratorRecord::StepDone { txn: self.begun.txn, step, reads });
        if step == self.begun.plan.last() {
            return self.complete(ctx, out);
        }
        if step == 1 {
            self.begun.reach(Phase::HalfDone, out);
        }
        match why {
            Some(why) if !self.begun.plan.is_committed_by(step) => self.settle(step + 1, why, ctx, out),
            _ => self.ask_for(step + 1, ctx, out),
        }
    }

    fn complete(&mut self, ctx: &mut Context, out: &mut Out) {
        self.begun.reach(Phase::WorkDone, out);
        out.disarm(self.timer());
        self.state = State::Completing;
        ctx.wait(out.force(OrchestratorRecord::Ended { txn: self.begun.txn }), AtDurable::GoOn(self.begun.txn));
    }

    fn ask_for(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        self.state = State::Forward { step, tries: Tries::default() };
        self.request(ctx, out);
        if step == 1 {
            self.begun.reach(Phase::WorkSent, out);
        }
    }

    fn settle(&mut self, step: u32, why: Reason, ctx: &Context, out: &mut Out) {
        self.state = State::Settling { step, why, tries: Tries::default() };
        self.request(ctx, out);
    }

    /// Sends the request of the present state, and arms the timer that repeats it.
    fn request(&mut self, ctx: &Context, out: &mut Out) {
        let (request, step, tries) = match &mut self.state {
            State::Forward { step, tries } => (Request::Step, *step, tries),
            State::Settling { step, tries, .. } => (Request::Settle, *step, tries),
            State::Compensating { step, tries, .. } => (Request::Compensate, *step, tries),
            // The firing is stale.
            State::Beginning | State::Turning { .. } | State::Stuck { .. } | State::Completing | State::Ended => return,
        };
        let wait = tries.send(&ctx.settings.timeouts);
        self.begun.ask(request, step, ctx, out);
        out.arm(self.timer(), wait);
    }

    /// The answer was a failure. The same request follows after a pause.
    fn failed(&mut self, ctx: &Context, out: &mut Out) {
        let timer = self.timer();
        if let Some(pause) = self.tries().and_then(|tries| tries.fail(&ctx.settings.timeouts)) {
            out.arm(timer, pause);
        }
    }

    fn tries(&mut self) -> Option<&mut Tries> {
        match &mut self.state {
            State::Forward { tries, .. } | State::Settling { tries, .. } | State::Compensating { tries, .. } => {
                Some(tries)
            }
            _ => None,
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
            State::Turning { reason, .. } | State::Compensating { reason, .. } | State::Stuck { reason, .. } => {
                self.outcome_after_turn(reason.clone())
            }
            _ => Outcome::Completed { reads: self.reads.clone() },
        }
    }

    fn outcome_after_turn(&self, reason: Reason) -> Outcome {
        if self.undone { Outcome::Compensated(reason) } else { Outcome::Aborted(reason) }
    }

    fn timer(&self) -> Resend<()> {
        Resend { txn: self.begun.txn, which: () }
    }
}
