//! The orchestrator of sagas: takes submissions, routes every input to the saga that it concerns, recovers them all.
//! What one saga does next is in `execution.rs`.

use crate::{
    execution::{Desk, Execution, Then},
    plan::Plan,
    record::OrchestratorRecord,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, TxnId},
    inspect::{Inspection, OpenView},
    machine::{Input, InputOf, Logged, Machine, OutOf},
    message::{Message, Outcome, Reason, ReasonKind, Status},
    plan::Submission,
    settings::Settings,
    submissions::{self, Admission, Submissions},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The timers of an orchestrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrchestratorTimer {
    /// This saga's last request was not answered for a while, or was answered with a failure: send it again.
    Resend(TxnId),
}

/// A coordinating node that runs sagas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Orchestrator {
    id: NodeId,
    settings: Settings,
    log: LogId,
    incarnation: u32,
    /// The number of the next saga.
    next: Serial,
    submissions: Submissions,
    /// The sagas in flight.
    executions: BTreeMap<TxnId, Execution>,
    /// The numbers of sagas that may still send something, after a crash too: in flight, or their end is not durable.
    open: BTreeSet<Serial>,
    /// What waits for its record, in the order of the records.
    waiting: VecDeque<(Lsn, Waiting)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Waiting {
    /// This saga goes on.
    Saga(TxnId),
    /// The saga of this number is over for good.
    Closing(Serial),
}

impl Orchestrator {
    /// The orchestrator `id`, before its first input.
    pub fn new(id: NodeId, settings: Settings) -> Self {
        Orchestrator {
            id,
            settings,
            log: LogId(0),
            incarnation: 0,
            next: Serial(0),
            submissions: Submissions::new(settings.options.remembered as usize),
            executions: BTreeMap::new(),
            open: BTreeSet::new(),
            waiting: VecDeque::new(),
        }
    }

    fn recover(
        &mut self,
        log: LogId,
        incarnation: u32,
        records: Vec<Logged<OrchestratorRecord>>,
        out: &mut OutOf<Self>,
    ) {
        (self.log, self.incarnation, self.next) = (log, incarnation, Serial::first_of(incarnation));
        for Logged { record, .. } in records {
            self.replay(record, out);
        }
        self.submissions.recovered();
        let unfinished: Vec<TxnId> = self.executions.keys().copied().collect();
        for txn in unfinished {
            self.advance(txn, out, Execution::recover);
        }
    }

    fn replay(&mut self, record: OrchestratorRecord, out: &mut OutOf<Self>) {
        match record {
            OrchestratorRecord::Begun { txn, serial, audit, plan } => {
                self.submissions.begin(txn);
                self.open.insert(serial);
                self.executions.insert(txn, Execution::new(txn, serial, audit, plan, Vec::new()));
            }
            OrchestratorRecord::Remembered { txn, outcome } => self.submissions.remember(txn, outcome),
            OrchestratorRecord::StepDone { txn, .. }
            | OrchestratorRecord::Turned { txn, .. }
            | OrchestratorRecord::StepUndone { txn, .. }
            | OrchestratorRecord::Stuck { txn, .. }
            | OrchestratorRecord::Ended { txn } => {
                if self.executions.get_mut(&txn).is_some_and(|saga| saga.replay(record)) {
                    // Its end may have become durable a moment before the crash, unobserved.
                    let outcome = self.executions[&txn].outcome();
                    self.close(txn, outcome, None, out);
                }
            }
        }
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut OutOf<Self>) {
        match message {
            Message::Submit(submission) => self.submit(from, submission, out),
            Message::StatusQuery { txn } => out.send(from, Message::StatusReply { txn, status: self.status(txn) }),
            Message::StepResult { txn, step, outcome } => {
                self.advance(txn, out, |saga, desk, out| saga.step_result(from, step, outcome, desk, out));
            }
            Message::CompensateResult { txn, step, outcome } => {
                self.advance(txn, out, |saga, desk, out| saga.undo_result(from, step, outcome, desk, out));
            }
            Message::Resume { txn } => self.resume(from, txn, out),
            // Nothing else is for an orchestrator.
            _ => {}
        }
    }

