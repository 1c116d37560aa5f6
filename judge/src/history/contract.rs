//! Whether the world kept what it promises to machines (`proto/src/machine.rs`), as far as the trace shows it: what was sent to
//! one incarnation of a node never reaches a later one, the numbers of records grow, only what was appended is durable, what is
//! durable survives, lazy records are flushed, and what a node observes is written before its messages leave.

use super::by_node::ByNode;
use crate::finding::At;
use indoubt_proto::{
    ids::{Lsn, MessageId, NodeId, TxnId},
    observation::{Observation, Stamped},
};

/// A node that runs has flushed a lazy record long before this time has passed, in microseconds.
const FLUSHED: i64 = 60_000_000;

/// How many breaches are kept with their text.
const KEPT: usize = 20;

/// Something that a node, or the world around it, did wrong.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    /// The transaction concerned, if an excuse depends on it.
    pub(crate) txn: Option<TxnId>,
    pub(crate) node: NodeId,
    pub(crate) text: String,
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// The last message that it sent: its start and its count.
    sent: (u32, u64),
    /// When it last died.
    died: Option<Death>,
    appended: Lsn,
    durable: Lsn,
    /// Since when it has run with a record that is not durable.
    unflushed: Option<i64>,
}

impl Seen {
    /// It runs. If a record is not durable, it should be soon.
    fn runs_unflushed(&mut self, t: i64) {
        if self.appended > self.durable {
            self.unflushed.get_or_insert(t);
        }
    }
}

/// A node's death.
#[derive(Clone, Debug)]
struct Death {
    t: i64,
    /// The last message that each other node had sent by then.
    sent: ByNode<(u32, u64)>,
}

/// Folds the trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contract {
    nodes: ByNode<Seen>,
    pub(crate) breaches: Vec<Breach>,
}

impl Contract {
    pub(super) fn take(&mut self, seen: &Stamped) {
        match &seen.what {
            Observation::Sent { id, .. } => {
                let sent = &mut self.nodes.get_mut(id.from).sent;
                *sent = (id.start, id.count).max(*sent);
            }
            Observation::Received { id, to, .. } => self.received(*id, *to, seen.t_us),
            Observation::Crashed { .. } => {
                let sent = self.nodes.map(|node| node.sent);
                let node = self.nodes.get_mut(seen.node);
                (node.died, node.unflushed) = (Some(Death { t: seen.t_us, sent }), None);
            }
            Observation::Paused { .. } => self.nodes.get_mut(seen.node).unflushed = None,
            Observation::Resumed { .. } => self.nodes.get_mut(seen.node).runs_unflushed(seen.t_us),
            Observation::Appended { lsn, .. } => {
                let node = self.nodes.get_mut(seen.node);
                let before = std::mem::replace(&mut node.appended, *lsn);
                node.runs_unflushed(seen.t_us);
                if *lsn <= before {
                    let text = format!("{} appended record {} after record {}", seen.node, lsn.0, before.0);
                    self.breach(seen, text);
                }
            }
            Observation::Durable { upto } => {
                let node = self.nodes.get_mut(seen.node);
                node.durable = node.durable.max(*upto);
                node.unflushed = None;
                node.runs_unflushed(seen.t_us);
                if *upto > node.appended {
                    let text = format!(
                        "{} called record {} durable, but appended only {}",
                        seen.node, upto.0, node.appended.0
                    );
                    self.breach(seen, text);
                }
            }
            Observation::Restarted { upto, lost, .. } => {
                let node = self.nodes.get_mut(seen.node);
                let durable = std::mem::replace(&mut node.durable, *upto);
                node.appended = *upto;
                if *upto < durable && !lost {
                    let text = format!(
                        "{} came back with {} records, but {} were durable, and it does not say that its log is lost",
                        seen.node, upto.0, durable.0
                    );
                    self.breach(seen, text);
                }
            }
            // The trace says it, so no durable record is missing that should be there.
            Observation::LogRestored { upto } => self.nodes.get_mut(seen.node).durable = *upto,
            Observation::End => self.look_for_unflushed(seen.t_us),
            _ => {}
        }
    }

    /// A coordinator asks for the work of a transaction, or for its vote. It must have observed before that it accepted it.
    pub(super) fn asked_unobserved(&mut self, seen: &Stamped, txn: TxnId) {
        self.breach(seen, format!("{} sent a request of {txn} before it wrote that it accepted it", seen.node));
    }

    fn look_for_unflushed(&mut self, end: i64) {
        let late = |(node, seen): (NodeId, &Seen)| {
            let since = seen.unflushed.filter(|since| end - since > FLUSHED)?;
            let (last, since) = (seen.appended.0, At(since));
            Some((node, format!("{node} never made its record {last} durable, although it ran since {since}")))
        };
        let late: Vec<(NodeId, String)> = self.nodes.iter().filter_map(late).collect();
        for (node, text) in late {
            self.breached(node, text);
        }
    }

    /// A message was taken. Its sender had sent it before the receiver last died if it is not newer than what the sender had
    /// sent by then.
    fn received(&mut self, id: MessageId, to: NodeId, t: i64) {
        let Some(Death { t: died, sent }) = self.nodes.get(to).and_then(|node| node.died.as_ref()) else { return };
        let by_then = sent.get(id.from).copied().unwrap_or_default();
        if (id.start, id.count) <= by_then {
            let text = format!("{to} took message {id} at {}, which was sent before {to} died at {}", At(t), At(*died));
            self.breached(to, text);
        }
    }

    fn breach(&mut self, seen: &Stamped, text: String) {
        self.breached(seen.node, format!("{text}, at {}", At(seen.t_us)));
    }

    fn breached(&mut self, node: NodeId, text: String) {
        if self.breaches.len() < KEPT {
            self.breaches.push(Breach { txn: None, node, text });
        }
    }
}
