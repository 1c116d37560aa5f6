//! Many seeds of one protocol, summed up: how each measure is spread over them, and which seed was the worst.

use crate::{summaries::by_protocol, units::time};
use indoubt_judge::summary::{Run, Summary};
use indoubt_scenario::protocol::Protocol;

/// Where a number stands.
type Value = fn(&Run) -> f64;

/// What is summed up: its name as `[[expect]]` knows it, whether it is a time in milliseconds, and where it stands.
const SHOWN: [(&str, bool, Value); 8] = [
    ("in_doubt_ms.max", true, |r| r.measures.in_doubt_ms.max),
    ("blocked_ms.max", true, |r| r.measures.blocked_ms.max),
    ("bystanders.count", false, |r| r.measures.bystanders.count as f64),
    ("pending_ms.max", true, |r| r.measures.pending_ms.max),
    ("exposed_ms.max", true, |r| r.measures.exposed_ms.max),
    ("unavailable_ms", true, |r| r.measures.unavailable_ms),
    ("wrong_audits", false, |r| r.measures.wrong_audits as f64),
    ("transactions.partial", false, |r| r.transactions.partial as f64),
];

/// One metric of one protocol over all seeds.
pub struct OverSeeds {
    /// The protocol.
    pub protocol: Protocol,
    /// The metric's name.
    pub metric: &'static str,
    /// The smallest value, the median, the 90th percentile and the largest, for people; quantiles by nearest rank.
    pub quantiles: [String; 4],
    /// The seed of the largest value, the first of several.
    pub worst: u64,
}

/// The metrics that are not 0 in every run, for each protocol that ran under several seeds.
pub fn over_seeds(summary: &Summary) -> Vec<OverSeeds> {
    let mut found = Vec::new();
    for (protocol, runs) in by_protocol(summary).into_iter().filter(|(_, runs)| runs.len() > 1) {
        for (metric, is_time, value) in SHOWN {
            let mut values: Vec<(f64, u64)> = runs.iter().map(|run| (value(run), run.seed)).collect();
            values.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let (largest, worst) = values[values.len() - 1];
            if largest == 0.0 {
                continue;
            }
            let show = |value: f64| if is_time { time(value) } else { format!("{value:.0}") };
            let quantiles = [0.0, 0.5, 0.9, 1.0].map(|q| show(values[nearest_rank(values.len(), q)].0));
            found.push(OverSeeds { protocol, metric, quantiles, worst });
        }
    }
    found
}

/// The index of a quantile among so many sorted values.
fn nearest_rank(count: usize, q: f64) -> usize {
    ((count as f64 * q).ceil() as usize).clamp(1, count) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_seen() {
        assert_eq!([0.0, 0.5, 0.9, 1.0].map(|q| nearest_rank(10, q)), [0, 4, 8, 9]);
        assert_eq!([0.0, 0.5, 0.9, 1.0].map(|q| nearest_rank(2, q)), [0, 0, 1, 1]);
    }
}
