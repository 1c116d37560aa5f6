//! One saga: forward through its steps, or back through their compensations (rule 24).
//!
//! ```text
//! Beginning ─▶ Forward 1 … n ─▶ Completing ─▶ completed
//!                 │    ▲
//!                 ▼    │ (the pivot was applied)
//!              Settling ─▶ Turning ─▶ Compensating k … 1 ─▶ compensated, or aborted if nothing was undone
//!                                        │    ▲
//!                                        ▼    │ (an operator)
//!                                        Stuck
//! ```
//!
//! What a participant answers about a step is a fact, whichever copy of the request it answers. So an answer counts when it
//! is about the step at hand, and everything else (late, duplicated) is dropped.

use crate::{
    orchestrator::{Orchestrator, OrchestratorTimer},
    plan::Plan,
    record::OrchestratorRecord,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine::OutOf,
    message::{Message, Outcome, Reason, ReasonKind, StepOutcome, StepStyle, UndoOutcome},
    observation::{Observation, Phase},
    operation::ReadValue,
    plan::{StepKind, StepOps},
    planted::Mutant,
    settings::{CompensateFrom, Settings},
};

mod recovery;

type Effects = OutOf<Orchestrator>;

/// What an execution needs of its orchestrator.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) log: LogId,
    pub(crate) finished_below: Serial,
}

/// What the orchestrator has to do for an execution after a step of it.
#[derive(Debug)]
#[must_use]
pub(crate) enum Then {
    /// Nothing: it waits for a message or a timer.
    Nothing,
    /// Call [`Execution::durable`] when this record is.
    Await(Lsn),
    /// It is over. `end` is the lazy end record of a saga that turned back; without one the end is durable already.
    Over { outcome: Outcome, end: Option<Lsn> },
}

/// The saga of one submission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Execution {
    txn: TxnId,
    serial: Serial,
    audit: bool,
    plan: Plan,
    /// The clients to tell.
    asked: Vec<NodeId>,
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
    /// Its begin is not durable yet, so nothing may be sent. Also where recovery starts from.
    Beginning,
    /// This step was asked for.
    Forward { step: u32, tries: Tries },
    /// This step was asked about: it may have run, and if it did not, it never will (rules 26 and 39).
    Settling { step: u32, why: Reason, tries: Tries },
    /// Its turn is not durable yet, so no compensation may be sent.
    Turning { from: u32, reason: Reason },
    /// This step's compensation was asked for; all after it need none any more.
    Compensating { step: u32, reason: Reason, tries: Tries },
    /// This step's compensation failed too often: an operator's matter.
    Stuck { step: u32, reason: Reason },
    /// All steps are applied; its end is not durable yet.
    Completing,
}

/// The requests made for one step of the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Tries {
    sent: u32,
    /// Answered ones alone: silence is no failure (rule 26).
    failed: u32,
    /// A failure was answered and the pause before the next request runs: another failure is a copy of that answer.
    pausing: bool,
}

impl Execution {
    pub(crate) fn new(txn: TxnId, serial: Serial, audit: bool, plan: Plan, asked: Vec<NodeId>) -> Self {
        let (done, reads, undone, recovered) = (0, Vec::new(), false, false);
        Execution { txn, serial, audit, plan, asked, done, reads, undone, recovered, state: State::Beginning }
    }

    pub(crate) fn serial(&self) -> Serial {
        self.serial
    }

    pub(crate) fn asked(&self) -> &[NodeId] {
        &self.asked
    }

    /// Another client asks, or the same one again.
    pub(crate) fn also_tell(&mut self, client: NodeId) {
        if !self.asked.contains(&client) {
            self.asked.push(client);
        }
    }

