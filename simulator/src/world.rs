//! The virtual world: a deterministic discrete-event simulation of a whole cluster. One seed gives one history, byte for byte.
//!
//! Machines, clients, faults and the gate are the same code as in real runs. Network, disks and time are simulated. [`run`] creates
//! all nodes. Then, at each instant, it takes what is due (fault commands, new transactions, events) and lets the affected nodes
//! act until they are idle.

mod clients;
mod disk;
mod fault_executor;
mod kernel;
mod layout;
mod machine_node;
mod node;
mod node_io;
mod queue;
mod sessions;

use crate::{
    clients::{ClientEffect, ClientPool},
    faults::Nemesis,
};
use clients::Client;
use indoubt_driver::{
    gate::{Edge, Verb},
    port::Port,
    random::stream,
};
use indoubt_proto::{
    ids::{LogId, MessageId, NodeId},
    inspect::Inspection,
    machine::Machine,
    observation::{Observation, Stamped},
    time::Micros,
};
use indoubt_scenario::{
    protocol::{
        Protocol,
        build::{UseMachine, build},
    },
    recording::{FaultRecord, Recording},
    scenario::Scenario,
};
use kernel::{Event, Kernel, Outlet};
use layout::Layout;
use machine_node::{Driven, MachineNode, NewDisk};
use node::{Incoming, Node};
use queue::Due;
use rand::Rng;
use sessions::Sessions;
use std::collections::{BTreeMap, VecDeque};

/// The least time between two checks, after the load, whether all transactions have ended.
const LOOK: Micros = Micros::from_millis(5);

/// Receives the observations of a world.
pub trait Sink {
    /// Takes the next observation, in the order of `seq`.
    fn take(&mut self, seen: Stamped);

    /// Whether [`Sink::pass`] wants to be called.
    fn watches(&self) -> bool {
        false
    }

    /// Called when a node of the cluster passes an edge of a moment, at which a fault could strike.
    fn pass(&mut self, _passed: Passed) {}
}

/// What no finished forced write of a journal covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unforced {
    /// The number of records in the tail. Any prefix of them may survive a crash.
    pub tail: usize,
    /// If a compaction is not durable yet: the number of records that follow those that it replaces. A crash may also find the new
    /// file in place, with any prefix of these.
    pub behind_compaction: Option<usize>,
}

/// An edge of a moment that a node passes. A fault can strike there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The node that passes the edge.
    pub node: NodeId,
    /// Whether it is before or after the moment. An observation has only the edge `Before`.
    pub edge: Edge,
    /// What the node does.
    pub verb: Verb,
    /// The word of the record, message or observation.
    pub word: &'static str,
    /// The word after it, such as `yes` or `commit`, if there is one.
    pub qualifier: Option<&'static str>,
    /// The step of a saga, from 1, if there is one.
    pub step: Option<u32>,
    /// What a crash of the node may leave of what no forced write covers.
    pub unforced: Unforced,
    /// The message, if the edge is after a send to a node. The edge is reached when the message is taken, and never if it is lost.
    pub message: Option<MessageId>,
}

impl<F: FnMut(Stamped)> Sink for F {
    fn take(&mut self, seen: Stamped) {
        self(seen);
    }
}

impl Sink for Vec<Stamped> {
    fn take(&mut self, seen: Stamped) {
        self.push(seen);
    }
}

/// Runs one protocol of a scenario under one seed, to its end.
pub fn run(scenario: &Scenario, protocol: Protocol, seed: u64) -> Recording {
    run_with(scenario, protocol, seed, ClientPool::new(scenario, seed)).0
}

/// Like [`run`], but gives the observations to `sink` and does not keep them. Returns the record of each fault that applies to this
/// protocol.
pub fn run_into(scenario: &Scenario, protocol: Protocol, seed: u64, sink: &mut dyn Sink) -> Vec<FaultRecord> {
    let mut world = World::new(scenario, protocol, seed, ClientPool::new(scenario, seed), sink);
    world.play();
    world.nemesis.fired()
}

/// Like [`run`], with these clients. Also returns the state of every node that is up at the end, including its data.
pub fn run_with(
    scenario: &Scenario,
    protocol: Protocol,
    seed: u64,
    clients: ClientPool,
) -> (Recording, BTreeMap<NodeId, Inspection>) {
    let mut trace = Vec::new();
    let mut world = World::new(scenario, protocol, seed, clients, &mut trace);
    world.play();
    let inspections = world.nodes.iter().filter_map(|node| Some((node.id(), node.machine.inspect(true)?))).collect();
    let faults = world.nemesis.fired();
    (Recording { protocol, seed, trace, faults }, inspections)
}

