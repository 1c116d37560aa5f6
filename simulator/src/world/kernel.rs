//! What all nodes share: the clock, the sink of observations, the event queue, and the network between them.
//!
//! A link is a session between two incarnations. A message that reaches a node is handed to the incarnation to which it was
//! sent, or lost; it survives the death of its sender. Messages of one link may overtake each other. Partitions need nothing
//! here: they are rules of the senders' gates.

use super::{Passed, Sink, layout::Layout, queue::Queue};
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
    time::Micros,
};

/// A packet on its way to one incarnation of its receiver, or held there.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) packet: Packet,
    pub(super) to_incarnation: u32,
    /// It has arrived before, and faults hold it at its receiver.
    pub(super) held: bool,
}

/// What happens at a time.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A packet arrives.
    Arrives(Flight),
    /// A force of a node's incarnation returns.
    Forced { slot: usize, incarnation: u32 },
    /// A quiet journal may flush its lazy records.
    Flush { slot: usize, incarnation: u32 },
}

/// A timer of a node's incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) slot: usize,
    pub(super) incarnation: u32,
}

/// The outgoing links of one node or client.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    pub(super) slot: usize,
    /// By the receiver's slot.
    conditions: Vec<Conditions>,
}

impl Outlet {
    pub(super) fn new(slot: usize, slots: usize) -> Self {
        Outlet { slot, conditions: vec![Conditions::PERFECT; slots] }
    }

    /// Sets the conditions of all links; one that is not listed is perfect.
    pub(super) fn connect(&mut self, links: &[(NodeId, Conditions)], layout: &Layout) {
        self.conditions.fill(Conditions::PERFECT);
        for (to, conditions) in links {
            if let Some(slot) = layout.slot(*to) {
                self.conditions[slot] = *conditions;
            }
        }
    }
}

/// What all nodes share.
pub(super) struct Kernel<'a> {
    pub(super) now: Micros,
    sink: &'a mut dyn Sink,
    /// Whether the sink wants to be told of moments.
    pub(super) watched: bool,
    /// Observations so far.
    observed: u64,
    pub(super) queue: Queue<Event, Alarm>,
    pub(super) layout: Layout,
    /// Packets that have not arrived yet.
    pub(super) flying: usize,
    /// Messages that were taken (false) or lost (true), of which their senders have not been told.
    pub(super) fared: Vec<(MessageId, bool)>,
    seed: u64,
    /// The incarnation of each node that is up, by slot; 0 for one that is down.
    present: Vec<u32>,
    /// The draws of each link, by the slots of sender and receiver; made at the first message.
    links: Vec<Option<Box<Stream>>>,
    /// The draws of each disk, by slot; made at the first force that does not take always the same.
    disks: Vec<Option<Box<Stream>>>,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(layout: Layout, seed: u64, sink: &'a mut dyn Sink) -> Self {
        let slots = layout.count();
        Kernel {
            now: Micros::ZERO,
            watched: sink.watches(),
            sink,
            observed: 0,
            queue: Queue::new(),
            layout,
            flying: 0,
            fared: Vec::new(),
            seed,
            present: vec![0; slots],
            links: vec![None; slots * slots],
            disks: vec![None; slots],
        }
    }

    /// Writes an observation of `node`.
    pub(super) fn observe(&mut self, node: NodeId, what: Observation) {
        let seq = self.observed;
        self.observed += 1;
        self.sink.take(Stamped { t_us: self.now.0 as i64, seq, node, what });
    }

    /// Tells a sink that watches of an edge that `node` passes. `tail`: the records that no force covers.
    pub(super) fn pass(
        &mut self,
        node: NodeId,
        edge: Edge,
        moment: &Moment<'_>,
        tail: usize,
        message: Option<MessageId>,
    ) {
        if self.watched {
            let (verb, word, qualifier, step) = moment.words();
            self.sink.pass(Passed { node, edge, verb, word, qualifier, step, tail, message });
        }
    }

    /// A node is up in this incarnation (0: it is down), which draws from streams of its own.
    pub(super) fn set_present(&mut self, slot: usize, incarnation: u32) {
        self.present[slot] = incarnation;
        let slots = self.layout.count();
        self.links[slot * slots..(slot + 1) * slots].fill_with(|| None);
        self.disks[slot] = None;
    }

    /// Whether a flight still has a receiver.
    pub(super) fn is_present(&self, flight: &Flight, slot: usize) -> bool {
        self.present[slot] == flight.to_incarnation
    }

    /// How long the force takes that a node begins now.
    pub(super) fn force_takes(&mut self, slot: usize, port: &Port) -> Micros {
        let FaultPlan { force, min_force, .. } = port.gate.plan();
        let takes = match *force {
            Latency::Constant(takes) => takes,
            drawn => {
                let made = || Box::new(of_forces(self.seed, port.id, port.incarnation));
                drawn.draw(self.disks[slot].get_or_insert_with(made))
            }
        };
        takes.max(*min_force)
    }

    /// Lets a packet arrive at the present incarnation of its receiver.
    pub(super) fn fly(&mut self, packet: Packet, slot: usize, delay: Micros, held: bool) {
        self.flying += 1;
        let flight = Flight { packet, to_incarnation: self.present[slot], held };
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
            let made = || Box::new(of_link(kernel.seed, packet.id.from, packet.id.incarnation, packet.to));
            conditions.draw(link.get_or_insert_with(made), duplicated)
        });
        (kernel.present[receiver] != 0).then_some(journey)
    }

    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet> {
        let Some(slot) = self.kernel.layout.slot(packet.to) else { return Some(packet) };
        self.kernel.fly(packet, slot, delay, false);
        None
    }
}
