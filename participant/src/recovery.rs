//! What survives a crash, and what a compaction keeps: the data, the branches in doubt with their locks (rule 11), and
//! what is over (rule 17b). The rest has not happened.

use crate::{
    branch::{Branch, Doubt, State, branch_owner},
    claim::Claim,
    locks::Part,
    memory::{Fate, StepFate},
    participant::{AtDurable, Participant},
    record::{Prepared, Record},
    step::RunState,
    store::{Store, written},
};
use indoubt_proto::{
    ids::{LogId, Lsn, TxnId},
    inspect::LockMode,
    machine::{Logged, OutOf},
    message::StepStyle,
    observation::Observation,
    operation::Key,
    planted::Mutant,
};
use std::sync::Arc;

/// Accounts, or remembered outcomes, in one record of a compaction: few enough that counting records (which is how a
/// driver decides when to compact) does not hide how much is written.
const CHUNK: usize = 64;

impl Participant {
    /// Boots: replays the journal, takes back the locks of every branch in doubt, and only then asks.
    pub(crate) fn recover(
        &mut self,
        log: LogId,
        incarnation: u32,
        records: Vec<Logged<Record>>,
        out: &mut OutOf<Self>,
    ) {
        self.log = log;
        self.incarnation = incarnation;
        self.born = incarnation;
        if records.is_empty() {
            out.lazy(Record::Booted { incarnation });
        }
        for logged in records {
            self.replay(logged, out);
        }
        let in_doubt: Vec<TxnId> = self.branches.keys().copied().collect();
        for txn in &in_doubt {
            if self.settings.planted.is(Mutant::LocksNotRetaken) {
                out.observe(Observation::InDoubt { txn: *txn });
                continue;
            }
            if let Some(Branch { claim, state: State::InDoubt { doubt, .. }, .. }) = self.branches.get_mut(txn) {
                *claim = Claim::on(locks_of(&doubt.prepared));
            }
            self.retake(branch_owner(*txn), out);
            out.observe(Observation::InDoubt { txn: *txn });
        }
        for txn in in_doubt {
            self.inquire(txn, out);
        }
    }

    fn replay(&mut self, logged: Logged<Record>, out: &mut OutOf<Self>) {
        // Of the records of the protocols a compaction holds only `Prepared`: it never repeats an effect.
        let Logged { lsn, record, .. } = logged;
        match record {
            Record::Booted { incarnation } => self.born = incarnation,
            Record::Prepared(_) if self.settings.planted.is(Mutant::ForgetPrepared) => {}
            Record::Prepared(prepared) => {
                self.memory.hear(prepared.txn, &prepared.ticket);
                // Most are over by the end of the log; those that are not get their claims then.
                let (txn, ticket, claim) = (prepared.txn, prepared.ticket, Claim::default());
                let state = State::InDoubt { doubt: Doubt { prepared, reads: Vec::new() }, inquiries: 0 };
                self.branches.insert(txn, Branch { ticket, claim, state });
            }
            Record::Ended { txn, ticket, fate } => {
                self.memory.hear(txn, &ticket);
                self.memory.remember(txn, &ticket, fate);
                if let (Some(branch), Fate::Committed) = (self.branches.remove(&txn), fate)
                    && let State::InDoubt { doubt, .. } = branch.state
                {
                    let effects = Arc::unwrap_or_clone(doubt.prepared).updates;
                    self.store.apply(&effects);
                    out.observe(Observation::Applied { txn, effects, log: self.log, lsn });
                }
            }
            Record::StepApplied(applied) => {
                self.store.apply(&applied.updates);
                out.observe(self.step_applied(&applied, lsn));
                if applied.style == StepStyle::Saga {
                    self.memory.hear(applied.txn, &applied.ticket);
                    let (txn, ticket, step) = (applied.txn, applied.ticket, applied.step);
                    self.memory.remember_step(txn, &ticket, step, StepFate::Applied(applied));
                }
            }
            Record::StepRefused(refused) => {
                let (txn, step) = (refused.txn, refused.step);
                out.observe(Observation::StepRefused { txn, step, effects: Vec::new(), log: self.log, lsn });
                if refused.style == StepStyle::Saga {
                    self.memory.hear(txn, &refused.ticket);
                    self.memory.remember_step(txn, &refused.ticket, step, StepFate::Refused(refused.reason));
                }
            }
            Record::Voided { txn, ticket, step, undo } => {
                self.memory.hear(txn, &ticket);
                self.memory.remember_step(txn, &ticket, step, StepFate::Voided);
                if undo {
                    out.observe(self.nothing_undone(txn, step, lsn));
                }
            }
            Record::Compensated(done) => {
                self.memory.hear(done.txn, &done.ticket);
                self.store.apply(&done.updates);
                let flagged = self.flagged_by(&done);
                self.observe_undone(&done, flagged, lsn, out);
                self.memory.remember_step(done.txn, &done.ticket, done.step, StepFate::Compensated);
            }
            Record::Snapshot { born } => {
                self.born = born;
                self.store = Store::default();
            }
            Record::Accounts(accounts) => self.store.restore(accounts),
            Record::Finished(finished) => self.memory.restore(*finished),
            Record::Owed(observation) => out.observe(*observation),
        }
    }

