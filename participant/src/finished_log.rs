//! The outcomes of finished branches and steps, which must not run again (rule 17b). An outcome is kept until the
//! `finished_below` mark of its coordinating node passes it. Requests below the mark are refused.

use crate::record::{BranchEnd, Finished, Record, StepEnd};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine::Write,
};
use std::collections::BTreeMap;

/// What is known of a finished branch or step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past<T> {
    /// It is below the mark: finished, and its outcome is forgotten.
    Forgotten,
    /// It is finished, with this outcome.
    Known(T),
}

/// The outcomes of finished branches and steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FinishedLog {
    /// The outcomes, by journal of each coordinating node.
    journals: BTreeMap<(NodeId, LogId), Outcomes>,
    /// The branches whose outcome is not durable yet, each with the record that makes it durable.
    pending: BTreeMap<TxnId, (Lsn, Write)>,
}

/// The outcomes of the transactions of one journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Outcomes {
    finished_below: Serial,
    branches: BTreeMap<Serial, BranchEnd>,
    steps: BTreeMap<(Serial, u32), StepEnd>,
}

impl FinishedLog {
    fn outcomes(&self, txn: TxnId, ticket: &Ticket) -> Option<&Outcomes> {
        self.journals.get(&(txn.home, ticket.log))
    }

    /// Takes the mark of a coordinating node from a ticket, and forgets all outcomes below the mark.
    pub(crate) fn hear(&mut self, txn: TxnId, ticket: &Ticket) {
        self.raise(txn.home, ticket.log, ticket.finished_below);
    }

    fn raise(&mut self, home: NodeId, log: LogId, finished_below: Serial) {
        let outcomes = self.journals.entry((home, log)).or_default();
        if finished_below <= outcomes.finished_below {
            return;
        }
        outcomes.finished_below = finished_below;
        // Each entry is removed once, so forgetting costs no more than remembering.
        while outcomes.branches.first_key_value().is_some_and(|(serial, _)| *serial < finished_below) {
            outcomes.branches.pop_first();
        }
        while outcomes.steps.first_key_value().is_some_and(|((serial, _), _)| *serial < finished_below) {
            outcomes.steps.pop_first();
        }
    }

    /// What is known of a finished branch; `None` if it is not known to be finished.
    pub(crate) fn branch(&self, txn: TxnId, ticket: &Ticket) -> Option<Past<BranchEnd>> {
        let outcomes = self.outcomes(txn, ticket)?;
        if ticket.serial < outcomes.finished_below {
            return Some(Past::Forgotten);
        }
        outcomes.branches.get(&ticket.serial).copied().map(Past::Known)
    }

    /// What is known of a finished step; `None` if it is not known to be finished.
    pub(crate) fn step(&self, txn: TxnId, ticket: &Ticket, step: u32) -> Option<Past<&StepEnd>> {
        let outcomes = self.outcomes(txn, ticket)?;
        if ticket.serial < outcomes.finished_below {
            return Some(Past::Forgotten);
        }
        outcomes.steps.get(&(ticket.serial, step)).map(Past::Known)
    }

    pub(crate) fn remember_branch(&mut self, txn: TxnId, ticket: &Ticket, end: BranchEnd) {
        let outcomes = self.journals.entry((txn.home, ticket.log)).or_default();
        if ticket.serial >= outcomes.finished_below {
            outcomes.branches.insert(ticket.serial, end);
        }
    }

    pub(crate) fn remember_step(&mut self, txn: TxnId, ticket: &Ticket, step: u32, end: StepEnd) {
        let outcomes = self.journals.entry((txn.home, ticket.log)).or_default();
        if ticket.serial >= outcomes.finished_below {
            outcomes.steps.insert((ticket.serial, step), end);
        }
    }

    /// The outcome of this branch was appended as record `lsn`, and becomes durable with that record.
    pub(crate) fn appended(&mut self, txn: TxnId, lsn: Lsn, write: Write) {
        self.pending.insert(txn, (lsn, write));
    }

    /// The record that makes the outcome of this branch durable; `None` if it is durable.
    pub(crate) fn pending(&self, txn: TxnId) -> Option<(Lsn, Write)> {
        self.pending.get(&txn).copied()
    }

    /// Record `lsn`, which holds the outcome of this branch, is durable.
    pub(crate) fn durable(&mut self, txn: TxnId, lsn: Lsn) {
        if self.pending.get(&txn).is_some_and(|(pending, _)| *pending == lsn) {
            self.pending.remove(&txn);
        }
    }

