//! The baselines: what programs do that call one service after another and hope. `none` makes one attempt per call: no retry,
//! no undo, no recovery. `none-retry` adds a count of retries and a status row PENDING/DONE/FAILED in a journal of its own,
//! which nobody reads after a crash. Neither promises anything.

use crate::plan::Plan;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Machine, OutOf, Record},
    message::{Message, Outcome, Reason, ReasonKind, Status, StepOutcome, StepStyle},
    observation::{Observation, Phase},
    operation::ReadValue,
    plan::{StepOps, Submission},
    settings::Settings,
    submissions::{self, Admission, Submissions},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// The status row of `none-retry`; `none` logs nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnprotectedRecord {
    /// `pending`, forced before the first call.
    Pending {
        /// Which sequence.
        txn: TxnId,
    },
    /// `done`, forced before the client is told.
    Done {
        /// Which sequence.
        txn: TxnId,
        /// What its reads found.
        reads: Vec<ReadValue>,
    },
    /// `failed`, forced before the client is told.
    Failed {
        /// Which sequence.
        txn: TxnId,
        /// What the client is told.
        outcome: Outcome,
    },
}

impl Record for UnprotectedRecord {
    fn word(&self) -> &'static str {
        match self {
            UnprotectedRecord::Pending { .. } => "pending",
            UnprotectedRecord::Done { .. } => "done",
            UnprotectedRecord::Failed { .. } => "failed",
        }
    }

    fn txn(&self) -> Option<TxnId> {
        match self {
            UnprotectedRecord::Pending { txn }
            | UnprotectedRecord::Done { txn, .. }
            | UnprotectedRecord::Failed { txn, .. } => Some(*txn),
        }
    }
}

/// The timers of [`Unprotected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnprotectedTimer {
    /// This sequence's call was not answered in time, or the pause before its next attempt is over.
    Call(TxnId),
}

/// A coordinating node without a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unprotected {
    id: NodeId,
    settings: Settings,
    /// Retries of each call; `None` is the protocol `none`, which keeps no status row either.
    retries: Option<u32>,
    log: LogId,
    incarnation: u32,
    next: Serial,
    submissions: Submissions,
    sequences: BTreeMap<TxnId, Sequence>,
    /// The sequences that wait for their status row, in the order of the records.
    waiting: VecDeque<(Lsn, TxnId)>,
}

/// The calls of one submission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sequence {
    serial: Serial,
    audit: bool,
    plan: Plan,
    asked: Vec<NodeId>,
    reads: Vec<ReadValue>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Its row PENDING is not durable yet.
    Beginning,
    /// This call was made, after so many retries.
    Calling { step: u32, retried: u32 },
    /// This call came to nothing; it is made again after a pause.
    Pausing { step: u32, retried: u32 },
    /// Its row DONE or FAILED is not durable yet.
    Closing { outcome: Outcome },
}

