//! How long a condition holds.

use super::spread::Sample;

/// Time gathered while a condition holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopwatch {
    total: i64,
    since: Option<i64>,
}

impl Stopwatch {
    /// From now on the condition holds, or does not.
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

    /// The time gathered until now.
    pub(crate) fn at(&self, t: i64) -> i64 {
        self.total + self.since.map_or(0, |since| t - since)
    }

    /// Whether the condition holds now.
    pub(crate) fn holds(&self) -> bool {
        self.since.is_some()
    }

    /// Adds the time gathered until now to a sample, as censored if the condition still holds; no time is no member of it.
    /// It begins anew.
    pub(crate) fn end(&mut self, t: i64, sample: &mut Sample) {
        match (self.at(t), self.holds()) {
            (0, _) => {}
            (us, true) => sample.add_open(us),
            (us, false) => sample.add(us),
        }
        *self = Stopwatch::default();
    }
}
