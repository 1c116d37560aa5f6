//! One saga: forward through its steps, or back through their compensations (rule 24). Turning back and compensating is in
//! `backward`.
//!
//! An answer counts if it is about the step at hand, whichever copy of the request it answers: what a participant says of a
//! step is a fact. Every other answer is late or a copy, and changes nothing.
//!
//! The states of a saga, and to which of them one input brings it (tests/diagram.rs):
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

/// The records of sagas whose steps run one after another: a turn names the step from which the saga is undone downwards,
/// 0 if there is none.
pub type OrchestratorRecord = SagaRecord<u32>;

type Out = OutOf<Execution>;

/// A saga whose steps run one after another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Execution {
    begun: Begun,
    /// Steps 1 to this one are known to be applied.
    done: u32,
    reads: Vec<ReadValue>,
    /// Whether some step was really undone: else clients are told `aborted`, not `compensated`.
    undone: bool,
    /// It was begun by an earlier incarnation, which may have asked for more steps than are known to be applied.
    recovered: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Its begin is not durable yet, so nothing may be sent. Recovery starts here too.
    Beginning,
    /// This step was asked for.
    Forward { step: u32, tries: Tries },
    /// This step was asked about: it may have run, and if it did not, it never will (rules 26 and 39).
    Settling { step: u32, why: Reason, tries: Tries },
    /// Its turn is not durable yet, so no compensation may be sent.
    Turning { from: u32, reason: Reason },
    /// This step's compensation was asked for; all steps after it need none any more.
    Compensating { step: u32, reason: Reason, tries: Tries },
    /// This step's compensation failed too often; an operator must let it go on.
    Stuck { step: u32, reason: Reason },
    /// All steps are applied; its end is not durable yet.
    Completing,
    /// To be removed.
    Ended,
}

impl Saga for Execution {
    type Undo = u32;
    /// One request at a time.
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
        // After the pivot there is no way back: after any answer but success the step is asked for again.
        let retriable = self.begun.plan.step(step).kind == StepKind::Retriable;
        let gives_up = why.is_none() && !retriable && tries.at_last(ctx.settings.options.step_attempts);
        let asked_again = why.is_none() && (tries.repeated() || self.recovered);
        match result {
            StepOutcome::Applied { reads } => self.applied(step, reads, why, ctx, out),
            StepOutcome::Refused(_) | StepOutcome::Voided if retriable && why.is_none() => self.failed(ctx, out),
            // A participant may forget a refusal in a crash (its record is lazy), and then apply a request sent again.
            StepOutcome::Refused(reason) if asked_again => self.give_up(step, reason, ctx, out),
            StepOutcome::Refused(reason) => {
                // Rule 30. A refused step did nothing, so its compensation is an empty one.
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

    /// After silence or after a pause. Silence never decides anything.
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
    /// A step is applied: on to the next, or to the end. `why` if this was found out by settling.
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

    /// Sends the request of the present state, and sets the timer for sending it again.
    fn request(&mut self, ctx: &Context, out: &mut Out) {
        let (request, step, tries) = match &mut self.state {
            State::Forward { step, tries } => (Request::Step, *step, tries),
            State::Settling { step, tries, .. } => (Request::Settle, *step, tries),
            State::Compensating { step, tries, .. } => (Request::Compensate, *step, tries),
            // A stale firing.
            State::Beginning | State::Turning { .. } | State::Stuck { .. } | State::Completing | State::Ended => return,
        };
        let wait = tries.send(&ctx.settings.timeouts);
        self.begun.ask(request, step, ctx, out);
        out.arm(self.timer(), wait);
    }

    /// A failure was answered: the same request again after a pause.
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

    /// The saga is over. `end` is the lazy end record of a saga that turned back.
    fn close(&mut self, outcome: Outcome, end: Option<Lsn>, ctx: &mut Context, out: &mut Out) {
        self.begun.close(outcome, end, ctx, out);
        self.state = State::Ended;
    }

    /// What clients are told once it is over.
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
