//! The outcomes that a restarted coordinator finds in its log, for clients that ask again (docs/04-architecture.md).
//!
//! They are gathered here first, and only the last so many become [`Submissions`]: feeding them all to it would raise its
//! forgotten marks, which are for this incarnation's clients; those of earlier ones are known by their epoch.

use indoubt_proto::{ids::TxnId, message::Outcome, submissions::Submissions};
use std::collections::{BTreeMap, VecDeque};

pub(crate) struct Remembered {
    capacity: usize,
    outcomes: BTreeMap<TxnId, Outcome>,
    /// Oldest first.
    order: VecDeque<TxnId>,
}

impl Remembered {
    pub(crate) fn new(capacity: usize) -> Self {
        Remembered { capacity, outcomes: BTreeMap::new(), order: VecDeque::new() }
    }

    /// It ended so. Of several records of one transaction the first counts: a decision is never reversed (rule 2).
    pub(crate) fn note(&mut self, txn: TxnId, outcome: Outcome) {
        if self.outcomes.contains_key(&txn) {
            return;
        }
        self.outcomes.insert(txn, outcome);
        self.order.push_back(txn);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
    }

    pub(crate) fn into_submissions(mut self) -> Submissions {
        let mut submissions = Submissions::new(self.capacity);
        for txn in self.order {
            let outcome = self.outcomes.remove(&txn).expect("everything in the order has an outcome");
            submissions.remember(txn, outcome);
        }
        submissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{ids::NodeId, message::ReasonKind, plan::Submission, submissions::Admission};

    fn txn(number: u64) -> TxnId {
        TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number }
    }

    fn committed() -> Outcome {
        Outcome::Committed { reads: vec![] }
    }

    #[test]
    fn the_last_outcomes_are_remembered_and_of_two_about_one_transaction_the_first() {
        let mut remembered = Remembered::new(2);
        for number in [3, 1, 2] {
            remembered.note(txn(number), committed());
        }
        remembered.note(txn(1), Outcome::Aborted(ReasonKind::Recovery.into()));
        let submissions = remembered.into_submissions();
        let known: Vec<_> = submissions.remembered().map(|(txn, outcome)| (txn.number, outcome.clone())).collect();
        assert_eq!(known, [(1, committed()), (2, committed())]);
    }

    #[test]
    fn what_falls_out_in_recovery_bars_no_fresh_submission_of_this_incarnation() {
        let mut remembered = Remembered::new(1);
        remembered.note(txn(7), committed());
        remembered.note(txn(8), committed());
        let submissions = remembered.into_submissions();
        let asks = |number, epoch| {
            let submission = Submission { txn: txn(number), epoch, audit: false, steps: vec![] };
            submissions.admit(&submission, 2)
        };
        assert_eq!(asks(7, 1), Admission::Unknown, "it is known by its epoch");
        assert_eq!(asks(6, 2), Admission::Fresh);
    }
}
