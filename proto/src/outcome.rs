//! The outcome of a transaction as its client is told, and the word for it in results.

use crate::{decision::Decision, heuristic::HeuristicOutcome, operation::ReadValue, reason::Reason};
use serde::{Deserialize, Serialize};

/// The outcome that a client is told. It is `Unknown` if the node cannot know the truth.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// All effects are applied: 2PC committed, or all calls of an unprotected sequence succeeded.
    Committed {
        /// The results of the transaction's reads.
        reads: Vec<ReadValue>,
    },
    /// All steps of the saga are done, and its end is durable.
    Completed {
        /// The results of the saga's reads.
        reads: Vec<ReadValue>,
    },
    /// There are no effects. Under `none`, effects may remain, because that protocol undoes nothing.
    Aborted(Reason),
    /// Every applied step of the saga was undone.
    Compensated(Reason),
    /// The transaction never began.
    Refused(Reason),
    /// Operators ended branches against the decision (docs/rules.md, 22).
    Heuristic {
        /// The coordinator's decision.
        decision: Decision,
        /// The outcome over all branches.
        outcome: HeuristicOutcome,
        /// The branches that operators ended, and how they ended.
        reason: Reason,
    },
    /// The node does not know the outcome.
    Unknown(Reason),
}

impl Outcome {
    /// The reason of an outcome; `None` for a success.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Outcome::Committed { .. } | Outcome::Completed { .. } => None,
            Outcome::Aborted(reason)
            | Outcome::Compensated(reason)
            | Outcome::Refused(reason)
            | Outcome::Heuristic { reason, .. }
            | Outcome::Unknown(reason) => Some(reason),
        }
    }

    /// The word of `clients` in summary.json. It says which effects are applied: if operators rolled back all branches, it
    /// is `aborted`, whatever the decision was.
    pub fn word(&self) -> OutcomeWord {
        match self {
            Outcome::Committed { .. } | Outcome::Completed { .. } => OutcomeWord::Succeeded,
            Outcome::Aborted(_) => OutcomeWord::Aborted,
            Outcome::Compensated(_) => OutcomeWord::Compensated,
            Outcome::Refused(_) => OutcomeWord::Refused,
            Outcome::Heuristic { outcome: HeuristicOutcome::Mixed, .. } => OutcomeWord::Mixed,
            Outcome::Heuristic { outcome: HeuristicOutcome::Rollback, .. } => OutcomeWord::Aborted,
            Outcome::Heuristic { outcome: HeuristicOutcome::Commit, .. } => OutcomeWord::Succeeded,
            Outcome::Heuristic { outcome: HeuristicOutcome::Hazard, .. } => OutcomeWord::Hazard,
            Outcome::Unknown(_) => OutcomeWord::Unknown,
        }
    }
}

/// The kinds of outcomes, which are the words of `clients` in summary.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeWord {
    /// The transaction committed, or the saga completed.
    Succeeded,
    /// The transaction aborted.
    Aborted,
    /// The saga was compensated.
    Compensated,
    /// The transaction never began.
    Refused,
    /// Some effects are applied and others are not, because operators ended branches.
    Mixed,
    /// It is not known which effects are applied, because participants never said how their branches ended.
    Hazard,
    /// The node does not know the outcome.
    Unknown,
}

impl OutcomeWord {
    /// The word in summary.json and in traces.
    pub fn word(self) -> &'static str {
        match self {
            OutcomeWord::Succeeded => "succeeded",
            OutcomeWord::Aborted => "aborted",
            OutcomeWord::Compensated => "compensated",
            OutcomeWord::Refused => "refused",
            OutcomeWord::Mixed => "mixed",
            OutcomeWord::Hazard => "hazard",
            OutcomeWord::Unknown => "unknown",
        }
    }
}
