//! What is over, and must not be run again (rule 17b): the outcome of every finished branch and step, kept until its
//! coordinating node's `finished_below` mark has passed it. Below the mark everything is refused.

use crate::record::{Finished, Record, StepApplied};
use indoubt_proto::{
    ids::{LogId, NodeId, Serial, Ticket, TxnId},
    message::{Decision, Reason, ReasonKind},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// How a 2PC branch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    /// Committed.
    Committed,
    /// Aborted, and why; `Finished` if it was told to.
    Aborted(ReasonKind),
    /// Aborted before anything of it came here: a late WORK or PREPARE finds it over.
    Barred,
    /// It voted READ and is out. Never logged: nothing depends on it after a restart.
    Read,
}

impl Fate {
    /// What was decided, as far as it is known here.
    pub(crate) fn decision(self) -> Option<Decision> {
        match self {
            Fate::Committed => Some(Decision::Commit),
            Fate::Aborted(_) | Fate::Barred => Some(Decision::Abort),
            Fate::Read => None,
        }
    }

    /// Why a request for it is refused.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Fate::Aborted(kind) => kind.into(),
            Fate::Committed | Fate::Barred | Fate::Read => ReasonKind::Finished.into(),
        }
    }
}

/// What became of a saga's step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepFate {
    /// Applied.
    Applied(Arc<StepApplied>),
    /// A constraint did not hold.
    Refused(Reason),
    /// Never ran, and never will.
    Voided,
    /// Applied and undone.
    Compensated,
}

/// What is remembered of something that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past<T> {
    /// Below the mark: over, and how is forgotten.
    Forgotten,
    /// Over.
    Known(T),
}

/// All that is remembered, for each journal of each coordinating node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    books: BTreeMap<(NodeId, LogId), Book>,
}

/// What is remembered of the transactions of one journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Book {
    finished_below: Serial,
    branches: BTreeMap<Serial, Fate>,
    steps: BTreeMap<(Serial, u32), StepFate>,
}

impl Memory {
    fn book(&self, txn: TxnId, ticket: &Ticket) -> Option<&Book> {
        self.books.get(&(txn.home, ticket.log))
    }

    /// Hears a coordinating node's mark, and forgets what it has passed.
    pub(crate) fn hear(&mut self, txn: TxnId, ticket: &Ticket) {
        self.raise(txn.home, ticket.log, ticket.finished_below);
    }

    /// See [`Memory::hear`]. Forgetting costs what remembering did: every entry goes once.
    pub(crate) fn raise(&mut self, home: NodeId, log: LogId, finished_below: Serial) {
        let book = self.books.entry((home, log)).or_default();
        if finished_below <= book.finished_below {
            return;
        }
        book.finished_below = finished_below;
        while book.branches.first_key_value().is_some_and(|(serial, _)| *serial < finished_below) {
            book.branches.pop_first();
        }
        while book.steps.first_key_value().is_some_and(|((serial, _), _)| *serial < finished_below) {
            book.steps.pop_first();
        }
    }

    /// What is remembered of a branch; `None`: nothing, and the mark has not passed it.
    pub(crate) fn branch(&self, txn: TxnId, ticket: &Ticket) -> Option<Past<Fate>> {
        let book = self.book(txn, ticket)?;
        if ticket.serial < book.finished_below {
            return Some(Past::Forgotten);
        }
        book.branches.get(&ticket.serial).copied().map(Past::Known)
    }

    /// What is remembered of a step; `None`: nothing, and the mark has not passed it.
    pub(crate) fn step(&self, txn: TxnId, ticket: &Ticket, step: u32) -> Option<Past<&StepFate>> {
        let book = self.book(txn, ticket)?;
        if ticket.serial < book.finished_below {
            return Some(Past::Forgotten);
        }
        book.steps.get(&(ticket.serial, step)).map(Past::Known)
    }

    pub(crate) fn remember(&mut self, txn: TxnId, ticket: &Ticket, fate: Fate) {
        let book = self.books.entry((txn.home, ticket.log)).or_default();
        if ticket.serial >= book.finished_below {
            book.branches.insert(ticket.serial, fate);
        }
    }

    pub(crate) fn remember_step(&mut self, txn: TxnId, ticket: &Ticket, step: u32, fate: StepFate) {
        let book = self.books.entry((txn.home, ticket.log)).or_default();
        if ticket.serial >= book.finished_below {
            book.steps.insert((ticket.serial, step), fate);
        }
    }

