//! What a measure is: a fold over the lines of a trace.

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

/// A fold that comes to one number or to several that belong together. It takes the lines in the order of `seq`, each one
/// after `history` has taken it, and only through the methods that it implements. `slot` is that of the transaction which
/// the line is about (see [`crate::history::history_index`]).
pub(crate) trait Measure: Default {
    /// Which of its numbers people see, and where.
    const SHOWN: &'static [Shown];

    /// A message was sent, received or dropped.
    fn message(&mut self, _seen: &Stamped, _slot: usize, _history: &History) {}

    /// A node appended a record.
    fn record(&mut self, _seen: &Stamped, _slot: usize) {}

    /// A client began a transaction or was told how it ended.
    fn client(&mut self, _seen: &Stamped, _slot: usize, _history: &History) {}

    /// Anything else that nodes do for a transaction: locks, reads, votes, decisions, effects, phases.
    fn progress(&mut self, _seen: &Stamped, _slot: usize, _history: &History) {}

    /// A node crashed, came back, froze or went on, or a link was cut or healed.
    fn cluster(&mut self, _seen: &Stamped, _history: &History) {}

    /// Whether nothing that it measures is under way in a transaction. Only then the transaction may be forgotten.
    fn is_quiet(&self, _slot: usize) -> bool {
        true
    }

    /// Forgets a transaction that is over at `t`, and keeps what it came to: `slot` is used again.
    fn forget(&mut self, _slot: usize, _t: i64, _history: &History) {}

    /// Writes down what it comes to. What is still open at the end of the trace is censored.
    fn finish(self, history: &History, results: &mut Results);
}

/// What all measures of a run come to.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) measures: Measures,
    pub(crate) series: Series,
    /// In the order of the trace.
    pub(crate) anomalies: Vec<Anomaly>,
    /// Who holds or awaits which record at the end, at which node.
    pub(crate) open_locks: BTreeMap<(NodeId, Key), BTreeSet<TxnId>>,
}
