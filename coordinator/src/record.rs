//! The log records of a coordinator. The table in [`crate::presumption`] says which it writes and which it forces.

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
    /// The participant that owes the ACK.
    pub node: NodeId,
    /// The journal in which it voted YES. A later ACK from another journal shows that this one was lost (rule 17). `None`
    /// if no YES is known.
    pub log: Option<LogId>,
    /// The position of its prepared record in that journal. If the journal ends before it, an older copy was restored.
    pub place: Lsn,
}

/// A record of a coordinator's journal. `txn` is its transaction, and `serial` the number of the transaction in the tickets of
/// its requests. `audit` marks a read-only audit, whose phases are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the text of the enum describes the fields that recur")]
pub enum CoordinatorRecord {
    /// `initiation`, only under presumed commit. It is durable before any PREPARE is sent (rule 16). Without an outcome
    /// record it means abort (rule 14).
    Initiation {
        txn: TxnId,
        serial: Serial,
        audit: bool,
        /// The participants that would receive ABORT.
        participants: Vec<NodeId>,
    },
    /// `committed`: the decision, once this record is durable.
    Committed {
        txn: TxnId,
        serial: Serial,
        audit: bool,
        /// The values that the transaction read, for clients that ask again.
        reads: Vec<ReadValue>,
        /// The participants that owe an ACK; empty if the presumption wants none.
        due: Vec<Voter>,
    },
    /// `aborted`, under presumed nothing: the decision, once this record is durable.
    Aborted {
        txn: TxnId,
        serial: Serial,
        audit: bool,
        /// The reason of the abort, for clients that ask again.
        reason: Reason,
        /// The participants that owe an ACK: all that are not known to have voted NO or READ.
        due: Vec<Voter>,
        /// The number of branches that had aborted before the decision.
        followed: usize,
    },
    /// `end`, lazy: all ACKs have arrived. If this record is lost, the decision is sent and acknowledged again.
    End {
        txn: TxnId,
        /// The outcome for clients that ask again, if no other record holds it: an abort under presumed commit, or a
        /// heuristic outcome.
        outcome: Option<Outcome>,
    },
    /// `unacknowledged`, only in compactions: the transaction is decided, and the `due` participants still owe an ACK.
    Unacknowledged {
        txn: TxnId,
        serial: Serial,
        audit: bool,
        decision: Decision,
        /// The participants that owe an ACK.
        due: Vec<Voter>,
        /// The number of branches that have ended as decided.
        followed: usize,
        /// The participants at which an operator ended the branch against the decision.
        overruled: Vec<NodeId>,
    },
    /// `remembered`: the outcome for clients that ask again. A compaction writes one for every outcome. Otherwise it is
    /// written only if the coordinator learns of an operator's action after the end record.
    Remembered { txn: TxnId, outcome: Outcome },
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
