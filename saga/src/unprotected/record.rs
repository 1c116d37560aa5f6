//! The status row of `none-retry`. `none` logs nothing.

use indoubt_proto::{
    ids::TxnId,
    machine::Record,
    message::{Outcome, ReasonKind},
    operation::ReadValue,
};
use serde::{Deserialize, Serialize};

/// The status row of `none-retry`. `none` logs nothing. `txn` is the transaction of the row.
#[allow(missing_docs, reason = "the text of the enum describes `txn`")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnprotectedRecord {
    /// `pending`, forced before the first call.
    Pending { txn: TxnId },
    /// `done`, forced before the client is told.
    Done {
        txn: TxnId,
        /// The values that the calls read.
        reads: Vec<ReadValue>,
    },
    /// `failed`, forced before the client is told.
    Failed {
        txn: TxnId,
        /// The outcome that the client is told.
        outcome: Outcome,
    },
}

impl UnprotectedRecord {
    /// The row for an outcome.
    pub(super) fn of(txn: TxnId, outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Committed { reads } => UnprotectedRecord::Done { txn, reads: reads.clone() },
            outcome if *outcome == found_pending() => UnprotectedRecord::Pending { txn },
            outcome => UnprotectedRecord::Failed { txn, outcome: outcome.clone() },
        }
    }

    /// The outcome that clients are told if a restart finds this row. Nothing resumes a PENDING row.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            UnprotectedRecord::Pending { .. } => found_pending(),
            UnprotectedRecord::Done { reads, .. } => Outcome::Committed { reads },
            UnprotectedRecord::Failed { outcome, .. } => outcome,
        }
    }
}

fn found_pending() -> Outcome {
    Outcome::Unknown(ReasonKind::Recovery.into())
}

impl Record for UnprotectedRecord {
    fn word(&self) -> &'static str {
        match self {
            UnprotectedRecord::Pending { .. } => "pending",
            UnprotectedRecord::Done { .. } => "done",
            UnprotectedRecord::Failed { .. } => "failed",
        }
    }

    fn txn(&self) -> Option<TxnId> {
        match self {
            UnprotectedRecord::Pending { txn }
            | UnprotectedRecord::Done { txn, .. }
            | UnprotectedRecord::Failed { txn, .. } => Some(*txn),
        }
    }
}