impl Unprotected {
    /// The node `id`, before its first input. `retries`: `None` for the protocol `none`, else `none-retry`.
    pub fn new(id: NodeId, settings: Settings, retries: Option<u32>) -> Self {
        Unprotected {
            id,
            settings,
            retries,
            log: LogId(0),
            incarnation: 0,
            next: Serial(0),
            submissions: Submissions::new(settings.options.remembered as usize),
            sequences: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Rows that are found PENDING stay so: nobody goes on with them.
    fn recover(&mut self, records: impl Iterator<Item = UnprotectedRecord>) {
        for record in records {
            let (txn, outcome) = match record {
                UnprotectedRecord::Pending { txn } => (txn, found_pending()),
                UnprotectedRecord::Done { txn, reads } => (txn, Outcome::Committed { reads }),
                UnprotectedRecord::Failed { txn, outcome } => (txn, outcome),
            };
            self.submissions.remember(txn, outcome);
        }
        self.submissions.recovered();
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut OutOf<Self>) {
        match message {
            Message::Submit(submission) => self.submit(from, submission, out),
            Message::StatusQuery { txn } => out.send(from, Message::StatusReply { txn, status: self.status(txn) }),
            Message::StepResult { txn, step, outcome } => self.answered(from, txn, step, outcome, out),
            Message::Resume { txn } => {
                out.send(from, Message::Done { count: 0, detail: format!("{txn} is no saga") });
            }
            // Nothing else is for a node without a protocol.
            _ => {}
        }
    }

    fn submit(&mut self, from: NodeId, submission: Submission, out: &mut OutOf<Self>) {
        let txn = submission.txn;
        let outcome = match self.submissions.admit(&submission, self.incarnation) {
            Admission::Fresh => {
                let in_flight = self.sequences.len();
                match submissions::refusal(&submission, self.id, &self.settings.limits, in_flight) {
                    None => return self.accept(from, submission, out),
                    Some(reason) => Outcome::Refused(reason),
                }
            }
            Admission::Running => {
                if let Some(sequence) = self.sequences.get_mut(&txn).filter(|s| !s.asked.contains(&from)) {
                    sequence.asked.push(from);
                }
                return;
            }
            Admission::Remembered(outcome) => outcome,
            Admission::Unknown => Outcome::Unknown(ReasonKind::Forgotten.into()),
            Admission::FromTheFuture => Outcome::Refused(Reason::new(ReasonKind::BadPlan, "an epoch from the future")),
        };
        out.send(from, Message::Outcome { txn, outcome });
    }

    fn accept(&mut self, from: NodeId, submission: Submission, out: &mut OutOf<Self>) {
        let Submission { txn, audit, steps, .. } = submission;
        let (serial, plan) = (self.next, Plan::new(steps));
        self.next = self.next.next();
        self.submissions.begin(txn);
        let (asked, reads) = (vec![from], Vec::new());
        let sequence = Sequence { serial, audit, plan, asked, reads, state: State::Beginning };
        sequence.reach(txn, Phase::Begun, out);
        self.sequences.insert(txn, sequence);
        if self.retries.is_some() {
            self.waiting.push_back((out.force(UnprotectedRecord::Pending { txn }), txn));
        } else {
            self.call(txn, 1, 0, out);
        }
    }

    fn status(&self, txn: TxnId) -> Status {
        match self.sequences.get(&txn) {
            Some(sequence) => Status::Running(sequence.state.text()),
            None => {
                let outcome = self.submissions.outcome(txn).cloned();
                Status::Ended(outcome.unwrap_or(Outcome::Unknown(ReasonKind::Forgotten.into())))
            }
        }
    }

    /// Makes a call and waits for its answer, `timeouts.vote` at most.
    fn call(&mut self, txn: TxnId, step: u32, retried: u32, out: &mut OutOf<Self>) {
        let Some(sequence) = self.sequences.get_mut(&txn) else { return };
        sequence.state = State::Calling { step, retried };
        // Nothing is ever declared finished: unprotected calls are not remembered, so no mark may hold back a copy.
        let ticket = Ticket { log: self.log, serial: sequence.serial, finished_below: Serial(0) };
        let planned = sequence.plan.step(step);
        let ops = StepOps { step, ops: planned.ops.clone() };
        out.send(planned.node, Message::Step { txn, ticket, step: ops, style: StepStyle::Bare });
        out.arm(UnprotectedTimer::Call(txn), self.settings.timeouts.vote);
        if step == 1 && retried == 0 {
            sequence.reach(txn, Phase::WorkSent, out);
        }
    }

    /// An answer counts if that call is being waited for, whichever copy it answers: there is nothing to tell them apart.
    fn answered(&mut self, from: NodeId, txn: TxnId, step: u32, outcome: StepOutcome, out: &mut OutOf<Self>) {
        let Some(sequence) = self.sequences.get_mut(&txn) else { return };
        let State::Calling { step: asked, retried } = sequence.state else { return };
        if asked != step || sequence.plan.step(step).node != from {
            return;
        }
        match outcome {
            StepOutcome::Applied { reads } => {
                sequence.reads.extend(reads);
                if step == sequence.plan.last() {
                    sequence.reach(txn, Phase::WorkDone, out);
                    let reads = std::mem::take(&mut sequence.reads);
                    return self.close(txn, Outcome::Committed { reads }, out);
                }
                if step == 1 {
                    sequence.reach(txn, Phase::HalfDone, out);
                }
                self.call(txn, step + 1, 0, out);
            }
            // A refusal is an answer: asking again would not change it.
            StepOutcome::Refused(reason) => self.close(txn, Outcome::Aborted(reason), out),
            StepOutcome::Failed(reason) => self.again(txn, step, retried, Outcome::Aborted(reason), out),
            StepOutcome::Voided => {
                self.again(txn, step, retried, Outcome::Aborted(ReasonKind::Finished.into()), out);
            }
        }
    }

    fn fired(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        match self.sequences.get(&txn).map(|sequence| &sequence.state) {
            Some(&State::Calling { step, retried }) => {
                self.again(txn, step, retried, Outcome::Unknown(ReasonKind::CallTimeout.into()), out);
            }
            Some(&State::Pausing { step, retried }) => self.call(txn, step, retried + 1, out),
            _ => {}
        }
    }

    /// A call came to nothing: made again after a pause, or, the retries used up, this is the outcome.
    fn again(&mut self, txn: TxnId, step: u32, retried: u32, outcome: Outcome, out: &mut OutOf<Self>) {
        if retried >= self.retries.unwrap_or(0) {
            return self.close(txn, outcome, out);
        }
        if let Some(sequence) = self.sequences.get_mut(&txn) {
            sequence.state = State::Pausing { step, retried };
            out.arm(UnprotectedTimer::Call(txn), self.settings.timeouts.backoff(retried));
        }
    }

    fn close(&mut self, txn: TxnId, outcome: Outcome, out: &mut OutOf<Self>) {
        out.disarm(UnprotectedTimer::Call(txn));
        if self.retries.is_none() {
            return self.tell(txn, outcome, out);
        }
        let lsn = out.force(row(txn, &outcome));
        self.waiting.push_back((lsn, txn));
        if let Some(sequence) = self.sequences.get_mut(&txn) {
            sequence.state = State::Closing { outcome };
        }
    }

    fn tell(&mut self, txn: TxnId, outcome: Outcome, out: &mut OutOf<Self>) {
        let Some(sequence) = self.sequences.remove(&txn) else { return };
        for client in &sequence.asked {
            out.send(*client, Message::Outcome { txn, outcome: outcome.clone() });
        }
        sequence.reach(txn, Phase::Ended, out);
        self.submissions.remember(txn, outcome);
    }

    fn durable(&mut self, upto: Lsn, out: &mut OutOf<Self>) {
        while let Some((_, txn)) = self.waiting.pop_front_if(|(lsn, _)| *lsn <= upto) {
            match self.sequences.get(&txn).map(|sequence| &sequence.state) {
                Some(State::Beginning) => self.call(txn, 1, 0, out),
                Some(State::Closing { outcome }) => self.tell(txn, outcome.clone(), out),
                _ => {}
            }
        }
    }
}

impl Machine for Unprotected {
    type Record = UnprotectedRecord;
    type Timer = UnprotectedTimer;

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        match input {
            Input::Recover { log, incarnation, records } => {
                (self.log, self.incarnation, self.next) = (log, incarnation, Serial::first_of(incarnation));
                self.recover(records.into_iter().map(|logged| logged.record));
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(UnprotectedTimer::Call(txn)) => self.fired(txn, out),
        }
    }

    fn compact(&self, out: &mut Vec<UnprotectedRecord>) {
        if self.retries.is_none() {
            return;
        }
        out.extend(self.submissions.remembered().map(|(txn, outcome)| row(txn, outcome)));
        for (txn, sequence) in &self.sequences {
            out.push(match &sequence.state {
                State::Closing { outcome } => row(*txn, outcome),
                _ => UnprotectedRecord::Pending { txn: *txn },
            });
        }
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        let view = |(txn, sequence): (&TxnId, &Sequence)| OpenView {
            txn: *txn,
            state: sequence.state.text(),
            in_doubt: false,
            since_us: None,
        };
        Inspection { open: self.sequences.iter().map(view).collect(), ..Inspection::default() }
    }
}

impl Sequence {
    fn reach(&self, txn: TxnId, phase: Phase, out: &mut OutOf<Unprotected>) {
        if !self.audit {
            out.observe(Observation::Reached { txn, phase });
        }
    }
}

impl State {
    fn text(&self) -> String {
        match self {
            State::Beginning => "beginning".into(),
            State::Calling { step, .. } => format!("calling {step}"),
            State::Pausing { step, .. } => format!("pausing before calling {step} again"),
            State::Closing { .. } => "closing".into(),
        }
    }
}

/// What is told of a row that a restart found PENDING.
fn found_pending() -> Outcome {
    Outcome::Unknown(ReasonKind::Recovery.into())
}

/// The row that stands for an outcome.
fn row(txn: TxnId, outcome: &Outcome) -> UnprotectedRecord {
    match outcome {
        Outcome::Committed { reads } => UnprotectedRecord::Done { txn, reads: reads.clone() },
        outcome if *outcome == found_pending() => UnprotectedRecord::Pending { txn },
        outcome => UnprotectedRecord::Failed { txn, outcome: outcome.clone() },
    }
}
