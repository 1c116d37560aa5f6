//! Isolation anomalies as docs/rules.md defines them: `dirty_reads`, `lost_updates`, `fuzzy_reads`.
//!
//! - Dirty read: a transaction reads a record that another one has changed, and the other one has neither finished nor
//!   compensated the change. A transaction is finished when it reaches the phase `ended`, or when its client was told the
//!   outcome. A 2PC transaction is finished when its coordinator decides COMMIT.
//! - Lost update: a transaction puts a value on a record that another one has changed since the first one last read or wrote it.
//!   A compensation that puts back an old value (rule 29) counts too. Additions commute and do not count (rule 34), and neither
//!   does a put without an earlier access.
//! - Fuzzy read: two steps of one transaction read different values of the same record, and its own plan does not explain it.

use super::{
    fold::{Measure, Results},
    slots::at,
};
use crate::{
    anomaly::{Anomaly, AnomalyKind},
    history::{
        History,
        txn_history::{EffectKind, TxnHistory},
    },
    shown::{Shown, Table},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, OutcomeWord},
    observation::{Observation, Phase, Stamped},
    operation::{Change, Key, Update},
};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The last change of a record, and the last change by a different transaction, each with its `seq` in the trace.
#[derive(Clone, Copy, Debug)]
struct Changes {
    last: (TxnId, u64),
    by_another: Option<(TxnId, u64)>,
}

impl Changes {
    fn by_another_than(self, txn: TxnId) -> Option<(TxnId, u64)> {
        if self.last.0 == txn { self.by_another } else { Some(self.last) }
    }
}

/// The state of one record.
#[derive(Clone, Debug, Default)]
struct Record {
    changes: Option<Changes>,
    /// The unfinished transactions that changed it.
    unfinished: Vec<TxnId>,
}

/// The state of one transaction.
#[derive(Clone, Debug, Default)]
struct OfTxn {
    finished: bool,
    /// The records that it changed while it was unfinished.
    changed: Vec<Key>,
    /// The `seq` of its last access to each record.
    accessed: Vec<(Key, u64)>,
    /// The step that last read each record, and the value.
    read: Vec<(Key, (u32, i64))>,
}

/// Finds anomalies in the trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anomalies {
    /// The map is only used for look-ups and never iterated.
    records: FxHashMap<Key, Record>,
    /// The states of transactions, by slot.
    of: Vec<OfTxn>,
    found: Vec<Anomaly>,
}

/// Sets the value of a key, and returns the old value.
fn put<T>(list: &mut Vec<(Key, T)>, key: &Key, value: T) -> Option<T> {
    match list.iter_mut().find(|(k, _)| k == key) {
        Some((_, old)) => Some(std::mem::replace(old, value)),
        None => {
            list.push((key.clone(), value));
            None
        }
    }
}

impl Measure for Anomalies {
    const SHOWN: &'static [Shown] = &[
        Shown::count("dirty_reads", |m| m.dirty_reads as f64).column(Table::Costs, "dirty reads"),
        Shown::count("lost_updates", |m| m.lost_updates as f64).column(Table::Costs, "lost updates"),
        Shown::count("fuzzy_reads", |m| m.fuzzy_reads as f64).column(Table::Costs, "fuzzy reads"),
    ];

    fn client(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        if let Observation::ClientEnded {
            txn,
            outcome: OutcomeWord::Succeeded | OutcomeWord::Aborted | OutcomeWord::Compensated,
            ..
        } = &seen.what
        {
            self.finish_txn(slot, *txn);
        }
    }

    fn progress(&mut self, seen: &Stamped, slot: usize, history: &History) {
        match &seen.what {
            Observation::Read { txn, key, value, step } => {
                self.read(seen, (slot, *txn), history.index.at(slot), key, *step, *value);
            }
            Observation::Applied { txn, effects, .. } if history.fresh => {
                if history.index.at(slot).decided_at_home(Decision::Commit) {
                    self.finish_txn(slot, *txn);
                }
                self.change(seen, (slot, *txn), effects, true);
            }
            Observation::StepApplied { txn, effects, .. } if history.fresh => {
                self.change(seen, (slot, *txn), effects, true);
            }
            Observation::Compensated { txn, effects, .. } if history.fresh => {
                self.change(seen, (slot, *txn), effects, false);
            }
            Observation::Decided { txn, outcome: Decision::Commit } if seen.node == txn.home => {
                self.finish_txn(slot, *txn);
            }
            Observation::Reached { txn, phase: Phase::Ended } => self.finish_txn(slot, *txn),
            _ => {}
        }
    }

    fn cluster(&mut self, seen: &Stamped, history: &History) {
        if matches!(seen.what, Observation::Restarted { .. }) {
            self.retract(seen.node, history);
        }
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        let OfTxn { finished, changed, accessed, read } = at(&mut self.of, slot);
        *finished = false;
        changed.clear();
        accessed.clear();
        read.clear();
    }

    fn finish(self, _history: &History, results: &mut Results) {
        let count = |kind| self.found.iter().filter(|anomaly| anomaly.kind == kind).count() as u64;
        results.measures.dirty_reads = count(AnomalyKind::DirtyRead);
        results.measures.lost_updates = count(AnomalyKind::LostUpdate);
        results.measures.fuzzy_reads = count(AnomalyKind::FuzzyRead);
        results.anomalies = self.found;
    }
}

