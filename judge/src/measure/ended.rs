//! `ended_ms`: how long after its arrival a transaction was over at its coordinating node (the phase `ended`), whatever its client
//! was told meanwhile. An expectation on one of its quantiles says which share of the transactions is over by a time.

use super::{
    fold::{Measure, Results},
    slots::at,
    spread::Sample,
};
use crate::{
    history::History,
    shown::{Shown, Table, Worst},
};
use indoubt_proto::observation::{Observation, Phase, Stamped};

/// Measures how long transactions take until they are over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    /// For each slot, the scheduled arrival of a transaction that is not over.
    due: Vec<Option<i64>>,
    sample: Sample,
}

impl Measure for Ended {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("ended_ms.p50", |m| m.ended_ms.p50).column(Table::Waiting, "over p50"),
        Shown::ms("ended_ms.p99", |m| m.ended_ms.p99).column(Table::Waiting, "p99").over_seeds(Worst::Largest),
    ];

    fn client(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        // Audits have no phases.
        if let Observation::ClientBegan { due_us, what, .. } = &seen.what
            && what != "audit"
        {
            *at(&mut self.due, slot) = Some(due_us.0 as i64);
        }
    }

    fn progress(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        if let Observation::Reached { phase: Phase::Ended, .. } = &seen.what
            && let Some(due) = at(&mut self.due, slot).take()
        {
            self.sample.add(seen.t_us - due);
        }
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        // One that was refused has no end.
        at(&mut self.due, slot).take();
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        for (slot, _, txn_history) in history.index.iter() {
            if let Some(due) = self.due.get(slot).copied().flatten().filter(|_| txn_history.accepted) {
                self.sample.add_open(history.end - due);
            }
        }
        results.measures.ended_ms = self.sample.spread();
    }
}
