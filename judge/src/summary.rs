//! The shape of summary.json (docs/03-measures-and-checks.md): what other programs rely on.

use indoubt_proto::ids::{NodeId, TxnId};
pub use indoubt_scenario::measures::{Bystanders, Clients, Latency, Measures, Spread, Transactions};
use indoubt_scenario::{checks::CheckName, protocol::Protocol};
use serde::{Deserialize, Serialize};

/// summary.json: one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this shape.
    pub version: u32,
    /// The version of the lab.
    pub indoubt: String,
    /// `real` or `virtual`.
    pub world: String,
    /// The scenario as resolved.
    pub scenario: serde_json::Value,
    /// One entry per protocol and seed.
    pub runs: Vec<Run>,
}

/// One run of one protocol with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What was run.
    pub protocol: Protocol,
    /// With which seed.
    pub seed: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// What became of each transaction at the end.
    pub transactions: Transactions,
    /// What each client was told.
    pub clients: Clients,
    /// The numbers.
    pub measures: Measures,
    /// Numbers over time.
    pub series: Series,
    /// The checks, promised or not.
    pub checks: Vec<Check>,
    /// The faults.
    pub faults: Vec<FaultFired>,
    /// The claims about this protocol.
    pub expectations: Vec<Expectation>,
}

/// Whether the run shows what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every promised check holds.
    Ok,
    /// A promised check does not hold.
    Violated,
    /// Something promised could not be decided: transactions are unresolved where termination is waived or the trace ends early.
    Unknown,
}

/// Numbers over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// A point wherever something changed, thinned to at most a few hundred.
    pub locks_held: Vec<LocksHeld>,
    /// A point for each interval of `interval_ms`.
    pub throughput_tps: Vec<Throughput>,
    /// The intervals behind `in_doubt_ms`, in the order of their begin; of more than 400 every n-th and the longest.
    pub in_doubt: Vec<DoubtInterval>,
    /// The distribution behind `latency_ms`, by outcome word (`audit` for audits): pairs of milliseconds and the share of
    /// that outcome's transactions that took at most so long; at most 100 pairs, the last share is 1.
    pub latency_ms: std::collections::BTreeMap<String, Vec<(f64, f64)>>,
}

/// One branch's time in doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoubtInterval {
    /// The participant.
    pub node: NodeId,
    /// The transaction.
    pub txn: TxnId,
    /// Its prepared record was durable, since the start of load.
    pub from_ms: f64,
    /// It learned the decision, or the run ended.
    pub to_ms: f64,
    /// Still in doubt at the end.
    pub censored: bool,
}

/// Locks at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LocksHeld {
    /// Since the start of load.
    pub t_ms: f64,
    /// Locks held.
    pub held: u64,
    /// Of them by branches in doubt.
    pub in_doubt: u64,
    /// Requests that wait.
    pub waiters: u64,
    /// Records flagged pending by sagas that are not over.
    pub pending: u64,
}

/// Successes in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// The interval's begin, since the start of load.
    pub t_ms: f64,
    /// Its length.
    pub interval_ms: f64,
    /// Successes a second.
    pub tps: f64,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// Whether this protocol promises it (and no fault waives it).
    pub promised: bool,
    /// Whether it held.
    pub held: bool,
    /// If not, where; empty otherwise.
    pub detail: String,
}

/// What became of one fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultFired {
    /// Which `[[fault]]` of the scenario, counted from 0.
    pub fault: usize,
    /// The fault's line.
    pub text: String,
    /// How often it acted.
    pub fired: u64,
    /// When, since the start of load.
    pub at_ms: Vec<f64>,
    /// When it was undone; `null` if never.
    pub until_ms: Vec<Option<f64>>,
}

/// What became of one claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The claim's line.
    pub text: String,
    /// What was found: a number, or whether the check held; `null` for a quantile of an empty measure.
    pub actual: serde_json::Value,
    /// Whether the claim held.
    pub held: bool,
}
