//! `deadlocks`: cycles of transactions in which each waits for a lock that the next one holds, or for which the next one waits
//! ahead of it. `victims` are the transactions whose wait in a cycle was given up, and `lost_ms` is the time from the moment at which a
//! cycle closes until it is broken.
//!
//! Participants know only their own locks and end such waits by a timeout. The trace shows the locks of all participants, so
//! cycles that span nodes are found too. A deadlock of 2PC lasts until the first wait of the cycle ends.

use super::{
    fold::{Measure, Results},
    spread::Sample,
};
use crate::{
    history::History,
    shown::{Shown, Table, Worst},
    summary::Deadlocks as Summary,
};
use indoubt_proto::{
    ids::NodeId,
    inspect::LockMode,
    observation::{Observation, Stamped},
    operation::Key,
};
use std::collections::BTreeMap;

/// A lock or a wait of a transaction, given by its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    slot: usize,
    mode: LockMode,
}

/// The claims on one record.
#[derive(Clone, Debug, Default)]
struct Record {
    holders: Vec<Claim>,
    /// In the order of their requests.
    waiters: Vec<Claim>,
}

/// A cycle that is not broken yet.
#[derive(Clone, Debug)]
struct Cycle {
    /// The slots of its transactions, sorted.
    members: Vec<usize>,
    since: i64,
}

/// Finds the deadlocks of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlocks {
    /// The records that are locked or waited for.
    records: BTreeMap<(NodeId, Key), Record>,
    /// The records for which a transaction waits, by slot.
    awaited: BTreeMap<usize, Vec<(NodeId, Key)>>,
    open: Vec<Cycle>,
    count: u64,
    victims: u64,
    lost: Sample,
}

impl Measure for Deadlocks {
    const SHOWN: &'static [Shown] = &[
        Shown::count("deadlocks.count", |m| m.deadlocks.count as f64)
            .column(Table::Waiting, "deadlocks")
            .over_seeds(Worst::Largest)
            .in_swarm("transactions waited for each other in a cycle", 0.0),
        Shown::count("deadlocks.victims", |m| m.deadlocks.victims as f64).column(Table::Waiting, "victims"),
        Shown::ms("deadlocks.lost_ms.sum", |m| m.deadlocks.lost_ms.sum).column(Table::Waiting, "lost to deadlocks"),
    ];

    fn progress(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        let record = |key: &Key| (seen.node, key.clone());
        match &seen.what {
            Observation::LockRequested { key, mode, .. } => {
                let claims = self.records.entry(record(key)).or_default();
                if !claims.waiters.iter().any(|waiter| waiter.slot == slot) {
                    claims.waiters.push(Claim { slot, mode: *mode });
                    self.awaited.entry(slot).or_default().push(record(key));
                    self.look_for_cycle(slot, seen.t_us);
                }
            }
            Observation::LockGranted { key, mode, .. } => {
                self.stop_waiting(slot, &record(key), seen.t_us, false);
                let claims = self.records.entry(record(key)).or_default();
                claims.holders.retain(|holder| holder.slot != slot);
                claims.holders.push(Claim { slot, mode: *mode });
                // Those who still wait may now wait for somebody else.
                for waiter in claims.waiters.clone() {
                    self.look_for_cycle(waiter.slot, seen.t_us);
                }
            }
            Observation::LockAbandoned { key, .. } => self.stop_waiting(slot, &record(key), seen.t_us, true),
            Observation::LockReleased { key, .. } => {
                if let Some(claims) = self.records.get_mut(&record(key)) {
                    claims.holders.retain(|holder| holder.slot != slot);
                    self.clear(&record(key));
                    self.break_cycles(slot, seen.t_us, false);
                }
            }
            _ => {}
        }
    }

    fn cluster(&mut self, seen: &Stamped, _history: &History) {
        if !matches!(seen.what, Observation::Crashed { .. }) {
            return;
        }
        // Waits die with their node. Locks may be taken back after a restart, and are granted again then.
        let mut gone = Vec::new();
        for ((node, _), claims) in &mut self.records {
            if *node == seen.node {
                gone.extend(claims.waiters.drain(..).chain(claims.holders.drain(..)).map(|claim| claim.slot));
            }
        }
        self.records.retain(|(node, _), _| *node != seen.node);
        for records in self.awaited.values_mut() {
            records.retain(|(node, _)| *node != seen.node);
        }
        gone.sort_unstable();
        gone.dedup();
        for slot in gone {
            self.break_cycles(slot, seen.t_us, false);
        }
    }

    fn is_quiet(&self, slot: usize) -> bool {
        self.awaited.get(&slot).is_none_or(Vec::is_empty)
            && !self.open.iter().any(|cycle| cycle.members.contains(&slot))
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        self.awaited.remove(&slot);
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        for cycle in &self.open {
            self.lost.add_open(history.end - cycle.since);
        }
        results.measures.deadlocks = Summary { count: self.count, victims: self.victims, lost_ms: self.lost.spread() };
    }
}

