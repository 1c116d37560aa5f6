//! The effects of a participant: its timers, and the sink for its effects.

use crate::{locks::Owner, record::Record};
use indoubt_proto::{ids::TxnId, machine};

/// The timers of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// Fires if an owner has waited too long for its locks.
    Lock(Owner),
    /// Fires if PREPARE has not arrived (rule 6).
    GiveUp(TxnId),
    /// Fires if the decision has not arrived.
    Inquire(TxnId),
}

pub(crate) type Out = machine::Out<Record, Timer>;
