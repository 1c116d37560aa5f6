//! `lock_wait_ms`: for each transaction that waited for locks, the sum of all its waits. `lock_timeouts`: the number of waits that
//! ended by a timeout.
//!
//! A wait lasts from `lock-requested` to `lock-granted` or `lock-abandoned`, no matter who holds the lock and whether it is ever
//! granted. A crash of the node also ends it. A lock that is granted in the instant of its request is not a wait. A transaction
//! without waits is not in the sample.

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
    ids::NodeId,
    observation::{Abandoned, Observation, Stamped},
    operation::Key,
};

/// The state of one transaction.
#[derive(Clone, Debug, Default)]
struct OfTxn {
    /// Its open waits: node, record, and time of the request.
    open: Vec<(NodeId, Key, i64)>,
    /// The sum of its finished waits.
    waited: i64,
}

/// Measures the waits for locks.
#[derive(Clone, Debug, Default)]
pub(crate) struct LockWait {
    /// The states of transactions, by slot.
    of: Vec<OfTxn>,
    /// The waits of transactions that are forgotten.
    sample: Sample,
    timeouts: u64,
}

impl Measure for LockWait {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("lock_wait_ms.p50", |m| m.lock_wait_ms.p50).column(Table::Waiting, "lock wait p50"),
        Shown::ms("lock_wait_ms.max", |m| m.lock_wait_ms.max)
            .column(Table::Waiting, "max")
            .over_seeds(Worst::Largest)
            .in_swarm("a transaction waited 10 ms for locks", 10.0),
        Shown::count("lock_timeouts", |m| m.lock_timeouts as f64)
            .column(Table::Waiting, "lock timeouts")
            .over_seeds(Worst::Largest)
            .in_swarm("a wait for a lock timed out", 0.0),
    ];

    fn progress(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        match &seen.what {
            Observation::LockRequested { key, .. } => {
                let open = &mut at(&mut self.of, slot).open;
                if !open.iter().any(|(node, of, _)| (node, of) == (&seen.node, key)) {
                    open.push((seen.node, key.clone(), seen.t_us));
                }
            }
            Observation::LockGranted { key, .. } => self.end(seen, slot, key),
            Observation::LockAbandoned { key, why, .. } => {
                self.timeouts += u64::from(*why == Abandoned::Timeout);
                self.end(seen, slot, key);
            }
            _ => {}
        }
    }

    fn cluster(&mut self, seen: &Stamped, _history: &History) {
        if matches!(seen.what, Observation::Crashed { .. }) {
            for OfTxn { open, waited } in &mut self.of {
                let ended = open.extract_if(.., |(node, ..)| *node == seen.node);
                *waited += ended.map(|(.., since)| seen.t_us - since).sum::<i64>();
            }
        }
    }

    fn is_quiet(&self, slot: usize) -> bool {
        self.of.get(slot).is_none_or(|of| of.open.is_empty())
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        if let Some(of) = self.of.get_mut(slot) {
            let waited = std::mem::take(&mut of.waited);
            if waited > 0 {
                self.sample.add(waited);
            }
        }
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        for OfTxn { open, waited } in &self.of {
            let still: i64 = open.iter().map(|(.., since)| history.end - since).sum();
            match (waited + still, still) {
                (0, _) => {}
                (us, 0) => self.sample.add(us),
                (us, _) => self.sample.add_open(us),
            }
        }
        results.measures.lock_wait_ms = self.sample.spread();
        results.measures.lock_timeouts = self.timeouts;
    }
}

impl LockWait {
    fn end(&mut self, seen: &Stamped, slot: usize, key: &Key) {
        let Some(OfTxn { open, waited }) = self.of.get_mut(slot) else { return };
        if let Some(ended) = open.iter().position(|(node, of, _)| (node, of) == (&seen.node, key)) {
            let (.., since) = open.swap_remove(ended);
            *waited += seen.t_us - since;
        }
    }
}
