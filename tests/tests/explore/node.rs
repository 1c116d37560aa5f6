//! A node of an explored cluster: the real machine, its journal with the tail that a crash may lose, and its armed timers. There is no
//! clock: an armed timer may fire at any time.

use indoubt_driver::{
    conditions::{Conditions, Journey},
    driver::{Driver, Progress, Recovered},
    gate::RuleId,
    packet::Packet,
    port::Port,
    world::{Network, World},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, Role},
    inspect::Inspection,
    machine::{Logged, Machine, Write},
    message::Message,
    observation::Observation,
    time::Micros,
};
use std::{collections::BTreeSet, convert::Infallible, hash::Hash};

/// A machine that can be part of an explored state: states are copied, compared and hashed.
pub(crate) trait Explorable: Machine + Clone + Eq + Hash {}

impl<M: Machine + Clone + Eq + Hash> Explorable for M {}

/// A node, up or down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node<M: Explorable> {
    pub(crate) id: NodeId,
    /// The machine; `None` if the node is down.
    machine: Option<M>,
    incarnation: u32,
    durable: Vec<Logged<M::Record>>,
    /// The records that are appended and not durable. Any prefix of them may survive a crash.
    tail: Vec<Logged<M::Record>>,
    /// How many of these records the disk reported as durable although they are not. 0 for a correct disk.
    claimed: usize,
    pub(crate) timers: BTreeSet<M::Timer>,
}

/// The messages and observations of one input.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) sent: Vec<(NodeId, Message)>,
    pub(crate) observed: Vec<Observation>,
}

impl<M: Explorable> Node<M> {
    /// A node that was never started.
    pub(crate) fn new(id: NodeId) -> Self {
        let (durable, tail, timers) = (Vec::new(), Vec::new(), BTreeSet::new());
        Node { id, machine: None, incarnation: 0, durable, tail, claimed: 0, timers }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.machine.is_some()
    }

    /// Whether there is anything to force.
    pub(crate) fn wants_force(&self) -> bool {
        self.tail.len() > self.claimed
    }

    /// The number of records that a crash may lose.
    pub(crate) fn unforced(&self) -> usize {
        self.tail.len()
    }

    /// The state of the machine; `None` if the node is down.
    pub(crate) fn inspect(&self) -> Inspection {
        self.machine.as_ref().map(|machine| machine.inspect(false)).unwrap_or_default()
    }

    /// Starts it from its journal. `fresh` is a machine before its first input.
    pub(crate) fn start(&mut self, fresh: M) -> Effects {
        self.incarnation += 1;
        let log = log_of(self.id);
        let recovered = Recovered { log, last: self.last(), records: self.durable.clone() };
        let mut driver = Driver::new(self.port());
        driver.boot(fresh, recovered, u64::MAX);
        self.act(driver, |_, _| {})
    }

    /// Crashes the node. `keep` records of the tail survive.
    pub(crate) fn crash(&mut self, keep: usize) -> Effects {
        self.machine = None;
        self.timers.clear();
        self.claimed = 0;
        self.durable.extend(self.tail.drain(..).take(keep));
        Effects::default()
    }

    /// A forced write or an idle flush returns. Everything appended so far is durable, or is only reported so by a faulty disk.
    pub(crate) fn force(&mut self, lies: bool) -> Effects {
        if lies {
            self.claimed = self.tail.len();
        } else {
            self.durable.append(&mut self.tail);
        }
        let upto = self.last();
        self.input(|driver, hands| driver.durable(upto, hands))
    }

    /// A timer fires.
    pub(crate) fn fire(&mut self, timer: &M::Timer) -> Effects {
        self.timers.remove(timer);
        self.input(|driver, _| driver.fire(timer.clone()))
    }

    /// A message arrives.
    pub(crate) fn receive(&mut self, from: NodeId, message: Message) -> Effects {
        // The numbers of messages are left out, because they would only multiply the states.
        let id = MessageId { from, start: 0, count: 0 };
        let packet = Packet { id, to: self.id, copy: false, message };
        self.input(|driver, hands| driver.deliver(packet, hands))
    }

    fn last(&self) -> Lsn {
        self.tail.last().or(self.durable.last()).map_or(Lsn(0), |logged| logged.lsn)
    }

    fn port(&self) -> Port {
        let mut port = Port::new(self.id, 0);
        port.begin(self.incarnation, self.incarnation);
        port
    }

    fn input(&mut self, input: impl FnOnce(&mut Driver<M>, &mut Hands<'_, M>)) -> Effects {
        let machine = self.machine.take().expect("only nodes that are up get inputs");
        self.act(Driver::of(self.port(), machine, self.last()), input)
    }

    fn act(&mut self, mut driver: Driver<M>, input: impl FnOnce(&mut Driver<M>, &mut Hands<'_, M>)) -> Effects {
        let mut effects = Effects::default();
        let mut hands = Hands { tail: &mut self.tail, timers: &mut self.timers, effects: &mut effects };
        input(&mut driver, &mut hands);
        let Ok(progress) = driver.advance(&mut hands);
        assert_eq!(progress, Progress::Done, "no rule halts an explored node");
        self.machine = driver.into_machine();
        effects
    }
}

/// The world of an explored node: effects go into its state, or the cluster performs them.
struct Hands<'a, M: Machine> {
    tail: &'a mut Vec<Logged<M::Record>>,
    timers: &'a mut BTreeSet<M::Timer>,
    effects: &'a mut Effects,
}

impl<M: Machine> Network for Hands<'_, M> {
    fn observe(&mut self, _what: impl FnOnce() -> Observation) {}

    /// The cluster loses messages, and delivers them in any order.
    fn journey(&mut self, _packet: &Packet, duplicated: bool) -> Option<Journey> {
        Conditions::PERFECT.certain(duplicated)
    }

    fn carry(&mut self, packet: Packet, _delay: Micros) -> Option<Packet> {
        self.effects.sent.push((packet.to, packet.message));
        None
    }
}

impl<M: Machine> World<M> for Hands<'_, M> {
    type Error = Infallible;

    fn witness(&mut self, what: Observation) {
        self.effects.observed.push(what);
    }

    fn append(&mut self, lsn: Lsn, record: M::Record, _write: Write) -> Result<(), Infallible> {
        self.tail.push(Logged { lsn, compacted: false, record });
        Ok(())
    }

    fn compact(&mut self, _upto: Lsn, _records: Vec<M::Record>) -> Result<(), Infallible> {
        unreachable!("an explored journal is short")
    }

    fn arm(&mut self, timer: M::Timer, _after: Micros) {
        self.timers.insert(timer);
    }

    fn disarm(&mut self, timer: M::Timer) {
        self.timers.remove(&timer);
    }

    fn hold(&mut self, _packet: Packet, _delay: Micros) {
        unreachable!("no rule touches explored messages")
    }

    fn knows(&self, _node: NodeId) -> bool {
        true
    }

    fn answer_operator(&mut self, _message: Message) {}

    fn fared(&mut self, _id: MessageId, _lost: bool) {}

    fn report(&mut self, _rule: RuleId, _message: Option<MessageId>, _lost: bool) {}
}

/// The journal of a node. It is never lost here.
pub(crate) fn log_of(node: NodeId) -> LogId {
    LogId(u64::from(node.number) + if node.role == Role::Coordinating { 100 } else { 0 })
}
