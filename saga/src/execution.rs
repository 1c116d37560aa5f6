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
    context::{AtDurable, Context},
    effects::{OrchestratorTimer, Out},
    plan::Plan,
    record::OrchestratorRecord,
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Serial, TxnId},
    message::{Message, Outcome, Reason, ReasonKind, StepOutcome, StepStyle},
    observation::{Observation, Phase},
    operation::ReadValue,
    plan::{StepKind, StepOps, Submission},
    settings::CompensateFrom,
};

mod backward;
mod recovery;

/// The saga of one submission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Execution {
    txn: TxnId,
    serial: Serial,
    audit: bool,
    plan: Plan,
    /// Who is told the outcome.
    clients: Vec<NodeId>,
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

/// The requests made for the step at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Tries {
    sent: u32,
    /// Answered failures alone: silence is no failure (rule 26).
    failed: u32,
    /// A failure was answered and the pause before the next request runs: another failure is a copy of that answer.
    pausing: bool,
}

impl Execution {
    pub(crate) fn new(txn: TxnId, serial: Serial, audit: bool, plan: Plan, clients: Vec<NodeId>) -> Self {
        let (done, reads, undone, recovered) = (0, Vec::new(), false, false);
        Execution { txn, serial, audit, plan, clients, done, reads, undone, recovered, state: State::Beginning }
    }

