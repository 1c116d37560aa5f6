//! An isolation anomaly (docs/rules.md, Anomalies).

use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};

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
