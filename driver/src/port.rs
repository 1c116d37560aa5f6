//! The end of all links of a node or a client. It numbers outgoing messages, has the gate, and sends messages on their journey.

use crate::{
    conditions::Leg,
    gate::{Disposition, Gate},
    packet::Packet,
    random::of_gate,
    world::Network,
};
use indoubt_proto::{
    ids::{MessageId, NodeId},
    message::Message,
    time::Micros,
};

/// Counts of packets since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets that were sent, including copies.
    pub sent: u64,
    /// Packets that were taken as input.
    pub received: u64,
    /// Packets that were sent from here or to here and were lost.
    pub dropped: u64,
}

/// The result of sending a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The id that the message got.
    pub id: MessageId,
    /// Whether the message and its copy, if there is one, are already lost.
    pub lost: bool,
}

/// The end of all links of a node or a client.
#[derive(Clone, Debug)]
pub struct Port {
    /// The node or client that has this port.
    pub id: NodeId,
    /// Which start this is; 0 before the first. It names the messages and the random streams.
    pub start: u32,
    /// Its current incarnation; 0 before the first, and again if the node lost its disk.
    pub incarnation: u32,
    /// The gate, with everything that the lab has set for the node.
    pub gate: Gate,
    /// Counts of the packets that passed.
    pub traffic: Traffic,
    /// The number of messages sent since this start.
    count: u64,
    seed: u64,
}

impl Port {
    /// A port before its first incarnation. The random streams of its gate come from `seed`.
    pub fn new(id: NodeId, seed: u64) -> Port {
        let gate = Gate::new(of_gate(seed, id, 0));
        Port { id, start: 0, incarnation: 0, gate, traffic: Traffic::default(), count: 0, seed }
    }

    /// The node starts, in this incarnation. Each start counts its messages from 1, and its gate has a random stream of its own.
    pub fn begin(&mut self, start: u32, incarnation: u32) {
        (self.start, self.incarnation, self.count) = (start, incarnation, 0);
        self.gate.draw_from(of_gate(self.seed, self.id, start));
    }

    /// Sends a message on its journey. If a fault drops it, its copies are lost too. The network treats the message and its copy
    /// independently ([`Conditions::draw`](crate::conditions::Conditions::draw)).
    pub fn send<N: Network>(
        &mut self,
        to: NodeId,
        message: Message,
        faults: Disposition,
        network: &mut N,
    ) -> Departure {
        self.count += 1;
        let id = MessageId { from: self.id, start: self.start, count: self.count };
        let packet = Packet { id, to, copy: false, message };
        self.note_sent(&packet, network);
        let Some(journey) = network.journey(&packet, faults.duplicate).filter(|_| !faults.drop) else {
            self.note_dropped(&packet, network);
            return Departure { id, lost: true };
        };
        let mut lost = true;
        if journey.original.lost {
            self.note_dropped(&packet, network);
        }
        if let Some(leg) = journey.copy {
            let copy = Packet { copy: true, ..packet.clone() };
            self.note_sent(&copy, network);
            lost &= self.depart(copy, leg, faults.delay, network);
        }
        if !journey.original.lost {
            lost &= self.depart(packet, journey.original, faults.delay, network);
        }
        Departure { id, lost }
    }

    /// Lets one packet leave. Returns whether it is lost.
    fn depart<N: Network>(&mut self, packet: Packet, leg: Leg, delay: Micros, network: &mut N) -> bool {
        let lost = if leg.lost { Some(packet) } else { network.carry(packet, leg.delay + delay) };
        if let Some(packet) = &lost {
            self.note_dropped(packet, network);
        }
        lost.is_some()
    }

    /// Returns a message that has arrived at a client, unless a fault drops it. Nobody sends requests to clients, so no message can be
    /// refused here.
    pub fn receive<N: Network>(&mut self, packet: Packet, faults: Disposition, network: &mut N) -> Option<Message> {
        if faults.drop {
            self.note_dropped(&packet, network);
            return None;
        }
        self.note_received(&packet, network);
        Some(packet.message)
    }

    fn note_sent<N: Network>(&mut self, packet: &Packet, network: &mut N) {
        self.traffic.sent += 1;
        network.observe(|| packet.sent());
    }

    pub(crate) fn note_received<N: Network>(&mut self, packet: &Packet, network: &mut N) {
        self.traffic.received += 1;
        network.observe(|| packet.received());
    }

    /// Notes that a packet was lost, on its way from here or at this end.
    pub fn note_dropped<N: Network>(&mut self, packet: &Packet, network: &mut N) {
        self.traffic.dropped += 1;
        network.observe(|| packet.dropped());
    }
}
