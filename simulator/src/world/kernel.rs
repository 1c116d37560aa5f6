//! What all nodes share: the clock, the sink of observations, the event queue, and the network.
//!
//! A link is a session between two starts. A message reaches the process to which it was sent, or it is lost. It survives a crash
//! of its sender. Messages of one link may overtake each other. Partitions are rules of the senders' gates, so this file
//! does not know them.

use super::{Passed, Sink, Unforced, layout::Layout, queue::Queue, sessions::Sessions};
use indoubt_driver::{
    conditions::{Conditions, Journey, Latency},
    gate::{Edge, FaultPlan, Moment},
    packet::Packet,
    port::Port,
    random::{Stream, of_forces, of_link},
    world::Network,
};
use indoubt_proto::{
    ids::{MessageId, NodeId},
    observation::{Observation, Stamped},
    planted::{Mutant, Planted},
    time::Micros,
};
use std::collections::VecDeque;

/// A packet on its way to one start of its receiver, or held there.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) packet: Packet,
    pub(super) to_start: u32,
    /// Whether it has already arrived, and faults hold it at the receiver.
    pub(super) held: bool,
}

/// An event of the queue.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A packet arrives.
    Arrives(Flight),
    /// A forced write returns, unless the node has crashed since it began.
    Forced { slot: usize, start: u32 },
    /// An idle journal may flush its lazy records.
    Flush { slot: usize, start: u32 },
}

/// A timer, which dies with its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) slot: usize,
    pub(super) start: u32,
}

/// The outgoing links of one node or client.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    pub(super) slot: usize,
    /// The conditions of each link, by the slot of the receiver.
    conditions: Vec<Conditions>,
}

impl Outlet {
    pub(super) fn new(slot: usize, slots: usize) -> Self {
        Outlet { slot, conditions: vec![Conditions::PERFECT; slots] }
    }

    /// Sets the conditions of all links. A link that is not listed is perfect.
    pub(super) fn connect(&mut self, links: &[(NodeId, Conditions)], layout: &Layout) {
        self.conditions.fill(Conditions::PERFECT);
        for (to, conditions) in links {
            if let Some(slot) = layout.slot(*to) {
                self.conditions[slot] = *conditions;
            }
        }
    }
}

/// The planted bugs of the world. Without one, none of them is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Bugs {
    /// Messages reach later incarnations of their receivers.
    sessions_forgotten: bool,
    /// Lazy records are flushed only with a forced one.
    pub(super) never_flushed: bool,
    /// Observations of machines are written after the next line.
    observed_late: bool,
    /// Those that wait for it.
    held_back: VecDeque<(NodeId, Observation)>,
}

impl Bugs {
    fn of(planted: Planted) -> Self {
        Bugs {
            sessions_forgotten: planted.is(Mutant::SessionsForgotten),
            never_flushed: planted.is(Mutant::NeverFlushed),
            observed_late: planted.is(Mutant::ObservedLate),
            held_back: VecDeque::new(),
        }
    }
}

