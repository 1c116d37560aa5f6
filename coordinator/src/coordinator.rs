//! The coordinator: routes each input to its transaction, and answers inquiries about transactions that it does not know.

use crate::{
    context::Context,
    decision_delivery::{Acknowledged, heuristic},
    effects::{CoordinatorTimer, Out},
    presumption::Presumption,
    record::CoordinatorRecord,
    recovery,
    transaction::{Ballot, Transaction, decision::observe_heuristic},
};
use indoubt_proto::{
    admission::Admitted,
    ids::{Lsn, NodeId, Ticket, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Machine},
    message::{Answer, Decision, Message, Outcome},
    plan::Submission,
    settings::Settings,
};
use std::collections::BTreeMap;

#[cfg(feature = "mutants")]
mod mutants;

/// A coordinator of the two-phase commit family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coordinator {
    context: Context,
    /// The transactions that are not finished. A decided one stays until all its due ACKs have arrived.
    transactions: BTreeMap<TxnId, Transaction>,
}

impl Coordinator {
    /// Creates a coordinator that has not had its first input. With `cooperative`, PREPARE names all participants, so that
    /// they can ask each other when in doubt (rule 7). A journal must be recovered under the presumption that wrote it.
    pub fn new(id: NodeId, settings: Settings, presumption: Presumption, cooperative: bool) -> Self {
        Coordinator { context: Context::new(id, settings, presumption, cooperative), transactions: BTreeMap::new() }
    }