    /// Appends records that recreate it, with at most `chunk` outcomes each.
    pub(crate) fn snapshot(&self, chunk: usize, out: &mut Vec<Record>) {
        for ((home, log), book) in &self.books {
            let (home, log, finished_below) = (*home, *log, book.finished_below);
            let mut branches = book.branches.iter().map(|(serial, fate)| (*serial, *fate));
            let mut steps = book.steps.iter().map(|(step, fate)| (*step, fate.clone()));
            // The first one carries the mark, even if nothing above it is remembered.
            let mut mark_due = finished_below > Serial(0);
            loop {
                let branches: Vec<_> = branches.by_ref().filter(|(_, fate)| *fate != Fate::Read).take(chunk).collect();
                let steps: Vec<_> = steps.by_ref().take(chunk - branches.len()).collect();
                if branches.is_empty() && steps.is_empty() && !mark_due {
                    break;
                }
                mark_due = false;
                out.push(Record::Finished(Box::new(Finished { home, log, finished_below, branches, steps })));
            }
        }
    }

    /// Takes in one record of a snapshot.
    pub(crate) fn restore(&mut self, finished: Finished) {
        let Finished { home, log, finished_below, branches, steps } = finished;
        self.raise(home, log, finished_below);
        let book = self.books.entry((home, log)).or_default();
        book.branches.extend(branches);
        book.steps.extend(steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(number: u64) -> TxnId {
        TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number }
    }

    fn ticket(serial: u64, finished_below: u64) -> Ticket {
        Ticket { log: LogId(9), serial: Serial(serial), finished_below: Serial(finished_below) }
    }

    #[test]
    fn rule_17b_an_outcome_is_kept_until_the_mark_passes_it_and_refused_afterwards() {
        let mut memory = Memory::default();
        memory.remember(txn(1), &ticket(1, 0), Fate::Committed);
        memory.remember(txn(2), &ticket(2, 0), Fate::Barred);
        memory.remember_step(txn(2), &ticket(2, 0), 1, StepFate::Voided);
        assert_eq!(memory.branch(txn(1), &ticket(1, 0)), Some(Past::Known(Fate::Committed)));
        assert_eq!(memory.branch(txn(3), &ticket(3, 0)), None);

        memory.hear(txn(5), &ticket(5, 2));
        assert_eq!(memory.branch(txn(1), &ticket(1, 0)), Some(Past::Forgotten));
        assert_eq!(memory.branch(txn(2), &ticket(2, 0)), Some(Past::Known(Fate::Barred)));
        assert_eq!(memory.step(txn(2), &ticket(2, 0), 1), Some(Past::Known(&StepFate::Voided)));

        memory.hear(txn(5), &ticket(5, 1));
        assert_eq!(memory.branch(txn(1), &ticket(1, 0)), Some(Past::Forgotten), "a mark never falls");
        memory.hear(txn(5), &ticket(5, 3));
        assert_eq!(memory.step(txn(2), &ticket(2, 0), 1), Some(Past::Forgotten));
        assert!(memory.books.values().all(|book| book.branches.is_empty() && book.steps.is_empty()));
    }

    #[test]
    fn rule_17b_a_snapshot_keeps_marks_and_outcomes_but_no_read_votes() {
        let mut memory = Memory::default();
        memory.hear(txn(1), &ticket(1, 1));
        for serial in 1..=7 {
            memory.remember(txn(serial), &ticket(serial, 1), Fate::Aborted(ReasonKind::Constraint));
            memory.remember_step(txn(serial), &ticket(serial, 1), 2, StepFate::Compensated);
        }
        let other = TxnId { home: NodeId::coordinating(2), ..txn(1) };
        memory.hear(other, &ticket(4, 3));
        let mut with_read = memory.clone();
        with_read.remember(txn(8), &ticket(8, 1), Fate::Read);

        for chunk in 1..=20 {
            let (mut records, mut again) = (Vec::new(), Memory::default());
            with_read.snapshot(chunk, &mut records);
            for record in records {
                let Record::Finished(finished) = record else { panic!("{record:?}") };
                assert!(finished.branches.len() + finished.steps.len() <= chunk);
                again.restore(*finished);
            }
            assert_eq!(again, memory);
        }
    }

    #[test]
    fn journals_and_homes_do_not_mix() {
        let mut memory = Memory::default();
        memory.remember(txn(1), &ticket(1, 0), Fate::Committed);
        let other_log = Ticket { log: LogId(10), ..ticket(1, 0) };
        let other_home = TxnId { home: NodeId::coordinating(2), ..txn(1) };
        assert_eq!(memory.branch(txn(1), &other_log), None);
        assert_eq!(memory.branch(other_home, &ticket(1, 0)), None);
        memory.hear(txn(1), &Ticket { finished_below: Serial(99), ..other_log });
        assert_eq!(memory.branch(txn(1), &ticket(1, 0)), Some(Past::Known(Fate::Committed)));
    }
}
