//! A bench for one machine: a journal with a durable prefix, the messages that it sent, its timers, and its observations.
//! The test plays the participants, the clients, the disk and the clock.

#![allow(dead_code, reason = "every test binary uses a part of it")]

pub(crate) mod participants;

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine::{Effect, Input, InputOf, Logged, Machine, Out, OutOf, Record, Write},
    message::{Message, MessageKind, Outcome, Reason, ReasonKind, StepOutcome, UndoOutcome},
    observation::{Observation, Phase},
    operation::{Key, Operation, ReadValue},
    plan::{PlanStep, StepKind, Submission},
    settings::Settings,
    time::Micros,
};
use indoubt_saga::Orchestrator;
use std::collections::BTreeMap;

pub(crate) const HOME: NodeId = NodeId::coordinating(1);
pub(crate) const CLIENT: NodeId = NodeId::client(1);
pub(crate) const LOG: LogId = LogId(7);

/// One machine on the bench.
#[derive(Clone, Debug)]
pub(crate) struct Bench<M: Machine> {
    fresh: M,
    pub(crate) machine: M,
    out: OutOf<M>,
    pub(crate) incarnation: u32,
    /// The journal: the durable part, then the tail.
    pub(crate) journal: Vec<Logged<M::Record>>,
    durable: usize,
    /// The last record appended, even if a compaction has replaced it.
    last: Lsn,
    /// Every record appended, with how it was written.
    pub(crate) written: Vec<(&'static str, Write)>,
    pub(crate) sent: Vec<(NodeId, Message)>,
    pub(crate) timers: BTreeMap<M::Timer, Micros>,
    pub(crate) observed: Vec<Observation>,
}

impl<M: Machine + Clone> Bench<M> {
    pub(crate) fn new(machine: M) -> Self {
        let mut bench = Bench {
            fresh: machine.clone(),
            machine,
            out: Out::new(Lsn(0)),
            incarnation: 0,
            journal: Vec::new(),
            durable: 0,
            last: Lsn(0),
            written: Vec::new(),
            sent: Vec::new(),
            timers: BTreeMap::new(),
            observed: Vec::new(),
        };
        bench.boot();
        bench
    }

    fn boot(&mut self) {
        self.incarnation += 1;
        self.machine = self.fresh.clone();
        self.out = Out::new(self.last);
        self.timers.clear();
        self.step(Input::Recover { log: LOG, incarnation: self.incarnation, records: self.journal.clone() });
    }

    pub(crate) fn step(&mut self, input: InputOf<M>) {
        self.machine.handle(input, &mut self.out);
        for effect in self.out.drain() {
            match effect {
                Effect::Append { lsn, record, write } => {
                    self.written.push((record.word(), write));
                    self.last = lsn;
                    self.journal.push(Logged { lsn, compacted: false, record });
                }
                Effect::Send { to, message } => self.sent.push((to, message)),
                Effect::Arm { timer, after } => {
                    self.timers.insert(timer, after);
                }
                Effect::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Observe(observation) => self.observed.push(observation),
                Effect::Compacted { .. } => panic!("machines do not compact themselves"),
            }
        }
    }

    pub(crate) fn hear(&mut self, from: NodeId, message: Message) {
        self.step(Input::Message { from, message });
    }

    /// The disk forces all records.
    pub(crate) fn force(&mut self) {
        self.durable = self.journal.len();
        self.step(Input::Durable { upto: self.last });
    }

    /// Fires the only timer, and returns its duration.
    pub(crate) fn fire(&mut self) -> Micros {
        let (timer, after) = self.timers.pop_first().expect("a timer is armed");
        assert!(self.timers.is_empty(), "only one");
        self.step(Input::Fired(timer));
        after
    }

    /// Fires the n-th armed timer, if there is one.
    pub(crate) fn fire_nth(&mut self, n: usize) {
        if let Some(timer) = self.timers.keys().nth(n).cloned() {
            self.timers.remove(&timer);
            self.step(Input::Fired(timer));
        }
    }

