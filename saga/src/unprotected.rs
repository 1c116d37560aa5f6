//! The baselines without a protocol: they call one service after another. `none` makes one attempt per call, without retry,
//! undo or recovery. `none-retry` adds a number of retries, and a status row PENDING/DONE/FAILED in a journal, which
//! nothing resumes after a crash. Neither promises anything.

use indoubt_proto::{
    admission::Admitted,
    ids::{Lsn, NodeId, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Logged, Machine, Record},
    message::Message,
    plan::Submission,
    settings::Settings,
};
use std::collections::BTreeMap;

mod context;
mod effects;
mod record;
mod sequence;

use context::Context;
use effects::Out;
pub use effects::UnprotectedTimer;
pub use record::UnprotectedRecord;
use sequence::Sequence;

/// A coordinating node without a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unprotected {
    context: Context,
    /// The unfinished sequences.
    sequences: BTreeMap<TxnId, Sequence>,
}

impl Unprotected {
    /// Creates the node `id`, which has not had its first input. `retries` is `None` for the protocol `none`, and set for
    /// `none-retry`.
    pub fn new(id: NodeId, settings: Settings, retries: Option<u32>) -> Self {
        Unprotected { context: Context::new(id, settings, retries), sequences: BTreeMap::new() }
    }

    /// Lets an unfinished sequence handle an event, and removes it if that ended it.
    fn with(&mut self, txn: TxnId, act: impl FnOnce(&mut Sequence, &mut Context)) {
        let Some(sequence) = self.sequences.get_mut(&txn) else { return };
        act(sequence, &mut self.context);
        if sequence.has_ended() {
            self.sequences.remove(&txn);
        }
    }

    fn recover(&mut self, records: Vec<Logged<UnprotectedRecord>>) {
        for Logged { record, .. } in records {
            if let Some(txn) = record.txn() {
                self.context.admission.remember(txn, record.outcome());
            }
        }
        self.context.admission.recovered();
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        match message {
            Message::Submit(submission) => self.submitted(from, submission, out),
            Message::StatusQuery { txn } => {
                let running = self.sequences.get(&txn).map(Sequence::describe);
                out.send(from, Message::StatusReply { txn, status: self.context.admission.status(txn, running) });
            }
            Message::StepResult { txn, step, outcome } => {
                self.with(txn, |sequence, ctx| sequence.answered(from, step, outcome, ctx, out));
            }
            Message::Resume { txn } => {
                out.send(from, Message::Done { count: 0, detail: format!("{txn} is not a saga") });
            }
            // A node without a protocol ignores all other messages.
            _ => {}
        }
    }

    fn submitted(&mut self, from: NodeId, submission: Submission, out: &mut Out) {
        let txn = submission.txn;
        match self.context.admission.admit(&submission, &self.sequences) {
            Admitted::Run => {
                self.sequences.insert(txn, Sequence::accept(submission, from, &mut self.context, out));
            }
            Admitted::Join => self.with(txn, |sequence, _| sequence.add_client(from)),
            Admitted::Answer(outcome) => out.send(from, Message::Outcome { txn, outcome }),
        }
    }

    fn durable(&mut self, upto: Lsn, out: &mut Out) {
        while let Some(txn) = self.context.next_durable(upto) {
            self.with(txn, |sequence, ctx| sequence.durable(ctx, out));
        }
    }
}

impl Machine for Unprotected {
    type Record = UnprotectedRecord;
    type Timer = UnprotectedTimer;

    fn handle(&mut self, input: InputOf<Self>, out: &mut Out) {
        match input {
            Input::Recover { log, incarnation, records } => {
                self.context.boot(log, incarnation);
                self.recover(records);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(UnprotectedTimer::Call(txn)) => self.with(txn, |sequence, ctx| sequence.fired(ctx, out)),
        }
    }

    fn compact(&self, out: &mut Vec<UnprotectedRecord>) {
        if self.context.retries.is_none() {
            return;
        }
        let remembered = self.context.admission.remembered();
        out.extend(remembered.map(|(txn, outcome)| UnprotectedRecord::of(txn, outcome)));
        out.extend(self.sequences.values().map(Sequence::compacted));
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        let view = |(txn, sequence): (&TxnId, &Sequence)| OpenView {
            txn: *txn,
            state: sequence.describe(),
            in_doubt: false,
            since_us: None,
        };
        Inspection { open: self.sequences.iter().map(view).collect(), ..Inspection::default() }
    }
}
