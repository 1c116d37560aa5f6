//! The contract between a protocol and the world that runs it.
//!
//! A protocol is a [`Machine`]: no clock, no randomness, no I/O. A *driver* (virtual or real) feeds it inputs and performs
//! its effects. The driver's duties:
//!
//! 1. `Recover` is the first input, on a first boot with no records; so every restart is a test of recovery.
//! 2. One input at a time; the effects of one step are performed in order, each after the gate was asked.
//! 3. `Durable { upto }` only after the force that covers `upto` returned. A force that failed ends the process.
//! 4. Lazy records ride with the next force; a driver with nothing to force flushes them after a short quiet.
//! 5. The observations of a step are written before its sends leave.
//! 6. On a crash, any prefix of the unforced tail may survive; nothing else of the machine does.
//! 7. What was sent to one incarnation of a node never reaches a later one.

use crate::{
    ids::{LogId, Lsn, NodeId, TxnId},
    inspect::Inspection,
    message::Message,
    observation::Observation,
    time::Micros,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash};

/// A protocol as a pure state machine.
pub trait Machine: Clone + Eq + Hash + Debug {
    /// What it logs.
    type Record: Record;
    /// The timers that it arms. Arming one again replaces it.
    type Timer: Clone + Ord + Hash + Debug;

    /// Takes one input; all effects go through `out`.
    fn handle(&mut self, input: Input<Self>, out: &mut Out<Self>);

    /// The records that recreate the present state on an empty machine of the same settings.
    fn compact(&self, out: &mut Vec<Self::Record>);

    /// What a person may see of it: locks, branches, transactions. `accounts` asks for the data too.
    fn inspect(&self, accounts: bool) -> Inspection;
}

/// What a machine logs.
pub trait Record: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned {
    /// The word that effect selectors and traces use, for example `committed`.
    fn word(&self) -> &'static str;
    /// The transaction that it concerns.
    fn txn(&self) -> Option<TxnId>;
}

/// One record of a journal, as recovered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Logged<R> {
    /// Its number. All records of a compaction carry the number up to which it replaced the log.
    pub lsn: Lsn,
    /// Whether it comes from a compaction: its effects were observed when they happened.
    pub compacted: bool,
    /// The record.
    pub record: R,
}

/// What a machine is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<M: Machine> {
    /// The first input of every incarnation.
    Recover {
        /// The identity of the journal.
        log: LogId,
        /// Counts restarts, from 1.
        incarnation: u32,
        /// What survived, in order.
        records: Vec<Logged<M::Record>>,
    },
    /// A message arrived.
    Message {
        /// From whom.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// Everything up to this record is durable.
    Durable {
        /// The last durable record.
        upto: Lsn,
    },
    /// An armed timer fired.
    Fired(M::Timer),
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    /// Asks for an fdatasync.
    Forced,
    /// Rides with the next force.
    Lazy,
}

impl Write {
    /// `forced` or `lazy`.
    pub fn word(self) -> &'static str {
        match self {
            Write::Forced => "forced",
            Write::Lazy => "lazy",
        }
    }
}

/// What a machine wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<M: Machine> {
    /// Append a record to the journal.
    Append {
        /// Its number.
        lsn: Lsn,
        /// The record.
        record: M::Record,
        /// Forced or lazy.
        write: Write,
    },
    /// Send a message.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Arm a timer; replaces one of the same key.
    Arm {
        /// Its key.
        timer: M::Timer,
        /// After how long.
        after: Micros,
    },
    /// Disarm a timer.
    Disarm(M::Timer),
    /// Replace the journal up to a record by these; counts as a force of it.
    Compacted {
        /// The last record replaced.
        upto: Lsn,
        /// What replaces them.
        records: Vec<M::Record>,
    },
    /// Something worth measuring happened.
    Observe(Observation),
}

/// Where a machine puts its effects. The verbs read like the protocol's text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Out<M: Machine> {
    effects: Vec<Effect<M>>,
    last: Lsn,
}

impl<M: Machine> Out<M> {
    /// An empty sink whose next record follows `last`.
    pub fn new(last: Lsn) -> Self {
        Out { effects: Vec::new(), last }
    }

    /// Appends a record that asks for an fdatasync; what depends on it waits for `Durable` of the number returned.
    pub fn force(&mut self, record: M::Record) -> Lsn {
        self.append(record, Write::Forced)
    }

    /// Appends a record that rides with the next force.
    pub fn lazy(&mut self, record: M::Record) -> Lsn {
        self.append(record, Write::Lazy)
    }

    /// Appends a record, forced or lazy.
    pub fn append(&mut self, record: M::Record, write: Write) -> Lsn {
        self.last = self.last.next();
        self.effects.push(Effect::Append { lsn: self.last, record, write });
        self.last
    }

    /// Sends a message.
    pub fn send(&mut self, to: NodeId, message: Message) {
        self.effects.push(Effect::Send { to, message });
    }

    /// Arms a timer.
    pub fn arm(&mut self, timer: M::Timer, after: Micros) {
        self.effects.push(Effect::Arm { timer, after });
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: M::Timer) {
        self.effects.push(Effect::Disarm(timer));
    }

    /// Observes.
    pub fn observe(&mut self, observation: Observation) {
        self.effects.push(Effect::Observe(observation));
    }

    /// The number of the last record appended.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The effects so far, in order.
    pub fn effects(&self) -> &[Effect<M>] {
        &self.effects
    }

    /// Takes the effects, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect<M>> {
        self.effects.drain(..)
    }

    /// Takes the effects, in order, and leaves an empty buffer for the next ones.
    pub fn exchange(&mut self, empty: Vec<Effect<M>>) -> Vec<Effect<M>> {
        debug_assert!(empty.is_empty());
        std::mem::replace(&mut self.effects, empty)
    }

    /// Replaces the journal up to a record. Drivers do it, after a step; machines do not.
    pub fn replace(&mut self, upto: Lsn, records: Vec<M::Record>) {
        self.effects.push(Effect::Compacted { upto, records });
    }
}
