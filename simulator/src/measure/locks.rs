//! `lock_hold_ms`, `bystanders` and the counts of the series `locks_held`: the lock tables of all participants, replayed.
//!
//! A lock is held from its first `lock-granted` to its `lock-released`. A crash ends every lock and wait of branches that
//! are not in doubt; those in doubt keep theirs, until their node comes back without its journal.
//!
//! A bystander is a transaction that waited, for any time at all, on a record of which another holder was in doubt; how long
//! it did is the length of the union of those times over all its waits.

use super::{doubt::Clock, series::LockSeries, spread::Sample};
use crate::{
    history::Topology,
    summary::{Bystanders, LocksHeld},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::{Observation, Stamped},
    operation::Key,
};
use std::collections::{BTreeMap, BTreeSet};

/// One record of one participant that somebody holds or waits for.
#[derive(Clone, Debug, Default)]
struct Record {
    holders: BTreeMap<TxnId, i64>,
    waiters: BTreeSet<TxnId>,
    /// The waiters that wait on a holder in doubt.
    behind: BTreeSet<TxnId>,
}

/// How long one transaction stood by.
#[derive(Clone, Debug, Default)]
struct Bystander {
    /// Of how many records at once.
    records: u32,
    clock: Clock,
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    tables: BTreeMap<NodeId, BTreeMap<Key, Record>>,
    /// The records of each branch in doubt; a branch that holds none is there too.
    in_doubt: BTreeSet<(NodeId, TxnId)>,
    /// What each transaction holds at each node.
    held_by: BTreeMap<(NodeId, TxnId), BTreeSet<Key>>,
    bystanders: BTreeMap<TxnId, Bystander>,
    hold: Sample,
    now: LocksHeld,
    series: LockSeries,
}

impl Locks {
    /// Takes the next line; `topology` has taken it already.
    pub(super) fn take(&mut self, seen: &Stamped, topology: &Topology) {
        let (t, node) = (seen.t_us, seen.node);
        match &seen.what {
            Observation::LockRequested { txn, key, .. } => self.request(t, node, *txn, key),
            Observation::LockGranted { txn, key, .. } => {
                self.stop_waiting(t, node, *txn, key);
                self.grant(t, node, *txn, key);
            }
            Observation::LockAbandoned { txn, key, .. } => self.stop_waiting(t, node, *txn, key),
            Observation::LockReleased { txn, key } => self.release(t, node, *txn, key),
            Observation::InDoubt { txn } => self.doubt(t, node, *txn, true),
            Observation::Decided { txn, .. } => self.doubt(t, node, *txn, false),
            Observation::Crashed { .. } => self.crash(t, node),
            Observation::Restarted { .. } if topology.life(node).lost_last == Some(t) => {
                self.in_doubt.retain(|(at, _)| *at != node);
                self.crash(t, node);
            }
            Observation::Pending { .. } | Observation::Settled { .. } => {}
            _ => return,
        }
        self.series.push(t, self.now);
    }

    /// Records that are flagged now; they stand in the same series.
    pub(super) fn pending(&mut self, t: i64, count: u64) {
        if self.now.pending != count {
            self.now.pending = count;
            self.series.push(t, self.now);
        }
    }

    fn request(&mut self, t: i64, node: NodeId, txn: TxnId, key: &Key) {
        let record = self.tables.entry(node).or_default().entry(key.clone()).or_default();
        self.now.waiters += u64::from(record.waiters.insert(txn));
        self.refresh(t, node, key);
    }

    fn stop_waiting(&mut self, t: i64, node: NodeId, txn: TxnId, key: &Key) {
        let Some(record) = self.tables.get_mut(&node).and_then(|table| table.get_mut(key)) else {
            return;
        };
        self.now.waiters -= u64::from(record.waiters.remove(&txn));
        self.refresh(t, node, key);
    }

    fn grant(&mut self, t: i64, node: NodeId, txn: TxnId, key: &Key) {
        let record = self.tables.entry(node).or_default().entry(key.clone()).or_default();
        if record.holders.contains_key(&txn) {
            return;
        }
        record.holders.insert(txn, t);
        self.held_by.entry((node, txn)).or_default().insert(key.clone());
        self.now.held += 1;
        self.now.in_doubt += u64::from(self.in_doubt.contains(&(node, txn)));
        self.refresh(t, node, key);
    }

