//! The papers' costs: messages and log writes per transaction begun that is no audit.
//!
//! A message counts where it was sent, if it carries the id of such a transaction and goes between two nodes that are no
//! clients; a resend is a message of its own, a copy that a fault made is none. The work round stands apart. A log write
//! counts if its record carries the id.

use super::slots::at;
use crate::history::{History, txn_history::TxnHistory};
use indoubt_proto::{
    ids::{NodeId, Role},
    machine::Write,
    observation::{Observation, Stamped},
};

/// What one transaction has cost so far.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    messages: u64,
    work_messages: u64,
    forced: u64,
    lazy: u64,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.messages += other.messages;
        self.work_messages += other.work_messages;
        self.forced += other.forced;
        self.lazy += other.lazy;
    }
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    /// By the slot of the transaction.
    of: Vec<Cost>,
    /// What transactions that count and are forgotten have cost, and how many they were.
    forgotten: Cost,
    begun: u64,
}

/// Averages over transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PerTxn {
    pub(crate) messages: f64,
    pub(crate) work_messages: f64,
    pub(crate) forced_writes: f64,
    pub(crate) lazy_writes: f64,
}

impl Costs {
    /// Takes the next line, which is about the transaction in `slot`.
    pub(crate) fn take(&mut self, seen: &Stamped, slot: usize) {
        match &seen.what {
            Observation::Sent { from, to, message, copy: false, .. } if is_node(*from) && is_node(*to) => {
                let cost = at(&mut self.of, slot);
                match message.is_work() {
                    true => cost.work_messages += 1,
                    false => cost.messages += 1,
                }
            }
            Observation::Appended { write, .. } => {
                let cost = at(&mut self.of, slot);
                match write {
                    Write::Forced => cost.forced += 1,
                    Write::Lazy => cost.lazy += 1,
                }
            }
            _ => {}
        }
    }

    /// Forgets a transaction, and keeps what it has cost.
    pub(crate) fn forget(&mut self, slot: usize, txn_history: &TxnHistory) {
        let cost = std::mem::take(at(&mut self.of, slot));
        if counts(txn_history) {
            self.begun += 1;
            self.forgotten.add(cost);
        }
    }

    pub(crate) fn finish(&self, history: &History) -> PerTxn {
        let (mut total, mut begun) = (self.forgotten, self.begun);
        for (slot, ..) in history.index.iter().filter(|(_, _, txn_history)| counts(txn_history)) {
            begun += 1;
            total.add(self.of.get(slot).copied().unwrap_or_default());
        }
        let per = |count: u64| if begun == 0 { 0.0 } else { count as f64 / begun as f64 };
        PerTxn {
            messages: per(total.messages),
            work_messages: per(total.work_messages),
            forced_writes: per(total.forced),
            lazy_writes: per(total.lazy),
        }
    }
}

fn is_node(node: NodeId) -> bool {
    matches!(node.role, Role::Coordinating | Role::Participant)
}

/// Transactions begun that are no audits.
fn counts(txn_history: &TxnHistory) -> bool {
    txn_history.began.is_some() && txn_history.accepted && !txn_history.audit
}