    /// Handles one input.
    fn step(&mut self, input: InputOf<Self>, out: &mut Out) {
        match input {
            Input::Recover { log, incarnation, records } => {
                self.context.boot(log, incarnation);
                self.transactions = recovery::recover(records, &mut self.context, out);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(CoordinatorTimer::Work(txn)) => self.with(txn, |t, ctx| t.work_timed_out(ctx, out)),
            Input::Fired(CoordinatorTimer::Vote(txn)) => self.with(txn, |t, ctx| t.vote_timed_out(ctx, out)),
            Input::Fired(CoordinatorTimer::Resend(txn)) => self.with(txn, |t, ctx| t.resend(ctx, out)),
        }
    }

    /// Lets an unfinished transaction handle an event, and removes it if that finished it.
    fn with(&mut self, txn: TxnId, act: impl FnOnce(&mut Transaction, &mut Context)) {
        let Some(transaction) = self.transactions.get_mut(&txn) else { return };
        act(transaction, &mut self.context);
        if transaction.has_ended() {
            self.context.serials.finish(transaction.serial());
            self.transactions.remove(&txn);
        }
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        match message {
            Message::Submit(submission) => self.submitted(from, submission, out),
            Message::StatusQuery { txn } => {
                let running = self.transactions.get(&txn).map(Transaction::describe);
                out.send(from, Message::StatusReply { txn, status: self.context.admission.status(txn, running) });
            }
            Message::WorkDone { txn, result } => self.with(txn, |t, ctx| t.worked(from, result, ctx, out)),
            Message::Vote { txn, vote, log, place, reads, reason } => {
                let ballot = Ballot { vote, log, place, reads, reason };
                self.with(txn, |t, ctx| t.voted(from, ballot, ctx, out));
            }
            Message::Ack { txn, log, known, end, heuristic } => {
                self.acked(from, txn, Acknowledged { log, known, end, heuristic }, out);
            }
            Message::Inquire { txn, ticket } => out.send(from, self.answer(from, txn, ticket)),
            Message::Forget { txn } => self.forget(from, txn, out),
            Message::Resolve { .. } | Message::Resume { .. } => {
                let detail = "a coordinator has no branches in doubt and no sagas: ask a participant".into();
                out.send(from, Message::Done { count: 0, detail });
            }
            // A coordinator ignores all other messages.
            _ => {}
        }
    }

    fn submitted(&mut self, from: NodeId, submission: Submission, out: &mut Out) {
        let txn = submission.txn;
        match self.context.admission.admit(&submission, &self.transactions) {
            Admitted::Run => {
                self.transactions.insert(txn, Transaction::accept(submission, from, &mut self.context, out));
            }
            Admitted::Join => self.with(txn, |transaction, _| transaction.add_client(from)),
            Admitted::Answer(outcome) => out.send(from, Message::Outcome { txn, outcome }),
        }
    }

    fn acked(&mut self, node: NodeId, txn: TxnId, said: Acknowledged, out: &mut Out) {
        if self.transactions.contains_key(&txn) {
            return self.with(txn, |t, ctx| t.acked(node, said, ctx, out));
        }
        // The decision needed no ACK, and only now the coordinator learns that an operator had ended the branch before.
        let (Some(by_operator), Some(told)) = (said.heuristic, self.context.admission.outcome(txn)) else { return };
        let decision = match told {
            Outcome::Committed { .. } => Decision::Commit,
            Outcome::Aborted(_) => Decision::Abort,
            _ => return,
        };
        if by_operator == decision {
            return;
        }
        // The decision was sent to the other participants too. They are assumed to have followed it.
        let Some(outcome) = heuristic(decision, 1, &[node], &[]) else { return };
        observe_heuristic(txn, &outcome, out);
        self.context.admission.remember(txn, outcome.clone());
        out.force(CoordinatorRecord::Remembered { txn, outcome });
    }

    /// An operator asks this coordinator to stop waiting for the ACKs of a transaction (rule 23).
    fn forget(&mut self, operator: NodeId, txn: TxnId, out: &mut Out) {
        let mut forgotten = false;
        self.with(txn, |transaction, ctx| forgotten = transaction.give_up_on_acks(ctx, out));
        let detail = match forgotten {
            true => format!("{} no longer waits for acknowledgements of {txn}", self.context.id),
            false => format!("{} waits for no acknowledgement of {txn}", self.context.id),
        };
        out.send(operator, Message::Done { count: forgotten.into(), detail });
    }

    /// Answers the inquiry of a participant in doubt (rules 13 to 15).
    fn answer(&self, node: NodeId, txn: TxnId, asked: Ticket) -> Message {
        let ctx = &self.context;
        if asked.log != ctx.serials.log() {
            // The branch belongs to a journal that was lost. This journal does not say what that one held.
            return Message::Answer { txn, answer: Answer::Unknown };
        }
        if let Some(transaction) = self.transactions.get(&txn) {
            return transaction.answer(node, ctx);
        }
        // A remembered outcome overrides the presumption.
        let decision = match ctx.admission.outcome(txn) {
            Some(Outcome::Committed { .. }) => Decision::Commit,
            Some(Outcome::Aborted(_)) => Decision::Abort,
            Some(Outcome::Heuristic { decision, .. }) => *decision,
            _ => ctx.row().unknown,
        };
        Message::Decision { txn, ticket: ctx.serials.ticket(asked.serial), decision, ack: false }
    }

    fn durable(&mut self, upto: Lsn, out: &mut Out) {
        while let Some((lsn, txn)) = self.context.next_durable(upto) {
            self.with(txn, |t, ctx| t.durable(lsn, ctx, out));
        }
    }
}

impl Machine for Coordinator {
    type Record = CoordinatorRecord;
    type Timer = CoordinatorTimer;

    #[cfg(not(feature = "mutants"))]
    fn handle(&mut self, input: InputOf<Self>, out: &mut Out) {
        self.step(input, out);
    }

    #[cfg(feature = "mutants")]
    fn handle(&mut self, input: InputOf<Self>, out: &mut Out) {
        self.step_with_bug(input, out);
    }

    fn compact(&self, out: &mut Vec<CoordinatorRecord>) {
        let untold = self.transactions.values().filter_map(Transaction::untold);
        let remembered = self.context.admission.remembered().chain(untold);
        out.extend(remembered.map(|(txn, outcome)| CoordinatorRecord::Remembered { txn, outcome: outcome.clone() }));
        let mut open: Vec<_> = self.transactions.values().filter_map(|t| t.compacted(&self.context)).collect();
        // A transaction that awaits the record of its outcome adds that outcome later, in log order.
        open.sort_by_key(|(lsn, _)| *lsn);
        out.extend(open.into_iter().map(|(_, record)| record));
        #[cfg(feature = "mutants")]
        self.leave_out(out);
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        let view = |(txn, t): (&TxnId, &Transaction)| OpenView {
            txn: *txn,
            state: t.describe(),
            in_doubt: false,
            since_us: None,
        };
        Inspection { open: self.transactions.iter().map(view).collect(), ..Inspection::default() }
    }
}