    /// This machine after a restart from the whole journal, and after one from a compaction.
    pub(crate) fn reborn(&self) -> (Self, Self) {
        let mut whole = self.clone();
        whole.crash(self.tail());
        let mut compacted = self.clone();
        let mut records = Vec::new();
        self.machine.compact(&mut records);
        let upto = self.last;
        compacted.journal = records.into_iter().map(|record| Logged { lsn: upto, compacted: true, record }).collect();
        compacted.boot();
        (whole, compacted)
    }

    /// The number of records of the tail that a crash may lose.
    pub(crate) fn tail(&self) -> usize {
        self.journal.len() - self.durable
    }

    /// The machine crashes. `surviving` records of the unforced tail are left.
    pub(crate) fn crash(&mut self, surviving: usize) {
        self.journal.truncate(self.durable + surviving.min(self.tail()));
        self.durable = self.journal.len();
        self.last = self.journal.last().map_or(Lsn(0), |logged| logged.lsn);
        self.boot();
    }

    /// The driver compacts the journal, which forces it.
    pub(crate) fn compact(&mut self) {
        let mut records = Vec::new();
        self.machine.compact(&mut records);
        let upto = self.last;
        self.journal = records.into_iter().map(|record| Logged { lsn: upto, compacted: true, record }).collect();
        self.force();
    }

    /// Takes the messages sent since the last call.
    pub(crate) fn take_sent(&mut self) -> Vec<(NodeId, Message)> {
        std::mem::take(&mut self.sent)
    }

    /// Takes the messages sent, in short form: `p1 step 1`, `k1 outcome`.
    pub(crate) fn said(&mut self) -> Vec<String> {
        let brief = |(to, message): (NodeId, Message)| match message.step() {
            Some(step) => format!("{to} {} {step}", message.kind().word()),
            None => format!("{to} {}", message.kind().word()),
        };
        self.take_sent().into_iter().map(brief).collect()
    }

    /// Takes the one outcome that was told since the last call.
    pub(crate) fn told(&mut self) -> Outcome {
        let outcomes: Vec<Outcome> = self
            .take_sent()
            .into_iter()
            .filter_map(|(_, message)| match message {
                Message::Outcome { outcome, .. } => Some(outcome),
                _ => None,
            })
            .collect();
        let [outcome] = <[Outcome; 1]>::try_from(outcomes).expect("one outcome was told");
        outcome
    }

    /// The phases reached, in order.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        let phase = |o: &Observation| match o {
            Observation::Reached { phase, .. } => Some(*phase),
            _ => None,
        };
        self.observed.iter().filter_map(phase).collect()
    }

    /// The keys whose pending flag the end of the saga cleared.
    pub(crate) fn settled(&self) -> Vec<String> {
        let key = |o: &Observation| match o {
            Observation::Settled { key, .. } => Some(key.to_string()),
            _ => None,
        };
        self.observed.iter().filter_map(key).collect()
    }

    /// The ticket of the last request sent.
    pub(crate) fn last_ticket(&self) -> Ticket {
        self.sent.iter().rev().find_map(|(_, message)| ticket(message)).expect("a request was sent")
    }

    pub(crate) fn submit(&mut self, number: u64, steps: Vec<PlanStep>) {
        self.hear(CLIENT, Message::Submit(submission(number, self.incarnation, steps)));
    }

    pub(crate) fn answer(&mut self, number: u64, node: u16, step: u32, outcome: StepOutcome) {
        self.hear(NodeId::participant(node), Message::StepResult { txn: txn(number), step, outcome });
    }
}

impl Bench<Orchestrator> {
    /// A saga with the number 1. Its begin record is durable and its first step was sent.
    pub(crate) fn begun(settings: Settings, steps: Vec<PlanStep>) -> Self {
        let mut bench = Bench::new(Orchestrator::new(HOME, settings));
        bench.submit(1, steps);
        bench.force();
        bench.take_sent();
        bench
    }
}

impl<M: Machine + Clone> Bench<M> {
    /// Steps `1..=upto` of saga 1 answer that they are applied. Step n runs at participant n.
    pub(crate) fn apply_upto(&mut self, upto: u32) {
        for step in 1..=upto {
            self.applied(step);
        }
        self.take_sent();
    }

