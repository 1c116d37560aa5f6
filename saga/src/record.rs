//! The log records of an orchestrator. The begin record, the turn record and the end record of a success are forced. All
//! others are lazy: if they are lost, the participants can be asked again (docs/08-costs.md).

use crate::plan::Plan;
use indoubt_proto::{
    ids::{Serial, TxnId},
    machine::Record,
    message::{Outcome, Reason},
    operation::ReadValue,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash};

/// A record of an orchestrator's journal. `txn` is its saga, and `serial` the number of the saga in the tickets of its
/// requests. Steps are numbered from 1. `U` is the form in which a turn record names the steps to undo.
#[allow(missing_docs, reason = "the text of the enum describes the fields that recur")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SagaRecord<U> {
    /// `begin`, forced before the first step is sent. From here on, the saga completes or is compensated.
    Begun {
        txn: TxnId,
        serial: Serial,
        /// Whether the saga is a read-only audit, whose phases are not counted.
        audit: bool,
        /// The steps and their compensations.
        plan: Plan,
    },
    /// `step-done`, lazy: the step is applied.
    StepDone {
        txn: TxnId,
        step: u32,
        /// The values that the step read.
        reads: Vec<ReadValue>,
    },
    /// `turn`, forced before the first compensation is sent. From here on, the saga never runs forward again.
    Turned {
        txn: TxnId,
        /// The steps to undo.
        undo: U,
        /// The reason, for the client.
        reason: Reason,
    },
    /// `step-undone`, lazy: the step needs no further compensation.
    StepUndone {
        txn: TxnId,
        step: u32,
        /// Whether there was something to undo.
        undone: bool,
    },
    /// `stuck`, lazy: the compensation of this step failed too often, and the saga waits for an operator. `resumed`, lazy:
    /// an operator let it continue.
    Stuck {
        txn: TxnId,
        step: u32,
        /// `true` for `resumed`.
        resumed: bool,
    },
    /// `end`, forced after a success, lazy after a turn.
    Ended { txn: TxnId },
    /// `remembered`, only in compactions: the outcome for clients that ask again.
    Remembered { txn: TxnId, outcome: Outcome },
}

impl<U: Clone + Debug + Eq + Hash + Serialize + DeserializeOwned> Record for SagaRecord<U> {
    fn word(&self) -> &'static str {
        match self {
            SagaRecord::Begun { .. } => "begin",
            SagaRecord::StepDone { .. } => "step-done",
            SagaRecord::Turned { .. } => "turn",
            SagaRecord::StepUndone { .. } => "step-undone",
            SagaRecord::Stuck { resumed: false, .. } => "stuck",
            SagaRecord::Stuck { resumed: true, .. } => "resumed",
            SagaRecord::Ended { .. } => "end",
            SagaRecord::Remembered { .. } => "remembered",
        }
    }

    fn txn(&self) -> Option<TxnId> {
        match self {
            SagaRecord::Begun { txn, .. }
            | SagaRecord::StepDone { txn, .. }
            | SagaRecord::Turned { txn, .. }
            | SagaRecord::StepUndone { txn, .. }
            | SagaRecord::Stuck { txn, .. }
            | SagaRecord::Ended { txn }
            | SagaRecord::Remembered { txn, .. } => Some(*txn),
        }
    }
}
