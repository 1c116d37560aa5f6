//! What a scenario expects of its runs.

use crate::{checks::CheckName, protocol::Protocol};
use serde::Serialize;

/// One `[[expect]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expect {
    /// The protocol whose runs are meant.
    pub protocol: Protocol,
    /// What is expected.
    pub claim: Claim,
    /// The expectation in one line for people.
    pub text: String,
}

/// What is expected of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// A number of the summary lies within bounds.
    Metric {
        /// A path into `measures`, `transactions` or `clients` of summary.json, for example `in_doubt_ms.max`.
        path: String,
        /// The number is at least this.
        min: Option<f64>,
        /// The number is at most this.
        max: Option<f64>,
        /// The number is exactly this.
        equals: Option<f64>,
    },
    /// A check holds, or does not hold.
    Check {
        /// The check.
        name: CheckName,
        /// Whether the check is expected to hold.
        holds: bool,
    },
}