    /// This step of saga 1 is answered.
    pub(crate) fn result(&mut self, step: u32, outcome: StepOutcome) {
        self.answer(1, step as u16, step, outcome);
    }

    /// This step of saga 1 is applied.
    pub(crate) fn applied(&mut self, step: u32) {
        self.result(step, applied());
    }

    /// The compensation of this step of saga 1 is answered.
    pub(crate) fn undo(&mut self, step: u32, outcome: UndoOutcome) {
        self.hear(NodeId::participant(step as u16), Message::CompensateResult { txn: txn(1), step, outcome });
    }
}

pub(crate) fn ticket(message: &Message) -> Option<Ticket> {
    match message {
        Message::Step { ticket, .. } | Message::Settle { ticket, .. } | Message::Compensate { ticket, .. } => {
            Some(*ticket)
        }
        _ => None,
    }
}

pub(crate) fn txn(number: u64) -> TxnId {
    TxnId { home: HOME, client: CLIENT, number }
}

pub(crate) fn submission(number: u64, epoch: u32, steps: Vec<PlanStep>) -> Submission {
    Submission { txn: txn(number), epoch, log: LOG, audit: false, steps }
}

/// A compensatable step at participant `node` that takes 5 from its account.
pub(crate) fn writes(node: u16) -> PlanStep {
    let add = |delta, min| Operation::Add { key: key(node), delta, min };
    PlanStep {
        node: NodeId::participant(node),
        ops: vec![add(-5, Some(0))],
        undo: vec![add(5, None)],
        kind: StepKind::Compensatable,
    }
}

/// A step at participant `node` that reads its account.
pub(crate) fn reads(node: u16) -> PlanStep {
    PlanStep { ops: vec![Operation::Get { key: key(node) }], undo: vec![], ..writes(node) }
}

/// A pivot at participant `node`.
pub(crate) fn pivot(node: u16) -> PlanStep {
    PlanStep { undo: vec![], kind: StepKind::Pivot, ..writes(node) }
}

/// A retriable step at participant `node`.
pub(crate) fn retriable(node: u16) -> PlanStep {
    let put = Operation::Put { key: key(node), value: 1 };
    PlanStep { ops: vec![put], undo: vec![], kind: StepKind::Retriable, ..writes(node) }
}

pub(crate) fn key(node: u16) -> Key {
    Key::new(format!("p{node}/a"))
}

/// Three compensatable steps at p1, p2, p3.
pub(crate) fn three() -> Vec<PlanStep> {
    (1..=3).map(writes).collect()
}

pub(crate) fn applied() -> StepOutcome {
    StepOutcome::Applied { reads: Vec::new() }
}

pub(crate) fn read(step: u32, value: i64) -> ReadValue {
    ReadValue { step, key: key(step as u16), value }
}

pub(crate) fn refused() -> StepOutcome {
    StepOutcome::Refused(ReasonKind::Constraint.into())
}

pub(crate) fn failed() -> StepOutcome {
    StepOutcome::Failed(ReasonKind::LockTimeout.into())
}

pub(crate) fn undo_failed() -> UndoOutcome {
    UndoOutcome::Failed(ReasonKind::LockTimeout.into())
}

pub(crate) fn reason(kind: ReasonKind) -> Reason {
    kind.into()
}

pub(crate) fn completed() -> Outcome {
    Outcome::Completed { reads: Vec::new() }
}

/// The messages between nodes other than clients, which are those that the papers count.
pub(crate) fn counted(sent: &[(NodeId, Message)]) -> usize {
    sent.iter().filter(|(_, message)| message.kind() != MessageKind::Outcome).count()
}

/// The number of records written in this way.
pub(crate) fn count(written: &[(&'static str, Write)], write: Write) -> usize {
    written.iter().filter(|(_, w)| *w == write).count()
}

pub(crate) fn serial(incarnation: u32, n: u64) -> Serial {
    Serial(Serial::first_of(incarnation).0 + n)
}
