//! Whether coordinating nodes keep to the marks that they announce (docs/rules.md, 17b). Each request says below which number all
//! transactions of its sender's journal are finished. Its receiver may forget them, and refuses what comes for them.

use super::{by_node::ByNode, contract::Breach};
use crate::finding::At;
use indoubt_proto::{
    ids::{LogId, MessageId, Serial, Ticket, TxnId},
    message::MessageKind,
    observation::{Observation, Stamped},
};

/// How many requests below a mark are kept with their text.
const KEPT: usize = 20;

/// The marks of one journal of one coordinating node.
#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    log: Option<LogId>,
    /// The start of the node with the last message from it.
    start: u32,
    /// The highest mark since this start.
    highest: Serial,
    /// The highest mark before it.
    earlier: Serial,
}

/// Folds the trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    nodes: ByNode<Announced>,
    pub(crate) breaches: Vec<Breach>,
}

impl Marks {
    pub(super) fn take(&mut self, seen: &Stamped) {
        let Observation::Received { id, message, txn: Some(txn), ticket: Some(ticket), .. } = &seen.what else {
            return;
        };
        // A peer in doubt asks with the ticket of its branch.
        if id.from == txn.home {
            self.received(*id, *message, *txn, ticket, seen.t_us);
        }
    }

    fn received(&mut self, id: MessageId, message: MessageKind, txn: TxnId, ticket: &Ticket, t: i64) {
        let announced = self.nodes.get_mut(id.from);
        if announced.log != Some(ticket.log) {
            *announced = Announced { log: Some(ticket.log), ..Announced::default() };
        }
        if id.start > announced.start {
            announced.earlier = announced.earlier.max(announced.highest);
            announced.start = id.start;
        }
        // A message from before a restart may be late. It says nothing of what later ones announced.
        let earlier = if id.start == announced.start { announced.earlier } else { Serial(0) };
        announced.highest = announced.highest.max(ticket.finished_below);
        let mark = ticket.finished_below.max(earlier);
        if ticket.serial < mark && needs_the_transaction(message) && self.breaches.len() < KEPT {
            let (home, to, serial) = (id.from, message.word(), ticket.serial.0);
            let text = format!(
                "{txn}: {home} sent {to} for its number {serial}, which arrived at {}, but everything below {} was finished",
                At(t),
                mark.0
            );
            self.breaches.push(Breach { txn: Some(txn), node: home, text });
        }
    }
}

/// Whether a participant that has forgotten the transaction must refuse such a request. A decision is acknowledged all the same.
fn needs_the_transaction(message: MessageKind) -> bool {
    use MessageKind::{Compensate, Prepare, Settle, Step, Work};
    matches!(message, Work | Prepare | Step | Settle | Compensate)
}