    fn submit(&mut self, from: NodeId, submission: Submission, out: &mut OutOf<Self>) {
        let txn = submission.txn;
        let outcome = match self.submissions.admit(&submission, self.incarnation) {
            Admission::Fresh => {
                let in_flight = self.executions.len();
                match submissions::refusal(&submission, self.id, &self.settings.limits, in_flight) {
                    None => return self.accept(from, submission, out),
                    Some(reason) => Outcome::Refused(reason),
                }
            }
            Admission::Running => {
                if let Some(saga) = self.executions.get_mut(&txn) {
                    saga.also_tell(from);
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
        let (txn, serial) = (submission.txn, self.next);
        self.next = self.next.next();
        self.submissions.begin(txn);
        self.open.insert(serial);
        let saga = Execution::new(txn, serial, submission.audit, Plan::new(submission.steps), vec![from]);
        self.executions.insert(txn, saga);
        self.advance(txn, out, |saga, _, out| saga.begin(out));
    }

    fn status(&self, txn: TxnId) -> Status {
        if let Some(saga) = self.executions.get(&txn) {
            return Status::Running(saga.state());
        }
        let outcome = self.submissions.outcome(txn).cloned();
        Status::Ended(outcome.unwrap_or(Outcome::Unknown(ReasonKind::Forgotten.into())))
    }

    fn resume(&mut self, from: NodeId, txn: TxnId, out: &mut OutOf<Self>) {
        let mut resumed = false;
        self.advance(txn, out, |saga, desk, out| {
            resumed = saga.resume(desk, out);
            Then::Nothing
        });
        let detail = if resumed { format!("{txn} goes on compensating") } else { format!("{txn} is not stuck here") };
        out.send(from, Message::Done { count: resumed.into(), detail });
    }

    fn durable(&mut self, upto: Lsn, out: &mut OutOf<Self>) {
        while let Some((_, waiting)) = self.waiting.pop_front_if(|(lsn, _)| *lsn <= upto) {
            match waiting {
                Waiting::Saga(txn) => self.advance(txn, out, Execution::durable),
                Waiting::Closing(serial) => {
                    self.open.remove(&serial);
                }
            }
        }
    }

    /// Lets one saga take its next step, if it is in flight, and does what that asks for.
    fn advance(
        &mut self,
        txn: TxnId,
        out: &mut OutOf<Self>,
        step: impl FnOnce(&mut Execution, Desk<'_>, &mut OutOf<Self>) -> Then,
    ) {
        let Some(saga) = self.executions.get_mut(&txn) else { return };
        let finished_below = self.open.first().copied().unwrap_or(self.next);
        let desk = Desk { settings: &self.settings, log: self.log, finished_below };
        match step(saga, desk, out) {
            Then::Nothing => {}
            Then::Await(lsn) => self.waiting.push_back((lsn, Waiting::Saga(txn))),
            Then::Over { outcome, end } => self.close(txn, outcome, end, out),
        }
    }

    /// A saga is over: its clients are told, and after a lazy `end` is durable its number is finished. Not before: a
    /// crash may lose that record, and the next incarnation then compensates again, which participants must not refuse.
    fn close(&mut self, txn: TxnId, outcome: Outcome, end: Option<Lsn>, out: &mut OutOf<Self>) {
        let Some(saga) = self.executions.remove(&txn) else { return };
        for client in saga.asked() {
            out.send(*client, Message::Outcome { txn, outcome: outcome.clone() });
        }
        saga.observe_end(&outcome, out);
        self.submissions.remember(txn, outcome);
        match end {
            Some(lsn) => self.waiting.push_back((lsn, Waiting::Closing(saga.serial()))),
            None => {
                self.open.remove(&saga.serial());
            }
        }
    }
}

impl Machine for Orchestrator {
    type Record = OrchestratorRecord;
    type Timer = OrchestratorTimer;

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        match input {
            Input::Recover { log, incarnation, records } => self.recover(log, incarnation, records, out),
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(OrchestratorTimer::Resend(txn)) => {
                self.advance(txn, out, Execution::fired);
            }
        }
    }

    fn compact(&self, out: &mut Vec<OrchestratorRecord>) {
        let remembered = self.submissions.remembered();
        out.extend(remembered.map(|(txn, outcome)| OrchestratorRecord::Remembered { txn, outcome: outcome.clone() }));
        for saga in self.executions.values() {
            saga.compact(out);
        }
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        let view = |(txn, saga): (&TxnId, &Execution)| OpenView {
            txn: *txn,
            state: saga.state(),
            in_doubt: false,
            since_us: None,
        };
        Inspection { open: self.executions.iter().map(view).collect(), ..Inspection::default() }
    }
}
