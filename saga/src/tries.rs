//! How often a request was made and how often it failed: when it is made again, and when that is enough.

use indoubt_proto::{settings::Timeouts, time::Micros};

/// The requests made for one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tries {
    sent: u32,
    /// Answered failures alone: silence is no failure (rule 26).
    failed: u32,
    /// A failure was answered and the pause before the next request runs: another failure is a copy of that answer.
    pausing: bool,
}

impl Tries {
    /// The request is made. Returns how long to wait for an answer before it is made again.
    pub(crate) fn send(&mut self, timeouts: &Timeouts) -> Micros {
        let wait = timeouts.backoff(self.sent);
        self.sent += 1;
        self.pausing = false;
        wait
    }

    /// A failure was answered. Returns the pause before the next request, or `None` for a copy of an answer.
    pub(crate) fn fail(&mut self, timeouts: &Timeouts) -> Option<Micros> {
        if self.pausing {
            return None;
        }
        let pause = timeouts.backoff(self.failed);
        self.failed += 1;
        self.pausing = true;
        Some(pause)
    }

    /// Whether a failure answered now is the last one of so many attempts.
    pub(crate) fn at_last(&self, attempts: u32) -> bool {
        !self.pausing && self.failed + 1 >= attempts
    }

    /// Whether the request was made more than once, so that an answer may be about another copy of it.
    pub(crate) fn repeated(&self) -> bool {
        self.sent > 1
    }
}
