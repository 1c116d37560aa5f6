//! The orchestrator of sagas: brings each input to the saga that it concerns.

use crate::{
    context::{AtDurable, Context},
    effects::{OrchestratorTimer, Out},
    execution::Execution,
    record::OrchestratorRecord,
    recovery,
};
use indoubt_proto::{
    admission::Admitted,
    ids::{Lsn, NodeId, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Machine},
    message::Message,
    plan::Submission,
    settings::Settings,
};
use std::collections::BTreeMap;

/// A coordinating node that runs sagas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Orchestrator {
    context: Context,
    /// The sagas in flight.
    executions: BTreeMap<TxnId, Execution>,
}

impl Orchestrator {
    /// The orchestrator `id`, before its first input.
    pub fn new(id: NodeId, settings: Settings) -> Self {
        Orchestrator { context: Context::new(id, settings), executions: BTreeMap::new() }
    }

    /// Lets a saga in flight act, and removes it when that ended it.
    fn with(&mut self, txn: TxnId, act: impl FnOnce(&mut Execution, &mut Context)) {
        let Some(saga) = self.executions.get_mut(&txn) else { return };
        act(saga, &mut self.context);
        if saga.has_ended() {
            self.executions.remove(&txn);
        }
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        match message {
            Message::Submit(submission) => self.submitted(from, submission, out),
            Message::StatusQuery { txn } => {
                let running = self.executions.get(&txn).map(Execution::describe);
                out.send(from, Message::StatusReply { txn, status: self.context.admission.status(txn, running) });
            }
            Message::StepResult { txn, step, outcome } => {
                self.with(txn, |saga, ctx| saga.step_result(from, step, outcome, ctx, out));
            }
            Message::CompensateResult { txn, step, outcome } => {
                self.with(txn, |saga, ctx| saga.undo_result(from, step, outcome, ctx, out));
            }
            Message::Resume { txn } => self.resume(from, txn, out),
            // Nothing else is for an orchestrator.
            _ => {}
        }
    }

    fn submitted(&mut self, from: NodeId, submission: Submission, out: &mut Out) {
        let txn = submission.txn;
        match self.context.admission.admit(&submission, &self.executions) {
            Admitted::Run => {
                self.executions.insert(txn, Execution::accept(submission, from, &mut self.context, out));
            }
            Admitted::Join => self.with(txn, |saga, _| saga.add_client(from)),
            Admitted::Answer(outcome) => out.send(from, Message::Outcome { txn, outcome }),
        }
    }

    fn resume(&mut self, from: NodeId, txn: TxnId, out: &mut Out) {
        let mut resumed = false;
        self.with(txn, |saga, ctx| resumed = saga.resume(ctx, out));
        let detail = if resumed { format!("{txn} goes on compensating") } else { format!("{txn} is not stuck here") };
        out.send(from, Message::Done { count: resumed.into(), detail });
    }

    fn durable(&mut self, upto: Lsn, out: &mut Out) {
        while let Some(then) = self.context.next_durable(upto) {
            match then {
                AtDurable::GoOn(txn) => self.with(txn, |saga, ctx| saga.durable(ctx, out)),
                AtDurable::Finish(serial) => self.context.serials.finish(serial),
            }
        }
    }
}

impl Machine for Orchestrator {
    type Record = OrchestratorRecord;
    type Timer = OrchestratorTimer;

    fn handle(&mut self, input: InputOf<Self>, out: &mut Out) {
        match input {
            Input::Recover { log, incarnation, records } => {
                self.context.boot(log, incarnation);
                self.executions = recovery::recover(records, &mut self.context, out);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(OrchestratorTimer::Resend(txn)) => self.with(txn, |saga, ctx| saga.request(ctx, out)),
        }
    }

    fn compact(&self, out: &mut Vec<OrchestratorRecord>) {
        let remembered = self.context.admission.remembered();
        out.extend(remembered.map(|(txn, outcome)| OrchestratorRecord::Remembered { txn, outcome: outcome.clone() }));
        for saga in self.executions.values() {
            saga.compact(out);
        }
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        let view = |(txn, saga): (&TxnId, &Execution)| OpenView {
            txn: *txn,
            state: saga.describe(),
            in_doubt: false,
            since_us: None,
        };
        Inspection { open: self.executions.iter().map(view).collect(), ..Inspection::default() }
    }
}
