//! One step of a saga, or one unprotected call: a short local transaction. It claims its locks, checks its constraints,
//! forces its effects, and lets go. What guards and undoes it is in `barrier`.

use crate::{
    claim::Claim,
    locks::{Owner, Part},
    memory::{Past, StepFate},
    participant::{AtDurable, Participant},
    record::{Compensated, Record, StepApplied, StepRefused},
    store::written,
};
use indoubt_proto::{
    ids::{Lsn, Ticket, TxnId},
    machine::OutOf,
    message::{Message, Reason, ReasonKind, StepOutcome, StepStyle, UndoOutcome},
    observation::Observation,
    operation::{Key, Operation, ReadValue},
    plan::StepOps,
    planted::Mutant,
};
use std::sync::Arc;

/// A step, an unprotected call or a compensation that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    pub(crate) ticket: Ticket,
    pub(crate) claim: Claim,
    pub(crate) state: RunState,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RunState {
    /// Claims its locks.
    Waiting(Vec<Operation>),
    /// Its effects are being forced. A compensation that came meanwhile follows.
    Applying { applied: Arc<StepApplied>, then_undo: Option<Vec<Operation>> },
    /// The effects of a compensation are being forced; these records were flagged by its step.
    Undoing { done: Arc<Compensated>, flagged: Vec<Key> },
    /// A step that never ran is being voided, on behalf of a `Settle` or late `Step`, of a `Compensate`, or of both.
    Voiding { settle: bool, undo: bool },
}

impl Participant {
    pub(crate) fn step_result(txn: TxnId, step: u32, outcome: StepOutcome) -> Message {
        Message::StepResult { txn, step, outcome }
    }

    /// A step. Each copy of an unprotected call runs; a saga's step runs once, and is answered again (rule 38).
    pub(crate) fn on_step(
        &mut self,
        txn: TxnId,
        ticket: Ticket,
        step: StepOps,
        style: StepStyle,
        out: &mut OutOf<Self>,
    ) {
        let StepOps { step, ops } = step;
        let part = match style {
            StepStyle::Bare => {
                self.calls += 1;
                Part::Bare { step, copy: self.calls }
            }
            StepStyle::Saga => {
                if self.joins(txn, step) {
                    return;
                }
                if let Some(past) = self.memory.step(txn, &ticket, step).filter(|past| !self.runs_again(*past)) {
                    let outcome = remembered(past);
                    return out.send(txn.home, Self::step_result(txn, step, outcome));
                }
                Part::Step(step)
            }
        };
        self.run(Owner { txn, part }, ticket, ops);
    }

    /// Whether a planted bug runs a step that is over.
    fn runs_again(&self, past: Past<&StepFate>) -> bool {
        let again = match past {
            Past::Known(StepFate::Applied(_)) => Mutant::DuplicateRuns,
            Past::Known(StepFate::Voided) => Mutant::LateForwardRuns,
            _ => return false,
        };
        self.settings.planted.is(again)
    }

    pub(crate) fn run(&mut self, owner: Owner, ticket: Ticket, ops: Vec<Operation>) {
        let claim = Claim::of(&ops);
        self.runs.insert(owner, Run { ticket, claim, state: RunState::Waiting(ops) });
        self.ready.push_back(owner);
    }

    /// Whether the step is in progress, so that its end answers this request too; or its compensation is, and whoever
    /// sent that is past this question.
    pub(crate) fn joins(&mut self, txn: TxnId, step: u32) -> bool {
        match self.runs.get_mut(&Owner { txn, part: Part::Step(step) }) {
            Some(Run { state: RunState::Voiding { settle, .. }, .. }) => {
                *settle = true;
                true
            }
            Some(_) => true,
            None => self.runs.contains_key(&Owner { txn, part: Part::Undo(step) }),
        }
    }

    /// All locks are held.
    pub(crate) fn step_locked(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        let (step, style) = match owner.part {
            Part::Step(step) => (step, StepStyle::Saga),
            Part::Bare { step, .. } => (step, StepStyle::Bare),
            Part::Branch | Part::Undo(_) => return,
        };
        let Some(run) = self.runs.get_mut(&owner) else { return };
        let RunState::Waiting(ops) = &run.state else { return };
        let mut staged = self.store.stage(ops.iter().map(|op| (step, op)));
        if self.settings.planted.is(Mutant::RestorePreImage) {
            staged.reads.extend(self.store.before(step, ops));
        }
        let (txn, ticket, reads) = (owner.txn, run.ticket, staged.reads);
        let updates = match staged.outcome {
            Ok(updates) => updates,
            Err(reason) => return self.refuse(owner, StepRefused { txn, ticket, step, style, reason }, out),
        };
        let applied = Arc::new(StepApplied { txn, ticket, step, style, updates, reads });
        if style == StepStyle::Saga {
            self.memory.remember_step(txn, &ticket, step, StepFate::Applied(applied.clone()));
        }
        let record = Record::StepApplied(applied.clone());
        if applied.updates.is_empty() {
            // Nothing was changed, so nothing depends on the record.
            let lsn = out.lazy(record);
            observe_reads(&applied, out);
            let observation = self.step_applied(&applied, lsn);
            self.when_durable(lsn, AtDurable::Observe(Box::new(observation)));
            self.end_run(owner, out);
            let outcome = StepOutcome::Applied { reads: applied.reads.clone() };
            return out.send(txn.home, Self::step_result(txn, step, outcome));
        }
        self.store.apply(&applied.updates);
        run.state = RunState::Applying { applied, then_undo: None };
        let lsn = out.force(record);
        self.when_durable(lsn, AtDurable::Run(owner));
    }

