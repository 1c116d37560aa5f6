//! What all sagas have in common from their begin to their end, in whatever order they run their steps: what they are, whom
//! they ask, and who is told their outcome.

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

/// A saga as its begin describes it, and who waits for its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Begun {
    pub(crate) txn: TxnId,
    pub(crate) serial: Serial,
    pub(crate) audit: bool,
    pub(crate) plan: Plan,
    /// Who is told the outcome.
    pub(crate) clients: Vec<NodeId>,
}

/// What a participant is asked about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    /// To run it.
    Step,
    /// Whether it ran; if it did not, it never will.
    Settle,
    /// To undo it, if it ran; if it did not, it never will.
    Compensate,
}

impl Begun {
    /// The saga of a submission that is accepted.
    pub(crate) fn accept(submission: Submission, client: NodeId, ctx: &mut Context) -> Self {
        ctx.admission.begin(&submission);
        let Submission { txn, audit, steps, .. } = submission;
        Begun { txn, serial: ctx.serials.begin(), audit, plan: Plan::new(steps), clients: vec![client] }
    }

    /// Its begin record.
    pub(crate) fn record<U>(&self) -> SagaRecord<U> {
        let Begun { txn, serial, audit, ref plan, .. } = *self;
        SagaRecord::Begun { txn, serial, audit, plan: plan.clone() }
    }

    /// Another client submitted the same transaction, and is told its outcome too.
    pub(crate) fn add_client(&mut self, client: NodeId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    /// Asks the participant of a step.
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

    /// Reaches a phase. Audits have none.
    pub(crate) fn reach<R, T>(&self, phase: Phase, out: &mut Out<R, T>) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }

    /// The saga is over, and its clients are told. `end` is the lazy end record of a saga that turned back; without it the
    /// end is durable already. The saga is finished when its end is durable, and not before: a crash may lose the record,
    /// and then the next incarnation compensates again, which participants must not refuse.
    pub(crate) fn close<R, T>(&self, outcome: Outcome, end: Option<Lsn>, ctx: &mut Context, out: &mut Out<R, T>) {
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
    }
}
