//! The machine's side of all links: the sessions, the messages for the next flush, and the effect of the network's
//! conditions on messages.

use crate::link::{Outbox, parse};
use indoubt_driver::{
    conditions::{Conditions, Journey},
    random::{Stream, of_link},
};
use indoubt_proto::{
    ids::NodeId,
    time::Micros,
    wire::{Batch, Envelope},
};
use std::{collections::BTreeMap, sync::Arc};

/// How long after a boot messages wait for a link that is not up yet. After that they are lost at once.
pub(crate) const BOOT_PATIENCE: Micros = Micros::from_millis(250);

/// A session with one incarnation of another node.
#[derive(Debug)]
pub(crate) struct Session {
    /// The other node.
    pub(crate) peer: NodeId,
    /// The number of the session in this process.
    pub(crate) number: u64,
    /// The queue of outgoing messages.
    pub(crate) outbox: Arc<Outbox>,
}

/// Dropping the last handle ends the session, even if the node is stopping and no longer reads its inbox.
impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.end(Ok(()));
    }
}

#[derive(Debug)]
struct Peer {
    session: Option<Session>,
    /// The messages that leave with the next flush.
    pending: Batch,
    conditions: Option<Conditions>,
    random: Stream,
}

/// All links of one node.
#[derive(Debug)]
pub(crate) struct Links {
    me: NodeId,
    start: u32,
    seed: u64,
    peers: BTreeMap<NodeId, Peer>,
    /// The nodes for which messages are pending.
    dirty: Vec<NodeId>,
    /// Until this time messages wait for a first session; `None` once it has passed. Peers that dial this node are not
    /// known in advance, so this covers every node.
    patience: Option<Micros>,
    configured: Vec<NodeId>,
}

impl Links {
    /// Creates the links without sessions. Until `patience`, messages wait for one. `configured` are the peers whose
    /// addresses are known.
    pub(crate) fn new(me: NodeId, start: u32, seed: u64, configured: Vec<NodeId>, patience: Micros) -> Self {
        Links { me, start, seed, peers: BTreeMap::new(), dirty: Vec::new(), patience: Some(patience), configured }
    }

    fn peer(&mut self, node: NodeId) -> &mut Peer {
        let Links { me, start, seed, .. } = *self;
        self.peers.entry(node).or_insert_with(|| Peer {
            session: None,
            pending: Batch::default(),
            conditions: None,
            random: of_link(seed, me, start, node),
        })
    }

    /// Adds a session that began, and replaces an older one. Returns the messages that waited in the older one, which are
    /// lost.
    pub(crate) fn up(&mut self, session: Session) -> Vec<Envelope> {
        let node = session.peer;
        let peer = self.peer(node);
        let old = peer.session.replace(session);
        if !peer.pending.is_empty() {
            self.dirty.push(node);
        }
        old.map(|old| old.outbox.close()).unwrap_or_default()
    }

    /// Removes a session that ended, unless it was already replaced. Returns the messages that waited in it, which are
    /// lost.
    pub(crate) fn down(&mut self, node: NodeId, number: u64) -> Vec<Envelope> {
        let peer = self.peer(node);
        let Some(session) = peer.session.take_if(|session| session.number == number) else { return Vec::new() };
        let mut lost = session.outbox.close();
        lost.extend(parse(&std::mem::take(&mut peer.pending)));
        lost
    }

    /// Replaces the conditions of all outgoing links.
    pub(crate) fn set_conditions(&mut self, links: &[(NodeId, Conditions)]) {
        for peer in self.peers.values_mut() {
            peer.conditions = None;
        }
        for (node, conditions) in links {
            self.peer(*node).conditions = Some(*conditions).filter(|c| *c != Conditions::PERFECT);
        }
    }

