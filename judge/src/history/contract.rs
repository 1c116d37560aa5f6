//! Whether the world kept what it promises to machines (`proto/src/machine.rs`), as far as the trace shows it: what was sent to
//! one incarnation of a node never reaches a later one, the numbers of records grow, only what was appended is durable, and
//! what is durable survives.

use indoubt_proto::{
    ids::{Lsn, MessageId, NodeId, Role},
    observation::{Observation, Stamped},
};

/// How many breaches are kept with their text.
const KEPT: usize = 20;

/// A breach of the contract.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    pub(crate) node: NodeId,
    pub(crate) text: String,
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// The last message that it sent: its incarnation and its count.
    sent: (u32, u64),
    /// When it last died.
    died: Option<Death>,
    appended: Lsn,
    durable: Lsn,
}

/// A node's death.
#[derive(Clone, Debug)]
struct Death {
    t: i64,
    /// The last message that each other node, by role and number, had sent by then.
    sent: [Vec<(u32, u64)>; 4],
}

/// Folds the trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contract {
    nodes: [Vec<Seen>; 4],
    pub(crate) breaches: Vec<Breach>,
}

impl Contract {
    pub(super) fn take(&mut self, seen: &Stamped) {
        match &seen.what {
            Observation::Sent { id, .. } => {
                let sent = &mut self.of(id.from).sent;
                *sent = (id.incarnation, id.count).max(*sent);
            }
            Observation::Received { id, to, .. } => self.received(*id, *to, seen.t_us),
            Observation::Crashed { .. } => {
                let sent = self.nodes.each_ref().map(|nodes| nodes.iter().map(|node| node.sent).collect());
                self.of(seen.node).died = Some(Death { t: seen.t_us, sent });
            }
            Observation::Appended { lsn, .. } => {
                let node = self.of(seen.node);
                let before = std::mem::replace(&mut node.appended, *lsn);
                if *lsn <= before {
                    let text = format!("{} appended record {} after record {}", seen.node, lsn.0, before.0);
                    self.breach(seen, text);
                }
            }
            Observation::Durable { upto } => {
                let node = self.of(seen.node);
                node.durable = node.durable.max(*upto);
                if *upto > node.appended {
                    let text = format!(
                        "{} called record {} durable, but appended only {}",
                        seen.node, upto.0, node.appended.0
                    );
                    self.breach(seen, text);
                }
            }
            Observation::Restarted { upto, lost, .. } => {
                let node = self.of(seen.node);
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
            _ => {}
        }
    }

    /// A message was taken. Its sender had sent it before the receiver last died if it is not newer than what the sender had
    /// sent by then.
    fn received(&mut self, id: MessageId, to: NodeId, t: i64) {
        let Some(Death { t: died, sent }) = &self.of(to).died else { return };
        let by_then = sent[id.from.role as usize].get(usize::from(id.from.number)).copied().unwrap_or_default();
        if (id.incarnation, id.count) <= by_then {
            let text = format!(
                "{to} took message {id} at {:.1} ms, which was sent before {to} died at {:.1} ms",
                t as f64 / 1_000.0,
                *died as f64 / 1_000.0
            );
            self.breached(to, text);
        }
    }

    fn breach(&mut self, seen: &Stamped, text: String) {
        self.breached(seen.node, format!("{text}, at {:.1} ms", seen.t_us as f64 / 1_000.0));
    }

    fn breached(&mut self, node: NodeId, text: String) {
        if self.breaches.len() < KEPT {
            self.breaches.push(Breach { node, text });
        }
    }

    fn of(&mut self, node: NodeId) -> &mut Seen {
        let nodes = &mut self.nodes[node.role as usize];
        let index = usize::from(node.number);
        if nodes.len() <= index {
            nodes.resize(index + 1, Seen::default());
        }
        &mut nodes[index]
    }
}

// Nodes are kept by role: an array for each.
const _: () = assert!(Role::Lab as usize == 3);
