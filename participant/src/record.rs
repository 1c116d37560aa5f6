//! What a participant logs. The redo of a branch or step is logical, changes of records, and is applied once: at the
//! record that commits it.

use crate::memory::{Fate, StepFate};
use indoubt_proto::{
    ids::{LogId, NodeId, Serial, Ticket, TxnId},
    machine,
    message::{Reason, StepStyle},
    observation::Observation,
    operation::{Key, ReadValue, Update},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One record of a participant's journal. Every record of a transaction carries its ticket, so the marks of rule 17b
/// come back with the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// The first record of a journal.
    Booted {
        /// More than 1 if an earlier journal was lost.
        incarnation: u32,
    },
    /// A branch is about to vote YES.
    Prepared(Arc<Prepared>),
    /// A branch is over.
    Ended {
        /// Its transaction.
        txn: TxnId,
        /// Its coordinator's word on it.
        ticket: Ticket,
        /// How.
        fate: Fate,
    },
    /// A step is applied.
    StepApplied(Arc<StepApplied>),
    /// A constraint of a step does not hold.
    StepRefused(Box<StepRefused>),
    /// A step that never ran here never will.
    Voided {
        /// Its saga.
        txn: TxnId,
        /// Its orchestrator's word on it.
        ticket: Ticket,
        /// The step, 1-based.
        step: u32,
        /// Whether this is an empty compensation (rule 39), or only the answer to `Settle`.
        undo: bool,
    },
    /// A step is undone.
    Compensated(Arc<Compensated>),

    /// A compaction begins: what follows replaces all that was before, opening balances included.
    Snapshot {
        /// The incarnation of the journal's first record.
        born: u32,
    },
    /// Some of its accounts.
    Accounts(Vec<(Key, i64)>),
    /// Some of what it remembers.
    Finished(Box<Finished>),
    /// An observation that was due when a record became durable, and the compaction came first.
    Owed(Box<Observation>),
}

/// See [`Record::Prepared`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prepared {
    /// Its transaction.
    pub txn: TxnId,
    /// Its coordinator's word on it: whose log must know the decision.
    pub ticket: Ticket,
    /// What a commit will do; it holds exclusive locks on these records.
    pub updates: Vec<Update>,
    /// The records that it only read; it holds shared locks on them.
    pub shared: Vec<Key>,
    /// Whom to ask when in doubt, besides the coordinator (rule 7).
    pub peers: Vec<NodeId>,
}

/// See [`Record::StepApplied`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepApplied {
    /// Its saga.
    pub txn: TxnId,
    /// Its orchestrator's word on it.
    pub ticket: Ticket,
    /// The step, 1-based.
    pub step: u32,
    /// A bare one is not remembered.
    pub style: StepStyle,
    /// What it did.
    pub updates: Vec<Update>,
    /// What it read.
    pub reads: Vec<ReadValue>,
}

/// See [`Record::StepRefused`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepRefused {
    /// Its saga.
    pub txn: TxnId,
    /// Its orchestrator's word on it.
    pub ticket: Ticket,
    /// The step, 1-based.
    pub step: u32,
    /// A bare one is not remembered.
    pub style: StepStyle,
    /// The constraint.
    pub reason: Reason,
}

/// See [`Record::Compensated`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compensated {
    /// Its saga.
    pub txn: TxnId,
    /// Its orchestrator's word on it.
    pub ticket: Ticket,
    /// The step, 1-based.
    pub step: u32,
    /// What the compensation did.
    pub updates: Vec<Update>,
}

/// See [`Record::Finished`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finished {
    /// Whose transactions.
    pub home: NodeId,
    /// Of which of its journals.
    pub log: LogId,
    /// The mark.
    pub finished_below: Serial,
    /// Branches above it.
    pub branches: Vec<(Serial, Fate)>,
    /// Steps above it.
    pub steps: Vec<((Serial, u32), StepFate)>,
}

impl machine::Record for Record {
    fn word(&self) -> &'static str {
        match self {
            Record::Booted { .. } => "booted",
            Record::Prepared(_) => "prepared",
            Record::Ended { fate: Fate::Committed, .. } => "committed",
            Record::Ended { .. } => "aborted",
            Record::StepApplied(_) => "step-applied",
            Record::StepRefused(_) => "step-refused",
            Record::Voided { .. } => "voided",
            Record::Compensated(_) => "compensated",
            Record::Snapshot { .. } => "snapshot",
            Record::Accounts(_) => "accounts",
            Record::Finished(_) => "finished",
            Record::Owed(_) => "owed",
        }
    }

    fn txn(&self) -> Option<TxnId> {
        match self {
            Record::Prepared(prepared) => Some(prepared.txn),
            Record::Ended { txn, .. } | Record::Voided { txn, .. } => Some(*txn),
            Record::StepApplied(applied) => Some(applied.txn),
            Record::StepRefused(refused) => Some(refused.txn),
            Record::Compensated(compensated) => Some(compensated.txn),
            Record::Booted { .. }
            | Record::Snapshot { .. }
            | Record::Accounts(_)
            | Record::Finished(_)
            | Record::Owed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_small_so_that_a_million_recovered_at_once_are_too() {
        assert!(size_of::<Record>() <= 56, "{}", size_of::<Record>());
    }
}
