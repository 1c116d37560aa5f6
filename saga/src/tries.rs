//! Counts the attempts of a request: when to send it again, and when to stop.

use indoubt_proto::{settings::Timeouts, time::Micros};

/// The attempts of one request about one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tries {
    sent: u32,
    /// The failures that were answered. A missing answer is not a failure (rule 26).
    failed: u32,
    /// A failure was answered, and the pause before the next attempt runs. Another failure in this time is a copy of that
    /// answer.
    pausing: bool,
}

impl Tries {
    /// Counts an attempt. Returns how long to wait for an answer before the next one.
    pub(crate) fn send(&mut self, timeouts: &Timeouts) -> Micros {
        let wait = timeouts.backoff(self.sent);
        self.sent += 1;
        self.pausing = false;
        wait
    }

    /// Counts a failure. Returns the pause before the next attempt, or `None` if the answer is a copy.
    pub(crate) fn fail(&mut self, timeouts: &Timeouts) -> Option<Micros> {
        if self.pausing {
            return None;
        }
        let pause = timeouts.backoff(self.failed);
        self.failed += 1;
        self.pausing = true;
        Some(pause)
    }

    /// Whether a failure now would be the last of `attempts`.
    pub(crate) fn at_last(&self, attempts: u32) -> bool {
        !self.pausing && self.failed + 1 >= attempts
    }

    /// Whether the request was sent more than once, so that an answer may belong to another copy of it.
    pub(crate) fn repeated(&self) -> bool {
        self.sent > 1
    }
}
