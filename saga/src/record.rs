//! What an orchestrator logs. Its begin, its turn and a successful end are forced; everything else is lazy, because asking
//! the participants again finds it out (docs/08-costs.md).

use crate::plan::Plan;
use indoubt_proto::{
    ids::{Serial, TxnId},
    machine::Record,
    message::{Outcome, Reason},
    operation::ReadValue,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash};

/// A record of an orchestrator's journal. `U` is how a turn names the steps to undo.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SagaRecord<U> {
    /// `begin`, forced before the first step is sent: from here on the saga ends one way or the other.
    Begun {
        /// Which saga.
        txn: TxnId,
        /// Its number on every request.
        serial: Serial,
        /// Whether it is a read-only audit.
        audit: bool,
        /// Its steps and their compensations.
        plan: Plan,
    },
    /// `step-done`, lazy: the step is applied.
    StepDone {
        /// Which saga.
        txn: TxnId,
        /// Which step, 1-based.
        step: u32,
        /// What its reads found.
        reads: Vec<ReadValue>,
    },
    /// `turn`, forced before the first compensation is sent: the saga never goes forward again.
    Turned {
        /// Which saga.
        txn: TxnId,
        /// The steps to undo.
        undo: U,
        /// Why, for the client.
        reason: Reason,
    },
    /// `step-undone`, lazy: the step needs no more undoing.
    StepUndone {
        /// Which saga.
        txn: TxnId,
        /// Which step, 1-based.
        step: u32,
        /// Whether there was something to undo.
        undone: bool,
    },
    /// `stuck`, lazy: this step's compensation failed too often; only an operator lets it go on. `resumed`, lazy: one did.
    Stuck {
        /// Which saga.
        txn: TxnId,
        /// Which step, 1-based.
        step: u32,
        /// Whether an operator has let it go on.
        resumed: bool,
    },
    /// `end`: forced on success; lazy after a turn.
    Ended {
        /// Which saga.
        txn: TxnId,
    },
    /// `remembered`, in compactions alone: what clients that ask again are told.
    Remembered {
        /// Which saga.
        txn: TxnId,
        /// How it ended.
        outcome: Outcome,
    },
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
