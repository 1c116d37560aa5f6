//! A bench for one participant: it gives inputs, keeps the journal and its durable prefix, and collects what the
//! participant sends.
#![allow(dead_code, reason = "each test file uses its own part of the bench")]

use indoubt_participant::{Participant, Record, Timer};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    inspect::{Inspection, LockMode},
    machine::{Effect, Input, InputOf, Logged, Machine, Out, OutOf, Record as _, Write},
    message::{Decision, Message, ReadVote, StepStyle, Vote},
    observation::Observation,
    operation::{Change, Key, Operation, Update},
    plan::StepOps,
    settings::Settings,
    time::Micros,
};
use std::collections::BTreeMap;

pub(crate) const C1: NodeId = NodeId::coordinating(1);
pub(crate) const P1: NodeId = NodeId::participant(1);
pub(crate) const P2: NodeId = NodeId::participant(2);
pub(crate) const P3: NodeId = NodeId::participant(3);
pub(crate) const OPENING: i64 = 100;

pub(crate) fn txn(number: u64) -> TxnId {
    TxnId { home: C1, client: NodeId::client(1), number }
}

/// The ticket of transaction `number`. No transaction is finished.
pub(crate) fn ticket(number: u64) -> Ticket {
    marked(number, 0)
}

pub(crate) fn marked(number: u64, finished_below: u64) -> Ticket {
    Ticket { log: LogId(77), serial: Serial(number), finished_below: Serial(finished_below) }
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name)
}

pub(crate) fn add(name: &str, delta: i64) -> Operation {
    Operation::Add { key: key(name), delta, min: Some(0) }
}

pub(crate) fn get(name: &str) -> Operation {
    Operation::Get { key: key(name) }
}

pub(crate) fn work(number: u64, ops: &[Operation]) -> Message {
    Message::Work { txn: txn(number), ticket: ticket(number), steps: vec![StepOps { step: 1, ops: ops.to_vec() }] }
}

pub(crate) fn prepare(number: u64) -> Message {
    prepare_with(number, &[], ReadVote::Release)
}

pub(crate) fn prepare_with(number: u64, ops: &[Operation], read_vote: ReadVote) -> Message {
    let steps = if ops.is_empty() { Vec::new() } else { vec![StepOps { step: 1, ops: ops.to_vec() }] };
    Message::Prepare { txn: txn(number), ticket: ticket(number), steps, peers: vec![P1, P2, P3], read_vote }
}

pub(crate) fn decision(number: u64, decision: Decision, ack: bool) -> Message {
    Message::Decision { txn: txn(number), ticket: ticket(number), decision, ack }
}

pub(crate) fn inquire(number: u64) -> Message {
    Message::Inquire { txn: txn(number), ticket: ticket(number) }
}

pub(crate) fn step(number: u64, step: u32, ops: &[Operation]) -> Message {
    let step = StepOps { step, ops: ops.to_vec() };
    Message::Step { txn: txn(number), ticket: ticket(number), step, style: StepStyle::Saga }
}

pub(crate) fn bare(number: u64, ops: &[Operation]) -> Message {
    let step = StepOps { step: 1, ops: ops.to_vec() };
    Message::Step { txn: txn(number), ticket: ticket(number), step, style: StepStyle::Bare }
}

pub(crate) fn settle(number: u64, step: u32) -> Message {
    Message::Settle { txn: txn(number), ticket: ticket(number), step }
}

pub(crate) fn compensate(number: u64, step: u32, ops: &[Operation]) -> Message {
    Message::Compensate { txn: txn(number), ticket: ticket(number), step, ops: ops.to_vec() }
}

/// The votes among these messages.
pub(crate) fn votes(messages: &[Message]) -> Vec<Vote> {
    messages.iter().filter_map(|m| if let Message::Vote { vote, .. } = m { Some(*vote) } else { None }).collect()
}

