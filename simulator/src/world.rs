//! The virtual world: a deterministic discrete-event simulation of a whole cluster. One seed, one history, byte for byte.
//!
//! Machines, clients, faults and the gate are the very code of real runs; network, disks and time are simulated. The plot:
//! [`run`] seats everybody, then takes whatever is due next (the lab's deeds, arrivals of load, events), lets the nodes that
//! it concerns act until they have nothing more to do at that instant, and goes on to the next instant.

mod disk;
mod lab;
mod network;
mod nodes;
mod queue;
mod seat;

use crate::{
    clients::{ClientEffect, ClientPool},
    faults::Nemesis,
};
use indoubt_proto::{
    gate::{Edge, Gate, Verb},
    ids::{LogId, MessageId, NodeId},
    inspect::Inspection,
    machine::Machine,
    observation::{Observation, Stamped},
    planted::Planted,
    random::{of_gate, stream},
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
use network::{Commons, Event, Port, Seating};
use nodes::{Driven, Driver, Hands};
use queue::Due;
use rand::Rng;
use seat::{Incoming, Seat};
use std::collections::{BTreeMap, VecDeque};

/// After load ended: the least time between two looks at whether everything is resolved.
const LOOK: Micros = Micros::from_millis(5);

/// Where a world writes what it observes.
pub trait Sink {
    /// Takes the next observation, in the order of `seq`.
    fn take(&mut self, seen: Stamped);

    /// Whether it wants to be told of every moment about which a gate may be asked.
    fn watches(&self) -> bool {
        false
    }

    /// A node of the cluster passes an edge of a moment: here a fault can strike.
    fn pass(&mut self, _passed: Passed) {}
}

/// An edge of a moment that a node passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which node.
    pub node: NodeId,
    /// Before or after. An observation has one edge: before.
    pub edge: Edge,
    /// What the node does.
    pub verb: Verb,
    /// The record's, message's or observation's word.
    pub word: &'static str,
    /// `yes`, `commit`, …
    pub qualifier: Option<&'static str>,
    /// The step of a saga, 1-based.
    pub step: Option<u32>,
    /// How many records of its journal no force covers at this instant.
    pub tail: usize,
    /// After a send that no client takes: the message. The edge is reached when it is taken, and never if it is lost.
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

/// Like [`run`], with the observations going straight into `sink`: nothing of them is kept here. Returns what became of
/// each fault that applies to this protocol.
pub fn run_into(scenario: &Scenario, protocol: Protocol, seed: u64, sink: &mut dyn Sink) -> Vec<FaultRecord> {
    let mut world = World::new(scenario, protocol, seed, ClientPool::new(scenario, seed), sink);
    world.play();
    world.director.fired()
}

/// Like [`run`], with these clients; and also what every node that is up at the end shows of itself, data included.
pub fn run_with(
    scenario: &Scenario,
    protocol: Protocol,
    seed: u64,
    clients: ClientPool,
) -> (Recording, BTreeMap<NodeId, Inspection>) {
    let mut trace = Vec::new();
    let mut world = World::new(scenario, protocol, seed, clients, &mut trace);
    world.play();
    let inspections =
        world.seats.iter().filter_map(|seat| Some((seat.hands.port.id, seat.driver.inspect(true)?))).collect();
    let faults = world.director.fired();
    (Recording { protocol, seed, trace, faults }, inspections)
}

struct World<'a> {
    scenario: &'a Scenario,
    seed: u64,
    commons: Commons<'a>,
    director: Nemesis,
    pool: ClientPool,
    /// Coordinating nodes, then participants.
    seats: Vec<Seat>,
    /// The clients' ends of their links.
    clients: Vec<Hands>,
    /// Seats that may have something to do at this instant, in order.
    ready: VecDeque<usize>,
    /// Journals lost so far, over all nodes: each new one gets another identity.
    journals: u64,
    client_effects: Vec<ClientEffect>,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, protocol: Protocol, seed: u64, pool: ClientPool, sink: &'a mut dyn Sink) -> Self {
        let director = Nemesis::new(scenario, protocol, seed);
        let mut opening = pool.opening();
        let clients: Vec<NodeId> = pool.clients().collect();
        let cluster = scenario.cluster;
        let seating = Seating::new(cluster.coordinators, cluster.participants, clients.len());
        let commons = Commons::new(seating, seed, sink);
        let hands = |node: NodeId, director: &Nemesis| {
            let at = seating.of(node).expect("every node of the cluster has a seat");
            let mut hands = Hands {
                port: Port::new(node, at, seating.count()),
                gate: Gate::new(of_gate(seed, node, 1)),
                sends: Vec::new(),
            };
            hands.obey(director.orders(node), &seating);
            hands
        };
        let seats = cluster
            .nodes()
            .map(|node| {
                let accounts = opening.remove(&node).unwrap_or_default();
                let log = LogId(stream(seed, &format!("journal {node}")).next_u64());
                let settings = scenario.settings();
                let seated = Seated { log, planted: settings.planted };
                Seat::new(hands(node, &director), build(protocol, node, settings, accounts, seated), seed)
            })
            .collect();
        let clients = clients.into_iter().map(|client| hands(client, &director)).collect();
        World {
            scenario,
            seed,
            commons,
            director,
            pool,
            seats,
            clients,
            ready: VecDeque::new(),
            journals: 0,
            client_effects: Vec::new(),
        }
    }

    fn play(&mut self) {
        for client in &mut self.clients {
            client.port.incarnation = 1;
            self.commons.set_present(client.port.seat, 1);
        }
        for at in 0..self.seats.len() {
            self.boot(at);
        }
        self.settle_instant();
        let (load_ends, end) = (self.scenario.duration, self.scenario.duration + self.scenario.settle);
        let mut loaded = true;
        let mut look = load_ends;
        loop {
            let boundary = if loaded { load_ends } else { look.min(end) };
            let now = self.next_due(loaded).map_or(boundary, |due| due.min(boundary));
            self.commons.now = now.max(self.commons.now);
            if loaded && now >= load_ends {
                loaded = false;
                let deeds = self.director.end_of_load(now);
                self.perform(deeds);
            } else if !loaded && now >= look.min(end) {
                if now >= end || self.is_resolved() {
                    break;
                }
                // Looks become rarer: looking costs, and the end need not be exact.
                look = now + LOOK.max(Micros((now - load_ends).0 / 20));
            } else {
                self.take_due(loaded);
            }
            self.settle_instant();
        }
        self.commons.observe(NodeId::LAB, Observation::End);
    }

    /// When something happens next.
    fn next_due(&self, loaded: bool) -> Option<Micros> {
        let arrival = if loaded { self.pool.next_due() } else { None };
        [self.director.next_due(), arrival, self.commons.queue.next_at()].into_iter().flatten().min()
    }

    /// Takes one thing that is due now: the lab's deeds first, then load, then what happens among the nodes.
    fn take_due(&mut self, loaded: bool) {
        let now = self.commons.now;
        if self.director.next_due().is_some_and(|due| due <= now) {
            let deeds = self.director.due(now);
            self.perform(deeds);
        } else if loaded && self.pool.next_due().is_some_and(|due| due <= now) {
            self.pool.due(now, &mut self.client_effects);
            self.act_for_clients();
        } else {
            match self.commons.queue.pop() {
                Some(Due::Event(event)) => self.happen(event),
                Some(Due::Timer(number, alarm)) if self.seats[alarm.seat].is_up_in(alarm.incarnation) => {
                    self.bring(alarm.seat, Incoming::Timer(number));
                }
                Some(Due::Timer(..)) | None => {}
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(flight) => {
                self.commons.flying -= 1;
                self.arrive(flight);
            }
            Event::Forced { seat: at, incarnation } => {
                let seat = &mut self.seats[at];
                if seat.is_up_in(incarnation) {
                    let frozen = seat.is_paused();
                    let upto = seat.driver.forced(&seat.hands, &mut self.commons, frozen);
                    self.bring(at, Incoming::Durable(upto));
                }
            }
            Event::Flush { seat, incarnation } => {
                let seat = &mut self.seats[seat];
                if seat.is_up_in(incarnation) {
                    let frozen = seat.is_paused();
                    seat.driver.flush(&seat.hands, &mut self.commons, frozen);
                }
            }
        }
    }

    /// Lets everybody act who has something to do at this instant.
    fn settle_instant(&mut self) {
        while let Some(at) = self.ready.pop_front() {
            self.act(at);
        }
    }

    /// Whether nothing is left to wait for: no fault is pending, no message is on its way, and no node that is up has
    /// anything open, locked, or not durable.
    fn is_resolved(&self) -> bool {
        self.director.next_due().is_none()
            && self.commons.flying == 0
            && self.seats.iter().all(|seat| {
                !seat.is_up()
                    || (seat.is_idle() && seat.driver.is_flushed() && {
                        let inspection = seat.driver.inspect(false).unwrap_or_default();
                        inspection.open.is_empty() && inspection.locks.is_empty()
                    })
            })
    }
}

/// Takes the machine of a node into its world; it is not booted yet.
struct Seated {
    log: LogId,
    planted: Planted,
}

impl UseMachine for Seated {
    type Output = Box<dyn Driven>;

    fn use_machine<M: Machine + 'static>(self, machine: M) -> Box<dyn Driven> {
        Box::new(Driver::new(machine, self.log, self.planted))
    }
}