struct World<'a> {
    scenario: &'a Scenario,
    seed: u64,
    kernel: Kernel<'a>,
    nemesis: Nemesis,
    pool: ClientPool,
    /// All coordinating nodes, then all participants.
    nodes: Vec<Node>,
    clients: Vec<Client>,
    /// The nodes that may have something to do at this instant, in order.
    ready: VecDeque<usize>,
    /// The number of journals lost so far, over all nodes. It gives each new journal a different identity.
    journals: u64,
    client_effects: Vec<ClientEffect>,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, protocol: Protocol, seed: u64, pool: ClientPool, sink: &'a mut dyn Sink) -> Self {
        let nemesis = Nemesis::new(scenario, protocol, seed);
        let mut opening = pool.opening();
        let clients: Vec<NodeId> = pool.clients().collect();
        let cluster = scenario.cluster;
        let layout = Layout::of(cluster.nodes().chain(clients.iter().copied()));
        let kernel = Kernel::new(layout, Sessions::of(scenario, protocol), seed, scenario.planted, sink);
        let outlet = |node: NodeId| {
            let slot = layout.slot(node).expect("every node of the cluster has a slot");
            Outlet::new(slot, layout.count())
        };
        let nodes = cluster
            .nodes()
            .map(|id| {
                let accounts = opening.remove(&id).unwrap_or_default();
                let settings = scenario.settings();
                let log = LogId(stream(seed, &format!("journal {id}")).next_u64());
                let disk = NewDisk { log, compact_every: scenario.compact_every, planted: settings.planted, seed };
                let place = Placed { port: Port::new(id, seed), outlet: outlet(id), disk };
                let mut machine = build(protocol, id, settings, accounts, place);
                machine.set_plan(nemesis.orders(id), &layout);
                Node::new(machine)
            })
            .collect();
        let clients = clients
            .into_iter()
            .map(|id| {
                let mut client = Client::new(Port::new(id, seed), outlet(id));
                client.set_plan(nemesis.orders(id), &kernel);
                client
            })
            .collect();
        World {
            scenario,
            seed,
            kernel,
            nemesis,
            pool,
            nodes,
            clients,
            ready: VecDeque::new(),
            journals: 0,
            client_effects: Vec::new(),
        }
    }

    fn play(&mut self) {
        for client in &mut self.clients {
            client.port.begin(1, 1);
            self.kernel.set_present(client.slot(), 1);
        }
        for at in 0..self.nodes.len() {
            self.boot(at);
        }
        self.settle_instant();
        let (load_ends, end) = (self.scenario.duration, self.scenario.duration + self.scenario.settle);
        let mut loaded = true;
        let mut look = load_ends;
        loop {
            let boundary = if loaded { load_ends } else { look.min(end) };
            let now = self.next_due().map_or(boundary, |due| due.min(boundary));
            self.kernel.now = now.max(self.kernel.now);
            if loaded && now >= load_ends {
                loaded = false;
                self.pool.end_load();
                let commands = self.nemesis.end_of_load(now);
                self.perform(commands);
            } else if !loaded && now >= look.min(end) {
                if now >= end || self.is_resolved() {
                    break;
                }
                // Checks become rarer with time, because they cost time and the end need not be exact.
                look = now + LOOK.max(Micros((now - load_ends).0 / 20));
            } else {
                self.take_due();
            }
            self.settle_instant();
        }
        self.kernel.observe(NodeId::LAB, Observation::End);
    }

    /// The time of the next event, fault command or act of a client.
    fn next_due(&self) -> Option<Micros> {
        [self.nemesis.next_due(), self.pool.next_due(), self.kernel.queue.next_at()].into_iter().flatten().min()
    }

    /// Takes one thing that is due now: first fault commands, then acts of clients, then events.
    fn take_due(&mut self) {
        let now = self.kernel.now;
        if self.nemesis.next_due().is_some_and(|due| due <= now) {
            let commands = self.nemesis.due(now);
            self.perform(commands);
        } else if self.pool.next_due().is_some_and(|due| due <= now) {
            self.pool.due(now, &mut self.client_effects);
            self.act_for_clients();
        } else {
            match self.kernel.queue.pop() {
                Some(Due::Event(event)) => self.happen(event),
                Some(Due::Timer(number, alarm)) if self.nodes[alarm.slot].is_up_since(alarm.start) => {
                    self.bring(alarm.slot, Incoming::Timer(number));
                }
                Some(Due::Timer(..)) | None => {}
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(flight) => {
                self.kernel.flying -= 1;
                self.arrive(flight);
            }
            Event::Forced { slot, start } => {
                let node = &mut self.nodes[slot];
                if node.is_up_since(start) {
                    let frozen = node.is_paused();
                    let upto = node.machine.forced(&mut self.kernel, frozen);
                    self.bring(slot, Incoming::Durable(upto));
                }
            }
            Event::Flush { slot, start } => {
                let node = &mut self.nodes[slot];
                if node.is_up_since(start) {
                    let frozen = node.is_paused();
                    node.machine.flush(&mut self.kernel, frozen);
                }
            }
        }
    }

    /// Lets all nodes act that have something to do at this instant.
    fn settle_instant(&mut self) {
        while let Some(at) = self.ready.pop_front() {
            self.act(at);
        }
    }

    /// Whether there is nothing left to wait for: no fault is pending, no message is on its way, no client will act, and no node that
    /// is up has an open transaction, a lock, or a record that is not durable.
    fn is_resolved(&self) -> bool {
        self.nemesis.next_due().is_none()
            && self.kernel.flying == 0
            && self.nodes.iter().all(|node| {
                !node.is_up()
                    || (!self.pool.will_act_on(node.id()) && node.is_idle() && node.machine.is_flushed() && {
                        let inspection = node.machine.inspect(false).unwrap_or_default();
                        inspection.open.is_empty() && inspection.locks.is_empty()
                    })
            })
    }
}

/// Makes the node of a machine. The node is not booted yet.
struct Placed {
    port: Port,
    outlet: Outlet,
    disk: NewDisk,
}

impl UseMachine for Placed {
    type Output = Box<dyn Driven>;

    fn use_machine<M: Machine + Clone + 'static>(self, machine: M) -> Box<dyn Driven> {
        let Placed { port, outlet, disk } = self;
        Box::new(MachineNode::new(machine, port, outlet, disk))
    }
}
