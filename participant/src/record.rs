//! What a participant logs. The redo of a branch or step is logical, changes of records, and is applied once: at the
//! record that commits it.

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine,
    message::{Decision, Reason, ReasonKind, StepStyle},
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
    /// An operator ended a branch in doubt (rule 21). Written again when the decision is heard that it contradicts.
    Heuristic(Box<Heuristic>),
    /// An operator had a branch forgotten that an operator had ended (rule 23).
    Forgotten {
        /// Its transaction.
        txn: TxnId,
        /// The ticket of its coordinator.
        ticket: Ticket,
    },
    /// A branch is over.
    Ended {
        /// Its transaction.
        txn: TxnId,
        /// The ticket of its coordinator.
        ticket: Ticket,
        /// Its outcome.
        end: BranchEnd,
    },
    /// A step is applied.
    StepApplied(Arc<StepApplied>),
    /// A constraint of a step does not hold.
    StepRefused(Box<StepRefused>),
    /// A step that never ran here never will.
    Voided {
        /// Its saga.
        txn: TxnId,
        /// The ticket of its orchestrator.
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

/// How a 2PC branch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BranchEnd {
    /// Committed.
    Committed,
    /// Aborted, with the reason. The reason is `Finished` if its coordinator decided so.
    Aborted(ReasonKind),
    /// Aborted before any request for it came here: a late WORK or PREPARE finds it over.
    Barred,
    /// An operator ended it. What was decided is not known from that.
    Heuristic(Decision),
    /// It voted READ and needs no decision. It is never logged: nothing depends on it after a restart.
    Read,
}

impl BranchEnd {
    /// How the branch ended here: by a decision, or by an operator. `None` for a READ vote.
    pub(crate) fn outcome(self) -> Option<Decision> {
        match self {
            BranchEnd::Heuristic(outcome) => Some(outcome),
            end => end.decision(),
        }
    }

    /// What was decided, as far as it is known here.
    pub(crate) fn decision(self) -> Option<Decision> {
        match self {
            BranchEnd::Committed => Some(Decision::Commit),
            BranchEnd::Aborted(_) | BranchEnd::Barred => Some(Decision::Abort),
            BranchEnd::Heuristic(_) | BranchEnd::Read => None,
        }
    }

    /// Why a request for it is refused.
    pub(crate) fn reason(self) -> Reason {
        match self {
            BranchEnd::Aborted(kind) => kind.into(),
            BranchEnd::Heuristic(_) => ReasonKind::Operator.into(),
            BranchEnd::Committed | BranchEnd::Barred | BranchEnd::Read => ReasonKind::Finished.into(),
        }
    }
}

/// What became of a step of a saga.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepEnd {
    /// It was applied.
    Applied(Arc<StepApplied>),
    /// A constraint did not hold.
    Refused(Reason),
    /// It never ran, and never will.
    Voided,
    /// It was applied and undone.
    Compensated,
}

/// See [`Record::Prepared`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prepared {
    /// Its transaction.
    pub txn: TxnId,
    /// The ticket of its PREPARE. It names the journal that must know the decision.
    pub ticket: Ticket,
    /// What a commit will do; it holds exclusive locks on these records.
    pub updates: Vec<Update>,
    /// The records that it only read; it holds shared locks on them.
    pub shared: Vec<Key>,
    /// Whom to ask when in doubt, besides the coordinator (rule 7).
    pub peers: Vec<NodeId>,
}

/// See [`Record::Heuristic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heuristic {
    /// Its transaction.
    pub txn: TxnId,
    /// The ticket of its coordinator.
    pub ticket: Ticket,
    /// How the operator ended it.
    pub outcome: Decision,
    /// What its coordinator decided, once that was heard. It differs from `outcome`.
    pub decided: Option<Decision>,
}

/// See [`Record::StepApplied`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepApplied {
    /// Its saga.
    pub txn: TxnId,
    /// The ticket of its orchestrator.
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
    /// The ticket of its orchestrator.
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
    /// The ticket of its orchestrator.
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
    pub branches: Vec<(Serial, BranchEnd)>,
    /// Steps above it.
    pub steps: Vec<((Serial, u32), StepEnd)>,
}

impl StepApplied {
    /// What is observed when this record, `lsn` of journal `log`, is durable.
    pub(crate) fn observation(&self, log: LogId, lsn: Lsn) -> Observation {
        Observation::StepApplied { txn: self.txn, step: self.step, effects: self.updates.clone(), log, lsn }
    }
}

impl Compensated {
    /// What is observed when this record, `lsn` of journal `log`, is durable.
    pub(crate) fn observation(&self, log: LogId, lsn: Lsn) -> Observation {
        Observation::Compensated { txn: self.txn, step: self.step, effects: self.updates.clone(), log, lsn }
    }
}

/// What is observed when a refusal, record `lsn` of journal `log`, is durable.
pub(crate) fn step_refused(txn: TxnId, step: u32, log: LogId, lsn: Lsn) -> Observation {
    Observation::StepRefused { txn, step, effects: Vec::new(), log, lsn }
}

/// What is observed when an empty compensation (rule 39), record `lsn` of journal `log`, is durable.
pub(crate) fn empty_compensation(txn: TxnId, step: u32, log: LogId, lsn: Lsn) -> Observation {
    Observation::Compensated { txn, step, effects: Vec::new(), log, lsn }
}

impl machine::Record for Record {
    fn word(&self) -> &'static str {
        match self {
            Record::Booted { .. } => "booted",
            Record::Prepared(_) => "prepared",
            Record::Ended { end: BranchEnd::Committed, .. } => "committed",
            Record::Ended { .. } => "aborted",
            Record::Heuristic(_) => "heuristic",
            Record::Forgotten { .. } => "forgotten",
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
            Record::Ended { txn, .. } | Record::Voided { txn, .. } | Record::Forgotten { txn, .. } => Some(*txn),
            Record::Heuristic(heuristic) => Some(heuristic.txn),
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
