//! One local transaction: a step of a saga, an unprotected call, or a compensation. It takes its locks, checks its
//! constraints, forces its effects, and releases its locks.
//! The states of a local transaction, and the states that one input can lead to (checked by tests/diagram.rs):
//! The states of a local transaction, and to which of them one input brings it (tests/diagram.rs):
//!
//! ```text
//! new      -> Waiting | Applying | Undoing | Voiding
//! Waiting  -> Applying | Undoing | Voiding | over
//! Applying -> over
//! Undoing  -> over
//! Voiding  -> over
//! ```

use crate::{
    barrier::{Progress, Request},
    context::Context,
    durability::AtDurable,
    effects::Out,
    finished_log::{FinishedLog, Past},
    locks::{Owner, Part},
    record::{Compensated, Record, StepApplied, StepEnd, StepRefused, empty_compensation, step_refused},
    store::written,
};
use indoubt_proto::{
    ids::{Lsn, Ticket, TxnId},
    inspect::OpenView,
    message::{Message, Reason, ReasonKind, StepOutcome, StepStyle, UndoOutcome},
    observation::Observation,
    operation::{Key, Operation, ReadValue},
};
use std::sync::Arc;

/// A step of a saga, as requests identify it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepName {
    pub(crate) txn: TxnId,
    pub(crate) ticket: Ticket,
    /// The number of the step, from 1.
    pub(crate) step: u32,
}

/// An unfinished local transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LocalTxn {
    owner: Owner,
    ticket: Ticket,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Waits for its locks.
    Waiting(Vec<Operation>),
    /// The effects of a step are being forced. If its compensation arrived meanwhile, it runs next.
    Applying { applied: Arc<StepApplied>, then_undo: Option<Vec<Operation>> },
    /// The effects of a compensation are being forced. The step had flagged these records as pending.
    Undoing { done: Arc<Compensated>, flagged: Vec<Key> },
    /// The record that voids a step is being forced. Afterwards `settle` answers a `Settle` or a late `Step`, and `undo`
    /// answers a `Compensate`.
    Voiding { settle: bool, undo: bool },
    /// Finished; the participant removes it.
    Ended,
}

/// The answer to a `Step` or a `Settle`.
pub(crate) fn step_result(txn: TxnId, step: u32, outcome: StepOutcome) -> Message {
    Message::StepResult { txn, step, outcome }
}

/// The answer to a `Compensate`.
pub(crate) fn undo_result(txn: TxnId, step: u32, outcome: UndoOutcome) -> Message {
    Message::CompensateResult { txn, step, outcome }
}

impl LocalTxn {
    /// Starts a step, a call or a compensation.
    pub(crate) fn begin(owner: Owner, ticket: Ticket, ops: Vec<Operation>, ctx: &mut Context) -> Self {
        ctx.locks.begin(owner, &ops);
        LocalTxn { owner, ticket, state: State::Waiting(ops) }
    }

