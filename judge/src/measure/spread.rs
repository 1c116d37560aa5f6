//! The spread of a quantity: an HDR histogram in microseconds with three significant digits, an exact sum and an exact maximum.

use crate::summary::Spread;
use hdrhistogram::Histogram;

/// The number of values that are kept exactly before a histogram is allocated. Most samples of a short run have only a few values,
/// and the counters of a histogram take 16 KiB.
const FEW: usize = 64;

/// A sample of durations in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    gathered: Gathered,
    sum: u64,
    max: u64,
    censored: u64,
}

#[derive(Clone, Debug)]
enum Gathered {
    Few(Vec<u64>),
    Many(Box<Histogram<u64>>),
}

impl Default for Gathered {
    fn default() -> Self {
        Gathered::Few(Vec::new())
    }
}

fn histogram(of: &[u64]) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("three significant digits are supported");
    for us in of {
        histogram.record(*us).expect("the histogram grows to any value");
    }
    histogram
}

/// The highest value in the same bucket of a histogram with three significant digits. The histogram has 2,048 buckets of one
/// microsecond, then for each doubling 1,024 buckets that are twice as wide.
fn highest_alike(us: u64) -> u64 {
    let shift = (u64::BITS - us.leading_zeros()).saturating_sub(11);
    us | ((1 << shift) - 1)
}

impl Sample {
    /// Adds a duration. A negative one, which the clocks of two hosts may give, counts as 0.
    pub(crate) fn add(&mut self, us: i64) {
        let us = us.max(0) as u64;
        match &mut self.gathered {
            Gathered::Few(few) if few.len() < FEW => few.push(us),
            Gathered::Few(few) => {
                let mut all = histogram(few);
                all.record(us).expect("the histogram grows to any value");
                self.gathered = Gathered::Many(Box::new(all));
            }
            Gathered::Many(all) => all.record(us).expect("the histogram grows to any value"),
        }
        self.sum += us;
        self.max = self.max.max(us);
    }

    /// Adds a duration that was still open at the end of the run, so that it is in truth longer.
    pub(crate) fn add_open(&mut self, us: i64) {
        self.add(us);
        self.censored += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> u64 {
        match &self.gathered {
            Gathered::Few(few) => few.len() as u64,
            Gathered::Many(all) => all.len(),
        }
    }

    /// The values at these quantiles, which must rise. Each is the highest value of its bucket, but at most the exact maximum.
    /// Empty if the sample is empty.
    fn at_quantiles(&self, quantiles: impl Iterator<Item = f64>) -> Vec<u64> {
        let total = self.len();
        let rank = |quantile: f64| ((quantile * total as f64).ceil() as u64).clamp(1, total);
        if total == 0 {
            return Vec::new();
        }
        match &self.gathered {
            Gathered::Few(few) => {
                let mut few = few.clone();
                few.sort_unstable();
                quantiles.map(|quantile| highest_alike(few[rank(quantile) as usize - 1]).min(self.max)).collect()
            }
            Gathered::Many(all) => {
                let mut buckets = all.iter_recorded();
                let (mut value, mut seen) = (0, 0);
                let mut up_to = |rank: u64| {
                    while seen < rank {
                        let Some(bucket) = buckets.next() else { break };
                        value = bucket.value_iterated_to();
                        seen += bucket.count_at_value();
                    }
                    value.min(self.max)
                };
                quantiles.map(|quantile| up_to(rank(quantile))).collect()
            }
        }
    }

    /// At most 100 pairs of a duration in milliseconds and the share of values up to that duration. The last share is 1.
    pub(crate) fn distribution(&self) -> Vec<(f64, f64)> {
        const PAIRS: u32 = 100;
        let shares = || (1..=PAIRS).map(|pair| f64::from(pair) / f64::from(PAIRS));
        if self.len() == 1 {
            return vec![(self.max as f64 / 1_000.0, 1.0)];
        }
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for (us, share) in self.at_quantiles(shares()).into_iter().zip(shares()) {
            match pairs.last_mut() {
                Some((ms, last)) if *ms == us as f64 / 1_000.0 => *last = share,
                _ => pairs.push((us as f64 / 1_000.0, share)),
            }
        }
        pairs
    }

    /// The spread in milliseconds.
    pub(crate) fn spread(&self) -> Spread {
        let ms = |us: u64| us as f64 / 1_000.0;
        let quantiles = self.at_quantiles([0.5, 0.9, 0.95, 0.99, 0.999].into_iter());
        let quantile = |at: usize| quantiles.get(at).copied().map_or(0.0, ms);
        Spread {
            count: self.len(),
            sum: ms(self.sum),
            p50: quantile(0),
            p90: quantile(1),
            p95: quantile(2),
            p99: quantile(3),
            p99_9: quantile(4),
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
    fn a_sample_of_a_few_says_what_a_histogram_of_them_would() {
        for spread in [1u64, 40, 2_500, 1_000_000] {
            let mut sample = Sample::default();
            let values: Vec<u64> = (0..FEW as u64).map(|n| (n * 7_919 % 64) * spread + n % 3).collect();
            values.iter().for_each(|us| sample.add(*us as i64));
            let Gathered::Few(few) = &sample.gathered else { panic!("so many are a few") };
            let all = histogram(few);
            for quantile in 1..=1_000 {
                let quantile = f64::from(quantile) / 1_000.0;
                let found = sample.at_quantiles(std::iter::once(quantile))[0];
                assert_eq!(found, all.value_at_quantile(quantile).min(sample.max), "{spread} {quantile}");
            }
            let before = sample.spread();
            sample.add(0);
            sample.add(values[40] as i64);
            let Gathered::Many(all) = &sample.gathered else { panic!("one more is many") };
            for quantile in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
                let found = sample.at_quantiles(std::iter::once(quantile))[0];
                assert_eq!(found, all.value_at_quantile(quantile).min(sample.max), "{spread} {quantile}");
            }
            assert_eq!(sample.spread().max, before.max);
        }
    }

    #[test]
    fn a_distribution_rises_to_one_at_the_maximum() {
        let mut sample = Sample::default();
        assert!(sample.distribution().is_empty());
        sample.add(123_457);
        assert_eq!(sample.distribution(), [(123.457, 1.0)]);
        let mut sample = Sample::default();
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
