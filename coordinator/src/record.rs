//! What a coordinator logs. Which of these it writes, and which it forces, is the table in [`crate::presumption`].

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, TxnId},
    machine::Record,
    message::{Decision, Outcome, Reason},
    operation::ReadValue,
};
use serde::{Deserialize, Serialize};

/// A participant that owes an ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Voter {
    /// Who.
    pub node: NodeId,
    /// The journal under which it voted YES, by which a lost log is noticed (rule 17); `None` if no YES is known.
    pub log: Option<LogId>,
    /// Where its prepared record stands in that journal. A journal that ends before it was restored from an older copy.
    pub place: Lsn,
}

/// A record of a coordinator's journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CoordinatorRecord {
    /// `initiation`, presumed commit: durable before any PREPARE leaves (rule 16). Without an outcome it means abort
    /// (rule 14).
    Initiation {
        /// Which transaction.
        txn: TxnId,
        /// Its number on every request.
        serial: Serial,
        /// Whether it is a read-only audit, whose phases do not count.
        audit: bool,
        /// To whom the ABORT would go.
        participants: Vec<NodeId>,
    },
    /// `committed`: once it is durable, the decision.
    Committed {
        /// Which transaction.
        txn: TxnId,
        /// Its number on every request.
        serial: Serial,
        /// Whether it is a read-only audit.
        audit: bool,
        /// What its reads found, for a client that asks again.
        reads: Vec<ReadValue>,
        /// Whose ACKs are due; empty where the presumption wants none.
        due: Vec<Voter>,
    },
    /// `aborted`, presumed nothing: once it is durable, the decision.
    Aborted {
        /// Which transaction.
        txn: TxnId,
        /// Its number on every request.
        serial: Serial,
        /// Whether it is a read-only audit.
        audit: bool,
        /// Why, for a client that asks again.
        reason: Reason,
        /// Whose ACKs are due: everybody not known to have voted NO or READ.
        due: Vec<Voter>,
        /// How many branches aborted alone.
        followed: usize,
    },
    /// `end`, lazy: every ACK is in. If it is lost, the decision is sent again, and acknowledged again.
    End {
        /// Which transaction.
        txn: TxnId,
        /// What clients that ask again are told, when no other record says so: the abort of presumed commit, or a
        /// heuristic outcome.
        outcome: Option<Outcome>,
    },
    /// `unacknowledged`, in compactions alone: decided, and these still owe an ACK.
    Unacknowledged {
        /// Which transaction.
        txn: TxnId,
        /// Its number on every request.
        serial: Serial,
        /// Whether it is a read-only audit.
        audit: bool,
        /// The decision.
        decision: Decision,
        /// Whose ACKs are due.
        due: Vec<Voter>,
        /// How many branches have ended as decided.
        followed: usize,
        /// The participants at which an operator ended the branch otherwise.
        overruled: Vec<NodeId>,
    },
    /// `remembered`: what clients that ask again are told. A compaction writes it for every outcome. Otherwise it is
    /// written when an operator's action is learned after the end.
    Remembered {
        /// Which transaction.
        txn: TxnId,
        /// What became of it.
        outcome: Outcome,
    },
}

impl Record for CoordinatorRecord {
    fn word(&self) -> &'static str {
        match self {
            CoordinatorRecord::Initiation { .. } => "initiation",
            CoordinatorRecord::Committed { .. } => "committed",
            CoordinatorRecord::Aborted { .. } => "aborted",
            CoordinatorRecord::End { .. } => "end",
            CoordinatorRecord::Unacknowledged { .. } => "unacknowledged",
            CoordinatorRecord::Remembered { .. } => "remembered",
        }
    }

    fn txn(&self) -> Option<TxnId> {
        match self {
            CoordinatorRecord::Initiation { txn, .. }
            | CoordinatorRecord::Committed { txn, .. }
            | CoordinatorRecord::Aborted { txn, .. }
            | CoordinatorRecord::End { txn, .. }
            | CoordinatorRecord::Unacknowledged { txn, .. }
            | CoordinatorRecord::Remembered { txn, .. } => Some(*txn),
        }
    }
}
