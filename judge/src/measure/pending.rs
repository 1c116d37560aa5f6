//! `pending_ms`: per record that a saga touched, from its step applied to the saga's end or its own compensation, as its
//! flag tells it (`pending`, `settled`). A step whose record was durable a moment before a crash is seen in recovery,
//! without its flags: `step-applied` begins them too. Recovery may also show again what was settled since: that is no news.

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

/// The fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// By the slot of a transaction: since when each of its records is flagged; `None` once that was settled.
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

    /// How many records are flagged now.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }
}
