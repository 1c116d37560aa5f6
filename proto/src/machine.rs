//! The contract between a protocol and the world that runs it.
//!
//! A protocol is a [`Machine`], without clock, randomness and I/O. A *driver* gives it inputs and performs its effects, in the
//! virtual or in the real world. The duties of the driver:
//!
//! 1. `Recover` is the first input. On the first boot it has no records. So every start tests recovery.
//! 2. The machine gets one input at a time. The effects of a step are performed in order, each after the gate was asked.
//! 3. `Durable { upto }` comes only after the forced write that covers `upto` has returned. A forced write that fails ends the
//!    process.
//! 4. Lazy records become durable with the next forced write. If nothing must be forced, the driver flushes them after a short time.
//! 5. The observations of a step are written before its messages leave.
//! 6. After a crash, any prefix of the unforced tail may survive, and nothing else of the machine.
//! 7. A message that was sent to one incarnation of a node never reaches a later one.

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
pub trait Machine: Debug {
    /// The records that the machine logs.
    type Record: Record;
    /// The keys of the timers that the machine arms. Arming a timer with the same key replaces it.
    type Timer: Clone + Ord + Hash + Debug;

    /// Takes one input. All effects go to `out`.
    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>);

    /// Writes the records that recreate the current state, in a new machine with the same settings.
    fn compact(&self, out: &mut Vec<Self::Record>);

    /// The state of the machine for people: locks, branches, transactions. With `accounts`, also the data.
    fn inspect(&self, accounts: bool) -> Inspection;
}

/// The inputs of machine `M`.
pub type InputOf<M> = Input<<M as Machine>::Record, <M as Machine>::Timer>;

/// The effects of machine `M`.
pub type EffectOf<M> = Effect<<M as Machine>::Record, <M as Machine>::Timer>;

/// The sink for the effects of machine `M`.
pub type OutOf<M> = Out<<M as Machine>::Record, <M as Machine>::Timer>;

/// A record that a machine logs.
pub trait Record: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned {
    /// The word that effect selectors and traces use, for example `committed`.
    fn word(&self) -> &'static str;
    /// The transaction that the record concerns, if there is one.
    fn txn(&self) -> Option<TxnId>;
}

/// A record of a journal, as a machine recovers it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Logged<R> {
    /// The number of the record. All records of a compaction have the number of the last record that it replaced.
    pub lsn: Lsn,
    /// Whether the record comes from a compaction. Then its effects were already observed when they happened.
    pub compacted: bool,
    /// The record that survived.
    pub record: R,
}

/// An input of a machine with records `R` and timers `T`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<R, T> {
    /// The first input of every incarnation.
    Recover {
        /// The identity of the journal.
        log: LogId,
        /// The number of this start of the node, from 1.
        incarnation: u32,
        /// The records that survived, in order.
        records: Vec<Logged<R>>,
    },
    /// A message arrived.
    Message {
        /// The node or client that sent the message.
        from: NodeId,
        /// The message that arrived.
        message: Message,
    },
    /// Everything up to this record is durable.
    Durable {
        /// The last durable record.
        upto: Lsn,
    },
    /// An armed timer fired.
    Fired(T),
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    /// The record must be forced with an fdatasync.
    Forced,
    /// The record becomes durable with the next forced write.
    Lazy,
}

impl Write {
    /// The word in traces: `forced` or `lazy`.
    pub fn word(self) -> &'static str {
        match self {
            Write::Forced => "forced",
            Write::Lazy => "lazy",
        }
    }
}

/// An effect of a machine with records `R` and timers `T`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<R, T> {
    /// Append a record to the journal.
    Append {
        /// The number of the record.
        lsn: Lsn,
        /// The record to append.
        record: R,
        /// Whether the record must be forced.
        write: Write,
    },
    /// Send a message.
    Send {
        /// The node or client to which the message goes.
        to: NodeId,
        /// The message to send.
        message: Message,
    },
    /// Arm a timer. It replaces a timer with the same key.
    Arm {
        /// The key of the timer.
        timer: T,
        /// The time after which it fires, on the clock of the node.
        after: Micros,
    },
    /// Disarm a timer.
    Disarm(T),
    /// Replace the journal up to a record. This counts as a forced write.
    Compacted {
        /// The last record that is replaced.
        upto: Lsn,
        /// The records that replace it and all earlier ones.
        records: Vec<R>,
    },
    /// Write an observation to the trace.
    Observe(Observation),
}

/// The sink for the effects of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Out<R, T> {
    effects: Vec<Effect<R, T>>,
    last: Lsn,
}

impl<R, T> Out<R, T> {
    /// An empty sink whose next record follows `last`.
    pub fn new(last: Lsn) -> Self {
        Out { effects: Vec::new(), last }
    }

    /// Appends a forced record. Actions that depend on it must wait until `Durable` covers the returned number.
    pub fn force(&mut self, record: R) -> Lsn {
        self.append(record, Write::Forced)
    }

    /// Appends a lazy record, which becomes durable with the next forced write.
    pub fn lazy(&mut self, record: R) -> Lsn {
        self.append(record, Write::Lazy)
    }

    /// Appends a record, forced or lazy.
    pub fn append(&mut self, record: R, write: Write) -> Lsn {
        self.last = self.last.next();
        self.effects.push(Effect::Append { lsn: self.last, record, write });
        self.last
    }

    /// Sends a message.
    pub fn send(&mut self, to: NodeId, message: Message) {
        self.effects.push(Effect::Send { to, message });
    }

    /// Arms a timer.
    pub fn arm(&mut self, timer: T, after: Micros) {
        self.effects.push(Effect::Arm { timer, after });
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: T) {
        self.effects.push(Effect::Disarm(timer));
    }

    /// Writes an observation to the trace.
    pub fn observe(&mut self, observation: Observation) {
        self.effects.push(Effect::Observe(observation));
    }

    /// The number of the last record that was appended.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The effects so far, in order.
    pub fn effects(&self) -> &[Effect<R, T>] {
        &self.effects
    }

    /// Takes the effects, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect<R, T>> {
        self.effects.drain(..)
    }

    /// Takes the effects, in order. The next effects go into `empty`.
    pub fn exchange(&mut self, empty: Vec<Effect<R, T>>) -> Vec<Effect<R, T>> {
        debug_assert!(empty.is_empty());
        std::mem::replace(&mut self.effects, empty)
    }

    /// Adds an effect unchanged, for drivers. A record keeps its number.
    pub fn push(&mut self, effect: Effect<R, T>) {
        self.effects.push(effect);
    }
}
