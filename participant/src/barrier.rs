//! The barrier between a step and what undoes it (rules 38 to 40). A compensation, and a question about a step, first
//! record the step as void if it has not run: so a compensation of nothing is empty, and a step that comes late finds
//! its place taken and never runs.

use crate::{
    claim::Claim,
    locks::{Owner, Part},
    memory::{Past, StepFate},
    participant::{AtDurable, Participant},
    record::{Compensated, Record},
    step::{Run, RunState, remembered},
    store::written,
};
use indoubt_proto::{
    ids::{Lsn, Ticket, TxnId},
    machine::OutOf,
    message::{Message, ReasonKind, StepOutcome, UndoOutcome},
    observation::Observation,
    operation::{Change, Key, Operation, ReadValue, Update},
    planted::Mutant,
};
use std::sync::Arc;

impl Participant {
    fn undo_result(txn: TxnId, step: u32, outcome: UndoOutcome) -> Message {
        Message::CompensateResult { txn, step, outcome }
    }

    /// Did this step run? If it did not, it never will (rule 26).
    pub(crate) fn on_settle(&mut self, txn: TxnId, ticket: Ticket, step: u32, out: &mut OutOf<Self>) {
        if self.joins(txn, step) {
            return;
        }
        match self.memory.step(txn, &ticket, step) {
            Some(past) => {
                let outcome = remembered(past);
                out.send(txn.home, Self::step_result(txn, step, outcome));
            }
            None => self.void(txn, ticket, step, false, out),
        }
    }

    /// Undo this step, whatever became of it.
    pub(crate) fn on_compensate(
        &mut self,
        txn: TxnId,
        ticket: Ticket,
        step: u32,
        ops: Vec<Operation>,
        out: &mut OutOf<Self>,
    ) {
        let (forward, backward) = (Owner { txn, part: Part::Step(step) }, Owner { txn, part: Part::Undo(step) });
        if self.runs.contains_key(&backward) {
            return;
        }
        match self.runs.get_mut(&forward).map(|run| &mut run.state) {
            Some(RunState::Applying { then_undo, .. }) => {
                then_undo.get_or_insert(ops);
                return;
            }
            Some(RunState::Voiding { undo, .. }) => {
                *undo = true;
                return;
            }
            // It has not run, and now it never will.
            Some(RunState::Waiting(_)) => self.end_run(forward, out),
            Some(RunState::Undoing { .. }) | None => {}
        }
        let answer = match self.memory.step(txn, &ticket, step) {
            None if self.settings.planted.is(Mutant::NoEmptyCompensation) => return self.run(backward, ticket, ops),
            None | Some(Past::Known(StepFate::Refused(_))) => return self.void(txn, ticket, step, true, out),
            Some(Past::Known(StepFate::Applied(_))) => return self.run(backward, ticket, ops),
            Some(Past::Known(StepFate::Voided)) => UndoOutcome::NothingToUndo,
            Some(Past::Known(StepFate::Compensated)) => UndoOutcome::Undone,
            Some(Past::Forgotten) => UndoOutcome::Failed(ReasonKind::Finished.into()),
        };
        out.send(txn.home, Self::undo_result(txn, step, answer));
    }

    /// Takes the step's place, durably. `undo`: an empty compensation.
    fn void(&mut self, txn: TxnId, ticket: Ticket, step: u32, undo: bool, out: &mut OutOf<Self>) {
        let owner = Owner { txn, part: Part::Step(step) };
        self.memory.remember_step(txn, &ticket, step, StepFate::Voided);
        let lsn = out.force(Record::Voided { txn, ticket, step, undo });
        let state = RunState::Voiding { settle: !undo, undo };
        self.runs.insert(owner, Run { ticket, claim: Claim::default(), state });
        self.when_durable(lsn, AtDurable::Run(owner));
    }

    pub(crate) fn voided(&mut self, owner: Owner, settle: bool, undo: bool, lsn: Lsn, out: &mut OutOf<Self>) {
        let (txn, Part::Step(step)) = (owner.txn, owner.part) else { return };
        if undo {
            out.observe(self.nothing_undone(txn, step, lsn));
            out.send(txn.home, Self::undo_result(txn, step, UndoOutcome::NothingToUndo));
        }
        if settle {
            out.send(txn.home, Self::step_result(txn, step, StepOutcome::Voided));
        }
    }

    /// A compensation has its locks. It is semantic (rule 29): it applies its own operations to what is there now.
    pub(crate) fn undo_locked(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        let Part::Undo(step) = owner.part else { return };
        let Some(run) = self.runs.get_mut(&owner) else { return };
        let RunState::Waiting(ops) = &run.state else { return };
        let (txn, ticket) = (owner.txn, run.ticket);
        let updates = match self.store.stage(ops.iter().map(|op| (step, op))).outcome {
            Ok(_) if self.settings.planted.is(Mutant::RestorePreImage) => self.pre_image(txn, &ticket, step),
            Ok(updates) => updates,
            Err(reason) => {
                self.end_run(owner, out);
                return out.send(txn.home, Self::undo_result(txn, step, UndoOutcome::Failed(reason)));
            }
        };
        self.store.apply(&updates);
        let done = Arc::new(Compensated { txn, ticket, step, updates });
        let flagged = self.flagged_by(&done);
        self.memory.remember_step(txn, &ticket, step, StepFate::Compensated);
        let lsn = out.force(Record::Compensated(done.clone()));
        if let Some(run) = self.runs.get_mut(&owner) {
            run.state = RunState::Undoing { done, flagged };
        }
        self.when_durable(lsn, AtDurable::Run(owner));
    }

    /// What the step found, put back over whatever is there now: a planted bug.
    fn pre_image(&self, txn: TxnId, ticket: &Ticket, step: u32) -> Vec<Update> {
        let Some(Past::Known(StepFate::Applied(applied))) = self.memory.step(txn, ticket, step) else {
            return Vec::new();
        };
        let back = |read: &ReadValue| Change::Delta(read.value.wrapping_sub(self.store.value(&read.key)));
        let put = |read: &ReadValue| Update { key: read.key.clone(), change: back(read) };
        applied.reads.iter().map(put).collect()
    }

    /// The records that the compensated step flagged.
    pub(crate) fn flagged_by(&self, done: &Compensated) -> Vec<Key> {
        match self.memory.step(done.txn, &done.ticket, done.step) {
            Some(Past::Known(StepFate::Applied(applied))) => written(&applied.updates),
            _ => written(&done.updates),
        }
    }

    /// An empty compensation (rule 39).
    pub(crate) fn nothing_undone(&self, txn: TxnId, step: u32, lsn: Lsn) -> Observation {
        Observation::Compensated { txn, step, effects: Vec::new(), log: self.log, lsn }
    }

    pub(crate) fn undone(&self, done: &Compensated, lsn: Lsn) -> Observation {
        let Compensated { txn, step, updates, .. } = done;
        Observation::Compensated { txn: *txn, step: *step, effects: updates.clone(), log: self.log, lsn }
    }

    pub(crate) fn observe_undone(&self, done: &Compensated, flagged: Vec<Key>, lsn: Lsn, out: &mut OutOf<Self>) {
        out.observe(self.undone(done, lsn));
        for key in flagged {
            out.observe(Observation::Settled { txn: done.txn, key });
        }
    }
}
