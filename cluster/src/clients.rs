//! The lab's clients: the pool of the simulator over real sessions. What the network does to a message on its way is drawn
//! here for clients, as each node does it for itself.

use indoubt_node::client::{ClientEvent, ClientSession};
use indoubt_proto::{
    conditions::Conditions,
    gate::{Edge, Fate, Gate, Moment, Orders, Verdict},
    ids::{MessageId, NodeId},
    message::Message,
    random::{Stream, of_gate, of_link},
    time::Micros,
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// Something happened on a client's session.
pub(crate) struct ClientNews {
    pub(crate) client: NodeId,
    pub(crate) home: NodeId,
    pub(crate) event: ClientEvent,
}

/// All clients' ends.
pub(crate) struct Clients {
    sessions: BTreeMap<(NodeId, NodeId), ClientSession>,
    gates: BTreeMap<NodeId, Gate>,
    links: BTreeMap<(NodeId, NodeId), (Conditions, Stream)>,
    seed: u64,
}

impl Clients {
    /// Nobody yet.
    pub(crate) fn new(seed: u64) -> Self {
        Clients { sessions: BTreeMap::new(), gates: BTreeMap::new(), links: BTreeMap::new(), seed }
    }

    /// Opens a session; what happens on it goes to `news`.
    pub(crate) fn open(
        &mut self,
        client: NodeId,
        home: NodeId,
        address: String,
        news: &mpsc::UnboundedSender<ClientNews>,
    ) {
        let (session, mut events) = ClientSession::open(client, 1, home, address, self.seed);
        self.sessions.insert((client, home), session);
        let news = news.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if news.send(ClientNews { client, home, event }).is_err() {
                    break;
                }
            }
        });
    }

    /// Replaces a client's orders.
    pub(crate) fn obey(&mut self, client: NodeId, orders: Orders) {
        for (to, conditions) in &orders.links {
            let link =
                self.links.entry((client, *to)).or_insert_with(|| (*conditions, of_link(self.seed, client, 1, *to)));
            link.0 = *conditions;
        }
        let seed = self.seed;
        self.gates.entry(client).or_insert_with(|| Gate::new(of_gate(seed, client, 1))).set(orders);
    }

    /// What the client's gate says of a message that is about to leave.
    pub(crate) fn gate(&mut self, from: NodeId, to: NodeId, message: &Message) -> Option<Verdict> {
        self.gates.get_mut(&from)?.ask(Edge::Before, &Moment::Send { to, message })
    }

    /// Sends a message and lets it out. Returns its id, whether it was lost, and the id of a copy that a fault made (the
    /// same id); `None` if there is no session.
    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: Message, fate: Fate) -> Option<Sent> {
        let journey = self.links.get_mut(&(from, to)).map(|(conditions, random)| conditions.draw(random));
        let travel = journey.map_or(Micros::ZERO, |j| j.delay);
        let session = self.sessions.get_mut(&(from, to))?;
        session.up()?;
        let hold = travel + fate.delay;
        let duplicate = fate.duplicate.then(|| message.clone());
        let id = session.send(message, hold)?;
        let copy = duplicate.and_then(|copy| session.send(copy, hold));
        let lost = session.flush() > 0;
        Some(Sent { id, lost, copy })
    }
}

/// A message that left.
pub(crate) struct Sent {
    pub(crate) id: MessageId,
    pub(crate) lost: bool,
    pub(crate) copy: Option<MessageId>,
}
