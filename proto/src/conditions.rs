//! How long messages and forces take, and the network conditions of one link in one direction: the same code in both
//! worlds.

use crate::{random::Stream, time::Micros};
use rand::RngExt;
use rand_distr::{Distribution, LogNormal};
use serde::{Deserialize, Serialize};

/// How long a message travels, or a force takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// Always the same.
    Constant(Micros),
    /// Uniform between two, both included.
    Uniform {
        /// The least.
        min: Micros,
        /// The most.
        max: Micros,
    },
    /// Log-normal, given by its median and its 99th percentile.
    LogNormal {
        /// Half of all are faster.
        median: Micros,
        /// One in a hundred is slower.
        p99: Micros,
    },
}

impl Latency {
    /// No time at all.
    pub const ZERO: Latency = Latency::Constant(Micros::ZERO);

    /// The next one. A constant draws nothing.
    pub fn draw(&self, random: &mut Stream) -> Micros {
        // The 99th percentile of the standard normal distribution.
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

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// How long messages travel (in the real world: what is added).
    pub latency: Latency,
    /// The share of messages lost, 0 to 1.
    pub loss: f64,
    /// The share of messages that arrive twice, 0 to 1.
    pub duplicate: f64,
}

impl Conditions {
    /// A perfect link.
    pub const PERFECT: Conditions = Conditions { latency: Latency::ZERO, loss: 0.0, duplicate: 0.0 };

    /// The fate of every message, where chance has no part in it.
    pub fn certain(&self) -> Option<Journey> {
        match self.latency {
            Latency::Constant(delay) if self.loss <= 0.0 && self.duplicate <= 0.0 => {
                Some(Journey { lost: false, delay, copy_delay: None })
            }
            _ => None,
        }
    }

    /// The fate of the next message. Where it is [`Conditions::certain`], nothing is drawn.
    pub fn draw(&self, random: &mut Stream) -> Journey {
        let lost = self.loss > 0.0 && random.random_bool(self.loss.min(1.0));
        let copied = self.duplicate > 0.0 && random.random_bool(self.duplicate.min(1.0));
        let delay = self.latency.draw(random);
        let copy_delay = copied.then(|| self.latency.draw(random));
        Journey { lost, delay, copy_delay }
    }
}

/// What happens to one message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journey {
    /// It never arrives.
    pub lost: bool,
    /// It arrives after this.
    pub delay: Micros,
    /// A copy arrives too, after this.
    pub copy_delay: Option<Micros>,
}
