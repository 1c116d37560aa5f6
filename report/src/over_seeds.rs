//! Sums up many seeds of one protocol: the spread of each measure, and the worst seed.

use crate::{summaries::by_protocol, units::number};
use indoubt_judge::{
    measure::shown,
    shown::{Unit, Worst},
    summary::{Run, Summary},
};
use indoubt_scenario::protocol::Protocol;

/// The spread of one metric of one protocol over all seeds.
pub struct OverSeeds {
    /// The protocol of the runs.
    pub protocol: Protocol,
    /// The path of the metric.
    pub metric: &'static str,
    /// The smallest value, the median, the 90th percentile and the largest value, for people. Quantiles are by nearest rank.
    pub quantiles: [String; 4],
    /// The seed with the worst value; among several, the first.
    pub worst: u64,
}

/// The spreads of all metrics, for each protocol that ran under several seeds. Metrics that are 0 in every run are left out.
pub fn over_seeds(summary: &Summary) -> Vec<OverSeeds> {
    let mut found = Vec::new();
    for (protocol, runs) in by_protocol(summary).into_iter().filter(|(_, runs)| runs.len() > 1) {
        let mut add = |metric, unit, worst, value: &dyn Fn(&Run) -> f64| {
            let values = runs.iter().map(|run| (value(run), run.seed)).collect();
            found.extend(spread(values, worst).map(|(quantiles, worst)| {
                let quantiles = quantiles.map(|value| number(unit, value));
                OverSeeds { protocol, metric, quantiles, worst }
            }));
        };
        for shown in shown() {
            if let Some(worst) = shown.over_seeds {
                add(shown.path, shown.unit, worst, &|run| (shown.value)(&run.measures));
            }
        }
        add("transactions.partial", Unit::Count, Worst::Largest, &|run| run.transactions.partial as f64);
    }
    found
}

/// The quantiles of values with their seeds, and the seed of the worst value. `None` if all values are 0.
fn spread(mut values: Vec<(f64, u64)>, worst: Worst) -> Option<([f64; 4], u64)> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (smallest, largest) = (values[0], values[values.len() - 1].0);
    let worst = match worst {
        Worst::Smallest => smallest.1,
        Worst::Largest => values.iter().find(|(value, _)| *value == largest)?.1,
    };
    let quantiles = [0.0, 0.5, 0.9, 1.0].map(|q| values[nearest_rank(values.len(), q)].0);
    (largest != 0.0).then_some((quantiles, worst))
}

/// The index of a quantile among `count` sorted values.
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

    #[test]
    fn the_worst_seed_is_the_first_at_the_worse_end() {
        let values = || vec![(5.0, 1), (9.0, 2), (9.0, 3), (2.0, 4), (2.0, 5)];
        assert_eq!(spread(values(), Worst::Largest), Some(([2.0, 5.0, 9.0, 9.0], 2)));
        assert_eq!(spread(values(), Worst::Smallest), Some(([2.0, 5.0, 9.0, 9.0], 4)));
        assert_eq!(spread(vec![(0.0, 1), (0.0, 2)], Worst::Largest), None);
    }
}
