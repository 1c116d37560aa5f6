//! What all nodes share: the clock, the sink of observations, the event queue, and the network between them.
//!
//! A link is a session between two incarnations. A message that reaches a node is handed to the incarnation to which it was
//! sent, or lost; it survives the death of its sender. Messages of one link may overtake each other. Partitions need nothing
//! here: they are rules of the senders' gates.

use super::{Passed, Sink, nodes::Hands, queue::Queue};
use indoubt_proto::{
    conditions::{Conditions, Latency},
    gate::{Edge, Fate, Moment, Orders},
    ids::{MessageId, NodeId, Role},
    message::Message,
    observation::{Observation, Stamped},
    random::{Stream, of_forces, of_link},
    time::Micros,
};

/// A message on its way, or held at its receiver.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) id: MessageId,
    pub(super) to: NodeId,
    /// The incarnation of the receiver for which it is meant.
    pub(super) to_incarnation: u32,
    /// A duplicate that a fault made.
    pub(super) copy: bool,
    pub(super) message: Message,
}

/// What happens at a time.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A message arrives.
    Arrives(Flight),
    /// A force of a node's incarnation returns.
    Forced { seat: usize, incarnation: u32 },
    /// A quiet journal may flush its lazy records.
    Flush { seat: usize, incarnation: u32 },
}

/// A timer of a node's incarnation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    pub(super) seat: usize,
    pub(super) incarnation: u32,
}

/// Where a node's seat is in tables: coordinating nodes first, then participants, then clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seating {
    coordinators: usize,
    participants: usize,
    clients: usize,
}

impl Seating {
    pub(super) fn new(coordinators: u16, participants: u16, clients: usize) -> Self {
        Seating { coordinators: coordinators.into(), participants: participants.into(), clients }
    }

    /// How many seats there are, clients' included.
    pub(super) fn count(&self) -> usize {
        self.coordinators + self.participants + self.clients
    }

    /// The seat of a node; `None` for the lab, and for nodes that this cluster does not have.
    pub(super) fn of(&self, node: NodeId) -> Option<usize> {
        let (first, count) = match node.role {
            Role::Coordinating => (0, self.coordinators),
            Role::Participant => (self.coordinators, self.participants),
            Role::Client => (self.coordinators + self.participants, self.clients),
            Role::Lab => return None,
        };
        let at = usize::from(node.number.checked_sub(1)?);
        (at < count).then_some(first + at)
    }
}

/// How a message that was sent fares at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is on its way.
    Flying,
    /// It is lost already.
    Lost,
}

/// A sender's end of its links.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) id: NodeId,
    pub(super) seat: usize,
    pub(super) incarnation: u32,
    /// Messages sent in this incarnation.
    pub(super) sent: u64,
    /// By the receiver's seat.
    conditions: Vec<Conditions>,
}

impl Port {
    pub(super) fn new(id: NodeId, seat: usize, seats: usize) -> Self {
        Port { id, seat, incarnation: 0, sent: 0, conditions: vec![Conditions::PERFECT; seats] }
    }

    /// Sets the conditions of the outgoing links; a link that is not listed is perfect.
    pub(super) fn connect(&mut self, links: &[(NodeId, Conditions)], seating: &Seating) {
        self.conditions.fill(Conditions::PERFECT);
        for (to, conditions) in links {
            if let Some(seat) = seating.of(*to) {
                self.conditions[seat] = *conditions;
            }
        }
    }
}

/// What all nodes share.
pub(super) struct Commons<'a> {
    pub(super) now: Micros,
    sink: &'a mut dyn Sink,
    /// Whether the sink wants to be told of moments.
    pub(super) watched: bool,
    /// Observations so far.
    observed: u64,
    pub(super) queue: Queue<Event, Alarm>,
    pub(super) seating: Seating,
    /// Messages that have not arrived yet.
    pub(super) flying: usize,
    seed: u64,
    /// The incarnation of each node that is up, by seat; 0 for one that is down.
    present: Vec<u32>,
    /// The draws of each link, by the seats of sender and receiver; made at the first message.
    links: Vec<Option<Box<Stream>>>,
    /// The draws of each disk, by seat; made at the first force that does not take always the same.
    disks: Vec<Option<Box<Stream>>>,
}

