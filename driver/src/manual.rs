//! A node that is driven by hand. There is no clock, no network and no disk: whoever holds the node delivers messages, lets forced
//! writes return, fires timers and crashes it, in any order, and reads in its [`ManualWorld`] what it has done.

use crate::{
    conditions::{Conditions, Journey},
    driver::{Driver, Progress, Recovered},
    gate::RuleId,
    packet::Packet,
    port::Port,
    world::{Network, World},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId},
    machine::{Logged, Machine, Record, Write},
    message::Message,
    observation::Observation,
    time::Micros,
};
use std::{collections::BTreeMap, convert::Infallible};

/// A node that is driven by hand. It is always up, because a crash ends with the next start.
#[derive(Clone, Debug)]
pub struct ManualNode<M: Machine> {
    /// The machine before its first input, for restarts.
    fresh: M,
    driver: Driver<M>,
    /// The journal and the timers of the node, and everything that it has done.
    pub world: ManualWorld<M>,
}

/// The journal and the timers of a node, and everything that it has done. What was written, sent and observed stays here until the
/// holder of the node takes it away.
#[derive(Clone, Debug)]
pub struct ManualWorld<M: Machine> {
    /// The identity of the journal.
    pub log: LogId,
    /// The durable records, and then the tail that a crash may lose.
    pub journal: Vec<Logged<M::Record>>,
    /// The last record that was appended and not lost. A compaction may have replaced it.
    last: Lsn,
    /// The last durable record.
    durable: Lsn,
    /// The armed timers, and the time after which each was to fire.
    pub timers: BTreeMap<M::Timer, Micros>,
    /// The words of all appended records, and how they were written.
    pub written: Vec<(&'static str, Write)>,
    /// The messages that were sent, with their receivers. Answers to an operator have [`NodeId::LAB`] as their receiver.
    pub sent: Vec<(NodeId, Message)>,
    /// The observations of the machine.
    pub observed: Vec<Observation>,
}

impl<M: Machine + Clone> ManualNode<M> {
    /// Starts a node for the first time. `machine` has had no input yet, and the journal `log` is empty.
    pub fn start(id: NodeId, machine: M, log: LogId) -> Self {
        let world = ManualWorld {
            log,
            journal: Vec::new(),
            last: Lsn(0),
            durable: Lsn(0),
            timers: BTreeMap::new(),
            written: Vec::new(),
            sent: Vec::new(),
            observed: Vec::new(),
        };
        let mut node = ManualNode { fresh: machine, driver: Driver::new(Port::new(id, 0)), world };
        node.boot();
        node
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        self.driver.machine().expect("the node is always up")
    }

    /// The number of starts so far.
    pub fn incarnation(&self) -> u32 {
        self.driver.port.incarnation
    }

    /// Delivers a message. What comes from [`NodeId::LAB`] is an operator's request.
    pub fn deliver(&mut self, from: NodeId, message: Message) {
        if from == NodeId::LAB {
            self.driver.operator(message);
        } else {
            let id = MessageId { from, start: 1, count: 0 };
            let packet = Packet { id, to: self.driver.port.id, copy: false, message };
            self.driver.deliver(packet, &mut self.world);
        }
        self.advance();
    }

    /// A forced write returns that covers all records so far.
    pub fn force(&mut self) {
        self.force_upto(self.world.last);
    }

    /// A forced write returns that covers the records up to `upto`.
    pub fn force_upto(&mut self, upto: Lsn) {
        self.world.durable = self.world.durable.max(upto);
        self.driver.durable(upto, &mut self.world);
        self.advance();
    }

    /// A timer fires. Returns the time after which it was to fire; `None` if it was not armed.
    pub fn fire(&mut self, timer: &M::Timer) -> Option<Micros> {
        let after = self.world.timers.remove(timer);
        self.driver.fire(timer.clone());
        self.advance();
        after
    }

