//! What a client is told, and the word for it in results.

use crate::{operation::ReadValue, reason::Reason};
use serde::{Deserialize, Serialize};

/// What a client is told: never a guess.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// All effects are there (2PC; an unprotected sequence whose calls all succeeded).
    Committed {
        /// What its reads found.
        reads: Vec<ReadValue>,
    },
    /// All steps of the saga are done, and its end is durable.
    Completed {
        /// What its reads found.
        reads: Vec<ReadValue>,
    },
    /// No effects, or none that this protocol cares about (`none`).
    Aborted(Reason),
    /// Every applied step of the saga was undone.
    Compensated(Reason),
    /// Never begun.
    Refused(Reason),
    /// The truth is not known here.
    Unknown(Reason),
}

impl Outcome {
    /// The word of `clients` in summary.json: `succeeded`, `aborted`, `compensated`, `refused` or `unknown`.
    pub fn word(&self) -> OutcomeWord {
        match self {
            Outcome::Committed { .. } | Outcome::Completed { .. } => OutcomeWord::Succeeded,
            Outcome::Aborted(_) => OutcomeWord::Aborted,
            Outcome::Compensated(_) => OutcomeWord::Compensated,
            Outcome::Refused(_) => OutcomeWord::Refused,
            Outcome::Unknown(_) => OutcomeWord::Unknown,
        }
    }
}

/// The words of `clients` in summary.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeWord {
    /// Committed or completed.
    Succeeded,
    /// Aborted.
    Aborted,
    /// Compensated.
    Compensated,
    /// Never begun.
    Refused,
    /// Not known.
    Unknown,
}

impl OutcomeWord {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            OutcomeWord::Succeeded => "succeeded",
            OutcomeWord::Aborted => "aborted",
            OutcomeWord::Compensated => "compensated",
            OutcomeWord::Refused => "refused",
            OutcomeWord::Unknown => "unknown",
        }
    }
}
