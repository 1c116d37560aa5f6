//! Assigns a slot, a small number, to each transaction. The history of the transaction, and the state that each measure keeps of
//! it, are found by the slot. When a transaction is forgotten, a later one uses its slot and its buffers again.

use super::txn_history::TxnHistory;
use indoubt_proto::ids::TxnId;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// The histories of all transactions, by slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryIndex {
    /// The map is only used for look-ups and never iterated.
    slot_of: FxHashMap<TxnId, usize>,
    slots: Vec<(Option<TxnId>, TxnHistory)>,
    free: Vec<usize>,
    /// The last transaction that was looked up. The observations of one step mostly concern one transaction.
    last: Option<(TxnId, usize)>,
}

impl HistoryIndex {
    /// The slot of a transaction, if it has one.
    pub(crate) fn find(&mut self, txn: TxnId) -> Option<usize> {
        if let Some((last, slot)) = self.last
            && last == txn
        {
            return Some(slot);
        }
        let slot = *self.slot_of.get(&txn)?;
        self.last = Some((txn, slot));
        Some(slot)
    }

    /// Assigns a slot to a transaction that has none.
    pub(crate) fn add(&mut self, txn: TxnId) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Default::default());
            self.slots.len() - 1
        });
        self.slots[slot].0 = Some(txn);
        self.slot_of.insert(txn, slot);
        self.last = Some((txn, slot));
        slot
    }

    /// The transaction in a slot.
    pub(crate) fn name(&self, slot: usize) -> TxnId {
        self.slots[slot].0.expect("only slots of transactions are asked for")
    }

    pub(crate) fn at(&self, slot: usize) -> &TxnHistory {
        &self.slots[slot].1
    }

    pub(super) fn at_mut(&mut self, slot: usize) -> &mut TxnHistory {
        &mut self.slots[slot].1
    }

    /// All slots that are in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, TxnId, &TxnHistory)> + '_ {
        self.slots.iter().enumerate().filter_map(|(slot, (txn, txn_history))| Some((slot, (*txn)?, txn_history)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (TxnId, &mut TxnHistory)> + '_ {
        self.slots.iter_mut().filter_map(|(txn, txn_history)| Some(((*txn)?, txn_history)))
    }

    /// Forgets a transaction and frees its slot.
    pub(super) fn forget(&mut self, slot: usize) {
        let (txn, txn_history) = &mut self.slots[slot];
        if let Some(txn) = txn.take() {
            self.slot_of.remove(&txn);
            self.last = None;
            txn_history.clear();
            self.free.push(slot);
        }
    }

    /// Takes a history out, so that it can be looked at alone. The next call for this slot must be [`HistoryIndex::put_back`] or
    /// [`HistoryIndex::forget`].
    pub(super) fn take(&mut self, slot: usize) -> TxnHistory {
        std::mem::take(&mut self.slots[slot].1)
    }

    pub(super) fn put_back(&mut self, slot: usize, txn_history: TxnHistory) {
        self.slots[slot].1 = txn_history;
    }

    /// All histories, in the order of their transactions.
    pub(super) fn into_map(self) -> BTreeMap<TxnId, TxnHistory> {
        self.slots.into_iter().filter_map(|(txn, txn_history)| Some((txn?, txn_history))).collect()
    }
}
