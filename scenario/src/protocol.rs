//! The protocols that a scenario may name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A protocol, as scenarios and results name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// Two-phase commit, presumed abort.
    #[serde(rename = "2pc")]
    TwoPhase,
    /// Two-phase commit, presumed nothing.
    #[serde(rename = "2pc-prn")]
    PresumedNothing,
    /// Two-phase commit, presumed commit.
    #[serde(rename = "2pc-prc")]
    PresumedCommit,
    /// Two-phase commit, presumed abort, participants in doubt ask each other.
    #[serde(rename = "2pc-cooperative")]
    Cooperative,
    /// An orchestrated saga.
    #[serde(rename = "saga")]
    Saga,
    /// One attempt per call, in sequence; no retry, no undo, no recovery.
    #[serde(rename = "none")]
    None,
    /// Retries and a status row; no undo.
    #[serde(rename = "none-retry")]
    NoneRetry,
}

/// Protocols that share phases, points and promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Two-phase commit.
    TwoPhase,
    /// Sagas.
    Saga,
    /// The unprotected baselines.
    Unprotected,
}

impl Protocol {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Protocol; 7] = [
        Protocol::TwoPhase,
        Protocol::PresumedNothing,
        Protocol::PresumedCommit,
        Protocol::Cooperative,
        Protocol::Saga,
        Protocol::None,
        Protocol::NoneRetry,
    ];

    /// Its name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::TwoPhase => "2pc",
            Protocol::PresumedNothing => "2pc-prn",
            Protocol::PresumedCommit => "2pc-prc",
            Protocol::Cooperative => "2pc-cooperative",
            Protocol::Saga => "saga",
            Protocol::None => "none",
            Protocol::NoneRetry => "none-retry",
        }
    }

    /// The protocol of this name.
    pub fn from_name(name: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Its family.
    pub fn family(self) -> Family {
        match self {
            Protocol::TwoPhase | Protocol::PresumedNothing | Protocol::PresumedCommit | Protocol::Cooperative => {
                Family::TwoPhase
            }
            Protocol::Saga => Family::Saga,
            Protocol::None | Protocol::NoneRetry => Family::Unprotected,
        }
    }

    /// Whether a coordinator keeps a commit until every participant that voted YES has acknowledged it (docs/08-costs.md:
    /// presumed commit does not).
    pub fn acknowledges_commits(self) -> bool {
        matches!(self, Protocol::TwoPhase | Protocol::PresumedNothing | Protocol::Cooperative)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
