//! The clock by which a node's timers run: how fast it is, and how it jumps.

use indoubt_proto::{observation::Observation, time::Micros};
use serde::{Deserialize, Serialize};

/// The rate of a node's clock: 1 is exact, 1.5 is 50% fast. A timer that is armed for `d` fires after `d / rate` of true time.
/// Drivers apply the rate to every timer that a machine arms. Machines do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct ClockRate(f64);

impl ClockRate {
    /// The rate of an exact clock.
    pub const EXACT: ClockRate = ClockRate(1.0);
    /// The slowest rate: a timer for one second fires after 100 s of true time.
    pub const SLOWEST: f64 = 0.01;
    /// The fastest rate: a timer for one second fires after 10 ms of true time.
    pub const FASTEST: f64 = 100.0;

    /// A rate between [`ClockRate::SLOWEST`] and [`ClockRate::FASTEST`]; `None` for any other.
    pub fn new(rate: f64) -> Option<Self> {
        (Self::SLOWEST..=Self::FASTEST).contains(&rate).then_some(ClockRate(rate))
    }

    /// The rate as a number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The true time after which a timer that is armed for `after` fires, to the nearest microsecond.
    pub fn true_time(self, after: Micros) -> Micros {
        if self == Self::EXACT { after } else { Micros((after.0 as f64 / self.0).round() as u64) }
    }
}

impl Default for ClockRate {
    fn default() -> Self {
        Self::EXACT
    }
}

/// A jump of a node's clock, by as much as the clock shows.
///
/// A timer waits until the clock shows a certain time. After a jump forward, every armed timer fires earlier, and those
/// whose time has passed fire at once. After a jump back, timers fire later. A timer that is armed after the jump runs its
/// full time. Machines do not see jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockJump {
    /// The clock shows a later time.
    Forward(Micros),
    /// It shows an earlier time.
    Back(Micros),
}

impl ClockJump {
    /// The time at which a timer fires that was due at `due`, if its clock, which runs at `rate`, jumps now.
    pub fn moves(self, due: Micros, now: Micros, rate: ClockRate) -> Micros {
        match self {
            ClockJump::Forward(by) => due.saturating_sub(rate.true_time(by)).max(now),
            ClockJump::Back(by) => due + rate.true_time(by),
        }
    }

    /// The observation of the jump.
    pub fn observed(self, incarnation: u32) -> Observation {
        let (by, back) = match self {
            ClockJump::Forward(by) => (by, false),
            ClockJump::Back(by) => (by, true),
        };
        Observation::ClockJumped { incarnation, by, back }
    }
}

impl TryFrom<f64> for ClockRate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        Self::new(rate).ok_or_else(|| format!("{rate} is not a clock rate from {} to {}", Self::SLOWEST, Self::FASTEST))
    }
}

impl From<ClockRate> for f64 {
    fn from(rate: ClockRate) -> f64 {
        rate.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_fast_fires_early_and_a_slow_one_late() {
        let fires = |rate| ClockRate::new(rate).unwrap().true_time(Micros::from_millis(300));
        assert_eq!(fires(1.5), Micros::from_millis(200));
        assert_eq!(fires(0.5), Micros::from_millis(600));
        assert_eq!(ClockRate::EXACT.true_time(Micros(u64::MAX)), Micros(u64::MAX), "exactly, not by way of a fraction");
    }

    #[test]
    fn a_jump_moves_timers_by_the_time_that_the_clock_shows() {
        let (now, due) = (Micros(1_000), Micros(1_500));
        let moved = |jump: ClockJump, rate| jump.moves(due, now, ClockRate::new(rate).unwrap());
        assert_eq!(moved(ClockJump::Forward(Micros(200)), 1.0), Micros(1_300));
        assert_eq!(
            moved(ClockJump::Forward(Micros(200)), 2.0),
            Micros(1_400),
            "a fast clock needs less true time for it"
        );
        assert_eq!(moved(ClockJump::Forward(Micros(501)), 1.0), now, "its time has passed: at once, not before");
        assert_eq!(moved(ClockJump::Back(Micros(200)), 0.5), Micros(1_900));
    }

    #[test]
    fn a_rate_out_of_range_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.001, 1_000.0] {
            assert_eq!(ClockRate::new(rate), None, "{rate}");
        }
    }
}
