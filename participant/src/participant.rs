//! The machine: what it holds, and which file answers which input.

use crate::{
    branch::Branch,
    locks::{LockTable, Owner},
    memory::Memory,
    record::Record,
    step::Run,
    store::Store,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    inspect::Inspection,
    machine::{Input, InputOf, Machine, OutOf, Write},
    message::{Message, StepStyle},
    observation::Observation,
    operation::Key,
    settings::Settings,
};
use std::collections::{BTreeMap, VecDeque};

/// A participant (resource manager).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Participant {
    pub(crate) id: NodeId,
    pub(crate) settings: Settings,
    /// Its journal, and the incarnation of that journal's first record: more than 1 if an earlier one was lost.
    pub(crate) log: LogId,
    pub(crate) born: u32,
    pub(crate) incarnation: u32,
    pub(crate) store: Store,
    pub(crate) locks: LockTable,
    pub(crate) memory: Memory,
    /// 2PC branches that are not over.
    pub(crate) branches: BTreeMap<TxnId, Branch>,
    /// Steps, unprotected calls and compensations that are not over.
    pub(crate) runs: BTreeMap<Owner, Run>,
    /// Unprotected calls so far, to tell their copies apart.
    pub(crate) calls: u64,
    /// What waits for a record to be durable, in the order of the log.
    pub(crate) awaited: VecDeque<(Lsn, AtDurable)>,
    /// Remembered outcomes of branches whose record is not durable yet.
    pub(crate) fresh: BTreeMap<TxnId, (Lsn, Write)>,
    /// Owners who may go on with their claims; empty between two inputs.
    pub(crate) ready: VecDeque<Owner>,
}

/// The timers of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// A claim has waited long enough for its locks.
    Lock(Owner),
    /// PREPARE has not come (rule 6).
    GiveUp(TxnId),
    /// The decision has not come.
    Inquire(TxnId),
}

/// What is to happen once a record is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AtDurable {
    /// The branch is prepared: it votes.
    Prepared(TxnId),
    /// The outcome of a branch is forced: its locks go, and those who asked are told.
    Ended(TxnId),
    /// The remembered outcome of a branch is there to stay.
    Hardened(TxnId),
    /// A step is applied, undone or void.
    Run(Owner),
    /// This has happened.
    Observe(Box<Observation>),
    /// This may be said.
    Tell(NodeId, Box<Message>),
}

impl Participant {
    /// A participant that has not booted. `accounts` are the opening balances: what an empty journal starts from. A
    /// compaction holds all data and replaces them.
    pub fn new(id: NodeId, settings: Settings, accounts: BTreeMap<Key, i64>) -> Self {
        Participant {
            id,
            settings,
            log: LogId(0),
            born: 0,
            incarnation: 0,
            store: Store::new(accounts),
            locks: LockTable::default(),
            memory: Memory::default(),
            branches: BTreeMap::new(),
            runs: BTreeMap::new(),
            calls: 0,
            awaited: VecDeque::new(),
            fresh: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// What it says when `lsn` is durable. Almost always the newest record; a wait for an older one takes its place.
    pub(crate) fn when_durable(&mut self, lsn: Lsn, what: AtDurable) {
        let place = match self.awaited.back() {
            Some((last, _)) if *last > lsn => self.awaited.partition_point(|(l, _)| *l <= lsn),
            _ => self.awaited.len(),
        };
        self.awaited.insert(place, (lsn, what));
    }

    fn take(&mut self, from: NodeId, message: Message, out: &mut OutOf<Self>) {
        self.hear(&message);
        match message {
            Message::Work { txn, ticket, steps } => self.on_work(txn, ticket, steps, out),
            Message::Prepare { txn, ticket, steps, peers, read_vote } => {
                self.on_prepare(txn, ticket, steps, peers, read_vote, out);
            }
            Message::Decision { txn, ticket, decision, ack } => {
                self.on_decision(from, txn, ticket, decision, ack, out);
            }
            Message::Inquire { txn, ticket } => self.on_inquire(from, txn, ticket, out),
            Message::Answer { txn, answer } => self.on_answer(from, txn, answer, out),
            Message::Step { txn, ticket, step, style } => self.on_step(txn, ticket, step, style, out),
            Message::Settle { txn, ticket, step } => self.on_settle(txn, ticket, step, out),
            Message::Compensate { txn, ticket, step, ops } => self.on_compensate(txn, ticket, step, ops, out),
            Message::Resolve { txn, decision } => self.on_resolve(from, txn, decision, out),
            // Not said to participants.
            Message::Submit(_)
            | Message::Outcome { .. }
            | Message::StatusQuery { .. }
            | Message::StatusReply { .. }
            | Message::WorkDone { .. }
            | Message::Vote { .. }
            | Message::Ack { .. }
            | Message::StepResult { .. }
            | Message::CompensateResult { .. }
            | Message::Resume { .. }
            | Message::Done { .. } => {}
        }
    }

    /// Every request tells how far its coordinating node has finished (rule 17b). An unprotected call remembers nothing.
    fn hear(&mut self, message: &Message) {
        match message {
            Message::Work { txn, ticket, .. }
            | Message::Prepare { txn, ticket, .. }
            | Message::Decision { txn, ticket, .. }
            | Message::Inquire { txn, ticket }
            | Message::Settle { txn, ticket, .. }
            | Message::Compensate { txn, ticket, .. }
            | Message::Step { txn, ticket, style: StepStyle::Saga, .. } => self.memory.hear(*txn, ticket),
            _ => {}
        }
    }

    fn durable(&mut self, upto: Lsn, out: &mut OutOf<Self>) {
        while self.awaited.front().is_some_and(|(lsn, _)| *lsn <= upto) {
            let Some((lsn, what)) = self.awaited.pop_front() else { return };
            match what {
                AtDurable::Prepared(txn) => self.prepared(txn, out),
                AtDurable::Ended(txn) => self.ended(txn, lsn, out),
                AtDurable::Hardened(txn) => {
                    if self.fresh.get(&txn).is_some_and(|(fresh, _)| *fresh == lsn) {
                        self.fresh.remove(&txn);
                    }
                }
                AtDurable::Run(owner) => self.run_durable(owner, lsn, out),
                AtDurable::Observe(what) => out.observe(*what),
                AtDurable::Tell(to, message) => out.send(to, *message),
            }
        }
    }
}

impl Machine for Participant {
    type Record = Record;
    type Timer = Timer;

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        match input {
            Input::Recover { log, incarnation, records } => self.recover(log, incarnation, records, out),
            Input::Message { from, message } => self.take(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(Timer::Lock(owner)) => self.lock_timed_out(owner, out),
            Input::Fired(Timer::GiveUp(txn)) => self.give_up(txn, out),
            Input::Fired(Timer::Inquire(txn)) => self.still_in_doubt(txn, out),
        }
        while let Some(owner) = self.ready.pop_front() {
            self.advance(owner, out);
        }
    }

    fn compact(&self, out: &mut Vec<Record>) {
        self.snapshot(out);
    }

    fn inspect(&self, accounts: bool) -> Inspection {
        self.view(accounts)
    }
}
