//! `pending_ms`: per record that a saga touched, from its step applied to the saga's end or its own compensation, as its
//! flag tells it (`pending`, `settled`). A step whose record was durable a moment before a crash is seen in recovery,
//! without its flags: `step-applied` begins them too. Recovery may also show again what was settled since: that is no news.

use super::{slots::at, spread::Sample};
use indoubt_proto::{
    observation::{Observation, Stamped},
    operation::Key,
};

/// The fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// By the slot of a transaction: since when each of its records is flagged; `None` once that was settled.
    flags: Vec<Vec<(Key, Option<i64>)>>,
    open: u64,
    sample: Sample,
}

impl Pending {
    /// Takes the next line of a saga's run, which is about the transaction in `slot`.
    pub(crate) fn take(&mut self, seen: &Stamped, slot: usize) {
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

    fn flag(&mut self, t: i64, slot: usize, key: &Key) {
        let flags = at(&mut self.flags, slot);
        if !flags.iter().any(|(flagged, _)| flagged == key) {
            flags.push((key.clone(), Some(t)));
            self.open += 1;
        }
    }

    /// Whether nothing of a transaction is flagged now.
    pub(crate) fn is_quiet(&self, slot: usize) -> bool {
        self.flags.get(slot).is_none_or(|flags| flags.iter().all(|(_, since)| since.is_none()))
    }

    /// Forgets a transaction.
    pub(crate) fn forget(&mut self, slot: usize) {
        at(&mut self.flags, slot).clear();
    }

    /// How many records are flagged now.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }

    /// What is flagged at `end` is censored.
    pub(crate) fn finish(mut self, end: i64) -> Sample {
        for since in self.flags.iter().flatten().filter_map(|(_, since)| *since) {
            self.sample.add_open(end - since);
        }
        self.sample
    }
}
