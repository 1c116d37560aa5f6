//! The log records of a participant. The redo of a branch or step is logical: it lists changes of records. It is applied
//! once, at the record that commits the branch or step.

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine,
    message::{Decision, Reason, ReasonKind, StepStyle},
    observation::Observation,
    operation::{Key, ReadValue, Update},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One record of a participant's journal. Each record of a transaction names the transaction or saga `txn`, and carries the
/// `ticket` of its coordinating node, so recovery restores the marks of rule 17b. Steps are numbered from 1.
#[allow(missing_docs, reason = "the text of the enum describes the fields that recur")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// The first record of a journal.
    Booted {
        /// More than 1 if an earlier journal was lost.
        incarnation: u32,
    },
    /// A branch is prepared. Its YES may be sent once this is durable.
    Prepared(Arc<Prepared>),
    /// An operator ended a branch in doubt (rule 21). A second record follows if the branch then learns of an opposite
    /// decision.
    Heuristic(Box<Heuristic>),
    /// An operator ordered the participant to forget a branch that an operator had ended (rule 23).
    Forgotten { txn: TxnId, ticket: Ticket },
    /// A branch is finished.
    Ended {
        txn: TxnId,
        ticket: Ticket,
        /// How it ended.
        end: BranchEnd,
    },
    /// A step is applied.
    StepApplied(Arc<StepApplied>),
    /// A step is refused, because a constraint does not hold.
    StepRefused(Box<StepRefused>),
    /// A step is void: it never ran here, and never will.
    Voided {
        txn: TxnId,
        ticket: Ticket,
        step: u32,
        /// `true` for an empty compensation (rule 39), `false` for the answer to `Settle`.
        undo: bool,
    },
    /// A step is undone.
    Compensated(Arc<Compensated>),

    /// A compaction begins. Its records replace everything before them, and the opening balances.
    Snapshot {
        /// The incarnation of the journal's first record.
        born: u32,
    },
    /// A part of the accounts with their values.
    Accounts(Vec<(Key, i64)>),
    /// A part of the finished log.
    Finished(Box<Finished>),
    /// An observation that still waited for a record's durability when the compaction replaced that record.
    Owed(Box<Observation>),
}

/// How a 2PC branch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BranchEnd {
    /// The branch committed.
    Committed,
    /// Aborted, with the reason. The reason is `Finished` if its coordinator decided the abort.
    Aborted(ReasonKind),
    /// Aborted before any request for it arrived here. A late WORK or PREPARE is refused.
    Barred,
    /// An operator ended it, and the decision is not known.
    Heuristic(Decision),
    /// It voted READ and needs no decision. This is never logged, because nothing depends on it after a restart.
    Read,
}

impl BranchEnd {
    /// How the branch ended here, by a decision or by an operator. `None` for a READ vote.
    pub(crate) fn outcome(self) -> Option<Decision> {
        match self {
            BranchEnd::Heuristic(outcome) => Some(outcome),
            end => end.decision(),
        }
    }

    /// The decision; `None` if it is not known here.
    pub(crate) fn decision(self) -> Option<Decision> {
        match self {
            BranchEnd::Committed => Some(Decision::Commit),
            BranchEnd::Aborted(_) | BranchEnd::Barred => Some(Decision::Abort),
            BranchEnd::Heuristic(_) | BranchEnd::Read => None,
        }
    }

    /// The reason for refusing a late request for this branch.
    pub(crate) fn reason(self) -> Reason {
        match self {
            BranchEnd::Aborted(kind) => kind.into(),
            BranchEnd::Heuristic(_) => ReasonKind::Operator.into(),
            BranchEnd::Committed | BranchEnd::Barred | BranchEnd::Read => ReasonKind::Finished.into(),
        }
    }
}

/// The outcome of a step of a saga.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepEnd {
    /// It was applied.
    Applied(Arc<StepApplied>),
    /// It was refused, because a constraint did not hold.
    Refused(Reason),
    /// It never ran, and never will.
    Voided,
    /// It was applied and undone.
    Compensated,
}

/// The contents of [`Record::Prepared`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prepared {
    /// The transaction of the branch.
    pub txn: TxnId,
    /// The ticket of its PREPARE. It names the coordinator's journal that must know the decision.
    pub ticket: Ticket,
    /// The changes that a commit applies. The branch holds exclusive locks on these records.
    pub updates: Vec<Update>,
    /// The records that the branch only read. It holds shared locks on them.
    pub shared: Vec<Key>,
    /// The other participants that it may ask when in doubt (rule 7).
    pub peers: Vec<NodeId>,
}

/// The contents of [`Record::Heuristic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heuristic {
    /// The transaction of the branch.
    pub txn: TxnId,
    /// The ticket of its coordinator.
    pub ticket: Ticket,
    /// How the operator ended the branch.
    pub outcome: Decision,
    /// The coordinator's decision, once it is known. It differs from `outcome`.
    pub decided: Option<Decision>,
}

/// The contents of [`Record::StepApplied`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepApplied {
    /// The saga of the step.
    pub txn: TxnId,
    /// The ticket of its orchestrator.
    pub ticket: Ticket,
    /// The number of the step, from 1.
    pub step: u32,
    /// An unprotected step (`Bare`) is not remembered.
    pub style: StepStyle,
    /// The changes that the step made.
    pub updates: Vec<Update>,
    /// The values that the step read.
    pub reads: Vec<ReadValue>,
}

/// The contents of [`Record::StepRefused`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepRefused {
    /// The saga of the step.
    pub txn: TxnId,
    /// The ticket of its orchestrator.
    pub ticket: Ticket,
    /// The number of the step, from 1.
    pub step: u32,
    /// An unprotected step (`Bare`) is not remembered.
    pub style: StepStyle,
    /// The constraint that does not hold.
    pub reason: Reason,
}

/// The contents of [`Record::Compensated`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compensated {
    /// The saga of the step.
    pub txn: TxnId,
    /// The ticket of its orchestrator.
    pub ticket: Ticket,
    /// The number of the step, from 1.
    pub step: u32,
    /// The changes that the compensation made.
    pub updates: Vec<Update>,
}

/// The contents of [`Record::Finished`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finished {
    /// The coordinating node of these transactions.
    pub home: NodeId,
    /// The journal of that node in which they are numbered.
    pub log: LogId,
    /// The mark: all transactions below it are finished and forgotten.
    pub finished_below: Serial,
    /// The outcomes of branches at or above the mark.
    pub branches: Vec<(Serial, BranchEnd)>,
    /// The outcomes of steps at or above the mark.
    pub steps: Vec<((Serial, u32), StepEnd)>,
}

impl StepApplied {
    /// The observations for when this record, `lsn` of journal `log`, is durable.
    pub(crate) fn observation(&self, log: LogId, lsn: Lsn) -> Observation {
        Observation::StepApplied { txn: self.txn, step: self.step, effects: self.updates.clone(), log, lsn }
    }
}

impl Compensated {
    /// The observations for when this record, `lsn` of journal `log`, is durable.
    pub(crate) fn observation(&self, log: LogId, lsn: Lsn) -> Observation {
        Observation::Compensated { txn: self.txn, step: self.step, effects: self.updates.clone(), log, lsn }
    }
}

/// The observation for when a refusal, record `lsn` of journal `log`, is durable.
pub(crate) fn step_refused(txn: TxnId, step: u32, log: LogId, lsn: Lsn) -> Observation {
    Observation::StepRefused { txn, step, effects: Vec::new(), log, lsn }
}

/// The observation for when an empty compensation (rule 39), record `lsn` of journal `log`, is durable.
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
