//! The coordinator: brings each input to the transaction that it concerns, and answers whoever asks about one that it
//! does not have.

use crate::{
    desk::Desk,
    presumption::Presumption,
    record::CoordinatorRecord,
    recovery,
    transaction::{Ballot, Transaction},
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Ticket, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Machine, OutOf},
    message::{Answer, Decision, Message, Outcome, Reason, ReasonKind, Status},
    plan::Submission,
    settings::Settings,
    submissions::{Admission, refusal},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A coordinator of the two-phase commit family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coordinator {
    desk: Desk,
    /// Those that are not finished. A decided one stays until every ACK that is due is in.
    transactions: BTreeMap<TxnId, Transaction>,
}

/// The timers of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CoordinatorTimer {
    /// The work round must be over.
    Work(TxnId),
    /// Every vote must be in.
    Vote(TxnId),
    /// The decision is sent again.
    Resend(TxnId),
}

impl Coordinator {
    /// A coordinator before its first input. With `cooperative`, participants learn of each other in PREPARE, so that
    /// they can ask each other when in doubt (rule 7). A journal must be recovered under the presumption that wrote it.
    pub fn new(id: NodeId, settings: Settings, presumption: Presumption, cooperative: bool) -> Self {
        Coordinator { desk: Desk::new(id, settings, presumption, cooperative), transactions: BTreeMap::new() }
    }

    fn submitted(&mut self, from: NodeId, submission: Submission, out: &mut OutOf<Self>) {
        let (desk, txn) = (&mut self.desk, submission.txn);
        let outcome = match desk.submissions.admit(&submission, desk.incarnation) {
            Admission::Running => {
                if let Some(transaction) = self.transactions.get_mut(&txn) {
                    transaction.add_client(from);
                }
                return;
            }
            Admission::Remembered(outcome) => outcome,
            // It is decided and its outcome forgotten, but not everybody has acknowledged it.
            Admission::Fresh if self.transactions.contains_key(&txn) => Outcome::Unknown(ReasonKind::Forgotten.into()),
            Admission::Fresh => match refusal(&submission, desk.id, &desk.settings.limits, self.transactions.len()) {
                Some(reason) => Outcome::Refused(reason),
                None => {
                    self.transactions.insert(txn, Transaction::accept(submission, from, desk, out));
                    return;
                }
            },
            Admission::Unknown => Outcome::Unknown(ReasonKind::Forgotten.into()),
            Admission::FromTheFuture => Outcome::Refused(Reason::new(ReasonKind::BadPlan, "epoch from the future")),
        };
        out.send(from, Message::Outcome { txn, outcome });
    }

    /// Lets a transaction that is not finished act, and forgets it when that finished it.
    fn with(&mut self, txn: TxnId, act: impl FnOnce(&mut Transaction, &mut Desk)) {
        let Some(transaction) = self.transactions.get_mut(&txn) else { return };
        act(transaction, &mut self.desk);
        if transaction.has_ended() {
            self.desk.finish(transaction.serial());
            self.transactions.remove(&txn);
        }
    }

    /// What a participant in doubt is answered (rules 13 to 15).
    fn answer(&self, node: NodeId, txn: TxnId, asked: Ticket) -> Message {
        let desk = &self.desk;
        if asked.log != desk.log {
            // The branch is of a journal that was lost: whatever it held, this one cannot know.
            return Message::Answer { txn, answer: Answer::Unknown };
        }
        if let Some(transaction) = self.transactions.get(&txn) {
            return transaction.answer(node, desk);
        }
        // What is still remembered for clients beats the presumption: a late inquiry about an ended commit is told so.
        let decision = match desk.submissions.outcome(txn) {
            Some(Outcome::Committed { .. }) => Decision::Commit,
            Some(Outcome::Aborted(_)) => Decision::Abort,
            _ => desk.row().unknown,
        };
        Message::Decision { txn, ticket: desk.ticket(asked.serial), decision, ack: false }
    }

    fn status(&self, txn: TxnId) -> Status {
        match (self.desk.submissions.outcome(txn), self.transactions.get(&txn)) {
            (Some(outcome), _) => Status::Ended(outcome.clone()),
            (None, Some(transaction)) => Status::Running(transaction.describe()),
            (None, None) => Status::Ended(Outcome::Unknown(ReasonKind::Forgotten.into())),
        }
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut OutOf<Self>) {
        match message {
            Message::Submit(submission) => self.submitted(from, submission, out),
            Message::StatusQuery { txn } => {
                out.send(from, Message::StatusReply { txn, status: self.status(txn) });
            }
            Message::WorkDone { txn, result } => self.with(txn, |t, desk| t.worked(from, result, desk, out)),
            Message::Vote { txn, vote, log, reads, reason } => {
                let ballot = Ballot { vote, log, reads, reason };
                self.with(txn, |t, desk| t.voted(from, ballot, desk, out));
            }
            Message::Ack { txn, log, known: _ } => self.with(txn, |t, desk| t.acked(from, log, desk, out)),
            Message::Inquire { txn, ticket } => out.send(from, self.answer(from, txn, ticket)),
            Message::Resolve { .. } | Message::Resume { .. } => {
                let detail = "a coordinator has no branches in doubt and no sagas: ask a participant".into();
                out.send(from, Message::Done { count: 0, detail });
            }
            // Nothing else is ever meant for a coordinator.
            _ => {}
        }
    }

    fn durable(&mut self, upto: Lsn, out: &mut OutOf<Self>) {
        while let Some((lsn, txn)) = self.desk.next_durable(upto) {
            self.with(txn, |t, desk| t.durable(lsn, desk, out));
        }
    }
}

impl Machine for Coordinator {
    type Record = CoordinatorRecord;
    type Timer = CoordinatorTimer;

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        match input {
            Input::Recover { log, incarnation, records } => {
                self.desk.open(log, incarnation);
                self.transactions = recovery::recover(records, &mut self.desk, out);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(CoordinatorTimer::Work(txn)) => self.with(txn, |t, desk| t.work_timed_out(desk, out)),
            Input::Fired(CoordinatorTimer::Vote(txn)) => self.with(txn, |t, desk| t.vote_timed_out(desk, out)),
            Input::Fired(CoordinatorTimer::Resend(txn)) => self.with(txn, |t, desk| t.resend(desk, out)),
        }
    }

    fn compact(&self, out: &mut Vec<CoordinatorRecord>) {
        let remembered = self.desk.submissions.remembered();
        out.extend(remembered.map(|(txn, outcome)| CoordinatorRecord::Remembered { txn, outcome: outcome.clone() }));
        let mut open: Vec<_> = self.transactions.values().filter_map(|t| t.compacted(&self.desk)).collect();
        // Those that wait for their outcome's record will be remembered in the order of the log.
        open.sort_by_key(|(lsn, _)| *lsn);
        out.extend(open.into_iter().map(|(_, record)| record));
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
