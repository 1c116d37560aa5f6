//! What an unprotected node emits: its timers, and the sink of its effects.

use super::record::UnprotectedRecord;
use indoubt_proto::{ids::TxnId, machine};

/// The timers of [`Unprotected`](super::Unprotected).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnprotectedTimer {
    /// This sequence's call was not answered in time, or the pause before its next attempt is over.
    Call(TxnId),
}

pub(super) type Out = machine::Out<UnprotectedRecord, UnprotectedTimer>;
