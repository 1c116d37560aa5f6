//! `pending_ms`: for each record that a saga changed, the time from the applied step until the saga ends or the step is
//! compensated. The lines `pending` and `settled` show it. If a step's record was durable just before a crash, recovery observes
//! the step without its flags, so `step-applied` begins the time too. Recovery may also observe again a step that was settled
//! since; this is ignored.

use super::{
    fold::{Measure, Results},
    slots::at,
    spread::Sample,
};
use crate::{
    history::History,
    shown::{Shown, Table, Worst},
};
use indoubt_proto::{
    observation::{Observation, Stamped},
    operation::Key,
};
use indoubt_scenario::protocol::Family;

/// Measures how long records are pending.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// For each slot, the records of the transaction, with the time since when each is pending. `None` if it was settled.
    flags: Vec<Vec<(Key, Option<i64>)>>,
    open: u64,
    sample: Sample,
}

impl Measure for Pending {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("pending_ms.p50", |m| m.pending_ms.p50).column(Table::Waiting, "pending p50"),
        Shown::ms("pending_ms.max", |m| m.pending_ms.max)
            .column(Table::Waiting, "max")
            .over_seeds(Worst::Largest)
            .in_swarm("a record was pending for 100 ms", 100.0),
    ];

    fn progress(&mut self, seen: &Stamped, slot: usize, history: &History) {
        if history.family != Family::Saga {
            return;
        }
        match &seen.what {
            Observation::Pending { key, .. } => self.flag(seen.t_us, slot, key),
            Observation::StepApplied { effects, .. } => {
                for update in effects {
                    self.flag(seen.t_us, slot, &update.key);
                }
            }
            Observation::Settled { key, .. } => {
                let flag = at(&mut self.flags, slot).iter_mut().find(|(flagged, _)| flagged == key);
                if let Some(since) = flag.and_then(|(_, since)| since.take()) {
                    self.open -= 1;
                    self.sample.add(seen.t_us - since);
                }
            }
            _ => {}
        }
    }

    fn is_quiet(&self, slot: usize) -> bool {
        self.flags.get(slot).is_none_or(|flags| flags.iter().all(|(_, since)| since.is_none()))
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        at(&mut self.flags, slot).clear();
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        for since in self.flags.iter().flatten().filter_map(|(_, since)| *since) {
            self.sample.add_open(history.end - since);
        }
        results.measures.pending_ms = self.sample.spread();
    }
}

impl Pending {
    fn flag(&mut self, t: i64, slot: usize, key: &Key) {
        let flags = at(&mut self.flags, slot);
        if !flags.iter().any(|(flagged, _)| flagged == key) {
            flags.push((key.clone(), Some(t)));
            self.open += 1;
        }
    }

    /// Whether this transaction has pending records now.
    pub(crate) fn any_of(&self, slot: usize) -> bool {
        self.flags.get(slot).is_some_and(|flags| flags.iter().any(|(_, since)| since.is_some()))
    }

    /// The number of records that are pending now.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }
}
