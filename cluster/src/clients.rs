//! The clients of a real run: the clients of the simulator, over real sessions. Each has a port, as nodes have, so that the network
//! and faults treat its messages as in the virtual world.

use indoubt_driver::{
    conditions::{Conditions, Journey},
    gate::{Disposition, Edge, FaultPlan, GateDecision, Moment},
    packet::Packet,
    port::Port,
    random::{Stream, of_link},
    world::Network,
};
use indoubt_node::{
    client::{ClientEvent, ClientSession},
    monotonic_now,
};
use indoubt_proto::{
    ids::NodeId,
    message::Message,
    observation::{Observation, Stamped},
    time::Micros,
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// An event on a client's session.
pub(super) struct ClientNews {
    pub(super) client: NodeId,
    pub(super) home: NodeId,
    pub(super) event: ClientEvent,
}

/// A client's link to one coordinating node.
struct Link {
    session: ClientSession,
    conditions: Conditions,
    random: Stream,
}

/// The links of one client.
struct Client {
    port: Port,
    links: BTreeMap<NodeId, Link>,
}

/// The links of all clients, and what clients observe.
pub(super) struct Clients {
    clients: BTreeMap<NodeId, Client>,
    seed: u64,
    pub(super) trace: Vec<Stamped>,
}

impl Clients {
    /// A pool without clients.
    pub(super) fn new(seed: u64) -> Self {
        Clients { clients: BTreeMap::new(), seed, trace: Vec::new() }
    }

    fn client(&mut self, id: NodeId) -> &mut Client {
        let seed = self.seed;
        self.clients.entry(id).or_insert_with(|| {
            let mut port = Port::new(id, seed);
            port.begin(1, 1);
            Client { port, links: BTreeMap::new() }
        })
    }

    /// Opens a session. Its events go to `news`.
    pub(super) fn open(
        &mut self,
        client: NodeId,
        home: NodeId,
        address: String,
        news: &mpsc::UnboundedSender<ClientNews>,
    ) {
        let (session, mut events) = ClientSession::open(client, 1, home, address, self.seed);
        let random = of_link(self.seed, client, 1, home);
        self.client(client).links.insert(home, Link { session, conditions: Conditions::PERFECT, random });
        let news = news.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if news.send(ClientNews { client, home, event }).is_err() {
                    break;
                }
            }
        });
    }

    /// Replaces a client's fault plan.
    pub(super) fn set_plan(&mut self, client: NodeId, plan: FaultPlan) {
        let Client { port, links } = self.client(client);
        for (home, link) in links {
            let listed = plan.links.iter().find(|(to, _)| to == home);
            link.conditions = listed.map_or(Conditions::PERFECT, |(_, conditions)| *conditions);
        }
        port.gate.set(plan);
    }

    /// The decision of a client's gate about a message that is about to leave or to be taken.
    pub(super) fn ask(&mut self, client: NodeId, moment: &Moment<'_>) -> GateDecision {
        self.client(client).port.gate.ask(Edge::Before, moment).unwrap_or_default()
    }

    /// Sends a message at once.
    pub(super) fn send(&mut self, from: NodeId, to: NodeId, message: Message, faults: Disposition) {
        self.act(from, |port, io| {
            port.send(to, message, faults, io);
        });
    }

    /// Takes a packet that has arrived. `None` if a fault drops it.
    pub(super) fn receive(&mut self, packet: Packet, faults: Disposition) -> Option<Message> {
        self.act(packet.to, |port, io| port.receive(packet, faults, io))
    }

    /// Writes an observation for a node that cannot write its own trace.
    pub(super) fn observe(&mut self, node: NodeId, what: Observation) {
        self.trace.push(Stamped { t_us: monotonic_now().0 as i64, seq: 0, node, what });
    }

    fn act<R>(&mut self, id: NodeId, what: impl FnOnce(&mut Port, &mut ClientIo<'_>) -> R) -> R {
        let mut trace = std::mem::take(&mut self.trace);
        let Client { port, links } = self.client(id);
        let done = what(port, &mut ClientIo { id, links, trace: &mut trace });
        self.trace = trace;
        done
    }
}

/// The network as one client uses it.
struct ClientIo<'a> {
    id: NodeId,
    links: &'a mut BTreeMap<NodeId, Link>,
    trace: &'a mut Vec<Stamped>,
}

impl Network for ClientIo<'_> {
    // The time is read before a packet leaves, so that a trace never shows a message as received before it was sent.
    fn observe(&mut self, what: impl FnOnce() -> Observation) {
        self.trace.push(Stamped { t_us: monotonic_now().0 as i64, seq: 0, node: self.id, what: what() });
    }

    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey> {
        let Link { session, conditions, random } = self.links.get_mut(&packet.to)?;
        let journey = conditions.draw(random, duplicated);
        session.up().map(|_| journey)
    }

    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet> {
        match self.links.get_mut(&packet.to) {
            Some(link) => link.session.forward(packet, delay),
            None => Some(packet),
        }
    }
}
