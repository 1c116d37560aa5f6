//! The shape of summary.json (docs/03-measures-and-checks.md), on which other programs rely.

use indoubt_proto::ids::{NodeId, TxnId};
pub use indoubt_scenario::measures::{
    AbortedBy, Bystanders, Clients, Deadlocks, Latency, LockWaitBy, Measures, Spread, Transactions,
};
use indoubt_scenario::{checks::CheckName, protocol::Protocol};
use serde::{Deserialize, Serialize};

/// The contents of summary.json: all runs of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this shape.
    pub version: u32,
    /// The version of the lab.
    pub indoubt: String,
    /// `real` or `virtual`.
    pub world: String,
    /// The scenario with all defaults filled in.
    pub scenario: serde_json::Value,
    /// By what the lab multiplied the timeouts of the scenario, because the machine was too slow for them. `scenario` has the
    /// products. Only in the real world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts_multiplied_by: Option<u64>,
    /// One entry per protocol and seed.
    pub runs: Vec<Run>,
    /// The expectations over seeds and between protocols.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<JointExpectation>,
}

/// One run of one protocol with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The protocol that ran.
    pub protocol: Protocol,
    /// The seed of the run.
    pub seed: u64,
    /// Whether the protocol kept its promises.
    pub verdict: Verdict,
    /// The number of transactions in each final state.
    pub transactions: Transactions,
    /// The number of clients that were told each outcome.
    pub clients: Clients,
    /// The numbers of docs/03-measures-and-checks.md.
    pub measures: Measures,
    /// The numbers over time, for charts.
    pub series: Series,
    /// All checks, promised or not.
    pub checks: Vec<Check>,
    /// The faults that apply to this protocol.
    pub faults: Vec<FaultFired>,
    /// The expectations of this protocol that one run alone can meet.
    pub expectations: Vec<Expectation>,
}

/// Whether a protocol kept its promises in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every promised check holds.
    Ok,
    /// A promised check does not hold.
    Violated,
    /// No promise is broken, but the protocol promises termination and something has not ended: the promise is waived, or the trace
    /// ends early.
    Unknown,
}

/// The numbers over time of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// One point for each change, thinned to at most a few hundred.
    pub locks_held: Vec<LocksHeld>,
    /// One point for each interval.
    pub throughput_tps: Vec<Throughput>,
    /// The intervals of `in_doubt_ms`, in the order of their start. If there are more than 400, every n-th one and the longest.
    pub in_doubt: Vec<DoubtInterval>,
    /// The distribution of `latency_ms` for each outcome (`audit` for audits): at most 100 pairs of a latency in milliseconds and
    /// the share of these transactions that took at most that long. The last share is 1.
    pub latency_ms: std::collections::BTreeMap<String, Vec<(f64, f64)>>,
}

/// The time in doubt of one branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoubtInterval {
    /// The participant that has the branch.
    pub node: NodeId,
    /// The transaction of the branch.
    pub txn: TxnId,
    /// The time since the start of the load at which its prepared record was durable.
    pub from_ms: f64,
    /// The time since the start of the load at which it learned the decision, or at which the run ended.
    pub to_ms: f64,
    /// Whether the branch was still in doubt at the end of the run.
    pub censored: bool,
}

/// The locks of all participants at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LocksHeld {
    /// The time since the start of the load.
    pub t_ms: f64,
    /// The number of locks that are held.
    pub held: u64,
    /// The number of locks that branches in doubt hold.
    pub in_doubt: u64,
    /// The number of requests that wait for a lock.
    pub waiters: u64,
    /// The number of records that unfinished sagas have flagged as pending.
    pub pending: u64,
}

/// Successes in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// The start of the interval, since the start of the load.
    pub t_ms: f64,
    /// The length of the interval.
    pub interval_ms: f64,
    /// Successes per second.
    pub tps: f64,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The check.
    pub name: CheckName,
    /// Whether this protocol promises it (and no fault waives it).
    pub promised: bool,
    /// Whether it held.
    pub held: bool,
    /// What the check found, if it did not hold; empty otherwise.
    pub detail: String,
}

/// When one fault acted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultFired {
    /// Which `[[fault]]` of the scenario, counted from 0.
    pub fault: usize,
    /// The fault in one line for people.
    pub text: String,
    /// How often it acted.
    pub fired: u64,
    /// The times at which it acted, since the start of the load.
    pub at_ms: Vec<f64>,
    /// The times at which it was undone, one for each entry of `at_ms`; `null` if it never was.
    pub until_ms: Vec<Option<f64>>,
}

/// The result of one expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The expectation in one line for people.
    pub text: String,
    /// What was found: a number, or whether the check held. `null` for a quantile of an empty measure.
    pub actual: serde_json::Value,
    /// Whether the expectation was met.
    pub held: bool,
}

/// The result of an expectation that needs several runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointExpectation {
    /// The protocol whose runs are meant.
    pub protocol: Protocol,
    /// The expectation in one line for people.
    pub text: String,
    /// What was found, for people.
    pub found: String,
    /// Whether the expectation was met.
    pub held: bool,
}