    /// A constraint does not hold: for good, and remembered; nothing depends on the record (rule 17b).
    fn refuse(&mut self, owner: Owner, refused: StepRefused, out: &mut OutOf<Self>) {
        let StepRefused { txn, ticket, step, style, reason } = refused.clone();
        if style == StepStyle::Saga {
            self.memory.remember_step(txn, &ticket, step, StepFate::Refused(reason.clone()));
        }
        let lsn = out.lazy(Record::StepRefused(Box::new(refused)));
        let observation = Observation::StepRefused { txn, step, effects: Vec::new(), log: self.log, lsn };
        self.when_durable(lsn, AtDurable::Observe(Box::new(observation)));
        self.end_run(owner, out);
        out.send(txn.home, Self::step_result(txn, step, StepOutcome::Refused(reason)));
    }

    pub(crate) fn step_applied(&self, applied: &StepApplied, lsn: Lsn) -> Observation {
        let StepApplied { txn, step, updates, .. } = applied;
        Observation::StepApplied { txn: *txn, step: *step, effects: updates.clone(), log: self.log, lsn }
    }

    pub(crate) fn end_run(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        if let Some(run) = self.runs.remove(&owner) {
            self.let_go(owner, run.claim, out);
        }
    }

    /// What this run appended is durable.
    pub(crate) fn run_durable(&mut self, owner: Owner, lsn: Lsn, out: &mut OutOf<Self>) {
        let Some(Run { ticket, claim, state }) = self.runs.remove(&owner) else { return };
        match state {
            RunState::Waiting(_) => {}
            RunState::Applying { applied, then_undo } => {
                let StepApplied { txn, step, style, .. } = *applied;
                observe_reads(&applied, out);
                out.observe(self.step_applied(&applied, lsn));
                if style == StepStyle::Saga {
                    for key in written(&applied.updates) {
                        out.observe(Observation::Pending { txn, key });
                    }
                }
                self.let_go(owner, claim, out);
                let outcome = StepOutcome::Applied { reads: applied.reads.clone() };
                out.send(txn.home, Self::step_result(txn, step, outcome));
                if let Some(ops) = then_undo {
                    self.run(Owner { txn, part: Part::Undo(step) }, ticket, ops);
                }
            }
            RunState::Undoing { done, flagged } => {
                self.observe_undone(&done, flagged, lsn, out);
                self.let_go(owner, claim, out);
                let (txn, step) = (done.txn, done.step);
                out.send(txn.home, Message::CompensateResult { txn, step, outcome: UndoOutcome::Undone });
            }
            RunState::Voiding { settle, undo } => self.voided(owner, settle, undo, lsn, out),
        }
    }

    /// A lock did not come in time: this attempt came to nothing, and is not remembered.
    pub(crate) fn run_timed_out(&mut self, owner: Owner, out: &mut OutOf<Self>) {
        self.end_run(owner, out);
        let (txn, reason) = (owner.txn, Reason::from(ReasonKind::LockTimeout));
        let answer = match owner.part {
            Part::Step(step) | Part::Bare { step, .. } => Self::step_result(txn, step, StepOutcome::Failed(reason)),
            Part::Undo(step) => Message::CompensateResult { txn, step, outcome: UndoOutcome::Failed(reason) },
            Part::Branch => return,
        };
        out.send(txn.home, answer);
    }
}

fn observe_reads(applied: &StepApplied, out: &mut OutOf<Participant>) {
    for ReadValue { step, key, value } in applied.reads.iter().cloned() {
        out.observe(Observation::Read { txn: applied.txn, key, value, step });
    }
}

/// The answer to a step that is over. After its compensation it counts as never run, and never will.
pub(crate) fn remembered(past: Past<&StepFate>) -> StepOutcome {
    match past {
        Past::Forgotten => StepOutcome::Failed(ReasonKind::Finished.into()),
        Past::Known(StepFate::Applied(applied)) => StepOutcome::Applied { reads: applied.reads.clone() },
        Past::Known(StepFate::Refused(reason)) => StepOutcome::Refused(reason.clone()),
        Past::Known(StepFate::Voided | StepFate::Compensated) => StepOutcome::Voided,
    }
}
