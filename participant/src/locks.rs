//! The lock table: shared and exclusive locks on records, granted in order of arrival. It knows who holds which lock, but
//! not why. Its users are responsible for strictness, that is, for keeping locks until the end.
//!
//! No lock is ever upgraded: an owner requests each record once, in the strongest mode that it will need.

use crate::key_map::KeyMap;
use indoubt_proto::{
    ids::TxnId,
    inspect::{LockMode, LockView},
    operation::Key,
};
use std::collections::{BTreeSet, VecDeque};

/// The part of a transaction that requests locks at this participant. Two parts of one transaction exclude each other like
/// two transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The transaction that the part belongs to.
    pub txn: TxnId,
    /// The part of the transaction.
    pub part: Part,
}

/// A part of a transaction that owns locks. Steps are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A 2PC branch.
    Branch,
    /// A step of a saga.
    Step(u32),
    /// The compensation of a step.
    Undo(u32),
    /// An unprotected call. Each copy that arrives is an owner of its own.
    Bare {
        /// The number of the step.
        step: u32,
        /// The number of the call, counted by the participant.
        copy: u64,
    },
}

/// A lock that was granted to an owner that waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) owner: Owner,
    pub(crate) key: Key,
    pub(crate) mode: LockMode,
}

/// All locks that are held or waited for. A record without holders has no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LockTable {
    locks: KeyMap<Lock>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lock {
    holders: Holders,
    waiters: VecDeque<(Owner, LockMode)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holders {
    Exclusive(Owner),
    /// The owners of the lock. Empty only while the lock passes to the next owner.
    Shared(BTreeSet<Owner>),
}

impl Lock {
    fn free() -> Self {
        Lock { holders: Holders::Shared(BTreeSet::new()), waiters: VecDeque::new() }
    }

    /// Grants the lock to `owner` if the holders allow it.
    fn admit(&mut self, owner: Owner, mode: LockMode) -> bool {
        match (&mut self.holders, mode) {
            (Holders::Shared(holders), LockMode::Exclusive) if holders.is_empty() => {
                self.holders = Holders::Exclusive(owner);
                true
            }
            (Holders::Shared(holders), LockMode::Shared) => {
                holders.insert(owner);
                true
            }
            _ => false,
        }
    }

    /// Grants the lock to the waiters at the front of the queue that may hold it together.
    fn grant(&mut self, key: &Key, granted: &mut Vec<Grant>) {
        while let Some(&(owner, mode)) = self.waiters.front() {
            if !self.admit(owner, mode) {
                return;
            }
            self.waiters.pop_front();
            granted.push(Grant { owner, key: key.clone(), mode });
        }
    }

    fn is_free(&self) -> bool {
        matches!(&self.holders, Holders::Shared(holders) if holders.is_empty())
    }
}

impl LockTable {
    /// Requests a lock. It is granted at once (`true`) only if nobody waits for it: a reader does not overtake a writer
    /// that arrived earlier. Otherwise the owner waits until a [`Grant`] or [`LockTable::cancel`].
    pub(crate) fn request(&mut self, key: &Key, owner: Owner, mode: LockMode) -> bool {
        let lock = self.locks.entry(key.clone()).or_insert_with(Lock::free);
        if lock.waiters.is_empty() && lock.admit(owner, mode) {
            return true;
        }
        lock.waiters.push_back((owner, mode));
        false
    }

    /// Releases a lock. Adds the locks that waiters receive to `granted`.
    pub(crate) fn release(&mut self, key: &Key, owner: Owner, granted: &mut Vec<Grant>) {
        let Some(lock) = self.locks.get_mut(key) else { return };
        match &mut lock.holders {
            Holders::Exclusive(holder) if *holder == owner => lock.holders = Holders::Shared(BTreeSet::new()),
            Holders::Exclusive(_) => return,
            Holders::Shared(holders) => {
                holders.remove(&owner);
            }
        }
        self.settle(key, granted);
    }

    /// Stops a wait. Adds the locks that later waiters receive to `granted`.
    pub(crate) fn cancel(&mut self, key: &Key, owner: Owner, granted: &mut Vec<Grant>) {
        let Some(lock) = self.locks.get_mut(key) else { return };
        // Waits mostly end in the order in which they began, so the search starts at the oldest and is short.
        let Some(place) = lock.waiters.iter().position(|(waiter, _)| *waiter == owner) else { return };
        lock.waiters.remove(place);
        self.settle(key, granted);
    }

    fn settle(&mut self, key: &Key, granted: &mut Vec<Grant>) {
        let Some(lock) = self.locks.get_mut(key) else { return };
        lock.grant(key, granted);
        if lock.is_free() {
            self.locks.remove(key);
        }
    }

    /// The held and awaited locks, for the view of the node.
    pub(crate) fn view(&self) -> Vec<LockView> {
        let view = |(key, lock): (&Key, &Lock)| {
            let (mode, holders) = match &lock.holders {
                Holders::Exclusive(holder) => (LockMode::Exclusive, vec![holder.txn]),
                Holders::Shared(holders) => (LockMode::Shared, holders.iter().map(|h| h.txn).collect()),
            };
            LockView { key: key.clone(), mode, holders, waiters: lock.waiters.iter().map(|(w, _)| w.txn).collect() }
        };
        self.locks.in_order().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::ids::NodeId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const S: LockMode = LockMode::Shared;
    const X: LockMode = LockMode::Exclusive;

    fn owner(number: u64) -> Owner {
        let txn = TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number };
        Owner { txn, part: Part::Branch }
    }

    fn granted_to(granted: &[Grant]) -> Vec<u64> {
        granted.iter().map(|g| g.owner.txn.number).collect()
    }

    #[test]
    fn readers_share_and_a_writer_is_alone() {
        let (mut table, key) = (LockTable::default(), Key::new("a"));
        assert!(table.request(&key, owner(1), S));
        assert!(table.request(&key, owner(2), S));
        assert!(!table.request(&key, owner(3), X));
        let mut granted = Vec::new();
        table.release(&key, owner(1), &mut granted);
        assert!(granted.is_empty(), "one reader is still there");
        table.release(&key, owner(2), &mut granted);
        assert_eq!(granted_to(&granted), [3]);
        assert!(!table.request(&key, owner(4), S), "a writer is alone");
    }

    #[test]
    fn a_reader_does_not_overtake_a_waiting_writer() {
        let (mut table, key) = (LockTable::default(), Key::new("a"));
        assert!(table.request(&key, owner(1), S));
        assert!(!table.request(&key, owner(2), X));
        assert!(!table.request(&key, owner(3), S));
        assert!(!table.request(&key, owner(4), S));
        let mut granted = Vec::new();
        table.release(&key, owner(1), &mut granted);
        assert_eq!(granted_to(&granted), [2]);
        granted.clear();
        table.release(&key, owner(2), &mut granted);
        assert_eq!(granted_to(&granted), [3, 4], "both readers together");
    }

    #[test]
    fn readers_behind_a_writer_that_gives_up_go_on() {
        let (mut table, key) = (LockTable::default(), Key::new("a"));
        assert!(table.request(&key, owner(1), S));
        assert!(!table.request(&key, owner(2), X));
        assert!(!table.request(&key, owner(3), S));
        let mut granted = Vec::new();
        table.cancel(&key, owner(2), &mut granted);
        assert_eq!(granted_to(&granted), [3]);
    }

    proptest! {
        /// For any sequence of requests: a writer holds its lock alone, nobody waits who could be granted, and an idle
        /// table is empty.
        #[test]
        fn the_table_is_always_sound(asks in prop::collection::vec((0u64..6, any::<bool>(), any::<bool>()), 1..60)) {
            let (mut table, key) = (LockTable::default(), Key::new("a"));
            let mut held: BTreeMap<Owner, LockMode> = BTreeMap::new();
            let mut waits: Vec<(Owner, LockMode)> = Vec::new();
            let mut drain: Vec<_> = asks.clone();
            drain.extend((0..2).flat_map(|_| (0..6).map(|n| (n, false, false))));
            for (index, (number, exclusive, ask)) in drain.into_iter().enumerate() {
                let (owner, mode) = (owner(number), if exclusive { X } else { S });
                let mut granted = Vec::new();
                let idle = !held.contains_key(&owner) && waits.iter().all(|w| w.0 != owner);
                if idle && (ask || index < asks.len()) {
                    if table.request(&key, owner, mode) { held.insert(owner, mode); } else { waits.push((owner, mode)); }
                } else if held.remove(&owner).is_some() {
                    table.release(&key, owner, &mut granted);
                } else if !idle {
                    waits.retain(|w| w.0 != owner);
                    table.cancel(&key, owner, &mut granted);
                }
                for grant in granted {
                    prop_assert_eq!(waits.remove(0), (grant.owner, grant.mode), "first come, first served");
                    held.insert(grant.owner, grant.mode);
                }
                prop_assert!(held.len() <= 1 || held.values().all(|mode| *mode == S));
                if let Some((_, next)) = waits.first() {
                    prop_assert!(!held.is_empty() && (*next == X || held.values().any(|mode| *mode == X)));
                }
            }
            prop_assert!(held.is_empty() && table.view().is_empty());
        }
    }
}
