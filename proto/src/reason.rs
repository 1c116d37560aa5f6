//! Why something did not happen: a class for programs, the particulars for people.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The class, for programs.
    pub kind: ReasonKind,
    /// The particulars, for people; may be empty.
    pub detail: String,
}

impl Reason {
    /// A reason with its particulars.
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
    /// An operation's `min` does not hold.
    Constraint,
    /// A lock was not granted in time.
    LockTimeout,
    /// The work round did not end in time.
    WorkTimeout,
    /// A vote did not come in time.
    VoteTimeout,
    /// The unprotected call was not answered in time.
    CallTimeout,
    /// The request concerns something finished: a late or duplicated copy (rule 17b).
    Finished,
    /// A failure answered in somebody's name (a `refuse` fault).
    Failure,
    /// Beyond a limit of the coordinating node.
    Limit,
    /// The plan is none.
    BadPlan,
    /// An operator decided.
    Operator,
    /// Found begun but not decided at a restart.
    Recovery,
    /// The coordinating node cannot be reached; nothing was sent.
    Unreachable,
    /// Forgotten, or never heard of by this incarnation.
    Forgotten,
    /// A participant gave its branch up, because PREPARE never came (rule 6).
    GaveUp,
    /// A participant still holds work of another transaction with this name, from a journal that its coordinating node
    /// has lost.
    NameTaken,
}

impl ReasonKind {
    /// All of them: their position is their number on the wire (from 1).
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

    /// A sentence without its full stop.
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