    /// Appends the records of a compaction that recreate this state, each with at most `chunk` outcomes.
    pub(crate) fn compact(&self, chunk: usize, out: &mut Vec<Record>) {
        for ((home, log), outcomes) in &self.journals {
            let (home, log, finished_below) = (*home, *log, outcomes.finished_below);
            // Nothing depends on a READ vote after a restart.
            let logged = outcomes.branches.iter().filter(|(_, end)| **end != BranchEnd::Read);
            let mut branches = logged.map(|(serial, end)| (*serial, *end));
            let mut steps = outcomes.steps.iter().map(|(step, end)| (*step, end.clone()));
            // The first record carries the mark, even if there is no outcome above the mark.
            let mut mark_due = finished_below > Serial(0);
            loop {
                let branches: Vec<_> = branches.by_ref().take(chunk).collect();
                let steps: Vec<_> = steps.by_ref().take(chunk - branches.len()).collect();
                if branches.is_empty() && steps.is_empty() && !mark_due {
                    break;
                }
                mark_due = false;
                out.push(Record::Finished(Box::new(Finished { home, log, finished_below, branches, steps })));
            }
        }
    }

    /// Adds one record of a compaction.
    pub(crate) fn restore(&mut self, finished: Finished) {
        let Finished { home, log, finished_below, branches, steps } = finished;
        self.raise(home, log, finished_below);
        let outcomes = self.journals.entry((home, log)).or_default();
        outcomes.branches.extend(branches);
        outcomes.steps.extend(steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::message::ReasonKind;

    fn txn(number: u64) -> TxnId {
        TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number }
    }

    fn ticket(serial: u64, finished_below: u64) -> Ticket {
        Ticket { log: LogId(9), serial: Serial(serial), finished_below: Serial(finished_below) }
    }

    #[test]
    fn rule_17b_an_outcome_is_kept_until_the_mark_passes_it_and_refused_afterwards() {
        let mut finished = FinishedLog::default();
        finished.remember_branch(txn(1), &ticket(1, 0), BranchEnd::Committed);
        finished.remember_branch(txn(2), &ticket(2, 0), BranchEnd::Barred);
        finished.remember_step(txn(2), &ticket(2, 0), 1, StepEnd::Voided);
        assert_eq!(finished.branch(txn(1), &ticket(1, 0)), Some(Past::Known(BranchEnd::Committed)));
        assert_eq!(finished.branch(txn(3), &ticket(3, 0)), None);

        finished.hear(txn(5), &ticket(5, 2));
        assert_eq!(finished.branch(txn(1), &ticket(1, 0)), Some(Past::Forgotten));
        assert_eq!(finished.branch(txn(2), &ticket(2, 0)), Some(Past::Known(BranchEnd::Barred)));
        assert_eq!(finished.step(txn(2), &ticket(2, 0), 1), Some(Past::Known(&StepEnd::Voided)));

        finished.hear(txn(5), &ticket(5, 1));
        assert_eq!(finished.branch(txn(1), &ticket(1, 0)), Some(Past::Forgotten), "a mark never falls");
        finished.hear(txn(5), &ticket(5, 3));
        assert_eq!(finished.step(txn(2), &ticket(2, 0), 1), Some(Past::Forgotten));
        assert!(finished.journals.values().all(|o| o.branches.is_empty() && o.steps.is_empty()));
    }

    #[test]
    fn rule_17b_a_snapshot_keeps_marks_and_outcomes_but_no_read_votes() {
        let mut finished = FinishedLog::default();
        finished.hear(txn(1), &ticket(1, 1));
        for serial in 1..=7 {
            finished.remember_branch(txn(serial), &ticket(serial, 1), BranchEnd::Aborted(ReasonKind::Constraint));
            finished.remember_step(txn(serial), &ticket(serial, 1), 2, StepEnd::Compensated);
        }
        let other = TxnId { home: NodeId::coordinating(2), ..txn(1) };
        finished.hear(other, &ticket(4, 3));
        let mut with_read = finished.clone();
        with_read.remember_branch(txn(8), &ticket(8, 1), BranchEnd::Read);

        for chunk in 1..=20 {
            let (mut records, mut again) = (Vec::new(), FinishedLog::default());
            with_read.compact(chunk, &mut records);
            for record in records {
                let Record::Finished(chunk_of) = record else { panic!("{record:?}") };
                assert!(chunk_of.branches.len() + chunk_of.steps.len() <= chunk);
                again.restore(*chunk_of);
            }
            assert_eq!(again, finished);
        }
    }

    #[test]
    fn journals_and_homes_do_not_mix() {
        let mut finished = FinishedLog::default();
        finished.remember_branch(txn(1), &ticket(1, 0), BranchEnd::Committed);
        let other_log = Ticket { log: LogId(10), ..ticket(1, 0) };
        let other_home = TxnId { home: NodeId::coordinating(2), ..txn(1) };
        assert_eq!(finished.branch(txn(1), &other_log), None);
        assert_eq!(finished.branch(other_home, &ticket(1, 0)), None);
        finished.hear(txn(1), &Ticket { finished_below: Serial(99), ..other_log });
        assert_eq!(finished.branch(txn(1), &ticket(1, 0)), Some(Past::Known(BranchEnd::Committed)));
    }
}
