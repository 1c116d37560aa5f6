//! `lock_hold_ms`, `lock_wait_by`, `bystanders`, `deadlocks` and the counts of the series `locks_held`: the lock tables of all participants, replayed.
//!
//! A lock is held from its first `lock-granted` to its `lock-released`. A crash ends all locks and waits of branches that are not
//! in doubt. Branches in doubt keep their locks, unless their node restarts without its journal.
//!
//! A bystander is a transaction that waited, for any time, for a record that a branch in doubt of another transaction had locked.
//! Its waiting time is the length of the union of those times over all its waits. `lock_wait_by` measures the same for the other
//! states of a holder.

use super::{
    deadlocks::Deadlocks,
    fold::{Measure, Results},
    series::LockSeries,
    slots::at,
    spread::Sample,
    stopwatch::Stopwatch,
};
use crate::{
    history::{History, history_index::HistoryIndex},
    shown::{Shown, Table, Worst},
    summary::{Bystanders, LockWaitBy, LocksHeld},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    inspect::LockMode,
    observation::{Observation, Stamped},
    operation::Key,
};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What the holder of a lock is while others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holding {
    /// Its branch is in doubt.
    InDoubt,
    /// It is an unfinished saga with applied steps.
    Pending,
    /// Neither.
    Working,
}

/// The number of kinds of [`Holding`].
const KINDS: usize = 3;

/// One record of one participant that is locked or waited for. Transactions are given by their slots.
#[derive(Clone, Debug)]
struct Record {
    node: NodeId,
    key: Key,
    /// The transactions that hold the lock, each with the time since when.
    holders: Vec<(usize, i64)>,
    /// In the order of their requests.
    waiters: Vec<usize>,
    /// The holders and waiters with a shared lock; the others have an exclusive one.
    shared: Vec<usize>,
    /// The waiters that wait for a holder, each with what that is; if there are several holders, with the first kind.
    behind: Vec<(usize, Holding)>,
}

/// The state of one transaction.
#[derive(Clone, Debug, Default)]
struct OfTxn {
    /// The records that it has locked.
    held: Vec<usize>,
    /// The records for which it waits.
    awaited: Vec<usize>,
    /// The nodes at which it is in doubt.
    in_doubt: Vec<NodeId>,
    /// Whether it is an unfinished saga with applied steps.
    pending: bool,
    /// For each kind of holder, the number of records for which it waits behind one, and for how long it did.
    behind: [u32; KINDS],
    waited: [Stopwatch; KINDS],
}

/// Replays the lock tables of all participants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks {
    /// The index of each record in `records`. The map is only used for look-ups and never iterated.
    numbers: FxHashMap<(NodeId, Key), usize>,
    /// All records. When a record is neither locked nor waited for, a later one uses its entry again.
    records: Vec<Record>,
    free: Vec<usize>,
    /// The states of transactions, by slot.
    of: Vec<OfTxn>,
    /// The waiting times of transactions that are forgotten, for each kind of holder.
    waits: [Sample; KINDS],
    hold: Sample,
    deadlocks: Deadlocks,
    now: LocksHeld,
    series: LockSeries,
}

impl OfTxn {
    /// What this transaction is at a node at which it holds a lock.
    fn holding(&self, node: NodeId) -> Holding {
        match () {
            () if self.in_doubt.contains(&node) => Holding::InDoubt,
            () if self.pending => Holding::Pending,
            () => Holding::Working,
        }
    }

    /// It waits for one record more, or less, behind a holder of this kind.
    fn waits_behind(&mut self, kind: Holding, t: i64, more: i32) {
        let records = &mut self.behind[kind as usize];
        *records = records.saturating_add_signed(more);
        self.waited[kind as usize].set(t, *records > 0);
    }

    fn end_waits(&mut self, t: i64, samples: &mut [Sample; KINDS]) {
        for (waited, sample) in self.waited.iter_mut().zip(samples) {
            waited.end(t, sample);
        }
    }
}

impl Record {
    /// Notes how a transaction holds the lock or waits for it.
    fn claim(&mut self, slot: usize, mode: LockMode) {
        drop_from(&mut self.shared, &slot);
        if mode == LockMode::Shared {
            self.shared.push(slot);
        }
    }

    /// For whom a waiting transaction waits here: the waiters ahead of it back to the last exclusive one, which waits for all
    /// others itself; without one, the holders too. Shared locks do not wait for each other.
    fn blockers(&self, slot: usize) -> Vec<usize> {
        let is_shared = |slot: usize| self.shared.contains(&slot);
        let conflicts = |other: usize| other != slot && !(is_shared(slot) && is_shared(other));
        let Some(place) = self.waiters.iter().position(|waiter| *waiter == slot) else { return Vec::new() };
        let mut blockers = Vec::new();
        for ahead in self.waiters[..place].iter().rev().copied() {
            blockers.extend(conflicts(ahead).then_some(ahead));
            if !is_shared(ahead) {
                return blockers;
            }
        }
        blockers.extend(self.holders.iter().map(|(holder, _)| *holder).filter(|holder| conflicts(*holder)));
        blockers
    }
}