impl Deadlocks {
    /// The transactions for which a transaction waits.
    fn blockers(&self, slot: usize) -> Vec<usize> {
        let mut blockers = Vec::new();
        for record in self.awaited.get(&slot).into_iter().flatten() {
            let Some(claims) = self.records.get(record) else { continue };
            let Some(place) = claims.waiters.iter().position(|waiter| waiter.slot == slot) else { continue };
            let mine = claims.waiters[place].mode;
            let ahead = claims.holders.iter().chain(&claims.waiters[..place]);
            let conflicts = |claim: &&Claim| {
                claim.slot != slot && (mine == LockMode::Exclusive || claim.mode == LockMode::Exclusive)
            };
            blockers.extend(ahead.filter(conflicts).map(|claim| claim.slot));
        }
        blockers
    }

    /// Notes a cycle through this waiting transaction, if there is one and it is not known.
    fn look_for_cycle(&mut self, start: usize, t: i64) {
        let mut path = vec![start];
        let mut seen = vec![start];
        if !self.reaches(start, start, &mut path, &mut seen) {
            return;
        }
        path.sort_unstable();
        if self.open.iter().all(|cycle| cycle.members != path) {
            self.count += 1;
            self.open.push(Cycle { members: path, since: t });
        }
    }

    /// Whether a chain of waits leads from the end of `path` to `start`; if so, `path` is the cycle.
    fn reaches(&self, from: usize, start: usize, path: &mut Vec<usize>, seen: &mut Vec<usize>) -> bool {
        for blocker in self.blockers(from) {
            if blocker == start {
                return true;
            }
            if seen.contains(&blocker) {
                continue;
            }
            seen.push(blocker);
            path.push(blocker);
            if self.reaches(blocker, start, path, seen) {
                return true;
            }
            path.pop();
        }
        false
    }

    fn stop_waiting(&mut self, slot: usize, record: &(NodeId, Key), t: i64, given_up: bool) {
        let Some(claims) = self.records.get_mut(record) else { return };
        let before = claims.waiters.len();
        claims.waiters.retain(|waiter| waiter.slot != slot);
        if claims.waiters.len() == before {
            return;
        }
        if let Some(records) = self.awaited.get_mut(&slot) {
            records.retain(|awaited| awaited != record);
        }
        self.clear(record);
        self.break_cycles(slot, t, given_up);
    }

    /// Forgets a record on which nobody has a claim.
    fn clear(&mut self, record: &(NodeId, Key)) {
        if self.records.get(record).is_some_and(|claims| claims.holders.is_empty() && claims.waiters.is_empty()) {
            self.records.remove(record);
        }
    }

    /// Ends the cycles of this transaction, which no longer waits or no longer holds a lock.
    fn break_cycles(&mut self, slot: usize, t: i64, given_up: bool) {
        let mut broken = 0;
        let lost = &mut self.lost;
        self.open.retain(|cycle| {
            let is_broken = cycle.members.contains(&slot);
            if is_broken {
                broken += 1;
                lost.add(t - cycle.since);
            }
            !is_broken
        });
        self.victims += u64::from(given_up && broken > 0);
    }
}