    /// The records that recreate the present state on an empty machine. What was appended counts as done: a compaction
    /// is forced. What was to be observed at its durability is owed.
    pub(crate) fn snapshot(&self, out: &mut Vec<Record>) {
        out.push(Record::Snapshot { born: self.born });
        let mut accounts = self.store.accounts().map(|(key, value)| (key.clone(), value)).peekable();
        while accounts.peek().is_some() {
            out.push(Record::Accounts(accounts.by_ref().take(CHUNK).collect()));
        }
        self.memory.snapshot(CHUNK, out);
        for branch in self.branches.values() {
            if let State::Preparing(doubt) | State::InDoubt { doubt, .. } = &branch.state {
                out.push(Record::Prepared(doubt.prepared.clone()));
            }
        }
        for (lsn, what) in &self.awaited {
            out.extend(self.owed(*lsn, what).map(|observation| Record::Owed(Box::new(observation))));
        }
    }

    /// What would be observed if this record were durable now.
    fn owed(&self, lsn: Lsn, what: &AtDurable) -> Option<Observation> {
        match what {
            AtDurable::Ended(txn) => match &self.branches.get(txn)?.state {
                State::Ending { fate: Fate::Committed, prepared: Some(prepared), .. } => {
                    let effects = prepared.updates.clone();
                    Some(Observation::Applied { txn: *txn, effects, log: self.log, lsn })
                }
                _ => None,
            },
            AtDurable::Run(owner) => match &self.runs.get(owner)?.state {
                RunState::Applying { applied, .. } => Some(self.step_applied(applied, lsn)),
                RunState::Undoing { done, .. } => Some(self.undone(done, lsn)),
                RunState::Voiding { undo: true, .. } => match owner.part {
                    Part::Step(step) => Some(self.nothing_undone(owner.txn, step, lsn)),
                    _ => None,
                },
                RunState::Voiding { undo: false, .. } | RunState::Waiting(_) => None,
            },
            AtDurable::Observe(observation) => Some((**observation).clone()),
            AtDurable::Prepared(_) | AtDurable::Hardened(_) | AtDurable::Tell(..) => None,
        }
    }
}

/// The locks of a prepared branch, in key order. A record that it wrote is locked exclusively even if it read it too.
fn locks_of(prepared: &Prepared) -> Vec<(Key, LockMode)> {
    let mut locks: Vec<(Key, LockMode)> = prepared.shared.iter().map(|key| (key.clone(), LockMode::Shared)).collect();
    locks.extend(written(&prepared.updates).into_iter().map(|key| (key, LockMode::Exclusive)));
    locks.sort_unstable();
    locks
}