    /// Accepts a submission and forces the begin of its saga.
    pub(crate) fn accept(submission: Submission, client: NodeId, ctx: &mut Context, out: &mut Out) -> Self {
        ctx.admission.begin(&submission);
        let Submission { txn, audit, steps, .. } = submission;
        let saga = Execution::new(txn, ctx.serials.begin(), audit, Plan::new(steps), vec![client]);
        ctx.wait(out.force(saga.begun()), AtDurable::GoOn(txn));
        saga
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Another client submitted the same transaction, and is told its outcome too.
    pub(crate) fn add_client(&mut self, client: NodeId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    /// Its state, for people.
    pub(crate) fn describe(&self) -> String {
        match &self.state {
            State::Beginning => "beginning".into(),
            State::Forward { step, .. } => format!("step {step} of {}", self.plan.last()),
            State::Settling { step, .. } => format!("settling {step}"),
            State::Turning { .. } => "turning back".into(),
            State::Compensating { step, .. } => format!("compensating {step}"),
            State::Stuck { step, .. } => format!("stuck at compensating {step}"),
            State::Completing => "completing".into(),
            State::Ended => "ended".into(),
        }
    }

    /// The record that it waits for is durable.
    pub(crate) fn durable(&mut self, ctx: &mut Context, out: &mut Out) {
        match &self.state {
            State::Beginning => {
                self.reach(Phase::Begun, out);
                self.ask_for(1, ctx, out);
            }
            State::Turning { from, reason } => {
                let (from, reason) = (*from, reason.clone());
                self.reach(Phase::Decided, out);
                self.compensate_from(from, reason, ctx, out);
            }
            State::Completing => {
                self.reach(Phase::Decided, out);
                self.close(self.outcome(), None, ctx, out);
            }
            _ => {}
        }
    }

    /// A participant answered a step, or the question about one.
    pub(crate) fn step_result(
        &mut self,
        from: NodeId,
        step: u32,
        outcome: StepOutcome,
        ctx: &mut Context,
        out: &mut Out,
    ) {
        let (asked, why, tries) = match &self.state {
            State::Forward { step, tries } => (*step, None, tries),
            State::Settling { step, why, tries } => (*step, Some(why.clone()), tries),
            _ => return,
        };
        if asked != step || self.plan.step(step).node != from {
            return;
        }
        // After the pivot there is no way back: after any answer but success the step is asked for again.
        let retriable = self.plan.step(step).kind == StepKind::Retriable;
        let attempts = ctx.settings.options.step_attempts;
        let gives_up = why.is_none() && !retriable && !tries.pausing && tries.failed + 1 >= attempts;
        let asked_again = why.is_none() && (tries.sent > 1 || self.recovered);
        match outcome {
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

    /// A step is applied: on to the next, or to the end. `why` if this was found out by settling.
    fn applied(&mut self, step: u32, reads: Vec<ReadValue>, why: Option<Reason>, ctx: &mut Context, out: &mut Out) {
        self.done = step;
        self.reads.extend(reads.iter().cloned());
        out.lazy(OrchestratorRecord::StepDone { txn: self.txn, step, reads });
        if step == self.plan.last() {
            return self.complete(ctx, out);
        }
        if step == 1 {
            self.reach(Phase::HalfDone, out);
        }
        match why {
            Some(why) if !self.plan.is_committed_by(step) => self.settle(step + 1, why, ctx, out),
            _ => self.ask_for(step + 1, ctx, out),
        }
    }

    fn complete(&mut self, ctx: &mut Context, out: &mut Out) {
        self.reach(Phase::WorkDone, out);
        out.disarm(self.timer());
        self.state = State::Completing;
        ctx.wait(out.force(OrchestratorRecord::Ended { txn: self.txn }), AtDurable::GoOn(self.txn));
    }

    fn ask_for(&mut self, step: u32, ctx: &Context, out: &mut Out) {
        self.state = State::Forward { step, tries: Tries::default() };
        self.request(ctx, out);
        if step == 1 {
            self.reach(Phase::WorkSent, out);
        }
    }

    fn settle(&mut self, step: u32, why: Reason, ctx: &Context, out: &mut Out) {
        self.state = State::Settling { step, why, tries: Tries::default() };
        self.request(ctx, out);
    }

    /// Sends the request of the present state, and sets the timer for sending it again. Also called when that timer fires,
    /// after silence or after a pause. Silence never decides anything.
    pub(crate) fn request(&mut self, ctx: &Context, out: &mut Out) {
        let (txn, timer) = (self.txn, self.timer());
        let (step, tries) = match &mut self.state {
            State::Forward { step, tries }
            | State::Settling { step, tries, .. }
            | State::Compensating { step, tries, .. } => (*step, tries),
            // A stale firing.
            State::Beginning | State::Turning { .. } | State::Stuck { .. } | State::Completing | State::Ended => return,
        };
        let pause = ctx.settings.timeouts.backoff(tries.sent);
        tries.sent += 1;
        tries.pausing = false;
        let ticket = ctx.serials.ticket(self.serial);
        let planned = self.plan.step(step);
        let message = match self.state {
            State::Settling { .. } => Message::Settle { txn, ticket, step },
            State::Compensating { .. } => Message::Compensate { txn, ticket, step, ops: planned.undo.clone() },
            _ => {
                Message::Step { txn, ticket, step: StepOps { step, ops: planned.ops.clone() }, style: StepStyle::Saga }
            }
        };
        out.send(planned.node, message);
        out.arm(timer, pause);
    }

    /// A failure was answered: the same request again after a pause.
    fn failed(&mut self, ctx: &Context, out: &mut Out) {
        let timer = self.timer();
        if let Some(tries) = self.tries().filter(|tries| !tries.pausing) {
            tries.pausing = true;
            tries.failed += 1;
            out.arm(timer, ctx.settings.timeouts.backoff(tries.failed - 1));
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

    /// The saga is over, and its clients are told. `end` is the lazy end record of a saga that turned back; without it the
    /// end is durable already. The saga is finished when its end is durable, and not before: a crash may lose the record,
    /// and then the next incarnation compensates again, which participants must not refuse.
    fn close(&mut self, outcome: Outcome, end: Option<Lsn>, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        for client in &self.clients {
            out.send(*client, Message::Outcome { txn, outcome: outcome.clone() });
        }
        // After a turn each compensation has taken its own flags away.
        if matches!(outcome, Outcome::Completed { .. }) {
            for key in self.plan.written() {
                out.observe(Observation::Settled { txn, key: key.clone() });
            }
        }
        self.reach(Phase::Ended, out);
        ctx.admission.remember(txn, outcome);
        match end {
            Some(lsn) => ctx.wait(lsn, AtDurable::Finish(self.serial)),
            None => ctx.serials.finish(self.serial),
        }
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

    fn timer(&self) -> OrchestratorTimer {
        OrchestratorTimer::Resend(self.txn)
    }

    fn begun(&self) -> OrchestratorRecord {
        let Execution { txn, serial, audit, ref plan, .. } = *self;
        OrchestratorRecord::Begun { txn, serial, audit, plan: plan.clone() }
    }

    fn reach(&self, phase: Phase, out: &mut Out) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }
}
