//! `pending_ms`: per record that a saga touched, from its step applied to the saga's end or its own compensation, as its
//! flag tells it (`pending`, `settled`). A step whose record was durable a moment before a crash is seen in recovery,
//! without its flags: `step-applied` begins them too. Recovery may also show again what was settled since: that is no news.

use super::spread::Sample;
use indoubt_proto::{
    ids::TxnId,
    observation::{Observation, Stamped},
    operation::Key,
};
use std::collections::BTreeMap;

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    /// Since when a record is flagged; `None` once it was settled.
    flags: BTreeMap<(TxnId, Key), Option<i64>>,
    open: u64,
    sample: Sample,
}

impl Pending {
    /// Takes the next line of a saga's run.
    pub(super) fn take(&mut self, seen: &Stamped) {
        match &seen.what {
            Observation::Pending { txn, key } => self.flag(seen.t_us, *txn, key),
            Observation::StepApplied { txn, effects, .. } => {
                for update in effects {
                    self.flag(seen.t_us, *txn, &update.key);
                }
            }
            Observation::Settled { txn, key } => {
                if let Some(since) = self.flags.get_mut(&(*txn, key.clone())).and_then(Option::take) {
                    self.open -= 1;
                    self.sample.add(seen.t_us - since);
                }
            }
            _ => {}
        }
    }

    fn flag(&mut self, t: i64, txn: TxnId, key: &Key) {
        let opened = &mut self.open;
        self.flags.entry((txn, key.clone())).or_insert_with(|| {
            *opened += 1;
            Some(t)
        });
    }

    /// How many records are flagged now.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// What is flagged at `end` is censored.
    pub(super) fn finish(mut self, end: i64) -> Sample {
        for since in self.flags.values().flatten() {
            self.sample.add_open(end - since);
        }
        self.sample
    }
}
