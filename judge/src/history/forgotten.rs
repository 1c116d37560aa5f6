//! What is left of transactions that are forgotten: counts, and which records they changed together.

use super::{
    fate::Fate,
    txn_history::{Plan, TxnHistory},
};
use crate::summary::{Clients, Transactions};
use indoubt_proto::{message::OutcomeWord, operation::Key};
use rustc_hash::FxHashMap;

/// See the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forgotten {
    /// What became of them.
    pub(crate) transactions: Transactions,
    /// What their clients were told.
    pub(crate) clients: Clients,
    /// Accounts that they changed together.
    pub(crate) groups: Groups,
}

impl Forgotten {
    /// Adds one.
    pub(crate) fn add(&mut self, txn_history: &TxnHistory, fate: Fate) {
        count_fate(&mut self.transactions, fate);
        count_told(&mut self.clients, txn_history.told());
        self.groups.join(&txn_history.plan);
    }
}

/// Counts one more transaction.
pub(crate) fn count_fate(to: &mut Transactions, fate: Fate) {
    to.submitted += 1;
    *match fate {
        Fate::Succeeded => &mut to.succeeded,
        Fate::Aborted => &mut to.aborted,
        Fate::Compensated => &mut to.compensated,
        Fate::Partial => &mut to.partial,
        Fate::Refused => &mut to.refused,
        Fate::Unresolved => &mut to.unresolved,
        Fate::Stuck => &mut to.stuck,
    } += 1;
}

/// Counts one more client, by what it was told first.
pub(crate) fn count_told(to: &mut Clients, told: Option<OutcomeWord>) {
    *match told {
        Some(OutcomeWord::Succeeded) => &mut to.succeeded,
        Some(OutcomeWord::Aborted) => &mut to.aborted,
        Some(OutcomeWord::Compensated) => &mut to.compensated,
        Some(OutcomeWord::Refused) => &mut to.refused,
        Some(OutcomeWord::Mixed) => &mut to.mixed,
        Some(OutcomeWord::Hazard) => &mut to.hazard,
        // Never told: unknown.
        Some(OutcomeWord::Unknown) | None => &mut to.unknown,
    } += 1;
}

/// Accounts by connected components: two in one plan belong together. (Records that are only put, like an order's row,
/// have no total.)
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// Only looked up, never iterated.
    numbers: FxHashMap<Key, usize>,
    keys: Vec<Key>,
    parent: Vec<usize>,
}

impl Groups {
    /// Joins what a plan adds to. Returns one of these records by its number; `None` if it adds to nothing.
    pub(crate) fn join(&mut self, plan: &Plan) -> Option<usize> {
        let mut first = None;
        for entry in plan.0.iter().filter(|entry| entry.delta.is_some()) {
            let at = match self.numbers.get(&entry.key) {
                Some(at) => *at,
                None => {
                    let at = self.keys.len();
                    self.numbers.insert(entry.key.clone(), at);
                    self.keys.push(entry.key.clone());
                    self.parent.push(at);
                    at
                }
            };
            let root = self.root(at);
            let first_root = self.root(*first.get_or_insert(root));
            self.parent[root] = first_root;
        }
        first
    }

    /// The number that stands for the group of a record.
    pub(crate) fn root(&mut self, mut at: usize) -> usize {
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    /// All records, by number.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }
}
