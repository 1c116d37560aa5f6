//! What all sagas have in common, in whatever order they run their steps: their plan, their requests to participants, and
//! the clients that are told the outcome.

use crate::{
    context::{AtDurable, Context},
    plan::Plan,
    record::SagaRecord,
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Serial, TxnId},
    machine::Out,
    message::{Message, Outcome, StepStyle},
    observation::{Observation, Phase},
    plan::{StepOps, Submission},
};

/// A saga as its begin record describes it, with the clients that wait for its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Begun {
    pub(crate) txn: TxnId,
    pub(crate) serial: Serial,
    pub(crate) audit: bool,
    pub(crate) plan: Plan,
    /// The clients that are told the outcome.
    pub(crate) clients: Vec<NodeId>,
}

/// A request to a participant about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// Run the step.
    Step,
    /// Report whether the step ran. If it did not, it never will.
    Settle,
    /// Undo the step if it ran. If it did not, it never will.
    Compensate,
}

impl Begun {
    /// Starts a saga for a submission that was accepted.
    pub(crate) fn accept(submission: Submission, client: NodeId, ctx: &mut Context) -> Self {
        ctx.admission.begin(&submission);
        let Submission { txn, audit, steps, .. } = submission;
        Begun { txn, serial: ctx.serials.begin(), audit, plan: Plan::new(steps), clients: vec![client] }
    }

    /// The begin record of the saga.
    pub(crate) fn record<U>(&self) -> SagaRecord<U> {
        let Begun { txn, serial, audit, ref plan, .. } = *self;
        SagaRecord::Begun { txn, serial, audit, plan: plan.clone() }
    }

    /// Adds another client that submitted the same transaction. It is told the outcome too.
    pub(crate) fn add_client(&mut self, client: NodeId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    /// Sends a request to the participant of a step.
    pub(crate) fn ask<R, T>(&self, request: Request, step: u32, ctx: &Context, out: &mut Out<R, T>) {
        let (txn, ticket) = (self.txn, ctx.serials.ticket(self.serial));
        let planned = self.plan.step(step);
        let message = match request {
            Request::Step => {
                let ops = planned.ops.clone();
                Message::Step { txn, ticket, step: StepOps { step, ops }, style: StepStyle::Saga }
            }
            Request::Settle => Message::Settle { txn, ticket, step },
            Request::Compensate => Message::Compensate { txn, ticket, step, ops: planned.undo.clone() },
        };
        out.send(planned.node, message);
    }

    /// Observes that the saga reached a phase. Audits have no phases.
    pub(crate) fn reach<R, T>(&self, phase: Phase, out: &mut Out<R, T>) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }

    /// Ends the saga and tells its clients. `end` is the lazy end record of a saga that turned back; `None` if the end
    /// record is already durable. The saga counts as finished only when its end record is durable: if a crash loses the
    /// record, the next incarnation compensates again, and participants must not refuse that.
    pub(crate) fn close<R, T>(&self, outcome: Outcome, end: Option<Lsn>, ctx: &mut Context, out: &mut Out<R, T>) {
        let txn = self.txn;
        for client in &self.clients {
            out.send(*client, Message::Outcome { txn, outcome: outcome.clone() });
        }
        // After a turn, each compensation has already cleared the pending flags of its step.
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
    }
}
