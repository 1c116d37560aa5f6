//! Claiming locks: all that an owner needs, one after another in the order of the keys, so that no two owners here wait
//! for each other. What remains, a deadlock over several participants, ends by the lock timeout.

use crate::{
    branch::Branch,
    locks::{Grant, Owner, Part},
    participant::{Participant, Timer},
    step::Run,
};
use indoubt_proto::{
    ids::TxnId,
    inspect::LockMode,
    machine::OutOf,
    observation::{Abandoned, Observation},
    operation::{Key, Operation},
};
use std::collections::BTreeMap;

/// The locks that an owner needs, and how far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// In key order; each record once, in the strongest mode that any operation on it needs.
    pub(crate) wanted: Vec<(Key, LockMode)>,
    /// How many of them are held, from the front.
    pub(crate) held: usize,
    /// Whether the next one was asked for.
    waiting: bool,
    /// Whether the lock timer runs: from the first wait to the last grant.
    timed: bool,
}

impl Claim {
    /// What these operations need.
    pub(crate) fn of<'a>(ops: impl IntoIterator<Item = &'a Operation>) -> Self {
        let mut wanted: BTreeMap<&Key, LockMode> = BTreeMap::new();
        for op in ops {
            let mode = if op.is_read() { LockMode::Shared } else { LockMode::Exclusive };
            wanted.entry(op.key()).and_modify(|strongest| *strongest = mode.max(*strongest)).or_insert(mode);
        }
        Claim::on(wanted.into_iter().map(|(key, mode)| (key.clone(), mode)).collect())
    }

    /// A claim on these, which must be sorted.
    pub(crate) fn on(wanted: Vec<(Key, LockMode)>) -> Self {
        Claim { wanted, ..Claim::default() }
    }

    /// The records claimed in this mode.
    pub(crate) fn keys(&self, mode: LockMode) -> Vec<Key> {
        self.wanted.iter().filter(|(_, wanted)| *wanted == mode).map(|(key, _)| key.clone()).collect()
    }
}

fn claim_of<'a>(
    branches: &'a mut BTreeMap<TxnId, Branch>,
    runs: &'a mut BTreeMap<Owner, Run>,
    owner: Owner,
) -> Option<&'a mut Claim> {
    match owner.part {
        Part::Branch => branches.get_mut(&owner.txn).map(|branch| &mut branch.claim),
        _ => runs.get_mut(&owner).map(|run| &mut run.claim),
    }
}

impl Participant {
    /// Goes on with a claim until it must wait, or has everything: then its owner goes on.
    pub(crate) fn advance(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        let Some(claim) = claim_of(&mut self.branches, &mut self.runs, owner) else { return };
        let txn = owner.txn;
        while let Some((key, mode)) = claim.wanted.get(claim.held) {
            let (key, mode) = (key.clone(), *mode);
            out.observe(Observation::LockRequested { txn, key: key.clone(), mode });
            if !self.locks.request(&key, owner, mode) {
                claim.waiting = true;
                if !claim.timed {
                    claim.timed = true;
                    out.arm(Timer::Lock(owner), self.settings.timeouts.lock);
                }
                return;
            }
            out.observe(Observation::LockGranted { txn, key, mode });
            claim.held += 1;
        }
        if std::mem::take(&mut claim.timed) {
            out.disarm(Timer::Lock(owner));
        }
        match owner.part {
            Part::Branch => self.branch_locked(txn, out),
            Part::Step(_) | Part::Bare { .. } => self.step_locked(owner, out),
            Part::Undo(_) => self.undo_locked(owner, out),
        }
    }

    /// Takes back the locks that a prepared branch held before the crash (rule 11). They cannot conflict: they were all
    /// held at once.
    pub(crate) fn retake(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        let Some(claim) = claim_of(&mut self.branches, &mut self.runs, owner) else { return };
        for (key, mode) in &claim.wanted {
            self.locks.request(key, owner, *mode);
            out.observe(Observation::LockGranted { txn: owner.txn, key: key.clone(), mode: *mode });
        }
        claim.held = claim.wanted.len();
    }

    /// Stops waiting; what is held stays held.
    pub(crate) fn stop_waiting(&mut self, owner: Owner, claim: &mut Claim, why: Abandoned, out: &mut OutOf<Self>) {
        if std::mem::take(&mut claim.timed) && why != Abandoned::Timeout {
            out.disarm(Timer::Lock(owner));
        }
        if std::mem::take(&mut claim.waiting) {
            let (key, _) = &claim.wanted[claim.held];
            let mut granted = Vec::new();
            self.locks.cancel(key, owner, &mut granted);
            out.observe(Observation::LockAbandoned { txn: owner.txn, key: key.clone(), why });
            self.wake(granted, out);
        }
        claim.wanted.truncate(claim.held);
    }

    /// Gives up what is waited for and gives back what is held.
    pub(crate) fn let_go(&mut self, owner: Owner, mut claim: Claim, out: &mut OutOf<Self>) {
        self.stop_waiting(owner, &mut claim, Abandoned::Abort, out);
        let mut granted = Vec::new();
        for (key, _) in claim.wanted {
            self.locks.release(&key, owner, &mut granted);
            out.observe(Observation::LockReleased { txn: owner.txn, key });
        }
        self.wake(granted, out);
    }

    fn wake(&mut self, granted: Vec<Grant>, out: &mut OutOf<Self>) {
        for Grant { owner, key, mode } in granted {
            if let Some(claim) = claim_of(&mut self.branches, &mut self.runs, owner) {
                claim.waiting = false;
                claim.held += 1;
                out.observe(Observation::LockGranted { txn: owner.txn, key, mode });
                self.ready.push_back(owner);
            }
        }
    }

    /// The lock timer fired. A stale firing finds nobody waiting.
    pub(crate) fn lock_timed_out(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        let Some(claim) = claim_of(&mut self.branches, &mut self.runs, owner) else { return };
        if !claim.waiting {
            return;
        }
        let mut claim = std::mem::take(claim);
        self.stop_waiting(owner, &mut claim, Abandoned::Timeout, out);
        if let Some(place) = claim_of(&mut self.branches, &mut self.runs, owner) {
            *place = claim;
        }
        match owner.part {
            Part::Branch => self.branch_timed_out(owner.txn, out),
            _ => self.run_timed_out(owner, out),
        }
    }
}
