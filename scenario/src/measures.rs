//! The numbers that an `[[expect]]` can name, and their paths, for example `in_doubt_ms.max`, `bystanders.count`,
//! `transactions.partial` or `clients.unknown`.
//!
//! The judge fills in these types, and the parser derives the valid paths from them. So every number of a summary has a path.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Counts transactions by their state at the end of the run. The states add up to `submitted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transactions {
    /// All transactions, including audits.
    pub submitted: u64,
    /// They committed, or the saga completed.
    pub succeeded: u64,
    /// They were accepted, nothing is applied, and nothing can be applied any more.
    pub aborted: u64,
    /// At least one effect was undone, and none is left.
    pub compensated: u64,
    /// Some effects are applied and others are not, and nothing will change that.
    pub partial: u64,
    /// They were never accepted. Lost submissions count here too.
    pub refused: u64,
    /// They have not ended.
    pub unresolved: u64,
    /// They are sagas that wait for an operator.
    pub stuck: u64,
}

/// Counts transactions by the outcome that their client was told. The numbers add up to `submitted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// The transaction committed, or the saga completed.
    pub succeeded: u64,
    /// The transaction was aborted, and has no effects.
    pub aborted: u64,
    /// The saga was compensated.
    pub compensated: u64,
    /// The transaction was refused, and never began.
    pub refused: u64,
    /// Told that some effects are there and others not, because operators ended branches.
    pub mixed: u64,
    /// Told that it is not known which effects are there, because participants never said how their branches ended.
    pub hazard: u64,
    /// The node does not know the outcome, or the client got no answer.
    pub unknown: u64,
}

/// The spread of a quantity. If `count` is 0, the quantiles are 0 and have no meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The number of values.
    pub count: u64,
    /// The sum of all values.
    pub sum: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    /// The largest value.
    pub max: f64,
    /// How many values were cut off by the end of the run. In truth they are larger.
    pub censored: u64,
}

/// Transactions that waited for each other in a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deadlocks {
    /// The number of cycles.
    pub count: u64,
    /// The transactions whose wait in a cycle was given up.
    pub victims: u64,
    /// The time from the moment at which each cycle closed until it was broken.
    pub lost_ms: Spread,
}

/// How long transactions waited for locks, by what a holder was meanwhile. If there are several holders, the first that applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LockWaitBy {
    /// Its branch was in doubt.
    pub in_doubt_ms: Spread,
    /// It was an unfinished saga with applied steps.
    pub pending_ms: Spread,
    /// It was at work: nothing of it was prepared or applied here or elsewhere.
    pub working_ms: Spread,
}

/// Why transactions were aborted, compensated or refused, as their clients were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortedBy {
    /// A minimum did not hold.
    pub constraint: u64,
    /// A lock was not granted in time.
    pub lock_timeout: u64,
    /// The work was not done in time.
    pub work_timeout: u64,
    /// A vote did not come in time.
    pub vote_timeout: u64,
    /// An unprotected call was not answered in time.
    pub call_timeout: u64,
    /// A request failed, because of a `refuse` fault.
    pub failure: u64,
    /// An operator acted.
    pub operator: u64,
    /// The coordinating node restarted before it decided.
    pub recovery: u64,
    /// The coordinating node could not be reached.
    pub unreachable: u64,
    /// Any other reason.
    pub other: u64,
}

/// The latency of transactions, one spread for each outcome that a client was told. Audits have their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each stands for the outcome of its name")]
pub struct Latency {
    pub succeeded: Spread,
    pub aborted: Spread,
    pub compensated: Spread,
    pub refused: Spread,
    pub unknown: Spread,
    pub audit: Spread,
}

/// Bystanders: transactions that waited for a lock held by a branch in doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bystanders {
    /// The number of these transactions.
    pub count: u64,
    /// How long each of them waited, in milliseconds.
    pub wait_ms: Spread,
}

