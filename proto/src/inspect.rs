//! What a person may see of a live node: for `indoubt state`, and for checking final states. Never for measures, which
//! come from observations alone.

use crate::{ids::TxnId, operation::Key};
use serde::{Deserialize, Serialize};

/// A node's state, for people and final checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Locks held and waited for.
    pub locks: Vec<LockView>,
    /// 2PC branches, steps in progress, transactions and sagas that are not over.
    pub open: Vec<OpenView>,
    /// The data, when asked for; in key order.
    pub accounts: Vec<(Key, i64)>,
}

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// The record.
    pub key: Key,
    /// `shared` or `exclusive`.
    pub mode: LockMode,
    /// Who holds it.
    pub holders: Vec<TxnId>,
    /// Who waits, in order.
    pub waiters: Vec<TxnId>,
}

/// One open matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenView {
    /// Which transaction.
    pub txn: TxnId,
    /// Its state, in the words of its protocol (`in doubt`, `preparing`, `compensating 2`, `stuck`).
    pub state: String,
    /// Whether it is a branch in doubt.
    pub in_doubt: bool,
    /// Since when, in microseconds before now; filled in by the driver, which has the clock.
    pub since_us: Option<u64>,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockMode {
    /// With other readers.
    Shared,
    /// Alone.
    Exclusive,
}
