//! The calls of one submission, one after another.
//!
//! The states of a sequence, and the states that one input can lead to (checked by tests/diagram.rs):
//!
//! ```text
//! new       -> Beginning | Calling
//! Beginning -> Calling
//! Calling   -> Pausing | Closing | over
//! Pausing   -> Calling
//! Closing   -> over
//! ```

use super::{
    context::Context,
    effects::{Out, UnprotectedTimer},
    record::UnprotectedRecord,
};
use crate::plan::Plan;
use indoubt_proto::{
    ids::{NodeId, Serial, TxnId},
    message::{Message, Outcome, ReasonKind, StepOutcome, StepStyle},
    observation::{Observation, Phase},
    operation::ReadValue,
    plan::{StepOps, Submission},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sequence {
    txn: TxnId,
    serial: Serial,
    audit: bool,
    plan: Plan,
    /// The clients that are told the outcome.
    clients: Vec<NodeId>,
    reads: Vec<ReadValue>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The PENDING row is not durable yet.
    Beginning,
    /// This call was made, and `retries` were made before it.
    Calling { step: u32, retried: u32 },
    /// This call failed or was not answered. It is made again after a pause.
    Pausing { step: u32, retried: u32 },
    /// The DONE or FAILED row is not durable yet.
    Closing { outcome: Outcome },
    /// Finished; the node removes it.
    Ended,
}

impl Sequence {
    /// Starts a sequence for an accepted submission: forces the PENDING row, or makes the first call at once if there are
    /// no rows.
    pub(super) fn accept(submission: Submission, client: NodeId, ctx: &mut Context, out: &mut Out) -> Self {
        ctx.admission.begin(&submission);
        let Submission { txn, audit, steps, .. } = submission;
        let mut sequence = Sequence {
            txn,
            serial: ctx.begin(),
            audit,
            plan: Plan::new(steps),
            clients: vec![client],
            reads: Vec::new(),
            state: State::Beginning,
        };
        sequence.reach(Phase::Begun, out);
        if ctx.retries.is_some() {
            ctx.wait(out.force(UnprotectedRecord::Pending { txn }), txn);
        } else {
            sequence.call(1, 0, ctx, out);
        }
        sequence
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Adds another client that submitted the same transaction. It is told the outcome too.
    pub(super) fn add_client(&mut self, client: NodeId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    /// The state as text for the status query.
    pub(super) fn describe(&self) -> String {
        match &self.state {
            State::Beginning => "beginning".into(),
            State::Calling { step, .. } => format!("calling {step}"),
            State::Pausing { step, .. } => format!("pausing before calling {step} again"),
            State::Closing { .. } => "closing".into(),
            State::Ended => "ended".into(),
        }
    }

    /// The record that the sequence awaits is durable.
    pub(super) fn durable(&mut self, ctx: &mut Context, out: &mut Out) {
        match &self.state {
            State::Beginning => self.call(1, 0, ctx, out),
            State::Closing { outcome } => self.end(outcome.clone(), ctx, out),
            _ => {}
        }
    }

    /// Makes a call, and waits for its answer for at most `timeouts.vote`.
    fn call(&mut self, step: u32, retried: u32, ctx: &Context, out: &mut Out) {
        self.state = State::Calling { step, retried };
        let (txn, ticket, planned) = (self.txn, ctx.ticket(self.serial), self.plan.step(step));
        let ops = StepOps { step, ops: planned.ops.clone() };
        out.send(planned.node, Message::Step { txn, ticket, step: ops, style: StepStyle::Bare });
        out.arm(UnprotectedTimer::Call(txn), ctx.settings.timeouts.vote);
        if step == 1 && retried == 0 {
            self.reach(Phase::WorkSent, out);
        }
    }

    /// Handles an answer. It counts if the call is pending, even if it answers an earlier copy, because copies cannot be
    /// distinguished.
    pub(super) fn answered(&mut self, from: NodeId, step: u32, outcome: StepOutcome, ctx: &mut Context, out: &mut Out) {
        let State::Calling { step: called, retried } = self.state else { return };
        if called != step || self.plan.step(step).node != from {
            return;
        }
        match outcome {
            StepOutcome::Applied { reads } => self.applied(step, reads, ctx, out),
            // A refusal is an answer. Another attempt would not change it.
            StepOutcome::Refused(reason) => self.close(Outcome::Aborted(reason), ctx, out),
            StepOutcome::Failed(reason) => self.again(step, retried, Outcome::Aborted(reason), ctx, out),
            StepOutcome::Voided => {
                self.again(step, retried, Outcome::Aborted(ReasonKind::Finished.into()), ctx, out);
            }
        }
    }

    fn applied(&mut self, step: u32, reads: Vec<ReadValue>, ctx: &mut Context, out: &mut Out) {
        self.reads.extend(reads);
        if step == self.plan.last() {
            self.reach(Phase::WorkDone, out);
            let reads = std::mem::take(&mut self.reads);
            return self.close(Outcome::Committed { reads }, ctx, out);
        }
        if step == 1 {
            self.reach(Phase::HalfDone, out);
        }
        self.call(step + 1, 0, ctx, out);
    }

    /// The timer fired: a call was not answered in time, or a pause is over.
    pub(super) fn fired(&mut self, ctx: &mut Context, out: &mut Out) {
        match self.state {
            State::Calling { step, retried } => {
                self.again(step, retried, Outcome::Unknown(ReasonKind::CallTimeout.into()), ctx, out);
            }
            State::Pausing { step, retried } => self.call(step, retried + 1, ctx, out),
            _ => {}
        }
    }

    /// A call failed. It is made again after a pause. If no retry is left, this is the outcome.
    fn again(&mut self, step: u32, retried: u32, outcome: Outcome, ctx: &mut Context, out: &mut Out) {
        if retried >= ctx.retries.unwrap_or(0) {
            return self.close(outcome, ctx, out);
        }
        self.state = State::Pausing { step, retried };
        out.arm(UnprotectedTimer::Call(self.txn), ctx.settings.timeouts.backoff(retried));
    }

    /// Forces the last row, if there are rows, and ends the sequence.
    fn close(&mut self, outcome: Outcome, ctx: &mut Context, out: &mut Out) {
        out.disarm(UnprotectedTimer::Call(self.txn));
        if ctx.retries.is_none() {
            return self.end(outcome, ctx, out);
        }
        ctx.wait(out.force(UnprotectedRecord::of(self.txn, &outcome)), self.txn);
        self.state = State::Closing { outcome };
    }

    fn end(&mut self, outcome: Outcome, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        for client in &self.clients {
            out.send(*client, Message::Outcome { txn, outcome: outcome.clone() });
        }
        self.reach(Phase::Ended, out);
        ctx.admission.remember(txn, outcome);
        self.state = State::Ended;
    }

    /// The row that recreates the sequence.
    pub(super) fn compacted(&self) -> UnprotectedRecord {
        match &self.state {
            State::Closing { outcome } => UnprotectedRecord::of(self.txn, outcome),
            _ => UnprotectedRecord::Pending { txn: self.txn },
        }
    }

    fn reach(&self, phase: Phase, out: &mut Out) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }
}
