//! The spread of a quantity: an HDR histogram at microsecond resolution with three significant digits, an exact sum and an
//! exact maximum.

use crate::summary::Spread;
use hdrhistogram::Histogram;

/// Durations in microseconds, gathered one by one.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    histogram: Histogram<u64>,
    sum: u64,
    max: u64,
    censored: u64,
}

impl Default for Sample {
    fn default() -> Self {
        let histogram = Histogram::new(3).expect("three significant digits are supported");
        Sample { histogram, sum: 0, max: 0, censored: 0 }
    }
}

impl Sample {
    /// Adds one; a negative duration (clocks of two hosts) counts as none.
    pub(super) fn add(&mut self, us: i64) {
        let us = us.max(0) as u64;
        self.histogram.record(us).expect("the histogram grows to any value");
        self.sum += us;
        self.max = self.max.max(us);
    }

    /// Adds one that was still open at the end, and so is longer than this.
    pub(super) fn add_open(&mut self, us: i64) {
        self.add(us);
        self.censored += 1;
    }

    /// Pairs of milliseconds and the share that is at most so long; at most 100, the last share is 1.
    pub(super) fn distribution(&self) -> Vec<(f64, f64)> {
        const PAIRS: u32 = 100;
        if self.histogram.is_empty() {
            return Vec::new();
        }
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for pair in 1..=PAIRS {
            let share = f64::from(pair) / f64::from(PAIRS);
            let us = self.histogram.value_at_quantile(share).min(self.max);
            match pairs.last_mut() {
                Some((ms, last)) if *ms == us as f64 / 1_000.0 => *last = share,
                _ => pairs.push((us as f64 / 1_000.0, share)),
            }
        }
        pairs
    }

    /// In milliseconds.
    pub(super) fn spread(&self) -> Spread {
        let ms = |us: u64| us as f64 / 1_000.0;
        // A bucket stands for its highest value, which the exact maximum may undercut.
        let quantile = |q| ms(self.histogram.value_at_quantile(q).min(self.max));
        Spread {
            count: self.histogram.len(),
            sum: ms(self.sum),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: ms(self.max),
            censored: self.censored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth_and_sum_and_maximum_are_exact() {
        let mut sample = Sample::default();
        (1..=1_000).for_each(|n| sample.add(n * 1_001));
        sample.add_open(7_654_321);
        let spread = sample.spread();
        assert_eq!((spread.count, spread.censored), (1_001, 1));
        assert_eq!(spread.max, 7_654.321);
        assert_eq!(spread.sum, (500_500 * 1_001 + 7_654_321) as f64 / 1_000.0);
        for (found, right) in [(spread.p50, 501.5), (spread.p90, 901.9), (spread.p99, 991.99)] {
            assert!((found - right).abs() / right < 0.002, "{found} is not {right}");
        }
    }

    #[test]
    fn a_distribution_rises_to_one_at_the_maximum() {
        let mut sample = Sample::default();
        assert!(sample.distribution().is_empty());
        for us in [1_000, 1_000, 1_000, 5_000] {
            sample.add(us);
        }
        assert_eq!(sample.distribution(), [(1.0, 0.75), (5.0, 1.0)]);
    }

    #[test]
    fn no_quantile_exceeds_the_maximum() {
        let mut sample = Sample::default();
        sample.add(123_457);
        let spread = sample.spread();
        assert_eq!((spread.p50, spread.p99, spread.max), (123.457, 123.457, 123.457));
    }
}