impl Anomalies {
    /// A node restarted, and `history` knows which effects are lost. These no longer count as changes.
    fn retract(&mut self, node: NodeId, history: &History) {
        let effects = |gone: bool| {
            let all = history
                .index
                .iter()
                .flat_map(|(slot, txn, txn_history)| txn_history.effects.iter().map(move |e| (slot, txn, e)));
            all.filter(move |(.., effect)| effect.node == node && effect.gone.is_some() == gone)
        };
        let keys: BTreeSet<&Key> = effects(true).flat_map(|(.., e)| e.updates.iter().map(|u| &u.key)).collect();
        for key in keys {
            let Some(record) = self.records.get_mut(key) else { continue };
            let mut left: Vec<(u64, TxnId, bool)> = effects(false)
                .filter(|(.., effect)| effect.updates.iter().any(|update| update.key == *key))
                .map(|(_, txn, effect)| (effect.seq, txn, !matches!(effect.kind, EffectKind::Undo(_))))
                .collect();
            left.sort_unstable();
            record.changes = None;
            for (seq, txn, _) in &left {
                let another = record.changes.and_then(|c| c.by_another_than(*txn));
                record.changes = Some(Changes { last: (*txn, *seq), by_another: another });
            }
            record.unfinished.retain(|writer| left.iter().any(|(_, txn, forwards)| txn == writer && *forwards));
        }
    }

    fn finish_txn(&mut self, slot: usize, txn: TxnId) {
        let OfTxn { finished, changed, .. } = at(&mut self.of, slot);
        *finished = true;
        for key in changed.drain(..) {
            if let Some(record) = self.records.get_mut(&key) {
                record.unfinished.retain(|writer| *writer != txn);
            }
        }
    }

    fn read(
        &mut self,
        seen: &Stamped,
        (slot, txn): (usize, TxnId),
        txn_history: &TxnHistory,
        key: &Key,
        step: u32,
        value: i64,
    ) {
        let found = |kind, other| Anomaly { kind, t: seen.t_us, txn, other, node: seen.node, key: key.clone() };
        let writers = self.records.get(key).map(|record| record.unfinished.as_slice()).unwrap_or_default();
        if let Some(writer) = writers.iter().filter(|writer| **writer != txn).min() {
            self.found.push(found(AnomalyKind::DirtyRead, *writer));
        }
        let of = at(&mut self.of, slot);
        if let Some((earlier, before)) = put(&mut of.read, key, (step, value))
            && earlier != step
            && before != value
            && !writes_between(txn_history, key, earlier, step)
        {
            self.found.push(found(AnomalyKind::FuzzyRead, txn));
        }
        put(&mut of.accessed, key, seen.seq);
    }

    /// Takes new effects of a transaction. They are a compensation unless `forwards`.
    fn change(&mut self, seen: &Stamped, (slot, txn): (usize, TxnId), updates: &[Update], forwards: bool) {
        let of = at(&mut self.of, slot);
        for Update { key, change } in updates {
            let since = put(&mut of.accessed, key, seen.seq);
            let record = match self.records.get_mut(key) {
                Some(record) => record,
                None => self.records.entry(key.clone()).or_default(),
            };
            let another = record.changes.and_then(|c| c.by_another_than(txn));
            if let (Change::Value(_), Some(since), Some((other, when))) = (change, since, another)
                && when > since
            {
                let (t, node, key) = (seen.t_us, seen.node, key.clone());
                self.found.push(Anomaly { kind: AnomalyKind::LostUpdate, t, txn, other, node, key });
            }
            record.changes = Some(Changes { last: (txn, seen.seq), by_another: another });
            if !forwards {
                record.unfinished.retain(|writer| *writer != txn);
            } else if !of.finished && !record.unfinished.contains(&txn) {
                record.unfinished.push(txn);
                of.changed.push(key.clone());
            }
        }
    }
}

/// Whether the plan of a transaction changes `key` in one of the steps between these two, both included.
fn writes_between(txn_history: &TxnHistory, key: &Key, one: u32, two: u32) -> bool {
    let between = one.min(two)..=one.max(two);
    txn_history.plan.writes().any(|e| e.key == *key && between.contains(&e.step))
}
