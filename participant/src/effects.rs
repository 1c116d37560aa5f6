//! What a participant emits: its timers, and the sink of its effects.

use crate::{locks::Owner, record::Record};
use indoubt_proto::{ids::TxnId, machine};

/// The timers of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// An owner has waited long enough for its locks.
    Lock(Owner),
    /// PREPARE has not come (rule 6).
    GiveUp(TxnId),
    /// The decision has not come.
    Inquire(TxnId),
}

pub(crate) type Out = machine::Out<Record, Timer>;
