//! What an orchestrator emits: its timers, and the sink of its effects.

use crate::record::OrchestratorRecord;
use indoubt_proto::{ids::TxnId, machine};

/// The timers of an orchestrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrchestratorTimer {
    /// The last request of this saga was not answered for a while, or was answered with a failure: send it again.
    Resend(TxnId),
}

pub(crate) type Out = machine::Out<OrchestratorRecord, OrchestratorTimer>;
