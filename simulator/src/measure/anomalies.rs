//! Isolation anomalies by the definitions of protocols.md: `dirty_reads`, `lost_updates`, `fuzzy_reads`.
//!
//! - Dirty read: a `read` of a record that another transaction has changed and neither finished nor compensated there. A
//!   transaction is finished when its phase `ended` is reached or its client was told how it ended; a 2PC transaction is
//!   when its coordinator decided COMMIT.
//! - Lost update: a transaction puts a value (adding commutes, rule 34) on a record that another changed since it last read
//!   or wrote it; a compensation that puts back an old value (rule 29) is one too. A put without an access before is none.
//! - Fuzzy read: two steps of one transaction read the same record differently, and its own plan does not explain it.

use crate::history::History;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, OutcomeWord},
    observation::{Observation, Phase, Stamped},
    operation::{Change, Key, Update},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnomalyKind {
    DirtyRead,
    LostUpdate,
    FuzzyRead,
}

/// One anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) kind: AnomalyKind,
    pub(crate) t: i64,
    /// Whose read or overwriting it is.
    pub(crate) txn: TxnId,
    /// Whose change it concerns; itself for a fuzzy read.
    pub(crate) other: TxnId,
    pub(crate) node: NodeId,
    pub(crate) key: Key,
}

/// Who changed a record last, and who of the others did: each with the place of the change in the trace.
#[derive(Clone, Copy, Debug)]
struct Changes {
    last: (TxnId, u64),
    by_another: Option<(TxnId, u64)>,
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Anomalies {
    /// Unfinished transactions by the record that they changed.
    unfinished: HashMap<Key, BTreeSet<TxnId>>,
    /// The records that an unfinished transaction changed.
    changed_by: HashMap<TxnId, BTreeSet<Key>>,
    finished: BTreeSet<TxnId>,
    changes: HashMap<Key, Changes>,
    /// The place in the trace of a transaction's last access to a record.
    accessed: HashMap<(TxnId, Key), u64>,
    /// What a transaction read last of a record, and in which step.
    last_read: HashMap<(TxnId, Key), (u32, i64)>,
    found: Vec<Anomaly>,
}

impl Anomalies {
    /// Takes the next line; `history` has taken it already.
    pub(super) fn take(&mut self, seen: &Stamped, history: &History) {
        match &seen.what {
            Observation::Read { txn, key, value, step } => self.read(seen, history, *txn, key, *step, *value),
            Observation::Applied { txn, effects, .. } if history.fresh => {
                let story = history.stories.get(txn);
                if story.is_some_and(|story| story.decided_at_home(Decision::Commit)) {
                    self.finish(*txn);
                }
                self.change(seen, *txn, effects, true);
            }
            Observation::StepApplied { txn, effects, .. } if history.fresh => self.change(seen, *txn, effects, true),
            Observation::Compensated { txn, effects, .. } if history.fresh => self.change(seen, *txn, effects, false),
            Observation::Decided { txn, outcome: Decision::Commit } if seen.node == txn.home => self.finish(*txn),
            Observation::Reached { txn, phase: Phase::Ended } => self.finish(*txn),
            Observation::ClientEnded {
                txn,
                outcome: OutcomeWord::Succeeded | OutcomeWord::Aborted | OutcomeWord::Compensated,
                ..
            } => self.finish(*txn),
            _ => {}
        }
    }

    fn finish(&mut self, txn: TxnId) {
        self.finished.insert(txn);
        for key in self.changed_by.remove(&txn).unwrap_or_default() {
            if let Some(writers) = self.unfinished.get_mut(&key) {
                writers.remove(&txn);
            }
        }
    }

    fn read(&mut self, seen: &Stamped, history: &History, txn: TxnId, key: &Key, step: u32, value: i64) {
        let found = |kind, other| Anomaly { kind, t: seen.t_us, txn, other, node: seen.node, key: key.clone() };
        let dirty = self.unfinished.get(key).and_then(|writers| writers.iter().find(|writer| **writer != txn));
        if let Some(writer) = dirty {
            self.found.push(found(AnomalyKind::DirtyRead, *writer));
        }
        if let Some((earlier, before)) = self.last_read.insert((txn, key.clone()), (step, value))
            && earlier != step
            && before != value
            && !writes_between(history, txn, key, earlier, step)
        {
            self.found.push(found(AnomalyKind::FuzzyRead, txn));
        }
        self.accessed.insert((txn, key.clone()), seen.seq);
    }

    /// New effects of a transaction: forwards, or the compensation of a step.
    fn change(&mut self, seen: &Stamped, txn: TxnId, updates: &[Update], forwards: bool) {
        for Update { key, change } in updates {
            let since = self.accessed.insert((txn, key.clone()), seen.seq);
            let changes = self.changes.get(key).copied();
            let another = changes.and_then(|c| if c.last.0 == txn { c.by_another } else { Some(c.last) });
            if let (Change::Value(_), Some(since), Some((other, when))) = (change, since, another)
                && when > since
            {
                let (t, node, key) = (seen.t_us, seen.node, key.clone());
                self.found.push(Anomaly { kind: AnomalyKind::LostUpdate, t, txn, other, node, key });
            }
            let next = Changes { last: (txn, seen.seq), by_another: another };
            self.changes.insert(key.clone(), next);
            if !forwards {
                if let Some(writers) = self.unfinished.get_mut(key) {
                    writers.remove(&txn);
                }
            } else if !self.finished.contains(&txn) {
                self.unfinished.entry(key.clone()).or_default().insert(txn);
                self.changed_by.entry(txn).or_default().insert(key.clone());
            }
        }
    }

    /// All of them, in the order of the trace.
    pub(super) fn into_found(self) -> Vec<Anomaly> {
        self.found
    }
}

/// How many of each kind.
pub(super) fn count(found: &[Anomaly]) -> BTreeMap<AnomalyKind, u64> {
    let mut counts = BTreeMap::new();
    for anomaly in found {
        *counts.entry(anomaly.kind).or_default() += 1;
    }
    counts
}

/// Whether the plan of `txn` changes `key` in a step from the earlier to the later of two, both included.
fn writes_between(history: &History, txn: TxnId, key: &Key, one: u32, two: u32) -> bool {
    let between = one.min(two)..=one.max(two);
    let story = history.stories.get(&txn);
    story.is_some_and(|story| story.plan.writes().any(|e| e.key == *key && between.contains(&e.step)))
}
