//! What a node remembers of the journal of another node, and whether that node still knows what it once said.
//!
//! A session begins with a hello in both directions. The incarnation of a journal never falls, and neither does its end. If one does,
//! or if a journal comes back that another one had replaced, an older copy was put back: the node no longer knows what it promised
//! (rule 17). A node remembers others for as long as its process lives.

use indoubt_proto::ids::{LogId, Lsn};
use std::collections::BTreeSet;

/// What a node says of its journal at the beginning of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The journal.
    pub log: LogId,
    /// The incarnation of the node.
    pub incarnation: u32,
    /// The last durable record.
    pub end: Lsn,
}

/// How a node shows that an older copy of its journal was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// Its incarnation was higher before.
    Incarnation {
        /// The one in which it comes now.
        found: u32,
        /// The one in which it came before.
        known: u32,
    },
    /// Its journal was longer before.
    End {
        /// The last record now.
        found: Lsn,
        /// The last record of which it told before.
        known: Lsn,
    },
    /// It had another journal after this one.
    FormerLog {
        /// The journal with which it comes now.
        found: LogId,
        /// The journal that it had in between.
        known: LogId,
    },
}

impl Said {
    /// Whether the journal is where it once was, or further, if it is the same one.
    ///
    /// # Errors
    /// How it falls short of what was `known`.
    pub fn check_since(&self, known: &Said) -> Result<(), Older> {
        if self.log != known.log {
            return Ok(());
        }
        if self.incarnation < known.incarnation {
            return Err(Older::Incarnation { found: self.incarnation, known: known.incarnation });
        }
        if self.end < known.end {
            return Err(Older::End { found: self.end, known: known.end });
        }
        Ok(())
    }
}

/// What is remembered of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerJournal {
    last: Said,
    /// The journals that it had before.
    former: BTreeSet<LogId>,
}

impl PeerJournal {
    /// The other node has said this for the first time.
    pub fn new(said: Said) -> Self {
        PeerJournal { last: said, former: BTreeSet::new() }
    }

    /// The last that is known of it.
    pub fn last(&self) -> Said {
        self.last
    }

    /// Whether a node that says this still knows what it said before.
    ///
    /// # Errors
    /// How it falls short.
    pub fn check(&self, said: &Said) -> Result<(), Older> {
        if self.former.contains(&said.log) {
            return Err(Older::FormerLog { found: said.log, known: self.last.log });
        }
        said.check_since(&self.last)
    }

    /// A session has begun in which it said this.
    pub fn meet(&mut self, said: Said) {
        if said.log != self.last.log {
            self.former.insert(self.last.log);
        }
        self.last = said;
    }

    /// It has told of a durable record of this journal.
    pub fn learn(&mut self, log: LogId, place: Lsn) {
        if log == self.last.log {
            self.last.end = self.last.end.max(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(log: u64, incarnation: u32, end: u64) -> Said {
        Said { log: LogId(log), incarnation, end: Lsn(end) }
    }

    #[test]
    fn a_journal_that_falls_behind_what_was_said_is_an_older_copy() {
        let mut known = PeerJournal::new(said(7, 3, 10));
        assert_eq!(known.check(&said(7, 3, 10)), Ok(()));
        assert_eq!(known.check(&said(7, 2, 10)), Err(Older::Incarnation { found: 2, known: 3 }));
        assert_eq!(known.check(&said(7, 4, 9)), Err(Older::End { found: Lsn(9), known: Lsn(10) }));
        known.learn(LogId(7), Lsn(12));
        known.learn(LogId(8), Lsn(90));
        known.learn(LogId(7), Lsn(11));
        assert_eq!(known.last(), said(7, 3, 12));
        assert_eq!(known.check(&said(7, 4, 11)), Err(Older::End { found: Lsn(11), known: Lsn(12) }));
    }

    #[test]
    fn a_lost_journal_is_no_older_copy_and_does_not_come_back() {
        let mut known = PeerJournal::new(said(7, 3, 10));
        assert_eq!(known.check(&said(8, 1, 0)), Ok(()));
        known.meet(said(8, 1, 0));
        assert_eq!(known.check(&said(7, 4, 20)), Err(Older::FormerLog { found: LogId(7), known: LogId(8) }));
        assert_eq!(known.check(&said(8, 1, 0)), Ok(()));
    }
}
