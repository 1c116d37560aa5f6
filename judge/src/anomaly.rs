//! Isolation anomalies (docs/rules.md, Anomalies).

use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};

/// The kinds of anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnomalyKind {
    DirtyRead,
    LostUpdate,
    FuzzyRead,
}

/// An anomaly that was found in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) kind: AnomalyKind,
    pub(crate) t: i64,
    /// The transaction that read or overwrote a record.
    pub(crate) txn: TxnId,
    /// The transaction that changed the record; for a fuzzy read, the same transaction as `txn`.
    pub(crate) other: TxnId,
    pub(crate) node: NodeId,
    pub(crate) key: Key,
}
