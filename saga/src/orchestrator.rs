//! The orchestrator of sagas: routes each input to its saga.

use crate::{
    begun::Begun,
    context::{AtDurable, Context},
    effects::{OutOf, Resend},
    record::SagaRecord,
    recovery,
    saga::Saga,
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

#[cfg(feature = "mutants")]
mod mutants;

/// A coordinating node that runs sagas of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrchestratorOf<S> {
    context: Context,
    /// The sagas in flight.
    sagas: BTreeMap<TxnId, S>,
}

impl<S: Saga> OrchestratorOf<S> {
    /// Creates the orchestrator `id`, which has not had its first input.
    pub fn new(id: NodeId, settings: Settings) -> Self {
        OrchestratorOf { context: Context::new(id, settings), sagas: BTreeMap::new() }
    }

    /// Lets a saga in flight handle an event, and removes it if that ended it.
    fn with(&mut self, txn: TxnId, act: impl FnOnce(&mut S, &mut Context)) {
        let Some(saga) = self.sagas.get_mut(&txn) else { return };
        act(saga, &mut self.context);
        if saga.has_ended() {
            self.sagas.remove(&txn);
        }
    }

    /// Takes one input.
    fn step(&mut self, input: InputOf<Self>, out: &mut OutOf<S>) {
        match input {
            Input::Recover { log, incarnation, records } => {
                self.context.boot(log, incarnation);
                self.sagas = recovery::recover(records, &mut self.context, out);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(Resend { txn, which }) => self.with(txn, |saga, ctx| saga.resend(which, ctx, out)),
        }
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut OutOf<S>) {
        match message {
            Message::Submit(submission) => self.submitted(from, submission, out),
            Message::StatusQuery { txn } => {
                let running = self.sagas.get(&txn).map(S::describe);
                out.send(from, Message::StatusReply { txn, status: self.context.admission.status(txn, running) });
            }
            Message::StepResult { txn, step, outcome } => {
                self.with(txn, |saga, ctx| saga.step_result(from, step, outcome, ctx, out));
            }
            Message::CompensateResult { txn, step, outcome } => {
                self.with(txn, |saga, ctx| saga.undo_result(from, step, outcome, ctx, out));
            }
            Message::Resume { txn } => self.resume(from, txn, out),
            // An orchestrator ignores all other messages.
            _ => {}
        }
    }

    fn submitted(&mut self, from: NodeId, submission: Submission, out: &mut OutOf<S>) {
        let txn = submission.txn;
        match self.context.admission.admit(&submission, &self.sagas) {
            Admitted::Run => {
                let begun = Begun::accept(submission, from, &mut self.context);
                self.context.wait(out.force(begun.record()), AtDurable::GoOn(txn));
                self.sagas.insert(txn, S::new(begun));
            }
            Admitted::Join => self.with(txn, |saga, _| saga.begun().add_client(from)),
            Admitted::Answer(outcome) => out.send(from, Message::Outcome { txn, outcome }),
        }
    }

    fn resume(&mut self, from: NodeId, txn: TxnId, out: &mut OutOf<S>) {
        let mut resumed = false;
        self.with(txn, |saga, ctx| resumed = saga.resume(ctx, out));
        let detail =
            if resumed { format!("{txn} continues to compensate") } else { format!("{txn} is not stuck here") };
        out.send(from, Message::Done { count: resumed.into(), detail });
    }

    fn durable(&mut self, upto: Lsn, out: &mut OutOf<S>) {
        while let Some(then) = self.context.next_durable(upto) {
            match then {
                AtDurable::GoOn(txn) => self.with(txn, |saga, ctx| saga.durable(ctx, out)),
                AtDurable::Finish(serial) => self.context.serials.finish(serial),
            }
        }
    }
}

impl<S: Saga> Machine for OrchestratorOf<S> {
    type Record = SagaRecord<S::Undo>;
    type Timer = Resend<S::Which>;

    #[cfg(not(feature = "mutants"))]
    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<S>) {
        self.step(input, out);
    }

    #[cfg(feature = "mutants")]
    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<S>) {
        self.step_with_bug(input, out);
    }

    fn compact(&self, out: &mut Vec<Self::Record>) {
        let remembered = self.context.admission.remembered();
        out.extend(remembered.map(|(txn, outcome)| SagaRecord::Remembered { txn, outcome: outcome.clone() }));
        for saga in self.sagas.values() {
            saga.compact(out);
        }
        #[cfg(feature = "mutants")]
        self.leave_out(out);
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        let view =
            |(txn, saga): (&TxnId, &S)| OpenView { txn: *txn, state: saga.describe(), in_doubt: false, since_us: None };
        Inspection { open: self.sagas.iter().map(view).collect(), ..Inspection::default() }
    }
}