/// The measures of docs/03-measures-and-checks.md, by their names there. Times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "defined one by one in docs/03-measures-and-checks.md")]
pub struct Measures {
    pub in_doubt_ms: Spread,
    pub in_doubt_up_ms: Spread,
    pub blocked_ms: Spread,
    pub lock_hold_ms: Spread,
    pub lock_wait_ms: Spread,
    pub lock_wait_by: LockWaitBy,
    pub lock_timeouts: u64,
    pub deadlocks: Deadlocks,
    pub recovery_ms: Spread,
    pub recovery_peak: f64,
    pub pending_ms: Spread,
    pub exposed_ms: Spread,
    pub ended_ms: Spread,
    pub latency_ms: Latency,
    pub aborted_by: AbortedBy,
    pub client_unknown: u64,
    pub client_wrong: u64,
    pub bystanders: Bystanders,
    pub throughput_tps: f64,
    pub unavailable_ms: f64,
    pub messages_per_txn: f64,
    pub work_messages_per_txn: f64,
    pub forced_writes_per_txn: f64,
    pub lazy_writes_per_txn: f64,
    pub atomicity_violations: u64,
    pub duplicate_effects: u64,
    pub lost_effects: u64,
    pub dirty_reads: u64,
    pub lost_updates: u64,
    pub fuzzy_reads: u64,
    pub wrong_audits: u64,
}

/// All valid paths, sorted. Paths into `transactions` and `clients` have this prefix; paths into `measures` have none.
pub fn metric_paths() -> Vec<String> {
    numbers(&Measures::default(), &Transactions::default(), &Clients::default()).into_keys().collect()
}

/// Every number of a run, by its path. `None` for the quantiles and the maximum of an empty measure, which have no meaning.
pub fn numbers(measures: &Measures, transactions: &Transactions, clients: &Clients) -> BTreeMap<String, Option<f64>> {
    let mut found = BTreeMap::new();
    flatten("", &plain(measures), &mut found);
    flatten("transactions.", &plain(transactions), &mut found);
    flatten("clients.", &plain(clients), &mut found);
    found
}

fn plain(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("numbers and field names serialise")
}

/// The parts of a spread that say nothing if it is empty.
const QUANTILES: [&str; 6] = ["p50", "p90", "p95", "p99", "p99.9", "max"];

fn flatten(prefix: &str, value: &Value, found: &mut BTreeMap<String, Option<f64>>) {
    let Value::Object(fields) = value else {
        return;
    };
    // Only spreads have quantiles.
    let empty = fields.contains_key("p50") && fields.get("count").and_then(Value::as_u64) == Some(0);
    for (name, value) in fields {
        let path = format!("{prefix}{name}");
        match value.as_f64() {
            Some(number) => {
                let silent = empty && QUANTILES.contains(&name.as_str());
                found.insert(path, (!silent).then_some(number));
            }
            None => flatten(&format!("{path}."), value, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_every_part_and_nothing_else() {
        let paths = metric_paths();
        for path in [
            "in_doubt_ms.max",
            "latency_ms.audit.p99",
            "bystanders.count",
            "bystanders.wait_ms.sum",
            "throughput_tps",
            "wrong_audits",
            "transactions.partial",
            "clients.unknown",
        ] {
            assert!(paths.iter().any(|p| p == path), "{path} is missing");
        }
        assert!(!paths.iter().any(|p| p == "in_doubt_ms" || p == "latency_ms.audit"), "a spread is no number");
    }

    #[test]
    fn a_quantile_of_an_empty_measure_says_nothing_but_its_count_does() {
        let mut measures = Measures::default();
        let at = |m: &Measures, path: &str| numbers(m, &Transactions::default(), &Clients::default())[path];
        assert_eq!(at(&measures, "in_doubt_ms.max"), None);
        assert_eq!(at(&measures, "in_doubt_ms.count"), Some(0.0));
        assert_eq!(at(&measures, "in_doubt_ms.sum"), Some(0.0));
        measures.in_doubt_ms = Spread { count: 1, sum: 2.0, max: 2.0, ..Spread::default() };
        assert_eq!(at(&measures, "in_doubt_ms.max"), Some(2.0));
    }
}