/// The transactions for which this one waits.
fn waits_for(records: &[Record], of: &[OfTxn], slot: usize) -> Vec<usize> {
    of[slot].awaited.iter().flat_map(|record| records[*record].blockers(slot)).collect()
}

/// Removes an item of a list whose order matters.
fn drop_in_order(list: &mut Vec<usize>, what: usize) -> bool {
    let found = list.iter().position(|one| *one == what);
    found.map(|found| list.remove(found)).is_some()
}

fn drop_from<T: PartialEq>(list: &mut Vec<T>, what: &T) -> bool {
    let found = list.iter().position(|one| one == what);
    found.map(|found| list.swap_remove(found)).is_some()
}

impl Measure for Locks {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("lock_hold_ms.p50", |m| m.lock_hold_ms.p50).column(Table::Waiting, "locks p50"),
        Shown::ms("lock_hold_ms.max", |m| m.lock_hold_ms.max).column(Table::Waiting, "max"),
        Shown::ms("lock_wait_by.working_ms.sum", |m| m.lock_wait_by.working_ms.sum)
            .column(Table::Waiting, "waited for the working"),
        Shown::ms("lock_wait_by.pending_ms.sum", |m| m.lock_wait_by.pending_ms.sum)
            .column(Table::Waiting, "for the pending"),
        Shown::ms("lock_wait_by.in_doubt_ms.sum", |m| m.lock_wait_by.in_doubt_ms.sum)
            .column(Table::Waiting, "for those in doubt"),
        Shown::count("bystanders.count", |m| m.bystanders.count as f64)
            .column(Table::Waiting, "bystanders")
            .over_seeds(Worst::Largest)
            .in_swarm("a bystander waited", 0.0),
        Shown::count("deadlocks.count", |m| m.deadlocks.count as f64)
            .column(Table::Waiting, "deadlocks")
            .over_seeds(Worst::Largest)
            .in_swarm("transactions waited for each other in a cycle", 0.0),
        Shown::count("deadlocks.victims", |m| m.deadlocks.victims as f64).column(Table::Waiting, "victims"),
        Shown::ms("deadlocks.lost_ms.sum", |m| m.deadlocks.lost_ms.sum).column(Table::Waiting, "lost to deadlocks"),
    ];

    fn progress(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        let (t, node) = (seen.t_us, seen.node);
        match &seen.what {
            Observation::LockRequested { key, mode, .. } => self.request(t, node, slot, key, *mode),
            Observation::LockGranted { key, mode, .. } => self.grant(t, node, slot, key, *mode),
            Observation::LockAbandoned { key, .. } => {
                if let Some(record) = self.find(slot, |of| &of.awaited, node, key) {
                    self.deadlocks.give_up(slot, &self.records[record].blockers(slot));
                    self.stop_waiting(t, record, slot);
                }
            }
            Observation::LockReleased { key, .. } => {
                if let Some(record) = self.find(slot, |of| &of.held, node, key) {
                    self.release(t, record, slot);
                }
            }
            Observation::InDoubt { .. } => self.doubt(t, node, slot, true),
            Observation::Decided { .. } => self.doubt(t, node, slot, false),
            _ => return,
        }
        self.series.push(t, self.now);
    }

    fn cluster(&mut self, seen: &Stamped, history: &History) {
        let (t, node) = (seen.t_us, seen.node);
        match &seen.what {
            Observation::Crashed { .. } => self.crash(t, node),
            Observation::Restarted { .. } if history.topology.life(node).lost_last == Some(t) => {
                for slot in 0..self.of.len() {
                    self.doubt(t, node, slot, false);
                }
                self.crash(t, node);
            }
            _ => return,
        }
        self.series.push(t, self.now);
    }

    fn is_quiet(&self, slot: usize) -> bool {
        self.of.get(slot).is_none_or(|of| of.held.is_empty() && of.awaited.is_empty())
    }

    fn forget(&mut self, slot: usize, t: i64, _history: &History) {
        let of = at(&mut self.of, slot);
        of.in_doubt.clear();
        of.pending = false;
        of.end_waits(t, &mut self.waits);
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        results.open_locks = self.open(&history.index);
        for (_, since) in self.records.iter().flat_map(|record| &record.holders) {
            self.hold.add_open(history.end - since);
        }
        for of in &mut self.of {
            of.end_waits(history.end, &mut self.waits);
        }
        let [in_doubt_ms, pending_ms, working_ms] = self.waits.each_ref().map(Sample::spread);
        results.measures.lock_wait_by = LockWaitBy { in_doubt_ms, pending_ms, working_ms };
        let wait_ms = in_doubt_ms;
        results.measures.deadlocks = self.deadlocks.finish(history.end);
        results.measures.lock_hold_ms = self.hold.spread();
        results.measures.bystanders = Bystanders { count: wait_ms.count, wait_ms };
        results.series.locks_held = self.series.finish(history.end);
    }
}

