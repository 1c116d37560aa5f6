//! The acquisition of locks. An owner requests all its locks one after another, in key order, so owners at one participant
//! never deadlock. A deadlock across participants ends by the lock timeout.

use crate::{
    effects::{Out, Timer},
    locks::{Grant, LockTable, Owner},
};
use indoubt_proto::{
    inspect::{LockMode, LockView},
    observation::{Abandoned, Observation},
    operation::{Key, Operation},
    time::Micros,
};
use std::collections::{BTreeMap, VecDeque};

/// The lock table, and the progress of each owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Locks {
    table: LockTable,
    /// The owners that have not released their locks.
    acquisitions: BTreeMap<Owner, Acquisition>,
    /// Owners whose acquisition may continue. Empty between two inputs.
    ready: VecDeque<Owner>,
    /// How long an owner may wait.
    timeout: Micros,
}

/// The locks that an owner needs, and how many of them it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Acquisition {
    /// In key order. Each record occurs once, in the strongest mode that an operation needs.
    wanted: Vec<(Key, LockMode)>,
    /// How many of them are held; the held ones come first.
    held: usize,
    /// Whether the next lock has been requested.
    waiting: bool,
    /// Whether the lock timer runs. It runs from the first wait to the last grant.
    timed: bool,
}

impl Acquisition {
    /// Stops waiting, but keeps the held locks. Returns the locks that waiting owners receive because of that.
    fn stop_waiting(&mut self, owner: Owner, table: &mut LockTable, why: Abandoned, out: &mut Out) -> Vec<Grant> {
        if std::mem::take(&mut self.timed) && why != Abandoned::Timeout {
            out.disarm(Timer::Lock(owner));
        }
        let mut granted = Vec::new();
        if std::mem::take(&mut self.waiting) {
            let (key, _) = &self.wanted[self.held];
            table.cancel(key, owner, &mut granted);
            out.observe(Observation::LockAbandoned { txn: owner.txn, key: key.clone(), why });
        }
        self.wanted.truncate(self.held);
        granted
    }
}

/// The locks that these operations need.
fn needed<'a>(ops: impl IntoIterator<Item = &'a Operation>) -> Vec<(Key, LockMode)> {
    let lock = |op: &Operation| (op.key().clone(), if op.is_read() { LockMode::Shared } else { LockMode::Exclusive });
    let mut wanted: Vec<_> = ops.into_iter().map(lock).collect();
    // The strongest mode of a record comes first, and the others go.
    wanted.sort_unstable_by(|(a, weaker), (b, stronger)| a.cmp(b).then(stronger.cmp(weaker)));
    wanted.dedup_by(|(key, _), (kept, _)| key == kept);
    wanted
}

impl Locks {
    pub(crate) fn new(timeout: Micros) -> Self {
        Locks { table: LockTable::default(), acquisitions: BTreeMap::new(), ready: VecDeque::new(), timeout }
    }

    /// Registers the locks that `owner` needs for these operations. [`Locks::advance`] requests them.
    pub(crate) fn begin<'a>(&mut self, owner: Owner, ops: impl IntoIterator<Item = &'a Operation>) {
        let wanted = needed(ops);
        self.acquisitions.insert(owner, Acquisition { wanted, ..Acquisition::default() });
        self.ready.push_back(owner);
    }

    /// The next owner for which [`Locks::advance`] must be called.
    pub(crate) fn next_ready(&mut self) -> Option<Owner> {
        self.ready.pop_front()
    }

    /// Requests locks until the owner must wait (`false`) or holds them all (`true`).
    pub(crate) fn advance(&mut self, owner: Owner, out: &mut Out) -> bool {
        let Some(acquisition) = self.acquisitions.get_mut(&owner) else { return false };
        let txn = owner.txn;
        while let Some((key, mode)) = acquisition.wanted.get(acquisition.held) {
            let (key, mode) = (key.clone(), *mode);
            out.observe(Observation::LockRequested { txn, key: key.clone(), mode });
            if !self.table.request(&key, owner, mode) {
                acquisition.waiting = true;
                if !acquisition.timed {
                    acquisition.timed = true;
                    out.arm(Timer::Lock(owner), self.timeout);
                }
                return false;
            }
            out.observe(Observation::LockGranted { txn, key, mode });
            acquisition.held += 1;
        }
        if std::mem::take(&mut acquisition.timed) {
            out.disarm(Timer::Lock(owner));
        }
        true
    }

    /// Takes back the locks that a prepared branch held before the crash (rule 11). `wanted` is in key order. They cannot
    /// conflict, because all were held at the same time.
    pub(crate) fn retake(&mut self, owner: Owner, wanted: Vec<(Key, LockMode)>, out: &mut Out) {
        for (key, mode) in &wanted {
            self.table.request(key, owner, *mode);
            out.observe(Observation::LockGranted { txn: owner.txn, key: key.clone(), mode: *mode });
        }
        let held = wanted.len();
        self.acquisitions.insert(owner, Acquisition { wanted, held, ..Acquisition::default() });
    }

    /// The records for which the owner holds or needs a lock in this mode.
    pub(crate) fn keys(&self, owner: Owner, mode: LockMode) -> Vec<Key> {
        let Some(acquisition) = self.acquisitions.get(&owner) else { return Vec::new() };
        acquisition.wanted.iter().filter(|(_, wanted)| *wanted == mode).map(|(key, _)| key.clone()).collect()
    }

    /// Stops waiting, but keeps the held locks.
    pub(crate) fn stop_waiting(&mut self, owner: Owner, out: &mut Out) {
        let Some(acquisition) = self.acquisitions.get_mut(&owner) else { return };
        let granted = acquisition.stop_waiting(owner, &mut self.table, Abandoned::Abort, out);
        self.wake(granted, out);
    }

    /// Stops waiting and releases the held locks.
    pub(crate) fn release(&mut self, owner: Owner, out: &mut Out) {
        let Some(mut acquisition) = self.acquisitions.remove(&owner) else { return };
        let granted = acquisition.stop_waiting(owner, &mut self.table, Abandoned::Abort, out);
        self.wake(granted, out);
        let mut granted = Vec::new();
        for (key, _) in acquisition.wanted {
            self.table.release(&key, owner, &mut granted);
            out.observe(Observation::LockReleased { txn: owner.txn, key });
        }
        self.wake(granted, out);
    }

    /// The lock timer fired, so the owner stops waiting. Returns `false` if the firing is stale, because the owner does not
    /// wait.
    pub(crate) fn timed_out(&mut self, owner: Owner, out: &mut Out) -> bool {
        let Some(acquisition) = self.acquisitions.get_mut(&owner).filter(|a| a.waiting) else { return false };
        let granted = acquisition.stop_waiting(owner, &mut self.table, Abandoned::Timeout, out);
        self.wake(granted, out);
        true
    }

    fn wake(&mut self, granted: Vec<Grant>, out: &mut Out) {
        for Grant { owner, key, mode } in granted {
            if let Some(acquisition) = self.acquisitions.get_mut(&owner) {
                acquisition.waiting = false;
                acquisition.held += 1;
                out.observe(Observation::LockGranted { txn: owner.txn, key, mode });
                self.ready.push_back(owner);
            }
        }
    }

    pub(crate) fn view(&self) -> Vec<LockView> {
        self.table.view()
    }
}