    /// Its state, for people.
    pub(crate) fn state(&self) -> String {
        match &self.state {
            State::Beginning => "beginning".into(),
            State::Forward { step, .. } => format!("step {step} of {}", self.plan.last()),
            State::Settling { step, .. } => format!("settling {step}"),
            State::Turning { .. } => "turning back".into(),
            State::Compensating { step, .. } => format!("compensating {step}"),
            State::Stuck { step, .. } => format!("stuck at compensating {step}"),
            State::Completing => "completing".into(),
        }
    }

    /// Forces its begin.
    pub(crate) fn begin(&self, out: &mut Effects) -> Then {
        Then::Await(out.force(self.begun()))
    }

    /// The record that it waits for is durable.
    pub(crate) fn durable(&mut self, desk: Desk<'_>, out: &mut Effects) -> Then {
        match &self.state {
            State::Beginning => {
                self.reach(Phase::Begun, out);
                self.ask_for(1, desk, out)
            }
            State::Turning { from, reason } => {
                let (from, reason) = (*from, reason.clone());
                self.reach(Phase::Decided, out);
                self.compensate_from(from, reason, desk, out)
            }
            State::Completing => {
                self.reach(Phase::Decided, out);
                Then::Over { outcome: self.outcome(), end: None }
            }
            _ => Then::Nothing,
        }
    }

    /// A participant answered a step, or the question about one.
    pub(crate) fn step_result(
        &mut self,
        from: NodeId,
        step: u32,
        outcome: StepOutcome,
        desk: Desk<'_>,
        out: &mut Effects,
    ) -> Then {
        let (asked, why, tries) = match &self.state {
            State::Forward { step, tries } => (*step, None, tries),
            State::Settling { step, why, tries } => (*step, Some(why.clone()), tries),
            _ => return Then::Nothing,
        };
        if asked != step || self.plan.step(step).node != from {
            return Then::Nothing;
        }
        // After the pivot there is no way back: whatever is answered but success, the step is asked for again.
        let retriable = self.plan.step(step).kind == StepKind::Retriable;
        let attempts = desk.settings.options.step_attempts;
        let gives_up = why.is_none() && !retriable && !tries.pausing && tries.failed + 1 >= attempts;
        let asked_again = why.is_none() && (tries.sent > 1 || self.recovered);
        match outcome {
            StepOutcome::Applied { reads } => self.applied(step, reads, why, desk, out),
            StepOutcome::Refused(_) | StepOutcome::Voided if retriable && why.is_none() => self.failed(desk, out),
            // A participant may forget a refusal in a crash (its record is lazy), and then apply a request sent again.
            StepOutcome::Refused(reason) if asked_again => self.give_up(step, reason, desk, out),
            StepOutcome::Refused(reason) => {
                // Rule 30. A refused step did nothing, so its compensation is an empty one.
                let from = match desk.settings.options.compensate_from {
                    CompensateFrom::Previous => step - 1,
                    CompensateFrom::Failed => step,
                };
                self.never_ran(step, from, reason, desk, out)
            }
            StepOutcome::Voided => {
                self.never_ran(step, step - 1, why.unwrap_or(ReasonKind::Recovery.into()), desk, out)
            }
            StepOutcome::Failed(reason) if gives_up => self.give_up(step, reason, desk, out),
            StepOutcome::Failed(_) => self.failed(desk, out),
        }
    }

    /// A participant answered a compensation.
    pub(crate) fn undo_result(
        &mut self,
        from: NodeId,
        step: u32,
        outcome: UndoOutcome,
        desk: Desk<'_>,
        out: &mut Effects,
    ) -> Then {
        let State::Compensating { step: asked, reason, tries } = &self.state else { return Then::Nothing };
        if *asked != step || self.plan.step(step).node != from {
            return Then::Nothing;
        }
        let reason = reason.clone();
        let undone = match outcome {
            UndoOutcome::Undone => true,
            UndoOutcome::NothingToUndo => false,
            UndoOutcome::Failed(_)
                if !tries.pausing && tries.failed + 1 >= desk.settings.options.compensation_attempts =>
            {
                out.lazy(OrchestratorRecord::Stuck { txn: self.txn, step, resumed: false });
                out.disarm(self.timer());
                self.state = State::Stuck { step, reason };
                out.observe(Observation::Stuck { txn: self.txn, step, resumed: false });
                return Then::Nothing;
            }
            UndoOutcome::Failed(_) => return self.failed(desk, out),
        };
        self.undone |= undone;
        out.lazy(OrchestratorRecord::StepUndone { txn: self.txn, step, undone });
        self.compensate_from(step - 1, reason, desk, out)
    }

