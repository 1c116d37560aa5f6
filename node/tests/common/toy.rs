//! A toy protocol: a coordinating node logs a submission, sends work to each participant, resends on a timer what is not
//! answered, and tells the client when all is done. A participant logs work, counts it once, and answers when that is
//! durable. Nothing is ever undone.

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Role, Serial, Ticket, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Logged, Machine, OutOf, Record},
    message::{Message, Outcome, Reason, ReasonKind, Status, WorkResult},
    observation::{Observation, Phase},
    operation::Key,
    plan::Submission,
    time::Micros,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long work may stay unanswered.
const RESEND: Micros = Micros::from_millis(30);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ToyRecord {
    Begun(Submission),
    Ended(TxnId),
    Worked(TxnId),
}

impl Record for ToyRecord {
    fn word(&self) -> &'static str {
        match self {
            ToyRecord::Begun(_) => "begun",
            ToyRecord::Ended(_) => "ended",
            ToyRecord::Worked(_) => "worked",
        }
    }

    fn txn(&self) -> Option<TxnId> {
        match self {
            ToyRecord::Begun(submission) => Some(submission.txn),
            ToyRecord::Ended(txn) | ToyRecord::Worked(txn) => Some(*txn),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Run {
    submission: Submission,
    begun: Lsn,
    unanswered: BTreeSet<NodeId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toy {
    me: NodeId,
    log: LogId,
    running: BTreeMap<TxnId, Run>,
    ended: BTreeSet<TxnId>,
    /// By whom it was asked for, and the record.
    worked: BTreeMap<TxnId, Lsn>,
    durable: Lsn,
    failures: u32,
}

impl Toy {
    pub fn new(me: NodeId) -> Self {
        Toy {
            me,
            log: LogId(0),
            running: BTreeMap::new(),
            ended: BTreeSet::new(),
            worked: BTreeMap::new(),
            durable: Lsn(0),
            failures: 0,
        }
    }

    fn recover(&mut self, records: Vec<Logged<ToyRecord>>, out: &mut OutOf<Self>) {
        for logged in records {
            self.durable = logged.lsn;
            match logged.record {
                ToyRecord::Begun(submission) => drop(self.begin(submission, logged.lsn)),
                ToyRecord::Ended(txn) => {
                    self.running.remove(&txn);
                    self.ended.insert(txn);
                }
                ToyRecord::Worked(txn) => drop(self.worked.insert(txn, logged.lsn)),
            }
        }
        for txn in self.running.keys().copied().collect::<Vec<_>>() {
            self.work(txn, out);
        }
    }

    fn begin(&mut self, submission: Submission, begun: Lsn) -> Option<Run> {
        let unanswered = submission.participants().into_iter().collect();
        self.running.insert(submission.txn, Run { submission, begun, unanswered })
    }

    fn work(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let Some(run) = self.running.get(&txn) else { return };
        for node in &run.unanswered {
            let ticket = Ticket { log: self.log, serial: Serial(0), finished_below: Serial(0) };
            out.send(*node, Message::Work { txn, ticket, steps: run.submission.work_of(*node) });
        }
        out.arm(txn, RESEND);
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut OutOf<Self>) {
        match message {
            Message::Submit(submission) if self.ended.contains(&submission.txn) => {
                let outcome = Outcome::Committed { reads: Vec::new() };
                out.send(from, Message::Outcome { txn: submission.txn, outcome });
            }
            Message::Submit(submission) if submission.steps.is_empty() => {
                let outcome = Outcome::Refused(Reason::from(ReasonKind::BadPlan));
                out.send(from, Message::Outcome { txn: submission.txn, outcome });
            }
            Message::Submit(submission) if !self.running.contains_key(&submission.txn) => {
                let txn = submission.txn;
                out.observe(Observation::Reached { txn, phase: Phase::Begun });
                let begun = out.force(ToyRecord::Begun(submission.clone()));
                self.begin(submission, begun);
            }
            Message::Submit(_) => {}
            Message::StatusQuery { txn } => {
                let status = match self.ended.contains(&txn) {
                    true => Status::Ended(Outcome::Committed { reads: Vec::new() }),
                    false => Status::Running("working".into()),
                };
                out.send(from, Message::StatusReply { txn, status });
            }
            Message::Work { txn, .. } => match self.worked.get(&txn) {
                Some(lsn) if *lsn <= self.durable => self.answer(txn, out),
                Some(_) => {}
                None => drop(self.worked.insert(txn, out.force(ToyRecord::Worked(txn)))),
            },
            Message::WorkDone { result: WorkResult::Failed(_), .. } => self.failures += 1,
            Message::WorkDone { txn, .. } => {
                let Some(run) = self.running.get_mut(&txn) else { return };
                run.unanswered.remove(&from);
                if run.unanswered.is_empty() {
                    self.running.remove(&txn);
                    self.ended.insert(txn);
                    out.lazy(ToyRecord::Ended(txn));
                    out.disarm(txn);
                    out.send(txn.client, Message::Outcome { txn, outcome: Outcome::Committed { reads: Vec::new() } });
                    out.observe(Observation::Reached { txn, phase: Phase::Ended });
                }
            }
            Message::Resolve { .. } => {
                out.send(from, Message::Done { count: 0, detail: "nothing is in doubt".into() });
            }
            _ => {}
        }
    }

    fn answer(&self, txn: TxnId, out: &mut OutOf<Self>) {
        out.send(txn.home, Message::WorkDone { txn, result: WorkResult::Done { reads: Vec::new() } });
    }
}

impl Machine for Toy {
    type Record = ToyRecord;
    type Timer = TxnId;

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        match input {
            Input::Recover { log, records, .. } => {
                self.log = log;
                self.recover(records, out);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => {
                let fresh = |lsn: Lsn| lsn > self.durable && lsn <= upto;
                let worked: Vec<TxnId> = self.worked.iter().filter(|(_, l)| fresh(**l)).map(|(t, _)| *t).collect();
                let begun: Vec<TxnId> =
                    self.running.iter().filter(|(_, run)| fresh(run.begun)).map(|(t, _)| *t).collect();
                self.durable = upto;
                worked.into_iter().for_each(|txn| self.answer(txn, out));
                begun.into_iter().for_each(|txn| self.work(txn, out));
            }
            Input::Fired(txn) => self.work(txn, out),
        }
    }

    fn compact(&self, out: &mut Vec<ToyRecord>) {
        out.extend(self.ended.iter().map(|txn| ToyRecord::Ended(*txn)));
        out.extend(self.running.values().map(|run| ToyRecord::Begun(run.submission.clone())));
        out.extend(self.worked.keys().map(|txn| ToyRecord::Worked(*txn)));
    }

    fn inspect(&self, accounts: bool) -> Inspection {
        let open = |txn: &TxnId| OpenView { txn: *txn, state: "working".into(), in_doubt: false, since_us: None };
        let done = match self.me.role {
            Role::Coordinating => self.ended.len(),
            _ => self.worked.len(),
        };
        let account = |name, value: usize| (Key::new(name), value as i64);
        let all = vec![account("done", done), account("failures", self.failures as usize)];
        Inspection {
            locks: Vec::new(),
            open: self.running.keys().map(open).collect(),
            accounts: if accounts { all } else { Vec::new() },
        }
    }
}