impl Locks {
    /// Sets the number of records that are flagged as pending, which is part of the same series, and whether this transaction has
    /// flagged some of them.
    pub(crate) fn pending(&mut self, t: i64, count: u64, slot: usize, flagged: bool) {
        if self.now.pending != count {
            self.now.pending = count;
            self.series.push(t, self.now);
        }
        if std::mem::replace(&mut at(&mut self.of, slot).pending, flagged) != flagged {
            for held in 0..self.of[slot].held.len() {
                self.refresh(t, self.of[slot].held[held]);
            }
        }
    }

    /// The index of a record among some records of a transaction.
    fn find(&self, slot: usize, among: fn(&OfTxn) -> &Vec<usize>, node: NodeId, key: &Key) -> Option<usize> {
        let is = |number: &usize| self.records[*number].node == node && self.records[*number].key == *key;
        among(self.of.get(slot)?).iter().copied().find(is)
    }

    /// The index of a record. Adds an entry if there is none.
    fn record(&mut self, node: NodeId, key: &Key) -> usize {
        let name = (node, key.clone());
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let number = match self.free.pop() {
            Some(number) => {
                let record = &mut self.records[number];
                (record.node, record.key) = (node, key.clone());
                number
            }
            None => {
                let (holders, waiters, shared, behind) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
                self.records.push(Record { node, key: key.clone(), holders, waiters, shared, behind });
                self.records.len() - 1
            }
        };
        self.numbers.insert(name, number);
        number
    }

    fn request(&mut self, t: i64, node: NodeId, slot: usize, key: &Key, mode: LockMode) {
        let record = self.record(node, key);
        if !self.records[record].waiters.contains(&slot) {
            self.records[record].waiters.push(slot);
            self.records[record].claim(slot, mode);
            at(&mut self.of, slot).awaited.push(record);
            self.now.waiters += 1;
            self.look_for_cycle(t, slot);
        }
        self.refresh(t, record);
    }

    fn stop_waiting(&mut self, t: i64, record: usize, slot: usize) {
        if drop_in_order(&mut self.records[record].waiters, slot) {
            drop_from(&mut at(&mut self.of, slot).awaited, &record);
            self.now.waiters -= 1;
            let Record { holders, shared, .. } = &mut self.records[record];
            if !holders.iter().any(|(holder, _)| *holder == slot) {
                drop_from(shared, &slot);
            }
            self.break_cycles(t, slot);
        }
        self.refresh(t, record);
    }

    fn grant(&mut self, t: i64, node: NodeId, slot: usize, key: &Key, mode: LockMode) {
        let awaited = self.find(slot, |of| &of.awaited, node, key);
        let record = awaited.unwrap_or_else(|| self.record(node, key));
        // Those who waited ahead of it wait for it from now on. The others did so before.
        let Record { waiters, .. } = &self.records[record];
        let ahead: Vec<usize> = waiters.iter().copied().take_while(|waiter| *waiter != slot).collect();
        self.records[record].claim(slot, mode);
        if !self.records[record].holders.iter().any(|(holder, _)| *holder == slot) {
            self.records[record].holders.push((slot, t));
            let of = at(&mut self.of, slot);
            of.held.push(record);
            self.now.held += 1;
            self.now.in_doubt += u64::from(of.in_doubt.contains(&node));
        }
        self.stop_waiting(t, record, slot);
        for waiter in ahead {
            self.look_for_cycle(t, waiter);
        }
    }

    /// Looks for a cycle of waits through a waiting transaction. There is none unless somebody waits for it.
    fn look_for_cycle(&mut self, t: i64, slot: usize) {
        let Locks { records, of, deadlocks, .. } = self;
        let is_awaited =
            of[slot].held.iter().any(|record| records[*record].waiters.iter().any(|waiter| *waiter != slot))
                || of[slot].awaited.iter().any(|record| records[*record].waiters.last() != Some(&slot));
        if is_awaited {
            deadlocks.look_for_cycle(slot, t, |waiting| waits_for(records, of, waiting));
        }
    }

    fn break_cycles(&mut self, t: i64, slot: usize) {
        let Locks { records, of, deadlocks, .. } = self;
        deadlocks.break_cycles(slot, t, |waiting| waits_for(records, of, waiting));
    }

