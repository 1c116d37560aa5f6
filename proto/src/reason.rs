//! The reason why something did not happen: a class for programs, and details for people.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason why something did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The class, for programs.
    pub kind: ReasonKind,
    /// The details, for people; may be empty.
    pub detail: String,
}

impl Reason {
    /// A reason with its details.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Reason { kind, detail: detail.into() }
    }
}

impl From<ReasonKind> for Reason {
    fn from(kind: ReasonKind) -> Self {
        Reason { kind, detail: String::new() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// The classes of [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReasonKind {
    /// The result of an operation would be below its `min`.
    Constraint,
    /// A lock was not granted in time.
    LockTimeout,
    /// The work round did not end in time.
    WorkTimeout,
    /// A vote did not arrive in time.
    VoteTimeout,
    /// The call of an unprotected transaction was not answered in time.
    CallTimeout,
    /// The request is a late or duplicated one, and its transaction has finished (rule 17b).
    Finished,
    /// A `refuse` fault answered the request with a failure.
    Failure,
    /// The submission exceeds a limit of the coordinating node.
    Limit,
    /// The submitted plan is not valid.
    BadPlan,
    /// An operator ended the branch.
    Operator,
    /// The transaction had begun but was not decided when its coordinating node restarted.
    Recovery,
    /// The coordinating node cannot be reached, and nothing was sent.
    Unreachable,
    /// This incarnation has forgotten the transaction, or has never received it.
    Forgotten,
    /// A participant aborted its branch, because PREPARE never arrived (rule 6).
    GaveUp,
    /// A participant still holds work of another transaction with this name, from a journal that its coordinating node
    /// has lost.
    NameTaken,
}

impl ReasonKind {
    /// All classes. Their position, from 1, is their number on the wire.
    pub const ALL: [ReasonKind; 15] = [
        ReasonKind::Constraint,
        ReasonKind::LockTimeout,
        ReasonKind::WorkTimeout,
        ReasonKind::VoteTimeout,
        ReasonKind::CallTimeout,
        ReasonKind::Finished,
        ReasonKind::Failure,
        ReasonKind::Limit,
        ReasonKind::BadPlan,
        ReasonKind::Operator,
        ReasonKind::Recovery,
        ReasonKind::Unreachable,
        ReasonKind::Forgotten,
        ReasonKind::GaveUp,
        ReasonKind::NameTaken,
    ];

    /// The text for people, without a full stop.
    pub fn text(self) -> &'static str {
        match self {
            ReasonKind::Constraint => "a constraint does not hold",
            ReasonKind::LockTimeout => "a lock was not granted in time",
            ReasonKind::WorkTimeout => "the work was not done in time",
            ReasonKind::VoteTimeout => "a vote did not come in time",
            ReasonKind::CallTimeout => "the call was not answered in time",
            ReasonKind::Finished => "already finished",
            ReasonKind::Failure => "the request failed",
            ReasonKind::Limit => "beyond a limit",
            ReasonKind::BadPlan => "not a sound plan",
            ReasonKind::Operator => "an operator decided",
            ReasonKind::Recovery => "found undecided at a restart",
            ReasonKind::Unreachable => "the coordinating node cannot be reached",
            ReasonKind::Forgotten => "forgotten, or never heard of",
            ReasonKind::GaveUp => "given up before the vote",
            ReasonKind::NameTaken => "another transaction of this name is not over",
        }
    }
}
