//! Measures how long a condition holds.

use super::spread::Sample;

/// The time during which a condition holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopwatch {
    total: i64,
    since: Option<i64>,
}

impl Stopwatch {
    /// Says whether the condition holds from `t` on.
    pub(crate) fn set(&mut self, t: i64, holds: bool) {
        match (self.since, holds) {
            (None, true) => self.since = Some(t),
            (Some(since), false) => {
                self.total += t - since;
                self.since = None;
            }
            _ => {}
        }
    }

    /// The time until `t` during which the condition held.
    pub(crate) fn at(&self, t: i64) -> i64 {
        self.total + self.since.map_or(0, |since| t - since)
    }

    /// Whether the condition holds now.
    pub(crate) fn holds(&self) -> bool {
        self.since.is_some()
    }

    /// Adds the time until `t` to a sample, and resets the stopwatch. The value is censored if the condition still holds. A time of 0
    /// is not added.
    pub(crate) fn end(&mut self, t: i64, sample: &mut Sample) {
        match (self.at(t), self.holds()) {
            (0, _) => {}
            (us, true) => sample.add_open(us),
            (us, false) => sample.add(us),
        }
        *self = Stopwatch::default();
    }
}
