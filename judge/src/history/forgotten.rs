//! What is kept of forgotten transactions: counts, and which accounts they changed together.

use super::{
    fate::Fate,
    txn_history::{Plan, TxnHistory},
};
use crate::summary::{Clients, Transactions};
use indoubt_proto::{message::OutcomeWord, operation::Key};
use rustc_hash::FxHashMap;

/// What is kept of forgotten transactions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forgotten {
    /// How many of them had each fate.
    pub(crate) transactions: Transactions,
    /// How many of their clients were told each outcome.
    pub(crate) clients: Clients,
    /// How many of their clients never learned the outcome.
    pub(crate) unlearned: u64,
    /// The accounts that they changed together.
    pub(crate) groups: Groups,
}

impl Forgotten {
    /// Adds a transaction that is forgotten.
    pub(crate) fn add(&mut self, txn_history: &TxnHistory, fate: Fate) {
        count_fate(&mut self.transactions, fate);
        count_told(&mut self.clients, txn_history.told_in_time());
        self.unlearned += u64::from(!txn_history.has_learned());
        self.groups.join(&txn_history.plan);
    }
}

/// Counts one more transaction with this fate.
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

/// Counts one more client, by the first outcome that it was told.
pub(crate) fn count_told(to: &mut Clients, told: Option<OutcomeWord>) {
    *match told {
        Some(OutcomeWord::Succeeded) => &mut to.succeeded,
        Some(OutcomeWord::Aborted) => &mut to.aborted,
        Some(OutcomeWord::Compensated) => &mut to.compensated,
        Some(OutcomeWord::Refused) => &mut to.refused,
        Some(OutcomeWord::Mixed) => &mut to.mixed,
        Some(OutcomeWord::Hazard) => &mut to.hazard,
        // A client that was told nothing does not know the outcome either.
        Some(OutcomeWord::Unknown) | None => &mut to.unknown,
    } += 1;
}

/// The connected components of accounts: two accounts in one plan belong together. Records that are only put, such as the row of
/// an order, have no total and do not count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// The map is only used for look-ups and never iterated.
    numbers: FxHashMap<Key, usize>,
    keys: Vec<Key>,
    parent: Vec<usize>,
}

impl Groups {
    /// Joins the accounts that a plan adds to. Returns the number of one of them; `None` if the plan adds to nothing.
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

    /// The number of the account that represents the group of this account.
    pub(crate) fn root(&mut self, mut at: usize) -> usize {
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    /// All accounts, by number.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }
}
