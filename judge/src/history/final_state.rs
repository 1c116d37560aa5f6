//! The final state of a run: what effects and checks are read from.

use super::{
    fate::{Fate, fate},
    forgotten::Forgotten,
    topology::Topology,
    txn_history::TxnHistory,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};
use indoubt_scenario::protocol::{Family, Protocol, entry::StepOrder};
use std::collections::{BTreeMap, BTreeSet};

/// What is known when the trace has ended.
#[derive(Clone, Debug)]
pub(crate) struct FinalState {
    pub(crate) family: Family,
    /// Which steps of a saga wait for each other.
    pub(crate) order: StepOrder,
    pub(crate) topology: Topology,
    /// Whether the trace has its last line.
    pub(crate) complete: bool,
    pub(crate) transactions: BTreeMap<TxnId, TxnHistory>,
    /// What became of each transaction that a client began.
    pub(crate) fates: BTreeMap<TxnId, Fate>,
    /// Who still holds or awaits which record, at which node.
    pub(crate) open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>,
    /// What is left of transactions that were over long before, and in which no check would find anything.
    pub(crate) forgotten: Forgotten,
}

impl FinalState {
    /// The end of a run with these transactions, no locks open and nothing forgotten.
    pub(crate) fn new(
        protocol: Protocol,
        topology: Topology,
        complete: bool,
        transactions: BTreeMap<TxnId, TxnHistory>,
    ) -> Self {
        let (family, order) = (protocol.family(), protocol.entry().order);
        let submitted = transactions.iter().filter(|(_, txn_history)| txn_history.began.is_some());
        let fates = submitted.map(|(txn, txn_history)| (*txn, fate(family, &topology, *txn, txn_history))).collect();
        let (open_locks, forgotten) = (BTreeMap::new(), Forgotten::default());
        FinalState { family, order, topology, complete, transactions, fates, open_locks, forgotten }
    }

    /// Every transaction that a client began and that is not forgotten, with its history and its fate.
    pub(crate) fn all(&self) -> impl Iterator<Item = (TxnId, &TxnHistory, Fate)> + '_ {
        self.fates.iter().map(|(txn, fate)| (*txn, &self.transactions[txn], *fate))
    }
}
