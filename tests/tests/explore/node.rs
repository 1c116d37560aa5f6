//! One node of an explored cluster: the machine itself, its journal with the tail that a crash may take, its armed timers.
//! No clock: an armed timer may fire at any time.

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Role},
    inspect::Inspection,
    machine::{Effect, Input, InputOf, Logged, Machine, Out},
    message::Message,
    observation::Observation,
};
use std::{collections::BTreeSet, hash::Hash};

/// A machine that can be part of an explored state: states are copied, compared and hashed.
pub(crate) trait Explorable: Machine + Clone + Eq + Hash {}

impl<M: Machine + Clone + Eq + Hash> Explorable for M {}

/// A node, up or down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node<M: Explorable> {
    pub(crate) id: NodeId,
    /// `None` while it is down.
    machine: Option<M>,
    incarnation: u32,
    durable: Vec<Logged<M::Record>>,
    /// Appended and not durable: of it any prefix survives a crash.
    tail: Vec<Logged<M::Record>>,
    /// How many of them its disk said were durable, which they were not: 0 for an honest disk.
    claimed: usize,
    pub(crate) timers: BTreeSet<M::Timer>,
}

/// What one input made a node say and show.
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

    /// Whether a force has something to do.
    pub(crate) fn wants_force(&self) -> bool {
        self.tail.len() > self.claimed
    }

    /// How many records a crash may take.
    pub(crate) fn unforced(&self) -> usize {
        self.tail.len()
    }

    /// What it shows of itself; nothing while it is down.
    pub(crate) fn inspect(&self) -> Inspection {
        self.machine.as_ref().map(|machine| machine.inspect(false)).unwrap_or_default()
    }

    /// Starts it from its journal. `fresh` is a machine before its first input.
    pub(crate) fn start(&mut self, fresh: M) -> Effects {
        self.incarnation += 1;
        self.machine = Some(fresh);
        // Never lost here, so a node has one journal for good.
        let log = LogId(u64::from(self.id.number) + if self.id.role == Role::Coordinating { 100 } else { 0 });
        let (incarnation, records) = (self.incarnation, self.durable.clone());
        self.input(Input::Recover { log, incarnation, records })
    }

    /// It dies, and says nothing; so many records of the tail survive.
    pub(crate) fn crash(&mut self, keep: usize) -> Effects {
        self.machine = None;
        self.timers.clear();
        self.claimed = 0;
        self.durable.extend(self.tail.drain(..).take(keep));
        Effects::default()
    }

    /// A force returns, or an idle flush: everything appended so far is durable; a disk that lies only says so.
    pub(crate) fn force(&mut self, lies: bool) -> Effects {
        if lies {
            self.claimed = self.tail.len();
        } else {
            self.durable.append(&mut self.tail);
        }
        let upto = self.last();
        self.input(Input::Durable { upto })
    }

    /// A timer fires.
    pub(crate) fn fire(&mut self, timer: &M::Timer) -> Effects {
        self.timers.remove(timer);
        self.input(Input::Fired(timer.clone()))
    }

    /// A message arrives.
    pub(crate) fn receive(&mut self, from: NodeId, message: Message) -> Effects {
        self.input(Input::Message { from, message })
    }

    fn last(&self) -> Lsn {
        self.tail.last().or(self.durable.last()).map_or(Lsn(0), |logged| logged.lsn)
    }

    fn input(&mut self, input: InputOf<M>) -> Effects {
        let mut out = Out::new(self.last());
        self.machine.as_mut().expect("only nodes that are up get inputs").handle(input, &mut out);
        let mut effects = Effects::default();
        for effect in out.drain() {
            match effect {
                Effect::Append { lsn, record, .. } => self.tail.push(Logged { lsn, compacted: false, record }),
                Effect::Send { to, message } => effects.sent.push((to, message)),
                Effect::Arm { timer, .. } => {
                    self.timers.insert(timer);
                }
                Effect::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Observe(observation) => effects.observed.push(observation),
                Effect::Compacted { .. } => unreachable!("only a stepper compacts"),
            }
        }
        effects
    }
}