    /// Draws the journey of the next message to `node`. `duplicated` means that a fault makes a copy. `None` if there is no
    /// session and messages do not wait for one.
    pub(crate) fn journey(&mut self, node: NodeId, duplicated: bool) -> Option<Journey> {
        let waits = self.patience.is_some();
        let peer = self.peer(node);
        let journey = match peer.conditions {
            Some(conditions) => Some(conditions.draw(&mut peer.random, duplicated)),
            None => Conditions::PERFECT.certain(duplicated),
        };
        journey.filter(|_| peer.session.is_some() || waits)
    }

    /// Adds a message to the next flush. Returns it if it is lost because there is no session.
    pub(crate) fn push(&mut self, envelope: Envelope) -> Option<Envelope> {
        let node = envelope.to;
        let waits = self.patience.is_some();
        let peer = self.peer(node);
        if peer.session.is_none() && !waits {
            return Some(envelope);
        }
        let first = peer.pending.is_empty();
        peer.pending.push(&envelope);
        if first {
            self.dirty.push(node);
        }
        None
    }

    /// Lets messages wait for a first session until this time.
    pub(crate) fn be_patient_until(&mut self, until: Micros) {
        self.patience = Some(until);
    }

    /// The time at which messages stop waiting for links that are not up; `None` if it has passed.
    pub(crate) fn patience(&self) -> Option<Micros> {
        self.patience
    }

    /// Ends this wait. Returns the messages that waited for a link, which are lost.
    pub(crate) fn lose_patience(&mut self) -> Vec<Envelope> {
        self.patience = None;
        let waiting = self.peers.values_mut().filter(|peer| peer.session.is_none());
        waiting.flat_map(|peer| parse(&std::mem::take(&mut peer.pending))).collect()
    }

    /// Gives all pending messages to the transports, one batch per link. Returns those that are lost because a queue is
    /// full or closed.
    pub(crate) fn flush(&mut self) -> Vec<Envelope> {
        let mut lost = Vec::new();
        let mut dirty = std::mem::take(&mut self.dirty);
        for node in dirty.drain(..) {
            let peer = self.peer(node);
            if let Some(session) = &peer.session {
                session.outbox.extend(&mut peer.pending);
                if !peer.pending.is_empty() {
                    lost.extend(parse(&std::mem::take(&mut peer.pending)));
                }
            }
        }
        self.dirty = dirty;
        lost
    }

    /// Whether this node knows the address of `node`.
    pub(crate) fn knows(&self, node: NodeId) -> bool {
        self.configured.contains(&node)
    }

    /// The number of sessions.
    pub(crate) fn sessions(&self) -> u64 {
        self.peers.values().filter(|peer| peer.session.is_some()).count() as u64
    }

    /// Ends all sessions, each after its waiting messages have left.
    pub(crate) fn close(&mut self) {
        for peer in self.peers.values_mut() {
            peer.session = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{
        ids::{MessageId, TxnId},
        message::Message,
    };

    const C1: NodeId = NodeId::coordinating(1);
    const P1: NodeId = NodeId::participant(1);

    fn inquiry() -> Envelope {
        let id = MessageId { from: P1, start: 2, count: 1 };
        let message = Message::Resume { txn: TxnId { home: C1, client: NodeId::client(1), number: 1 } };
        Envelope { id, to: C1, hold: Micros::ZERO, copy: false, message }
    }

    #[test]
    fn messages_sent_at_boot_wait_for_peers_that_dial_this_node() {
        let mut links = Links::new(P1, 2, 1, Vec::new(), Micros(250));
        assert!(links.push(inquiry()).is_none(), "a coordinating node will dial, and no configuration names it");
        assert!(links.flush().is_empty());
        let outbox = Outbox::new();
        links.up(Session { peer: C1, number: 1, outbox: Arc::clone(&outbox) });
        assert!(links.flush().is_empty());
        assert_eq!(outbox.close().len(), 1);
    }

    #[test]
    fn messages_wait_for_a_session_only_until_a_time() {
        let mut links = Links::new(P1, 2, 1, Vec::new(), Micros(250));
        assert!(links.push(inquiry()).is_none());
        assert_eq!(links.lose_patience().len(), 1);
        assert!(links.push(inquiry()).is_some(), "afterwards it is lost at once");
    }
}
