//! The real world as a driver sees it: the journal, the links, the timers, the trace, and the control stream of the lab.

use crate::{
    clock, error::NodeError, lab::LabPort, links::Links, log::Log, replies::Replies, timers::Held, timers::Timers,
    trace::Trace,
};
use indoubt_driver::{
    conditions::{Conditions, Journey},
    gate::RuleId,
    packet::Packet,
    wire::Reported,
    world::{Network, World},
};
use indoubt_proto::{
    ids::{Lsn, MessageId, NodeId, TxnId},
    machine::{Machine, Write},
    message::Message,
    observation::{Observation, Phase},
    time::Micros,
    wire::Envelope,
};
use rustc_hash::FxHashMap;

/// A packet that is kept at this node for a while.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) packet: Packet,
    /// Whether it has arrived and faults hold it. If not, it is still on its way, and the node waits for its latency.
    pub(crate) arrived: bool,
}

/// Everything through which the driver touches the world. `T` is the type of the machine's timers.
pub(crate) struct Hands<T> {
    pub(crate) me: NodeId,
    /// The time at which this batch began. Timers and holds count from it.
    pub(crate) now: Micros,
    pub(crate) log: Log,
    pub(crate) timers: Timers<T>,
    pub(crate) held: Held<Waiting>,
    pub(crate) links: Links,
    pub(crate) trace: Option<Trace>,
    pub(crate) replies: Replies,
    pub(crate) lab: LabPort,
    /// Reports for the lab. They are sent after everything that was done so far has left.
    pub(crate) reports: Vec<Reported>,
    /// The time since which transactions are in doubt or in progress here, for `Operator.State`.
    pub(crate) since: FxHashMap<TxnId, Micros>,
}

impl<T> Hands<T> {
    /// Keeps a packet for `delay`, from now on.
    pub(crate) fn keep(&mut self, packet: Packet, delay: Micros, arrived: bool) {
        self.held.hold(Waiting { packet, arrived }, self.now + delay);
    }

    /// Remembers the time since which a transaction is in doubt or in progress.
    fn note(&mut self, what: &Observation) {
        match *what {
            Observation::InDoubt { txn } | Observation::Reached { txn, phase: Phase::Begun } => {
                self.since.entry(txn).or_insert(self.now);
            }
            Observation::Reached { txn, phase: Phase::Ended } => {
                self.since.remove(&txn);
            }
            // A participant has learned the decision. At its home, a transaction is in progress until it is forgotten.
            Observation::Decided { txn, .. } if txn.home != self.me => {
                self.since.remove(&txn);
            }
            _ => {}
        }
    }

    /// The node continues after a halt.
    pub(crate) fn wake(&mut self) {
        self.now = clock::now();
        self.trace.iter_mut().for_each(Trace::renew_step);
    }

    pub(crate) fn flush_trace(&mut self) -> Result<(), NodeError> {
        self.trace.as_mut().map_or(Ok(()), Trace::flush)
    }

    /// Tells the lab of the rules that have applied.
    pub(crate) fn tell_lab(&mut self) {
        for reported in self.reports.drain(..) {
            self.lab.report(indoubt_driver::wire::NodeReport::Reported(reported));
        }
    }
}

impl<T> Network for Hands<T> {
    fn observe(&mut self, what: impl FnOnce() -> Observation) {
        if let Some(trace) = &mut self.trace {
            trace.add(what());
        }
    }

    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey> {
        if self.replies.awaits(packet.to, &packet.message) {
            // This is the answer to a unary caller, which is in this process and has no link.
            return Conditions::PERFECT.certain(duplicated);
        }
        self.links.journey(packet.to, duplicated)
    }

    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet> {
        if self.replies.tell(packet.to, &packet.message) {
            return None;
        }
        let Packet { id, to, copy, message } = packet;
        self.links.push(Envelope { id, to, hold: delay, copy, message }).map(packet_of)
    }
}

impl<M: Machine> World<M> for Hands<M::Timer> {
    type Error = NodeError;

    fn witness(&mut self, what: Observation) {
        self.note(&what);
        if let Some(trace) = &mut self.trace {
            trace.add(what);
        }
    }

    fn append(&mut self, lsn: Lsn, record: M::Record, write: Write) -> Result<(), NodeError> {
        self.log.append(lsn, &record, write)
    }

    fn compact(&mut self, upto: Lsn, records: Vec<M::Record>) -> Result<(), NodeError> {
        self.log.compact(upto, &records, &self.since)
    }

    fn arm(&mut self, timer: M::Timer, after: Micros) {
        // A timer of 0 would fire in this batch, again and again.
        self.timers.arm(timer, self.now + after.max(Micros(1)));
    }

    fn disarm(&mut self, timer: M::Timer) {
        self.timers.disarm(&timer);
    }

    fn hold(&mut self, packet: Packet, delay: Micros) {
        self.keep(packet, delay, true);
    }

    fn knows(&self, node: NodeId) -> bool {
        self.links.knows(node)
    }

    fn answer_operator(&mut self, message: Message) {
        self.replies.tell(NodeId::LAB, &message);
    }

    // Senders are in other processes. Rules of this node that only report tell the lab, which knows who waits.
    fn fared(&mut self, _id: MessageId, _lost: bool) {}

    fn report(&mut self, rule: RuleId, message: Option<MessageId>, lost: bool) {
        self.reports.push(Reported { rule, message, lost });
    }
}

/// The packet in an envelope. The time for which it is held must be read before.
pub(crate) fn packet_of(envelope: Envelope) -> Packet {
    let Envelope { id, to, copy, message, .. } = envelope;
    Packet { id, to, copy, message }
}
