//! What an orchestrator emits: its timers, and the sink of its effects.

use crate::{record::SagaRecord, saga::Saga};
use indoubt_proto::{ids::TxnId, machine::Out};

/// The timer of an orchestrator: a request of a saga was not answered for a while, or was answered with a failure, and is
/// sent again. `W` tells apart the requests of one saga that wait for an answer at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resend<W> {
    /// Which saga.
    pub txn: TxnId,
    /// Which of its requests.
    pub which: W,
}

/// Where a saga of this kind puts its effects.
pub(crate) type OutOf<S> = Out<SagaRecord<<S as Saga>::Undo>, Resend<<S as Saga>::Which>>;
