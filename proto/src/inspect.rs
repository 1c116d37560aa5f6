//! The state of a live node, for `indoubt state` and for checks of final states. Measures never use it, because they come from
//! observations alone.

use crate::{ids::TxnId, operation::Key};
use serde::{Deserialize, Serialize};

/// The state of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The locks that are held or waited for.
    pub locks: Vec<LockView>,
    /// All unfinished work: 2PC branches, steps in progress, transactions and sagas.
    pub open: Vec<OpenView>,
    /// The accounts and their values in the order of keys, if they were requested; otherwise empty.
    pub accounts: Vec<(Key, i64)>,
}

/// A lock that is held or waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// The record that is locked.
    pub key: Key,
    /// The mode in which the lock is held.
    pub mode: LockMode,
    /// The transactions that hold the lock.
    pub holders: Vec<TxnId>,
    /// The transactions that wait, in the order in which they will get the lock.
    pub waiters: Vec<TxnId>,
}

/// A branch, step, transaction or saga that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenView {
    /// The transaction that it belongs to.
    pub txn: TxnId,
    /// The state in the words of the protocol, such as `in doubt`, `preparing`, `compensating 2` or `stuck`.
    pub state: String,
    /// Whether it is a branch in doubt.
    pub in_doubt: bool,
    /// How long it has been in doubt or in progress, in microseconds. The node shell fills it in, because it has the clock.
    pub since_us: Option<u64>,
}

/// The mode of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockMode {
    /// Several readers hold the lock together.
    Shared,
    /// One writer holds the lock alone.
    Exclusive,
}