    fn release(&mut self, t: i64, node: NodeId, txn: TxnId, key: &Key) {
        let record = self.tables.get_mut(&node).and_then(|table| table.get_mut(key));
        let Some(since) = record.and_then(|record| record.holders.remove(&txn)) else {
            return;
        };
        self.hold.add(t - since);
        self.now.held -= 1;
        self.now.in_doubt -= u64::from(self.in_doubt.contains(&(node, txn)));
        if let Some(keys) = self.held_by.get_mut(&(node, txn)) {
            keys.remove(key);
            if keys.is_empty() {
                self.held_by.remove(&(node, txn));
            }
        }
        self.refresh(t, node, key);
    }

    fn doubt(&mut self, t: i64, node: NodeId, txn: TxnId, begins: bool) {
        let changed = if begins { self.in_doubt.insert((node, txn)) } else { self.in_doubt.remove(&(node, txn)) };
        if !changed {
            return;
        }
        let keys = self.held_by.get(&(node, txn)).cloned().unwrap_or_default();
        match begins {
            true => self.now.in_doubt += keys.len() as u64,
            false => self.now.in_doubt -= keys.len() as u64,
        }
        for key in keys {
            self.refresh(t, node, &key);
        }
    }

    /// Ends every wait at a node, and every lock of a branch that is not in doubt.
    fn crash(&mut self, t: i64, node: NodeId) {
        let table = self.tables.get(&node).cloned().unwrap_or_default();
        for (key, record) in table {
            for txn in record.waiters {
                self.stop_waiting(t, node, txn, &key);
            }
            for txn in
                record.holders.into_keys().filter(|txn| !self.in_doubt.contains(&(node, *txn))).collect::<Vec<_>>()
            {
                self.release(t, node, txn, &key);
            }
        }
    }

    /// Recomputes who waits on a holder in doubt of one record, and forgets a record that nobody wants.
    fn refresh(&mut self, t: i64, node: NodeId, key: &Key) {
        let Some(table) = self.tables.get_mut(&node) else {
            return;
        };
        let Some(record) = table.get_mut(key) else {
            return;
        };
        let behind = |waiter: &TxnId| {
            record.holders.keys().any(|holder| holder != waiter && self.in_doubt.contains(&(node, *holder)))
        };
        let now: BTreeSet<TxnId> = record.waiters.iter().copied().filter(behind).collect();
        if now != record.behind {
            for txn in now.difference(&record.behind) {
                let bystander = self.bystanders.entry(*txn).or_default();
                bystander.records += 1;
                bystander.clock.set(t, true);
            }
            for txn in record.behind.difference(&now) {
                let bystander = self.bystanders.entry(*txn).or_default();
                bystander.records -= 1;
                bystander.clock.set(t, bystander.records > 0);
            }
            record.behind = now;
        }
        if record.holders.is_empty() && record.waiters.is_empty() {
            table.remove(key);
        }
    }

    /// Who holds or awaits which record now, at which node.
    pub(super) fn open(&self) -> BTreeMap<(NodeId, Key), BTreeSet<TxnId>> {
        let mut open = BTreeMap::new();
        for (node, table) in &self.tables {
            for (key, record) in table {
                let txns = record.holders.keys().chain(&record.waiters).copied().collect();
                open.insert((*node, key.clone()), txns);
            }
        }
        open
    }

    /// What is held or stood by for at `end` is censored.
    pub(super) fn finish(mut self, end: i64) -> (Sample, Bystanders, Vec<LocksHeld>) {
        for record in self.tables.values().flat_map(BTreeMap::values) {
            for since in record.holders.values() {
                self.hold.add_open(end - since);
            }
        }
        let mut waits = Sample::default();
        for bystander in self.bystanders.into_values() {
            match (bystander.clock.at(end), bystander.clock.holds()) {
                (0, _) => {}
                (us, true) => waits.add_open(us),
                (us, false) => waits.add(us),
            }
        }
        let wait_ms = waits.spread();
        (self.hold, Bystanders { count: wait_ms.count, wait_ms }, self.series.finish(end))
    }
}
