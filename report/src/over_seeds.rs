//! Many seeds of one protocol, summed up: how each measure is spread over them, and which seed was the worst.

use crate::{summaries::by_protocol, units::number};
use indoubt_judge::{
    measure::shown,
    shown::{Unit, Worst},
    summary::{Run, Summary},
};
use indoubt_scenario::protocol::Protocol;

/// One metric of one protocol over all seeds.
pub struct OverSeeds {
    /// The protocol.
    pub protocol: Protocol,
    /// The metric's name.
    pub metric: &'static str,
    /// The smallest value, the median, the 90th percentile and the largest, for people; quantiles by nearest rank.
    pub quantiles: [String; 4],
    /// The seed of the worst value, the first of several.
    pub worst: u64,
}

/// The metrics that are not 0 in every run, for each protocol that ran under several seeds.
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

/// How values are spread over seeds: the quantiles of a row, and the seed of the worst. `None` if all are 0.
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

    #[test]
    fn the_worst_seed_is_the_first_at_the_worse_end() {
        let values = || vec![(5.0, 1), (9.0, 2), (9.0, 3), (2.0, 4), (2.0, 5)];
        assert_eq!(spread(values(), Worst::Largest), Some(([2.0, 5.0, 9.0, 9.0], 2)));
        assert_eq!(spread(values(), Worst::Smallest), Some(([2.0, 5.0, 9.0, 9.0], 4)));
        assert_eq!(spread(vec![(0.0, 1), (0.0, 2)], Worst::Largest), None);
    }
}
