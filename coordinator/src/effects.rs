//! The effects of a coordinator: its timers, and the sink for its effects.

use crate::record::CoordinatorRecord;
use indoubt_proto::{ids::TxnId, machine};
use serde::{Deserialize, Serialize};

/// The timers of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CoordinatorTimer {
    /// Fires if the work round takes too long.
    Work(TxnId),
    /// Fires if a vote is missing for too long.
    Vote(TxnId),
    /// Fires when the decision must be sent again.
    Resend(TxnId),
}

pub(crate) type Out = machine::Out<CoordinatorRecord, CoordinatorTimer>;
