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
    /// Under which seeds it is expected.
    pub seeds: Seeds,
    /// The expectation in one line for people.
    pub text: String,
}

impl Expect {
    /// Whether one run alone shows whether the expectation is met.
    pub fn is_of_one_run(&self) -> bool {
        self.seeds == Seeds::Each && !matches!(self.claim, Claim::Compare { .. })
    }

    /// The protocols of whose runs it says something.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> {
        let other = match &self.claim {
            Claim::Compare { other, .. } => Some(*other),
            Claim::Metric { .. } | Claim::Check { .. } => None,
        };
        [self.protocol].into_iter().chain(other)
    }

    /// The metric that it names, if it names one.
    pub fn metric(&self) -> Option<&str> {
        match &self.claim {
            Claim::Metric { path, .. } | Claim::Compare { path, .. } => Some(path),
            Claim::Check { .. } => None,
        }
    }
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
    /// A number of the summary is smaller, or larger, than the same number of another protocol under the same seed.
    Compare {
        /// A path, as in [`Claim::Metric`].
        path: String,
        /// Which of the two is expected.
        order: Order,
        /// The other protocol.
        other: Protocol,
    },
    /// A check holds, or does not hold.
    Check {
        /// The check.
        name: CheckName,
        /// Whether the check is expected to hold.
        holds: bool,
    },
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The first one is smaller.
    Below,
    /// The first one is larger.
    Above,
}

impl Order {
    /// The field of `[[expect]]`.
    pub fn word(self) -> &'static str {
        match self {
            Order::Below => "below",
            Order::Above => "above",
        }
    }

    /// Whether two numbers compare so.
    pub fn holds(self, one: f64, other: f64) -> bool {
        match self {
            Order::Below => one < other,
            Order::Above => one > other,
        }
    }
}

/// Under which seeds something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seeds {
    /// Under each of them.
    Each,
    /// Under at least this share of them, in percent.
    AtLeast(f64),
    /// Under at most this share of them, in percent.
    AtMost(f64),
    /// Of the median over them.
    Median,
}
