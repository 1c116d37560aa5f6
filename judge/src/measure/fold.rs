//! The trait of measures. A measure is a fold over the lines of a trace.

use crate::{
    anomaly::Anomaly,
    history::History,
    shown::Shown,
    summary::{Measures, Series},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::Stamped,
    operation::Key,
};
use std::collections::{BTreeMap, BTreeSet};

/// A fold that computes one number, or several that belong together. It gets the lines in the order of `seq`, each one after
/// `history` has taken it. It implements only the methods for the lines that it needs. `slot` is the slot of the line's
/// transaction (see [`crate::history::history_index`]).
pub(crate) trait Measure: Default {
    /// The numbers that people see without asking, and where they see them.
    const SHOWN: &'static [Shown];

    /// A message was sent, received or dropped.
    fn message(&mut self, _seen: &Stamped, _slot: usize, _history: &History) {}

    /// A node appended a record.
    fn record(&mut self, _seen: &Stamped, _slot: usize) {}

    /// A client began a transaction, or was told its outcome.
    fn client(&mut self, _seen: &Stamped, _slot: usize, _history: &History) {}

    /// A node did anything else for a transaction: locks, reads, votes, decisions, effects, phases.
    fn progress(&mut self, _seen: &Stamped, _slot: usize, _history: &History) {}

    /// A node crashed, restarted, froze or resumed, or a link was cut or healed.
    fn cluster(&mut self, _seen: &Stamped, _history: &History) {}

    /// Whether the measure does not wait for later lines of this transaction. Only then may the transaction be forgotten.
    fn is_quiet(&self, _slot: usize) -> bool {
        true
    }

    /// Forgets a transaction that has ended, at time `t`, and keeps its result. Another transaction will use `slot`.
    fn forget(&mut self, _slot: usize, _t: i64, _history: &History) {}

    /// Writes the result. What is still open at the end of the trace is counted as censored.
    fn finish(self, history: &History, results: &mut Results);
}

/// The results of all measures of a run.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) measures: Measures,
    pub(crate) series: Series,
    /// All anomalies, in the order of the trace.
    pub(crate) anomalies: Vec<Anomaly>,
    /// The locks that are held or waited for at the end: by node and record, the transactions.
    pub(crate) open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>,
}