    /// The resend timer fired: silence, or the end of a pause. Silence never decides anything.
    pub(crate) fn fired(&mut self, desk: Desk<'_>, out: &mut Effects) -> Then {
        self.request(desk, out);
        Then::Nothing
    }

    /// An operator lets it go on; `false` if it was not stuck.
    pub(crate) fn resume(&mut self, desk: Desk<'_>, out: &mut Effects) -> bool {
        let State::Stuck { step, reason } = &self.state else { return false };
        let (step, reason) = (*step, reason.clone());
        out.lazy(OrchestratorRecord::Stuck { txn: self.txn, step, resumed: true });
        out.observe(Observation::Stuck { txn: self.txn, step, resumed: true });
        self.state = State::Compensating { step, reason, tries: Tries::default() };
        self.request(desk, out);
        true
    }

    /// What clients are told once it is over.
    pub(crate) fn outcome(&self) -> Outcome {
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

    /// Observes its end: the flags that are left go (after a turn each compensation has taken its own away).
    pub(crate) fn observe_end(&self, outcome: &Outcome, out: &mut Effects) {
        if matches!(outcome, Outcome::Completed { .. }) {
            for key in self.plan.written() {
                out.observe(Observation::Settled { txn: self.txn, key: key.clone() });
            }
        }
        self.reach(Phase::Ended, out);
    }

    /// A step is applied: on to the next, or to the end. `why` if this was found out by settling.
    fn applied(
        &mut self,
        step: u32,
        reads: Vec<ReadValue>,
        why: Option<Reason>,
        desk: Desk<'_>,
        out: &mut Effects,
    ) -> Then {
        self.done = step;
        self.reads.extend(reads.iter().cloned());
        out.lazy(OrchestratorRecord::StepDone { txn: self.txn, step, reads });
        if step == self.plan.last() {
            return self.complete(out);
        }
        if step == 1 {
            self.reach(Phase::HalfDone, out);
        }
        match why {
            Some(why) if !self.plan.is_committed_by(step) => self.settle(step + 1, why, desk, out),
            _ => self.ask_for(step + 1, desk, out),
        }
    }

    fn complete(&mut self, out: &mut Effects) -> Then {
        self.reach(Phase::WorkDone, out);
        out.disarm(self.timer());
        self.state = State::Completing;
        Then::Await(out.force(OrchestratorRecord::Ended { txn: self.txn }))
    }

    /// Turns back at a step that may be applied yet, because copies of its request may be under way: it is put beyond
    /// doubt first, by the barrier of its compensation, or by settling the pivot, which has none.
    fn give_up(&mut self, step: u32, reason: Reason, desk: Desk<'_>, out: &mut Effects) -> Then {
        match self.plan.step(step).kind {
            StepKind::Pivot => self.settle(step, reason, desk, out),
            _ if self.recovered && self.plan.writes_after(step) => self.settle(step + 1, reason, desk, out),
            _ if self.plan.has_compensation(step) => self.turn(step, reason, out),
            _ => self.turn(step - 1, reason, out),
        }
    }

    /// This step was not applied and never will be: the saga is undone from step `from` downwards. But an earlier
    /// incarnation may have gone further, if a participant only forgot the step: a read leaves no forced record.
    fn never_ran(&mut self, step: u32, from: u32, reason: Reason, desk: Desk<'_>, out: &mut Effects) -> Then {
        if self.recovered && self.plan.only_reads(step) && self.plan.writes_after(step) {
            return self.settle(step + 1, reason, desk, out);
        }
        self.turn(from, reason, out)
    }

    fn turn(&mut self, from: u32, reason: Reason, out: &mut Effects) -> Then {
        out.disarm(self.timer());
        self.state = State::Turning { from, reason: reason.clone() };
        Then::Await(out.force(OrchestratorRecord::Turned { txn: self.txn, from, reason }))
    }

    fn ask_for(&mut self, step: u32, desk: Desk<'_>, out: &mut Effects) -> Then {
        self.state = State::Forward { step, tries: Tries::default() };
        self.request(desk, out);
        if step == 1 {
            self.reach(Phase::WorkSent, out);
        }
        Then::Nothing
    }

    fn settle(&mut self, step: u32, why: Reason, desk: Desk<'_>, out: &mut Effects) -> Then {
        self.state = State::Settling { step, why, tries: Tries::default() };
        self.request(desk, out);
        Then::Nothing
    }

    fn next_to_compensate(&self, from: u32, desk: Desk<'_>) -> Option<u32> {
        if desk.settings.planted.is(Mutant::CompensateForward) {
            let over = if let State::Compensating { step, .. } = self.state { step } else { 0 };
            return (over + 1..=from.max(self.done)).find(|step| self.plan.has_compensation(*step));
        }
        self.plan.next_to_compensate(from)
    }

    /// Undoes the steps from this one downwards, the next one now.
    fn compensate_from(&mut self, from: u32, reason: Reason, desk: Desk<'_>, out: &mut Effects) -> Then {
        let Some(step) = self.next_to_compensate(from, desk) else {
            out.disarm(self.timer());
            let end = out.lazy(OrchestratorRecord::Ended { txn: self.txn });
            return Then::Over { outcome: self.outcome_after_turn(reason), end: Some(end) };
        };
        self.state = State::Compensating { step, reason, tries: Tries::default() };
        self.request(desk, out);
        Then::Nothing
    }

    /// Sends what its state asks for, and sets the timer for sending it again.
    fn request(&mut self, desk: Desk<'_>, out: &mut Effects) {
        let (txn, timer) = (self.txn, self.timer());
        let ticket = Ticket { log: desk.log, serial: self.serial, finished_below: desk.finished_below };
        let (step, tries) = match &mut self.state {
            State::Forward { step, tries }
            | State::Settling { step, tries, .. }
            | State::Compensating { step, tries, .. } => (*step, tries),
            // A stale firing.
            State::Beginning | State::Turning { .. } | State::Stuck { .. } | State::Completing => return,
        };
        let pause = desk.settings.timeouts.backoff(tries.sent);
        tries.sent += 1;
        tries.pausing = false;
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

    /// A failure was answered: the same again after a pause.
    fn failed(&mut self, desk: Desk<'_>, out: &mut Effects) -> Then {
        let timer = self.timer();
        if let Some(tries) = self.tries().filter(|tries| !tries.pausing) {
            tries.pausing = true;
            tries.failed += 1;
            out.arm(timer, desk.settings.timeouts.backoff(tries.failed - 1));
        }
        Then::Nothing
    }

    fn tries(&mut self) -> Option<&mut Tries> {
        match &mut self.state {
            State::Forward { tries, .. } | State::Settling { tries, .. } | State::Compensating { tries, .. } => {
                Some(tries)
            }
            _ => None,
        }
    }

    fn timer(&self) -> OrchestratorTimer {
        OrchestratorTimer::Resend(self.txn)
    }

    fn begun(&self) -> OrchestratorRecord {
        let Execution { txn, serial, audit, ref plan, .. } = *self;
        OrchestratorRecord::Begun { txn, serial, audit, plan: plan.clone() }
    }

    fn reach(&self, phase: Phase, out: &mut Effects) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }
}
