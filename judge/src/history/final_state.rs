//! The final state of a run, from which effects and checks are computed.

use super::{
    contract::Breach,
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

/// Everything that is known at the end of the trace.
#[derive(Clone, Debug)]
pub(crate) struct FinalState {
    pub(crate) family: Family,
    /// Which steps of a saga wait for each other.
    pub(crate) order: StepOrder,
    pub(crate) topology: Topology,
    /// Whether the trace has its last line.
    pub(crate) complete: bool,
    /// Where the world broke its promises to the machines.
    pub(crate) breaches: Vec<Breach>,
    /// Requests for transactions that their coordinating nodes had announced as finished.
    pub(crate) below_marks: Vec<Breach>,
    pub(crate) transactions: BTreeMap<TxnId, TxnHistory>,
    /// The fate of each transaction that a client began.
    pub(crate) fates: BTreeMap<TxnId, Fate>,
    /// The locks that are still held or waited for: by node and record, the transactions.
    pub(crate) open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>,
    /// Counts of the transactions that were forgotten during the run, because no check would find anything in them.
    pub(crate) forgotten: Forgotten,
}

impl FinalState {
    /// A final state with these transactions, without open locks and without forgotten transactions.
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
        let (breaches, below_marks) = (Vec::new(), Vec::new());
        FinalState {
            family,
            order,
            topology,
            complete,
            breaches,
            below_marks,
            transactions,
            fates,
            open_locks,
            forgotten,
        }
    }

    /// Every transaction that a client began and that is not forgotten, with its history and its fate.
    pub(crate) fn all(&self) -> impl Iterator<Item = (TxnId, &TxnHistory, Fate)> + '_ {
        self.fates.iter().map(|(txn, fate)| (*txn, &self.transactions[txn], *fate))
    }
}
