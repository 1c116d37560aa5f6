//! A finished history: what effects and checks are read from.

use super::{Fate, Forgotten, Story, Topology, fate};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};
use indoubt_scenario::protocol::Family;
use std::collections::{BTreeMap, BTreeSet};

/// The end of a run.
#[derive(Clone, Debug)]
pub(crate) struct Aftermath {
    pub(crate) family: Family,
    pub(crate) topology: Topology,
    /// Whether the trace has its last line.
    pub(crate) complete: bool,
    pub(crate) stories: BTreeMap<TxnId, Story>,
    /// What became of each transaction that a client began.
    pub(crate) fates: BTreeMap<TxnId, Fate>,
    /// Who still holds or awaits which record, at which node.
    pub(crate) open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>,
    /// What is left of transactions that were over long before, and in which no check would find anything.
    pub(crate) forgotten: Forgotten,
}

impl Aftermath {
    /// The end of a run with these stories, and no locks open.
    pub(crate) fn new(family: Family, topology: Topology, complete: bool, stories: BTreeMap<TxnId, Story>) -> Self {
        let submitted = stories.iter().filter(|(_, story)| story.began.is_some());
        let fates = submitted.map(|(txn, story)| (*txn, fate(family, &topology, *txn, story))).collect();
        let (open_locks, forgotten) = (BTreeMap::new(), Forgotten::default());
        Aftermath { family, topology, complete, stories, fates, open_locks, forgotten }
    }

    /// Every transaction that a client began and that is not forgotten, with its story and its fate.
    pub(crate) fn all(&self) -> impl Iterator<Item = (TxnId, &Story, Fate)> + '_ {
        self.fates.iter().map(|(txn, fate)| (*txn, &self.stories[txn], *fate))
    }
}
