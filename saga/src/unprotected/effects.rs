//! The effects of an unprotected node: its timers, and the sink for its effects.

use super::record::UnprotectedRecord;
use indoubt_proto::{ids::TxnId, machine};

/// The timers of [`Unprotected`](super::Unprotected).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnprotectedTimer {
    /// Fires if the call of this sequence was not answered in time, or when the pause before the next attempt is over.
    Call(TxnId),
}

pub(super) type Out = machine::Out<UnprotectedRecord, UnprotectedTimer>;