/// What all nodes share.
pub(super) struct Kernel<'a> {
    pub(super) now: Micros,
    sink: &'a mut dyn Sink,
    /// Whether the sink wants to know the edges that nodes pass.
    pub(super) watched: bool,
    /// The number of observations so far.
    observed: u64,
    pub(super) queue: Queue<Event, Alarm>,
    pub(super) layout: Layout,
    /// The number of packets that have not arrived yet.
    pub(super) flying: usize,
    pub(super) sessions: Sessions,
    /// Messages that were taken (false) or lost (true), and whose senders do not know that yet.
    pub(super) fared: Vec<(MessageId, bool)>,
    seed: u64,
    /// The start of each node, by slot; 0 if the node is down.
    present: Vec<u32>,
    /// The random stream of each link, by the slots of sender and receiver. It is created at the first message.
    links: Vec<Option<Box<Stream>>>,
    pub(super) bugs: Bugs,
    /// The random stream of each disk, by slot. It is created at the first forced write whose time is not constant.
    disks: Vec<Option<Box<Stream>>>,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(layout: Layout, sessions: Sessions, seed: u64, planted: Planted, sink: &'a mut dyn Sink) -> Self {
        let slots = layout.count();
        Kernel {
            now: Micros::ZERO,
            watched: sink.watches(),
            sink,
            observed: 0,
            queue: Queue::new(),
            layout,
            flying: 0,
            sessions,
            fared: Vec::new(),
            seed,
            present: vec![0; slots],
            links: vec![None; slots * slots],
            bugs: Bugs::of(planted),
            disks: vec![None; slots],
        }
    }

    /// Writes an observation of `node`.
    pub(super) fn observe(&mut self, node: NodeId, what: Observation) {
        let seq = self.observed;
        self.observed += 1;
        self.sink.take(Stamped { t_us: self.now.0 as i64, seq, node, what });
        if self.bugs.observed_late
            && let Some((node, what)) = self.bugs.held_back.pop_front()
        {
            self.observe(node, what);
        }
    }

    /// Writes what the machine of `node` observed.
    pub(super) fn witness(&mut self, node: NodeId, what: Observation) {
        if self.bugs.observed_late {
            self.bugs.held_back.push_back((node, what));
        } else {
            self.observe(node, what);
        }
    }

    /// Tells a sink that watches about an edge that `node` passes. `unforced` is what no forced write of its journal covers.
    pub(super) fn pass(
        &mut self,
        node: NodeId,
        edge: Edge,
        moment: &Moment<'_>,
        unforced: Unforced,
        message: Option<MessageId>,
    ) {
        if self.watched {
            let (verb, word, qualifier, step) = moment.words();
            self.sink.pass(Passed { node, edge, verb, word, qualifier, step, unforced, message });
        }
    }

    /// Sets the incarnation of a node; 0 if it is down. Each incarnation has its own random streams.
    pub(super) fn set_present(&mut self, slot: usize, start: u32) {
        self.present[slot] = start;
        let slots = self.layout.count();
        self.links[slot * slots..(slot + 1) * slots].fill_with(|| None);
        self.disks[slot] = None;
    }

    /// Whether the receiver of a flight is still up in the same incarnation.
    pub(super) fn is_present(&self, flight: &Flight, slot: usize) -> bool {
        let present = self.present[slot];
        present == flight.to_start || (self.bugs.sessions_forgotten && present > 0)
    }

    /// How long a forced write takes that a node begins now.
    pub(super) fn force_takes(&mut self, slot: usize, port: &Port) -> Micros {
        let FaultPlan { force, min_force, .. } = port.gate.plan();
        let takes = match *force {
            Latency::Constant(takes) => takes,
            drawn => {
                let made = || Box::new(of_forces(self.seed, port.id, port.start));
                drawn.draw(self.disks[slot].get_or_insert_with(made))
            }
        };
        takes.max(*min_force)
    }

    /// Lets a packet arrive at its receiver, if it is still up then.
    pub(super) fn fly(&mut self, packet: Packet, slot: usize, delay: Micros, held: bool) {
        self.flying += 1;
        let flight = Flight { packet, to_start: self.present[slot], held };
        self.queue.push(self.now + delay, Event::Arrives(flight));
    }
}

/// The network as one node or client sees it.
pub(super) struct LinkIo<'a, 'k> {
    pub(super) kernel: &'a mut Kernel<'k>,
    pub(super) id: NodeId,
    pub(super) outlet: &'a Outlet,
}

impl Network for LinkIo<'_, '_> {
    fn observe(&mut self, what: impl FnOnce() -> Observation) {
        self.kernel.observe(self.id, what());
    }

    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey> {
        let kernel = &mut *self.kernel;
        let receiver = kernel.layout.slot(packet.to)?;
        let conditions = &self.outlet.conditions[receiver];
        let journey = conditions.certain(duplicated).unwrap_or_else(|| {
            let link = &mut kernel.links[self.outlet.slot * kernel.layout.count() + receiver];
            let made = || Box::new(of_link(kernel.seed, packet.id.from, packet.id.start, packet.to));
            conditions.draw(link.get_or_insert_with(made), duplicated)
        });
        let has_session = kernel.present[receiver] != 0 && !kernel.sessions.is_refused(self.outlet.slot, receiver);
        has_session.then_some(journey)
    }

    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet> {
        let Some(slot) = self.kernel.layout.slot(packet.to) else { return Some(packet) };
        self.kernel.fly(packet, slot, delay, false);
        None
    }
}
