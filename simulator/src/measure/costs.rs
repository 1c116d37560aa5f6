//! The papers' costs: messages and log writes per transaction begun that is no audit.
//!
//! A message counts where it was sent, if it carries the id of such a transaction and goes between two nodes that are no
//! clients; a resend is a message of its own, a copy that a fault made is none. The work round stands apart. A log write
//! counts if its record carries the id.

use crate::history::History;
use indoubt_proto::{
    ids::{NodeId, Role, TxnId},
    machine::Write,
    observation::{Observation, Stamped},
};
use std::collections::HashMap;

/// What one transaction has cost so far.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    messages: u64,
    work_messages: u64,
    forced: u64,
    lazy: u64,
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    of: HashMap<TxnId, Cost>,
}

/// Averages over transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PerTxn {
    pub(super) messages: f64,
    pub(super) work_messages: f64,
    pub(super) forced_writes: f64,
    pub(super) lazy_writes: f64,
}

impl Costs {
    pub(super) fn take(&mut self, seen: &Stamped) {
        match &seen.what {
            Observation::Sent { from, to, message, txn: Some(txn), copy: false, .. }
                if is_node(*from) && is_node(*to) =>
            {
                let cost = self.of.entry(*txn).or_default();
                match message.is_work() {
                    true => cost.work_messages += 1,
                    false => cost.messages += 1,
                }
            }
            Observation::Appended { txn: Some(txn), write, .. } => {
                let cost = self.of.entry(*txn).or_default();
                match write {
                    Write::Forced => cost.forced += 1,
                    Write::Lazy => cost.lazy += 1,
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(&self, history: &History) -> PerTxn {
        let mut total = Cost::default();
        let mut begun = 0u64;
        for (txn, _) in history.submitted().filter(|(_, story)| story.accepted && !story.audit) {
            begun += 1;
            let cost = self.of.get(&txn).copied().unwrap_or_default();
            total.messages += cost.messages;
            total.work_messages += cost.work_messages;
            total.forced += cost.forced;
            total.lazy += cost.lazy;
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
