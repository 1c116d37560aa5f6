//! Latencies of messages and forced writes, and the conditions of one link in one direction. Both worlds use this code.

use crate::random::Stream;
use indoubt_proto::time::Micros;
use rand::RngExt;
use rand_distr::{Distribution, LogNormal};
use serde::{Deserialize, Serialize};

/// A distribution of times: how long a message travels, or how long a forced write takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// Every time is the same.
    Constant(Micros),
    /// The times are uniformly distributed between two bounds.
    Uniform {
        /// The lower bound, included.
        min: Micros,
        /// The upper bound, included.
        max: Micros,
    },
    /// The times are log-normally distributed, given by the median and the 99th percentile.
    LogNormal {
        /// Half of the times are shorter.
        median: Micros,
        /// One time in a hundred is longer.
        p99: Micros,
    },
}

impl Latency {
    /// Every time is 0.
    pub const ZERO: Latency = Latency::Constant(Micros::ZERO);

    /// Draws the next time. A constant uses no random numbers.
    pub fn draw(&self, random: &mut Stream) -> Micros {
        // This is the 99th percentile of the standard normal distribution.
        const Z99: f64 = 2.326_347_874_040_841;
        match *self {
            Latency::Constant(latency) => latency,
            Latency::Uniform { min, max } => Micros(random.random_range(min.0..=max.0)),
            Latency::LogNormal { median, p99 } => {
                let mu = (median.0.max(1) as f64).ln();
                let sigma = ((p99.0.max(1) as f64).ln() - mu).max(0.0) / Z99;
                let normal = LogNormal::new(mu, sigma).expect("sigma is finite and not negative");
                Micros(normal.sample(random).round() as u64)
            }
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::ZERO
    }
}

/// The conditions of one direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// How long messages travel. In the real world, this is added to the time that they take anyway.
    pub latency: Latency,
    /// The share of messages that are lost, 0 to 1.
    pub loss: f64,
    /// The share of messages that arrive twice, 0 to 1.
    pub duplicate: f64,
}

impl Conditions {
    /// A link without latency, loss and duplication.
    pub const PERFECT: Conditions = Conditions { latency: Latency::ZERO, loss: 0.0, duplicate: 0.0 };

    /// The journey of every message, if it does not depend on chance. `duplicated` means that a fault makes a copy of the message.
    pub fn certain(&self, duplicated: bool) -> Option<Journey> {
        match self.latency {
            Latency::Constant(delay) if self.loss <= 0.0 && self.duplicate <= 0.0 => {
                let leg = Leg { lost: false, delay };
                Some(Journey { original: leg, copy: duplicated.then_some(leg) })
            }
            _ => None,
        }
    }

    /// Draws the journey of the next message. `duplicated` means that a fault makes a copy of it.
    ///
    /// A message and its copy are two packets, which are lost independently. A copy that the network makes has its own travel time.
    /// A copy that only a fault makes takes as long as the original. There is at most one copy. If the journey is
    /// [`Conditions::certain`], no random numbers are used.
    pub fn draw(&self, random: &mut Stream, duplicated: bool) -> Journey {
        let chance = |random: &mut Stream, share: f64| share > 0.0 && random.random_bool(share.min(1.0));
        let lost = chance(random, self.loss);
        let copied = chance(random, self.duplicate);
        let delay = self.latency.draw(random);
        let copy = (copied || duplicated).then(|| {
            let delay = if copied { self.latency.draw(random) } else { delay };
            Leg { lost: chance(random, self.loss), delay }
        });
        Journey { original: Leg { lost, delay }, copy }
    }
}

/// What the network does to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journey {
    /// What happens to the message itself.
    pub original: Leg,
    /// What happens to its copy, if there is one.
    pub copy: Option<Leg>,
}

/// What the network does to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Whether it is lost and never arrives.
    pub lost: bool,
    /// How long it travels.
    pub delay: Micros,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    const LINK: Conditions =
        Conditions { latency: Latency::Uniform { min: Micros(10), max: Micros(1_000) }, loss: 0.5, duplicate: 0.5 };

    fn drawn(conditions: Conditions, duplicated: bool) -> Vec<Journey> {
        let mut random = stream(7, "journeys");
        (0..2_000).map(|_| conditions.draw(&mut random, duplicated)).collect()
    }

    #[test]
    fn a_message_and_its_copy_are_lost_each_on_its_own() {
        for duplicated in [false, true] {
            let of = |original, copy| {
                let as_said = |journey: &&Journey| {
                    journey.original.lost == original && journey.copy.is_some_and(|leg| leg.lost == copy)
                };
                drawn(LINK, duplicated).iter().filter(as_said).count()
            };
            let all: Vec<usize> =
                [(false, false), (false, true), (true, false), (true, true)].map(|(a, b)| of(a, b)).into();
            let copied = all.iter().sum::<usize>();
            assert!(all.iter().all(|count| count * 5 > copied), "each about a quarter of {copied}: {all:?}");
        }
    }

    #[test]
    fn a_copy_of_the_network_takes_its_own_time_and_one_of_a_fault_travels_beside_the_original() {
        let by_fault = Conditions { duplicate: 0.0, ..LINK };
        let beside = |journey: &Journey| journey.copy.map(|leg| leg.delay) == Some(journey.original.delay);
        assert!(drawn(by_fault, true).iter().all(beside));
        let by_network: Vec<_> = drawn(LINK, false).into_iter().filter(|journey| journey.copy.is_some()).collect();
        assert!(by_network.iter().filter(|journey| beside(journey)).count() * 10 < by_network.len());
        assert_eq!(drawn(LINK, true).iter().filter(|journey| journey.copy.is_none()).count(), 0);
    }

    #[test]
    fn a_certain_journey_equals_a_drawn_one() {
        let certain = Conditions { latency: Latency::Constant(Micros(9)), ..Conditions::PERFECT };
        for duplicated in [false, true] {
            assert_eq!(certain.certain(duplicated), Some(drawn(certain, duplicated)[0]));
        }
        assert_eq!(LINK.certain(false), None);
    }
}
