//! The effects of an orchestrator: its timers, and the sink for its effects.

use crate::{record::SagaRecord, saga::Saga};
use indoubt_proto::{ids::TxnId, machine::Out};

/// The timer after which an orchestrator sends a request again: no answer came in time, or a failure came and the pause is
/// over. If a saga waits for several answers at the same time, `W` says which of them this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resend<W> {
    /// The saga that sent the request.
    pub txn: TxnId,
    /// Which of its pending requests this is.
    pub which: W,
}

/// The sink for the effects of a saga of this kind.
pub(crate) type OutOf<S> = Out<SagaRecord<<S as Saga>::Undo>, Resend<<S as Saga>::Which>>;
