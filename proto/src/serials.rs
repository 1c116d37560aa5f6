//! The serials that a coordinating node gives to its transactions, and the mark below which all transactions are finished
//! (docs/rules.md, 17b). Every request has both in its ticket.

use crate::ids::{LogId, Serial, Ticket};
use std::collections::BTreeSet;

/// The serials of one coordinating node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Serials {
    log: LogId,
    next: Serial,
    /// The serials of transactions that are not finished. The first one is the mark.
    unfinished: BTreeSet<Serial>,
}

impl Default for Serials {
    /// The serials before the first incarnation.
    fn default() -> Self {
        Serials { log: LogId(0), next: Serial::first_of(0), unfinished: BTreeSet::new() }
    }
}

impl Serials {
    /// Begins an incarnation with this journal. Its serials are above those of all earlier incarnations.
    pub fn open(&mut self, log: LogId, incarnation: u32) {
        self.log = log;
        self.next = Serial::first_of(incarnation);
    }

    /// The journal that the tickets name.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Returns the next serial. Its transaction is unfinished until [`Serials::finish`].
    pub fn begin(&mut self) -> Serial {
        let serial = self.next;
        self.next = serial.next();
        self.unfinished.insert(serial);
        serial
    }

    /// Notes that a transaction of an earlier incarnation is not finished yet.
    pub fn reopen(&mut self, serial: Serial) {
        self.unfinished.insert(serial);
    }

    /// Notes that nothing more will be sent for this transaction, not even after a crash.
    pub fn finish(&mut self, serial: Serial) {
        self.unfinished.remove(&serial);
    }

    /// The ticket of a request about the transaction with this serial.
    pub fn ticket(&self, serial: Serial) -> Ticket {
        let finished_below = self.unfinished.first().copied().unwrap_or(self.next);
        Ticket { log: self.log, serial, finished_below }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_the_first_that_is_not_finished() {
        let mut serials = Serials::default();
        serials.open(LogId(7), 1);
        let [first, second, third] = [serials.begin(), serials.begin(), serials.begin()];
        assert_eq!(serials.ticket(third).finished_below, first);
        serials.finish(second);
        assert_eq!(serials.ticket(third).finished_below, first);
        serials.finish(first);
        assert_eq!(serials.ticket(third).finished_below, third);
        serials.finish(third);
        assert!(serials.ticket(third).finished_below > third);
    }

    #[test]
    fn a_later_incarnation_keeps_the_mark_of_what_it_reopens() {
        let mut serials = Serials::default();
        serials.open(LogId(7), 1);
        let old = serials.begin();
        let mut restarted = Serials::default();
        restarted.open(LogId(7), 2);
        restarted.reopen(old);
        let new = restarted.begin();
        assert!(new > old);
        assert_eq!(restarted.ticket(new), Ticket { log: LogId(7), serial: new, finished_below: old });
    }
}