    /// Records a step as void durably, for a `Compensate` (`undo`) or a `Settle`.
    pub(crate) fn void(named: StepName, undo: bool, ctx: &mut Context, out: &mut Out) -> Self {
        let StepName { txn, ticket, step } = named;
        let owner = Owner { txn, part: Part::Step(step) };
        ctx.finished.remember_step(txn, &ticket, step, StepEnd::Voided);
        let lsn = out.force(Record::Voided { txn, ticket, step, undo });
        ctx.awaited.wait(lsn, AtDurable::LocalTxn(owner));
        LocalTxn { owner, ticket, state: State::Voiding { settle: !undo, undo } }
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether the local transaction belongs to the saga of this ticket.
    pub(crate) fn is_of(&self, ticket: &Ticket) -> bool {
        (self.ticket.log, self.ticket.serial) == (ticket.log, ticket.serial)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Its progress, for the barrier.
    pub(crate) fn progress(&self) -> Progress {
        match self.state {
            State::Waiting(_) => Progress::Waiting,
            State::Applying { .. } => Progress::Applying,
            State::Undoing { .. } => Progress::Undoing,
            State::Voiding { .. } => Progress::Voiding,
            State::Ended => Progress::Nothing,
        }
    }

    /// Adds a request that is answered when the local transaction ends. If a step is being applied, its compensation runs
    /// next.
    pub(crate) fn join(&mut self, request: Request, ops: Vec<Operation>) {
        match (&mut self.state, request) {
            (State::Voiding { settle, .. }, Request::Step | Request::Settle) => *settle = true,
            (State::Voiding { undo, .. }, Request::Compensate) => *undo = true,
            (State::Applying { then_undo, .. }, Request::Compensate) => {
                then_undo.get_or_insert(ops);
            }
            _ => {}
        }
    }

    /// All locks are held.
    pub(crate) fn locked(&mut self, ctx: &mut Context, out: &mut Out) {
        match self.owner.part {
            Part::Step(step) => self.apply(step, StepStyle::Saga, ctx, out),
            Part::Bare { step, .. } => self.apply(step, StepStyle::Bare, ctx, out),
            Part::Undo(step) => self.undo(step, ctx, out),
            Part::Branch => {}
        }
    }

    fn apply(&mut self, step: u32, style: StepStyle, ctx: &mut Context, out: &mut Out) {
        let State::Waiting(ops) = &self.state else { return };
        let staged = ctx.store.stage(ops.iter().map(|op| (step, op)));
        let (txn, ticket, reads) = (self.owner.txn, self.ticket, staged.reads);
        let updates = match staged.outcome {
            Ok(updates) => updates,
            Err(reason) => return self.refuse(StepRefused { txn, ticket, step, style, reason }, ctx, out),
        };
        let applied = Arc::new(StepApplied { txn, ticket, step, style, updates, reads });
        if style == StepStyle::Saga {
            ctx.finished.remember_step(txn, &ticket, step, StepEnd::Applied(applied.clone()));
        }
        let record = Record::StepApplied(applied.clone());
        if applied.updates.is_empty() {
            // Nothing was changed, so no message relies on the record.
            let lsn = out.lazy(record);
            observe_reads(&applied, out);
            ctx.awaited.wait(lsn, AtDurable::Observe(Box::new(applied.observation(ctx.log, lsn))));
            self.end(ctx, out);
            let outcome = StepOutcome::Applied { reads: applied.reads.clone() };
            return out.send(txn.home, step_result(txn, step, outcome));
        }
        ctx.store.apply(&applied.updates);
        self.state = State::Applying { applied, then_undo: None };
        let lsn = out.force(record);
        ctx.awaited.wait(lsn, AtDurable::LocalTxn(self.owner));
    }

    /// A constraint does not hold. The refusal is final and remembered, but no message relies on its record (rule 17b).
    fn refuse(&mut self, refused: StepRefused, ctx: &mut Context, out: &mut Out) {
        let (txn, step, reason) = (refused.txn, refused.step, refused.reason.clone());
        if refused.style == StepStyle::Saga {
            ctx.finished.remember_step(txn, &refused.ticket, step, StepEnd::Refused(reason.clone()));
        }
        let lsn = out.lazy(Record::StepRefused(Box::new(refused)));
        ctx.awaited.wait(lsn, AtDurable::Observe(Box::new(step_refused(txn, step, ctx.log, lsn))));
        self.end(ctx, out);
        out.send(txn.home, step_result(txn, step, StepOutcome::Refused(reason)));
    }

    /// Runs a compensation. It is semantic (rule 29): it applies its own operations to the present values.
    fn undo(&mut self, step: u32, ctx: &mut Context, out: &mut Out) {
        let State::Waiting(ops) = &self.state else { return };
        let (txn, ticket) = (self.owner.txn, self.ticket);
        let updates = match ctx.store.stage(ops.iter().map(|op| (step, op))).outcome {
            Ok(updates) => updates,
            Err(reason) => {
                self.end(ctx, out);
                return out.send(txn.home, undo_result(txn, step, UndoOutcome::Failed(reason)));
            }
        };
        ctx.store.apply(&updates);
        let done = Arc::new(Compensated { txn, ticket, step, updates });
        let flagged = flagged_by(&done, &ctx.finished);
        ctx.finished.remember_step(txn, &ticket, step, StepEnd::Compensated);
        let lsn = out.force(Record::Compensated(done.clone()));
        self.state = State::Undoing { done, flagged };
        ctx.awaited.wait(lsn, AtDurable::LocalTxn(self.owner));
    }

    /// The record is durable, so the local transaction ends. Returns the compensation that arrived meanwhile; the caller
    /// starts it.
    pub(crate) fn durable(&mut self, lsn: Lsn, ctx: &mut Context, out: &mut Out) -> Option<LocalTxn> {
        let (owner, ticket) = (self.owner, self.ticket);
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Applying { applied, then_undo } => {
                let StepApplied { txn, step, style, .. } = *applied;
                observe_reads(&applied, out);
                out.observe(applied.observation(ctx.log, lsn));
                if style == StepStyle::Saga {
                    for key in written(&applied.updates) {
                        out.observe(Observation::Pending { txn, key });
                    }
                }
                ctx.locks.release(owner, out);
                let outcome = StepOutcome::Applied { reads: applied.reads.clone() };
                out.send(txn.home, step_result(txn, step, outcome));
                return then_undo.map(|ops| LocalTxn::begin(Owner { txn, part: Part::Undo(step) }, ticket, ops, ctx));
            }
            State::Undoing { done, flagged } => {
                out.observe(done.observation(ctx.log, lsn));
                settle_flags(done.txn, flagged, out);
                ctx.locks.release(owner, out);
                out.send(done.txn.home, undo_result(done.txn, done.step, UndoOutcome::Undone));
            }
            State::Voiding { settle, undo } => {
                let (txn, Part::Step(step)) = (owner.txn, owner.part) else { return None };
                if undo {
                    out.observe(empty_compensation(txn, step, ctx.log, lsn));
                    out.send(txn.home, undo_result(txn, step, UndoOutcome::NothingToUndo));
                }
                if settle {
                    out.send(txn.home, step_result(txn, step, StepOutcome::Voided));
                }
            }
            State::Waiting(_) | State::Ended => {}
        }
        None
    }

    /// The observations for when the record, `lsn`, is durable.
    pub(crate) fn owed(&self, lsn: Lsn, ctx: &Context) -> Option<Observation> {
        match (&self.state, self.owner.part) {
            (State::Applying { applied, .. }, _) => Some(applied.observation(ctx.log, lsn)),
            (State::Undoing { done, .. }, _) => Some(done.observation(ctx.log, lsn)),
            (State::Voiding { undo: true, .. }, Part::Step(step)) => {
                Some(empty_compensation(self.owner.txn, step, ctx.log, lsn))
            }
            _ => None,
        }
    }

    /// Ends without effects, before all locks are held.
    pub(crate) fn end(&mut self, ctx: &mut Context, out: &mut Out) {
        self.state = State::Ended;
        ctx.locks.release(self.owner, out);
    }

    /// A lock was not granted in time. This attempt had no effect, and is not remembered.
    pub(crate) fn lock_timed_out(&mut self, ctx: &mut Context, out: &mut Out) {
        self.end(ctx, out);
        let (txn, reason) = (self.owner.txn, Reason::from(ReasonKind::LockTimeout));
        let answer = match self.owner.part {
            Part::Step(step) | Part::Bare { step, .. } => step_result(txn, step, StepOutcome::Failed(reason)),
            Part::Undo(step) => undo_result(txn, step, UndoOutcome::Failed(reason)),
            Part::Branch => return,
        };
        out.send(txn.home, answer);
    }

    pub(crate) fn view(&self) -> OpenView {
        let (noun, step) = match self.owner.part {
            Part::Branch => ("branch", 0),
            Part::Step(step) => ("step", step),
            Part::Undo(step) => ("compensation", step),
            Part::Bare { step, .. } => ("call", step),
        };
        let state = match &self.state {
            State::Waiting(_) => format!("{noun} {step} waiting for locks"),
            State::Applying { .. } => format!("applying {step}"),
            State::Undoing { .. } => format!("compensating {step}"),
            State::Voiding { .. } => format!("voiding {step}"),
            State::Ended => "ended".into(),
        };
        OpenView { txn: self.owner.txn, state, in_doubt: false, since_us: None }
    }
}

fn observe_reads(applied: &StepApplied, out: &mut Out) {
    for ReadValue { step, key, value } in applied.reads.iter().cloned() {
        out.observe(Observation::Read { txn: applied.txn, key, value, step });
    }
}

/// The records that the compensated step flagged as pending.
pub(crate) fn flagged_by(done: &Compensated, finished: &FinishedLog) -> Vec<Key> {
    match finished.step(done.txn, &done.ticket, done.step) {
        Some(Past::Known(StepEnd::Applied(applied))) => written(&applied.updates),
        _ => written(&done.updates),
    }
}

/// Clears the pending flags that the compensated step set.
pub(crate) fn settle_flags(txn: TxnId, flagged: Vec<Key>, out: &mut Out) {
    for key in flagged {
        out.observe(Observation::Settled { txn, key });
    }
}