    fn release(&mut self, t: i64, record: usize, slot: usize) {
        let Record { holders, .. } = &mut self.records[record];
        let Some(held) = holders.iter().position(|(holder, _)| *holder == slot) else {
            return;
        };
        let (_, since) = holders.swap_remove(held);
        drop_from(&mut self.records[record].shared, &slot);
        let node = &self.records[record].node;
        self.hold.add(t - since);
        let of = at(&mut self.of, slot);
        drop_from(&mut of.held, &record);
        self.now.held -= 1;
        self.now.in_doubt -= u64::from(of.in_doubt.contains(node));
        self.break_cycles(t, slot);
        self.refresh(t, record);
    }

    fn doubt(&mut self, t: i64, node: NodeId, slot: usize, begins: bool) {
        let of = at(&mut self.of, slot);
        if of.in_doubt.contains(&node) == begins {
            return;
        }
        if begins {
            of.in_doubt.push(node);
        } else {
            drop_from(&mut of.in_doubt, &node);
        }
        for held in 0..of.held.len() {
            let record = self.of[slot].held[held];
            if self.records[record].node == node {
                if begins {
                    self.now.in_doubt += 1;
                } else {
                    self.now.in_doubt -= 1;
                }
                self.refresh(t, record);
            }
        }
    }

    /// Ends every wait at a node, and every lock of a branch that is not in doubt.
    fn crash(&mut self, t: i64, node: NodeId) {
        for record in 0..self.records.len() {
            if self.records[record].node != node {
                continue;
            }
            for slot in self.records[record].waiters.clone() {
                self.stop_waiting(t, record, slot);
            }
            for (slot, _) in self.records[record].holders.clone() {
                if !self.of[slot].in_doubt.contains(&node) {
                    self.release(t, record, slot);
                }
            }
        }
    }

    /// Recomputes what the holders of one record are for which others wait. Removes the record if it is neither locked nor waited
    /// for.
    fn refresh(&mut self, t: i64, number: usize) {
        let Locks { records, of, .. } = self;
        let Record { node, holders, waiters, behind, .. } = &mut records[number];
        if !waiters.is_empty() || !behind.is_empty() {
            let first_kind = |waiter: &usize| {
                let others = holders.iter().map(|(holder, _)| holder).filter(|holder| *holder != waiter);
                Some((*waiter, others.map(|holder| of[*holder].holding(*node)).min()?))
            };
            let now: Vec<(usize, Holding)> = waiters.iter().filter_map(first_kind).collect();
            for (slot, kind) in now.iter().filter(|wait| !behind.contains(wait)) {
                of[*slot].waits_behind(*kind, t, 1);
            }
            for (slot, kind) in behind.iter().filter(|wait| !now.contains(wait)) {
                of[*slot].waits_behind(*kind, t, -1);
            }
            *behind = now;
        }
        if holders.is_empty() && waiters.is_empty() {
            let Record { node, key, .. } = &records[number];
            if self.numbers.remove(&(*node, key.clone())).is_some() {
                self.free.push(number);
            }
        }
    }

    /// The locks that are held or waited for now: by node and record, the transactions.
    fn open(&self, index: &HistoryIndex) -> BTreeMap<(NodeId, Key), BTreeSet<TxnId>> {
        let wanted = self.records.iter().filter(|record| !record.holders.is_empty() || !record.waiters.is_empty());
        let open = |record: &Record| {
            let slots = record.holders.iter().map(|(slot, _)| slot).chain(&record.waiters);
            ((record.node, record.key.clone()), slots.map(|slot| index.name(*slot)).collect())
        };
        wanted.map(open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{
        ids::{LogId, Lsn},
        inspect::LockMode,
        time::Micros,
    };
    use indoubt_scenario::protocol::Protocol;

    #[test]
    fn a_lost_journal_ends_the_locks_of_branches_in_doubt_and_their_count() {
        let (p1, key) = (NodeId::participant(1), Key::new("p1/a"));
        let txn = TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number: 1 };
        let (mut locks, mut history) = (Locks::default(), History::new(Protocol::TwoPhase, Micros::ZERO));
        let slot = history.index.add(txn);
        let mut counts = Vec::new();
        let restarted = |lost| Observation::Restarted { incarnation: 2, log: LogId(1), upto: Lsn(0), lost };
        for (t_us, what) in (0..).zip([
            restarted(false),
            Observation::LockGranted { txn, key, mode: LockMode::Exclusive },
            Observation::InDoubt { txn },
            Observation::Crashed { incarnation: 2 },
            restarted(true),
        ]) {
            let of = what.txn().map(|_| slot);
            let seen = Stamped { t_us, seq: 0, node: p1, what };
            history.take(&seen, of);
            match of {
                Some(slot) => locks.progress(&seen, slot, &history),
                None => locks.cluster(&seen, &history),
            }
            counts.push((locks.now.held, locks.now.in_doubt));
        }
        assert_eq!(counts, [(0, 0), (1, 0), (1, 1), (1, 1), (0, 0)]);
    }
}
