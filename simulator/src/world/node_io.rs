//! The world as a driver sees it: a simulated disk, timers in the event queue, and the simulated network.

use super::{
    Unforced,
    disk::Journal,
    kernel::{Alarm, LinkIo},
    queue::TimerHandle,
};
use indoubt_driver::{
    conditions::Journey,
    gate::{Edge, Moment, RuleId},
    packet::Packet,
    world::{Network, World},
};
use indoubt_proto::{
    ids::{Lsn, MessageId, NodeId},
    machine::{Machine, Write},
    message::Message,
    observation::Observation,
    time::Micros,
};
use rustc_hash::FxHashMap;
use std::convert::Infallible;

/// The armed timers of one machine.
#[derive(Clone, Debug)]
pub(super) struct Timers<T> {
    /// The handle of each armed timer. The map is only used for look-ups and never iterated.
    armed: FxHashMap<T, TimerHandle>,
    /// The same timers, by the numbers of their handles.
    by_number: FxHashMap<u64, T>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { armed: FxHashMap::default(), by_number: FxHashMap::default() }
    }
}

impl<T: Eq + std::hash::Hash> Timers<T> {
    /// The timer with this number, which fires. `None` if it was disarmed or armed again in the meantime.
    pub(super) fn fire(&mut self, number: u64) -> Option<T> {
        let timer = self.by_number.remove(&number)?;
        self.armed.remove(&timer);
        Some(timer)
    }

    /// Notes that timers were moved: each old number with its new handle.
    pub(super) fn moved(&mut self, moved: Vec<(u64, TimerHandle)>)
    where
        T: Clone,
    {
        for (old, handle) in moved {
            if let Some(timer) = self.by_number.remove(&old) {
                self.armed.insert(timer.clone(), handle);
                self.by_number.insert(handle.number(), timer);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
        self.by_number.clear();
    }
}

/// The world of one driver, while its node acts.
pub(super) struct NodeIo<'a, 'k, M: Machine> {
    pub(super) link: LinkIo<'a, 'k>,
    pub(super) start: u32,
    pub(super) journal: &'a mut Journal<M::Record>,
    pub(super) timers: &'a mut Timers<M::Timer>,
}

impl<M: Machine> Network for NodeIo<'_, '_, M> {
    fn observe(&mut self, what: impl FnOnce() -> Observation) {
        self.link.observe(what);
    }

    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey> {
        self.link.journey(packet, duplicated)
    }

    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet> {
        self.link.carry(packet, delay)
    }
}

impl<M: Machine> World<M> for NodeIo<'_, '_, M> {
    type Error = Infallible;

    fn witness(&mut self, what: Observation) {
        self.link.kernel.witness(self.link.id, what);
    }

    fn append(&mut self, lsn: Lsn, record: M::Record, write: Write) -> Result<(), Infallible> {
        self.journal.append(lsn, record, write);
        Ok(())
    }

    fn compact(&mut self, upto: Lsn, records: Vec<M::Record>) -> Result<(), Infallible> {
        self.journal.compact(upto, records);
        Ok(())
    }

    fn arm(&mut self, timer: M::Timer, after: Micros) {
        let kernel = &mut *self.link.kernel;
        let alarm = Alarm { slot: self.link.outlet.slot, start: self.start };
        let handle = kernel.queue.arm(kernel.now + after, alarm);
        if let Some(replaced) = self.timers.armed.insert(timer.clone(), handle) {
            self.timers.by_number.remove(&replaced.number());
            kernel.queue.disarm(replaced);
        }
        self.timers.by_number.insert(handle.number(), timer);
    }

    fn disarm(&mut self, timer: M::Timer) {
        if let Some(handle) = self.timers.armed.remove(&timer) {
            self.timers.by_number.remove(&handle.number());
            self.link.kernel.queue.disarm(handle);
        }
    }

    fn hold(&mut self, packet: Packet, delay: Micros) {
        self.link.kernel.fly(packet, self.link.outlet.slot, delay, true);
    }

    fn knows(&self, node: NodeId) -> bool {
        self.link.kernel.layout.slot(node).is_some()
    }

    // Operators in the virtual world do not read answers.
    fn answer_operator(&mut self, _message: Message) {}

    fn fared(&mut self, id: MessageId, lost: bool) {
        self.link.kernel.fared.push((id, lost));
    }

    // The world itself sees which messages are taken, so it needs no reports.
    fn report(&mut self, _rule: RuleId, _message: Option<MessageId>, _lost: bool) {}

    fn is_watched(&self) -> bool {
        self.link.kernel.watched
    }

    fn pass(&mut self, edge: Edge, moment: &Moment<'_>, message: Option<MessageId>) {
        let unforced = Unforced { tail: self.journal.tail(), behind_compaction: self.journal.behind_compaction() };
        self.link.kernel.pass(self.link.id, edge, moment, unforced, message);
    }
}
