//! The numbers of a run by their paths, as a scenario's `[[expect]]` names them: `in_doubt_ms.max`, `bystanders.count`,
//! `transactions.partial`, `clients.unknown`.

use crate::summary::{Clients, Measures, Transactions};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// All valid paths, sorted: into `measures` without a prefix, into `transactions` and `clients` with theirs.
pub fn metric_paths() -> Vec<String> {
    numbers(&Measures::default(), &Transactions::default(), &Clients::default()).into_keys().collect()
}

/// Every number of a run by its path; `None` for a quantile (or the maximum) of an empty measure, which says nothing.
pub(crate) fn numbers(
    measures: &Measures,
    transactions: &Transactions,
    clients: &Clients,
) -> BTreeMap<String, Option<f64>> {
    let mut found = BTreeMap::new();
    flatten("", &plain(measures), &mut found);
    flatten("transactions.", &plain(transactions), &mut found);
    flatten("clients.", &plain(clients), &mut found);
    found
}

fn plain(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("numbers and field names serialise")
}

fn flatten(prefix: &str, value: &Value, found: &mut BTreeMap<String, Option<f64>>) {
    let Value::Object(fields) = value else {
        return;
    };
    // Only spreads have quantiles beside their count.
    let empty = fields.contains_key("p50") && fields.get("count").and_then(Value::as_u64) == Some(0);
    for (name, value) in fields {
        let path = format!("{prefix}{name}");
        match value.as_f64() {
            Some(number) => {
                let silent = empty && matches!(name.as_str(), "p50" | "p90" | "p99" | "max");
                found.insert(path, (!silent).then_some(number));
            }
            None => flatten(&format!("{path}."), value, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Spread;

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
        measures.in_doubt_ms = Spread { count: 1, sum: 2.0, p50: 2.0, p90: 2.0, p99: 2.0, max: 2.0, censored: 0 };
        assert_eq!(at(&measures, "in_doubt_ms.max"), Some(2.0));
    }
}