impl<'a> Commons<'a> {
    pub(super) fn new(seating: Seating, seed: u64, sink: &'a mut dyn Sink) -> Self {
        let seats = seating.count();
        Commons {
            now: Micros::ZERO,
            watched: sink.watches(),
            sink,
            observed: 0,
            queue: Queue::new(),
            seating,
            flying: 0,
            seed,
            present: vec![0; seats],
            links: vec![None; seats * seats],
            disks: vec![None; seats],
        }
    }

    /// Writes an observation of `node`.
    pub(super) fn observe(&mut self, node: NodeId, what: Observation) {
        let seq = self.observed;
        self.observed += 1;
        self.sink.take(Stamped { t_us: self.now.0 as i64, seq, node, what });
    }

    /// Tells a sink that watches of an edge of a moment that `hands` pass. `tail`: the records that no force covers.
    pub(super) fn pass(&mut self, hands: &Hands, edge: Edge, moment: &Moment<'_>, tail: usize) {
        if !self.watched {
            return;
        }
        let (verb, word, qualifier, step) = moment.words();
        let Port { id: from, incarnation, .. } = hands.port;
        let message = hands.sending(edge, moment).map(|count| MessageId { from, incarnation, count });
        self.sink.pass(Passed { node: from, edge, verb, word, qualifier, step, tail, message });
    }

    /// A node is up in this incarnation (0: it is down), which draws from streams of its own.
    pub(super) fn set_present(&mut self, seat: usize, incarnation: u32) {
        self.present[seat] = incarnation;
        let seats = self.seating.count();
        self.links[seat * seats..(seat + 1) * seats].fill_with(|| None);
        self.disks[seat] = None;
    }

    /// Whether a flight still has a receiver.
    pub(super) fn is_present(&self, flight: &Flight, seat: usize) -> bool {
        self.present[seat] == flight.to_incarnation
    }

    /// How long the force takes that a node begins now.
    pub(super) fn force_takes(&mut self, port: &Port, orders: &Orders) -> Micros {
        let takes = match orders.force {
            Latency::Constant(takes) => takes,
            drawn => {
                let made = || Box::new(of_forces(self.seed, port.id, port.incarnation));
                drawn.draw(self.disks[port.seat].get_or_insert_with(made))
            }
        };
        takes.max(orders.min_force)
    }

    /// Sends a message on its journey. `fate` is what the gate does to it beyond the link's conditions.
    pub(super) fn send(&mut self, port: &mut Port, to: NodeId, message: Message, fate: Fate) -> Sent {
        // The operator's hand reads no answers here.
        let Some(receiver) = self.seating.of(to) else { return Sent::Lost };
        port.sent += 1;
        let id = MessageId { from: port.id, incarnation: port.incarnation, count: port.sent };
        let flight = Flight { id, to, to_incarnation: self.present[receiver], copy: false, message };
        self.observe(port.id, sent(&flight));
        let conditions = &port.conditions[receiver];
        let journey = conditions.certain().unwrap_or_else(|| {
            let link = &mut self.links[port.seat * self.seating.count() + receiver];
            let random = link.get_or_insert_with(|| Box::new(of_link(self.seed, port.id, port.incarnation, to)));
            conditions.draw(random)
        });
        if fate.drop || journey.lost || flight.to_incarnation == 0 {
            self.observe(port.id, dropped(&flight));
            return Sent::Lost;
        }
        if fate.duplicate || journey.copy_delay.is_some() {
            let copy = Flight { copy: true, ..flight.clone() };
            self.observe(port.id, sent(&copy));
            self.fly(copy, journey.copy_delay.unwrap_or(journey.delay) + fate.delay);
        }
        self.fly(flight, journey.delay + fate.delay);
        Sent::Flying
    }

    fn fly(&mut self, flight: Flight, delay: Micros) {
        self.flying += 1;
        self.queue.push(self.now + delay, Event::Arrives(flight));
    }
}

fn sent(flight: &Flight) -> Observation {
    let Flight { id, to, copy, ref message, .. } = *flight;
    Observation::Sent { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
}

pub(super) fn received(flight: &Flight) -> Observation {
    let Flight { id, to, copy, ref message, .. } = *flight;
    let ticket = message.ticket().copied();
    Observation::Received { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy, ticket }
}

pub(super) fn dropped(flight: &Flight) -> Observation {
    let Flight { id, to, copy, ref message, .. } = *flight;
    Observation::Dropped { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
}
