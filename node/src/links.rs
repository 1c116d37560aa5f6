//! The machine's side of all links: who is there, what waits to leave with the next flush, and what the network's
//! conditions do to it.

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

/// How long after a boot messages wait for a link that is not up yet. Afterwards they are lost at once.
pub(crate) const BOOT_PATIENCE: Micros = Micros::from_millis(250);

/// A session with one incarnation of another node.
#[derive(Debug)]
pub(crate) struct Session {
    /// With whom.
    pub(crate) peer: NodeId,
    /// Which of this process's sessions.
    pub(crate) number: u64,
    /// Where its messages leave.
    pub(crate) outbox: Arc<Outbox>,
}

/// Whoever holds the session last ends it: also when it comes to a node that is stopping and takes nothing any more.
impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.end(Ok(()));
    }
}

#[derive(Debug)]
struct Peer {
    session: Option<Session>,
    /// Leaves with the next flush.
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
    /// Those with something pending.
    dirty: Vec<NodeId>,
    /// Until when messages wait for a first session, while it is young: also with peers that dial this node, which it
    /// cannot know.
    patience: Option<Micros>,
    configured: Vec<NodeId>,
}

impl Links {
    /// No session yet. Messages wait for one until `patience`. It was told of `configured` peers.
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

    /// A session began; it replaces an older one. Returns what waited in that one: it is lost.
    pub(crate) fn up(&mut self, session: Session) -> Vec<Envelope> {
        let node = session.peer;
        let peer = self.peer(node);
        let old = peer.session.replace(session);
        if !peer.pending.is_empty() {
            self.dirty.push(node);
        }
        old.map(|old| old.outbox.close()).unwrap_or_default()
    }

    /// A session is over, unless it was replaced already. Returns what waited in it: it is lost.
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

    /// What the network does to the next message to `node`, which a fault may duplicate; `None` if there is no session, and
    /// none is waited for.
    pub(crate) fn journey(&mut self, node: NodeId, duplicated: bool) -> Option<Journey> {
        let waits = self.patience.is_some();
        let peer = self.peer(node);
        let journey = match peer.conditions {
            Some(conditions) => Some(conditions.draw(&mut peer.random, duplicated)),
            None => Conditions::PERFECT.certain(duplicated),
        };
        journey.filter(|_| peer.session.is_some() || waits)
    }

    /// Puts a message into what leaves with the next flush. Returns it if there is no session: it is lost.
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

    /// Messages wait for a first session until then.
    pub(crate) fn be_patient_until(&mut self, until: Micros) {
        self.patience = Some(until);
    }

    /// When patience with links that are not up yet ends; `None` if it has, or if nothing waits for it.
    pub(crate) fn patience(&self) -> Option<Micros> {
        self.patience
    }

    /// Ends the patience of the boot. Returns what waited in vain: it is lost.
    pub(crate) fn lose_patience(&mut self) -> Vec<Envelope> {
        self.patience = None;
        let waiting = self.peers.values_mut().filter(|peer| peer.session.is_none());
        waiting.flat_map(|peer| parse(&std::mem::take(&mut peer.pending))).collect()
    }

    /// Hands everything pending to the transports, a batch a link. Returns what found a full or broken one: it is lost.
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

    /// Whether this node was told where `node` is.
    pub(crate) fn knows(&self, node: NodeId) -> bool {
        self.configured.contains(&node)
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> u64 {
        self.peers.values().filter(|peer| peer.session.is_some()).count() as u64
    }

    /// Ends all sessions, each after what waits in it has left.
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
    fn what_is_sent_at_boot_waits_for_whoever_dials() {
        let mut links = Links::new(P1, 2, 1, Vec::new(), Micros(250));
        assert!(links.push(inquiry()).is_none(), "a coordinating node will dial, and no configuration names it");
        assert!(links.flush().is_empty());
        let outbox = Outbox::new();
        links.up(Session { peer: C1, number: 1, outbox: Arc::clone(&outbox) });
        assert!(links.flush().is_empty());
        assert_eq!(outbox.close().len(), 1);
    }

    #[test]
    fn nobody_is_waited_for_longer_than_patience_lasts() {
        let mut links = Links::new(P1, 2, 1, Vec::new(), Micros(250));
        assert!(links.push(inquiry()).is_none());
        assert_eq!(links.lose_patience().len(), 1);
        assert!(links.push(inquiry()).is_some(), "afterwards it is lost at once");
    }
}
