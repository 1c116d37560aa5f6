//! What a coordinator emits: its timers, and the sink of its effects.

use crate::record::CoordinatorRecord;
use indoubt_proto::{ids::TxnId, machine};
use serde::{Deserialize, Serialize};

/// The timers of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CoordinatorTimer {
    /// The work round must be over.
    Work(TxnId),
    /// Every vote must be in.
    Vote(TxnId),
    /// The decision is sent again.
    Resend(TxnId),
}

pub(crate) type Out = machine::Out<CoordinatorRecord, CoordinatorTimer>;
