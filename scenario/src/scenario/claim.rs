//! What a scenario claims about its runs.

use crate::{checks::CheckName, protocol::Protocol};
use serde::Serialize;

/// One claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expect {
    /// Of which protocol.
    pub protocol: Protocol,
    /// What is claimed.
    pub claim: Claim,
    /// In one line for people.
    pub text: String,
}

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// Of a number: a path into `measures`, `transactions` or `clients` of summary.json.
    Metric {
        /// For example `in_doubt_ms.max`.
        path: String,
        /// At least.
        min: Option<f64>,
        /// At most.
        max: Option<f64>,
        /// Exactly.
        equals: Option<f64>,
    },
    /// Of a check.
    Check {
        /// Which.
        name: CheckName,
        /// Whether it holds.
        holds: bool,
    },
}