/// The word that distinguishes each message: `vote:yes`, `ack`, `step-result:applied`.
pub(crate) fn words(messages: &[Message]) -> Vec<String> {
    let word = |m: &Message| match m.qualifier() {
        Some(qualifier) => format!("{}:{qualifier}", m.kind().word()),
        None => m.kind().word().to_owned(),
    };
    messages.iter().map(word).collect()
}

/// How an operator ended the branch, if the message is an ACK that says so.
pub(crate) fn heuristic(message: &Message) -> Option<Option<Decision>> {
    match message {
        Message::Ack { heuristic, .. } => Some(*heuristic),
        _ => None,
    }
}

/// One participant, p1, with its disk.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) machine: Participant,
    out: OutOf<Participant>,
    settings: Settings,
    pub(crate) log: LogId,
    pub(crate) incarnation: u32,
    pub(crate) journal: Vec<Logged<Record>>,
    pub(crate) durable: Lsn,
    /// Everything that was ever sent and observed.
    pub(crate) sent: Vec<(NodeId, Message)>,
    pub(crate) seen: Vec<Observation>,
    pub(crate) writes: Vec<(&'static str, Write)>,
    pub(crate) timers: BTreeMap<Timer, Micros>,
}

fn opening() -> BTreeMap<Key, i64> {
    ["a", "b", "c", "d"].into_iter().map(|name| (key(name), OPENING)).collect()
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let mut bench = Bench {
            machine: Participant::new(P1, settings, opening()),
            out: Out::new(Lsn(0)),
            settings,
            log: LogId(1),
            incarnation: 0,
            journal: Vec::new(),
            durable: Lsn(0),
            sent: Vec::new(),
            seen: Vec::new(),
            writes: Vec::new(),
            timers: BTreeMap::new(),
        };
        bench.boot();
        bench
    }

    fn boot(&mut self) -> Vec<Message> {
        self.incarnation += 1;
        self.timers.clear();
        self.machine = Participant::new(P1, self.settings, opening());
        self.durable = self.last();
        self.out = Out::new(self.last());
        let records = self.journal.clone();
        self.feed(Input::Recover { log: self.log, incarnation: self.incarnation, records })
    }

    /// The ACK that the participant sends now.
    pub(crate) fn ack(&self, number: u64, known: bool) -> Message {
        Message::Ack { txn: txn(number), log: self.log, known, end: self.last(), heuristic: None }
    }

    pub(crate) fn last(&self) -> Lsn {
        self.journal.last().map_or(Lsn(0), |logged| logged.lsn)
    }

    /// Gives an input, performs its effects, and returns the messages sent.
    pub(crate) fn feed(&mut self, input: InputOf<Participant>) -> Vec<Message> {
        let before = self.sent.len();
        self.machine.handle(input, &mut self.out);
        for effect in self.out.drain() {
            match effect {
                Effect::Append { lsn, record, write } => {
                    self.writes.push((record.word(), write));
                    self.journal.push(Logged { lsn, compacted: false, record });
                }
                Effect::Send { to, message } => self.sent.push((to, message)),
                Effect::Arm { timer, after } => {
                    self.timers.insert(timer, after);
                }
                Effect::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Observe(observation) => self.seen.push(observation),
                Effect::Compacted { .. } => unreachable!("the bench compacts by itself"),
            }
        }
        self.sent[before..].iter().map(|(_, message)| message.clone()).collect()
    }

    /// A message from c1.
    pub(crate) fn tell(&mut self, message: Message) -> Vec<Message> {
        self.feed(Input::Message { from: C1, message })
    }

    pub(crate) fn tell_from(&mut self, from: NodeId, message: Message) -> Vec<Message> {
        self.feed(Input::Message { from, message })
    }

    pub(crate) fn fire(&mut self, timer: Timer) -> Vec<Message> {
        self.timers.remove(&timer);
        self.feed(Input::Fired(timer))
    }

    /// The force of everything appended so far returns.
    pub(crate) fn force(&mut self) -> Vec<Message> {
        self.durable = self.last();
        self.feed(Input::Durable { upto: self.durable })
    }

    /// The process dies and restarts. Of the unforced records, the first `survive` are left.
    pub(crate) fn crash(&mut self, survive: usize) -> Vec<Message> {
        let durable = self.durable;
        let forced = self.journal.iter().take_while(|logged| logged.lsn <= durable).count();
        self.journal.truncate(forced + survive);
        self.boot()
    }

    /// The process dies, and its journal is lost.
    pub(crate) fn lose_log(&mut self) -> Vec<Message> {
        self.journal.clear();
        self.log = LogId(self.log.0 + 1);
        self.boot()
    }

    /// A compaction replaces the journal. The machine is not told yet that it is durable.
    pub(crate) fn compact(&mut self) {
        let mut records = Vec::new();
        self.machine.compact(&mut records);
        let lsn = self.last();
        self.journal = records.into_iter().map(|record| Logged { lsn, compacted: true, record }).collect();
        self.durable = lsn;
    }

    pub(crate) fn compaction(&self) -> Vec<Record> {
        let mut records = Vec::new();
        self.machine.compact(&mut records);
        records
    }

    pub(crate) fn view(&self) -> Inspection {
        self.machine.inspect(true)
    }

    pub(crate) fn value(&self, name: &str) -> i64 {
        self.view().accounts.iter().find(|(k, _)| *k == key(name)).map_or(0, |(_, value)| *value)
    }

    pub(crate) fn holds(&self, number: u64, name: &str, mode: LockMode) -> bool {
        self.view().locks.iter().any(|l| l.key == key(name) && l.mode == mode && l.holders.contains(&txn(number)))
    }

    pub(crate) fn waits(&self, number: u64, name: &str) -> bool {
        self.view().locks.iter().any(|l| l.key == key(name) && l.waiters.contains(&txn(number)))
    }

    pub(crate) fn state(&self, number: u64) -> Option<String> {
        self.view().open.into_iter().find(|open| open.txn == txn(number)).map(|open| open.state)
    }

    pub(crate) fn is_idle(&self) -> bool {
        let view = self.view();
        view.locks.is_empty() && view.open.is_empty()
    }

    /// The kinds of the observations of a transaction, without those of locks.
    pub(crate) fn story(&self, number: u64) -> Vec<&'static str> {
        let of = |o: &&Observation| o.txn() == Some(txn(number)) && !o.kind().starts_with("lock-");
        self.seen.iter().filter(of).map(Observation::kind).collect()
    }

    /// Brings a branch of transaction `number`, which adds `delta` to `name`, into doubt.
    pub(crate) fn bring_into_doubt(&mut self, number: u64, name: &str, delta: i64) {
        self.tell(work(number, &[add(name, delta)]));
        self.tell(prepare(number));
        assert_eq!(votes(&self.force()), [Vote::Yes]);
    }
}

/// The effects on the data that were observed, each (log, lsn) once: sums of deltas.
pub(crate) fn effects(seen: &[Observation]) -> BTreeMap<Key, i64> {
    let mut once: BTreeMap<(LogId, Lsn), &Vec<Update>> = BTreeMap::new();
    for observation in seen {
        if let Observation::Applied { effects, log, lsn, .. }
        | Observation::StepApplied { effects, log, lsn, .. }
        | Observation::Compensated { effects, log, lsn, .. } = observation
        {
            let first = once.entry((*log, *lsn)).or_insert(effects);
            assert_eq!(*first, effects, "one (log, lsn) is one effect");
        }
    }
    let mut sums = BTreeMap::new();
    for update in once.values().flat_map(|effects| effects.iter()) {
        let Change::Delta(delta) = update.change else { panic!("the bench only adds") };
        *sums.entry(update.key.clone()).or_default() += delta;
    }
    sums
}
