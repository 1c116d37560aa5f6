//! A finished history: what effects and checks are read from.

use super::{Fate, History, Story};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};
use std::collections::{BTreeMap, BTreeSet};

/// The end of a run.
#[derive(Clone, Debug)]
pub(crate) struct Aftermath {
    pub(crate) history: History,
    /// What became of each transaction that a client began.
    pub(crate) fates: BTreeMap<TxnId, Fate>,
    /// Who still holds or awaits which record, at which node.
    pub(crate) open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>,
}

impl Aftermath {
    pub(crate) fn new(history: History, open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>) -> Self {
        let fates = history.submitted().map(|(txn, story)| (txn, history.fate(txn, story))).collect();
        Aftermath { history, fates, open_locks }
    }

    /// Every transaction that a client began, with its story and its fate.
    pub(crate) fn all(&self) -> impl Iterator<Item = (TxnId, &Story, Fate)> + '_ {
        self.fates.iter().map(|(txn, fate)| (*txn, &self.history.stories[txn], *fate))
    }
}