    /// The node crashes and starts again. Of the records that were not durable, the first `survivors` survive.
    pub fn crash(&mut self, survivors: usize) {
        let durable = self.world.journal.len() - self.world.tail();
        self.world.journal.truncate(durable + survivors);
        self.world.last = self.world.last_logged().max(self.world.durable);
        self.boot();
    }

    /// The node crashes and starts again with another journal.
    pub fn restart_from(&mut self, log: LogId, journal: Vec<Logged<M::Record>>) {
        (self.world.log, self.world.journal) = (log, journal);
        self.world.last = self.world.last_logged();
        self.boot();
    }

    /// The records that recreate the current state of the machine.
    pub fn compaction(&self) -> Vec<M::Record> {
        let mut records = Vec::new();
        self.machine().compact(&mut records);
        records
    }

    /// Replaces the journal by its compaction, which is durable at once. The machine is told so with the next
    /// [`ManualNode::force`].
    pub fn compact(&mut self) {
        let (last, records) = (self.world.last, self.compaction());
        let Ok(()) = self.world.compact(last, records);
    }

    fn boot(&mut self) {
        self.driver.crash();
        let next = self.incarnation() + 1;
        self.driver.port.begin(next, next);
        let world = &mut self.world;
        world.timers.clear();
        world.durable = world.last;
        let recovered = Recovered { log: world.log, last: world.last, records: world.journal.clone() };
        self.driver.boot(self.fresh.clone(), recovered, u64::MAX);
        self.advance();
    }

    fn advance(&mut self) {
        let Ok(progress) = self.driver.advance(&mut self.world);
        assert_eq!(progress, Progress::Done, "no rule halts a node that is driven by hand");
    }
}

impl<M: Machine> ManualWorld<M> {
    /// The last record that was appended and not lost.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The number of records that a crash may lose.
    pub fn tail(&self) -> usize {
        self.journal.iter().rev().take_while(|logged| logged.lsn > self.durable).count()
    }

    fn last_logged(&self) -> Lsn {
        self.journal.last().map_or(Lsn(0), |logged| logged.lsn)
    }
}

impl<M: Machine> Network for ManualWorld<M> {
    /// The trace of the driver is not kept.
    fn observe(&mut self, _what: impl FnOnce() -> Observation) {}

    fn journey(&mut self, _packet: &Packet, duplicated: bool) -> Option<Journey> {
        Conditions::PERFECT.certain(duplicated)
    }

    fn carry(&mut self, packet: Packet, _delay: Micros) -> Option<Packet> {
        self.sent.push((packet.to, packet.message));
        None
    }
}

impl<M: Machine> World<M> for ManualWorld<M> {
    type Error = Infallible;

    fn witness(&mut self, what: Observation) {
        self.observed.push(what);
    }

    fn append(&mut self, lsn: Lsn, record: M::Record, write: Write) -> Result<(), Infallible> {
        self.written.push((record.word(), write));
        self.last = lsn;
        self.journal.push(Logged { lsn, compacted: false, record });
        Ok(())
    }

    fn compact(&mut self, upto: Lsn, records: Vec<M::Record>) -> Result<(), Infallible> {
        let compacted = records.into_iter().map(|record| Logged { lsn: upto, compacted: true, record });
        let replaced = self.journal.partition_point(|logged| logged.lsn <= upto);
        self.journal.splice(..replaced, compacted);
        self.durable = self.durable.max(upto);
        Ok(())
    }

    fn arm(&mut self, timer: M::Timer, after: Micros) {
        self.timers.insert(timer, after);
    }

    fn disarm(&mut self, timer: M::Timer) {
        self.timers.remove(&timer);
    }

    fn hold(&mut self, _packet: Packet, _delay: Micros) {
        unreachable!("no rule holds messages here")
    }

    fn knows(&self, _node: NodeId) -> bool {
        true
    }

    fn answer_operator(&mut self, message: Message) {
        self.sent.push((NodeId::LAB, message));
    }

    fn fared(&mut self, _id: MessageId, _lost: bool) {}

    fn report(&mut self, _rule: RuleId, _message: Option<MessageId>, _lost: bool) {
        unreachable!("there are no rules")
    }
}
