//! The outcomes that a restarted coordinator finds in its log, for clients that ask again (design.md section 4).
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
