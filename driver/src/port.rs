//! One end of the links of a node or a client: it numbers what leaves, holds the gate, and sends messages on their journey.

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

/// Packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent, copies included.
    pub sent: u64,
    /// Taken as input.
    pub received: u64,
    /// Lost: sent from here or to here.
    pub dropped: u64,
}

/// How a message left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Its id.
    pub id: MessageId,
    /// Whether it is lost already, and so is its copy, if there is one.
    pub lost: bool,
}

/// One end of the links of a node or a client.
#[derive(Clone, Debug)]
pub struct Port {
    /// Whose.
    pub id: NodeId,
    /// Its incarnation; 0 before the first.
    pub incarnation: u32,
    /// What the lab has set for it.
    pub gate: Gate,
    /// What passed.
    pub traffic: Traffic,
    /// Messages sent in this incarnation.
    count: u64,
    seed: u64,
}

impl Port {
    /// A port before its first incarnation. What its gate draws comes from `seed`.
    pub fn new(id: NodeId, seed: u64) -> Port {
        let gate = Gate::new(of_gate(seed, id, 0));
        Port { id, incarnation: 0, gate, traffic: Traffic::default(), count: 0, seed }
    }

    /// An incarnation begins: it counts its messages anew, and its gate draws from a stream of its own.
    pub fn begin(&mut self, incarnation: u32) {
        (self.incarnation, self.count) = (incarnation, 0);
        self.gate.draw_from(of_gate(self.seed, self.id, incarnation));
    }

    /// Sends a message on its journey. What a fault drops is gone with its copies; what the network does, it does to the
    /// message and to its copy independently ([`Conditions::draw`](crate::conditions::Conditions::draw)).
    pub fn send<N: Network>(
        &mut self,
        to: NodeId,
        message: Message,
        faults: Disposition,
        network: &mut N,
    ) -> Departure {
        self.count += 1;
        let id = MessageId { from: self.id, incarnation: self.incarnation, count: self.count };
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

    /// Answers whether the packet is lost.
    fn depart<N: Network>(&mut self, packet: Packet, leg: Leg, delay: Micros, network: &mut N) -> bool {
        let lost = if leg.lost { Some(packet) } else { network.carry(packet, leg.delay + delay) };
        if let Some(packet) = &lost {
            self.note_dropped(packet, network);
        }
        lost.is_some()
    }

    /// A client takes a message that has arrived, unless a fault drops it. It is told of the message by that alone: no
    /// request is sent to a client, so none is refused.
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

    /// A packet was lost, on its way from here or at this end.
    pub fn note_dropped<N: Network>(&mut self, packet: &Packet, network: &mut N) {
        self.traffic.dropped += 1;
        network.observe(|| packet.dropped());
    }
}
