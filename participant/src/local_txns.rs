//! The local transactions of a participant: steps, unprotected calls and compensations. Requests of sagas pass the barrier.

use crate::{
    barrier::{self, Action, Progress, Request},
    context::Context,
    effects::Out,
    local_txn::{LocalTxn, StepName, step_result, undo_result},
    locks::{Owner, Part},
};
use indoubt_proto::{
    ids::{Lsn, Ticket, TxnId},
    inspect::OpenView,
    message::{ReasonKind, StepOutcome, UndoOutcome},
    operation::Operation,
};
use std::collections::BTreeMap;

/// The unfinished local transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LocalTxns {
    open: BTreeMap<Owner, LocalTxn>,
    /// The number of unprotected calls so far. It distinguishes copies of a call.
    calls: u64,
}

impl LocalTxns {
    /// Starts an unprotected call. Every copy that arrives runs.
    pub(crate) fn call(&mut self, txn: TxnId, ticket: Ticket, step: u32, ops: Vec<Operation>, ctx: &mut Context) {
        self.calls += 1;
        self.begin(Owner { txn, part: Part::Bare { step, copy: self.calls } }, ticket, ops, ctx);
    }

    /// Handles a request of a saga about one of its steps. `ops` are the operations of the step, or of its compensation.
    pub(crate) fn request(
        &mut self,
        request: Request,
        named: StepName,
        ops: Vec<Operation>,
        ctx: &mut Context,
        out: &mut Out,
    ) {
        let StepName { txn, ticket, step } = named;
        let (forward, backward) = (Owner { txn, part: Part::Step(step) }, Owner { txn, part: Part::Undo(step) });
        if [forward, backward].iter().any(|owner| self.get(*owner).is_some_and(|open| !open.is_of(&ticket))) {
            // A step with the same name runs here for another saga, from a journal that their orchestrator lost.
            let answer = match request {
                Request::Step | Request::Settle => {
                    step_result(txn, step, StepOutcome::Failed(ReasonKind::NameTaken.into()))
                }
                Request::Compensate => undo_result(txn, step, UndoOutcome::Failed(ReasonKind::NameTaken.into())),
            };
            return out.send(txn.home, answer);
        }
        let progress = self.progress(forward, backward);
        if request == Request::Compensate && progress == Progress::Waiting {
            // The step has not run, and now it never will.
            self.with(forward, |step| step.end(ctx, out));
        }
        let remembered = ctx.finished.step(txn, &ticket, step);
        match barrier::decide(request, progress, remembered) {
            Action::Run => self.begin(forward, ticket, ops, ctx),
            Action::Undo => self.begin(backward, ticket, ops, ctx),
            Action::Void => {
                let undo = request == Request::Compensate;
                self.open.insert(forward, LocalTxn::void(named, undo, ctx, out));
            }
            Action::Repeat => {
                let Some(past) = remembered else { return };
                let answer = match request {
                    Request::Step | Request::Settle => step_result(txn, step, barrier::step_answer(past)),
                    Request::Compensate => undo_result(txn, step, barrier::undo_answer(past)),
                };
                out.send(txn.home, answer);
            }
            Action::Join => self.with(forward, |step| step.join(request, ops)),
            Action::Ignore => {}
        }
    }

    fn progress(&self, forward: Owner, backward: Owner) -> Progress {
        match self.open.get(&forward) {
            Some(step) => step.progress(),
            None if self.open.contains_key(&backward) => Progress::Undoing,
            None => Progress::Nothing,
        }
    }

    pub(crate) fn begin(&mut self, owner: Owner, ticket: Ticket, ops: Vec<Operation>, ctx: &mut Context) {
        self.open.insert(owner, LocalTxn::begin(owner, ticket, ops, ctx));
    }

    /// Lets a local transaction handle an event, and removes it if that ended it.
    pub(crate) fn with(&mut self, owner: Owner, act: impl FnOnce(&mut LocalTxn)) {
        let Some(local_txn) = self.open.get_mut(&owner) else { return };
        act(local_txn);
        if local_txn.has_ended() {
            self.open.remove(&owner);
        }
    }

    /// The record of a local transaction is durable.
    pub(crate) fn durable(&mut self, owner: Owner, lsn: Lsn, ctx: &mut Context, out: &mut Out) {
        let Some(mut local_txn) = self.open.remove(&owner) else { return };
        if let Some(compensation) = local_txn.durable(lsn, ctx, out) {
            self.open.insert(compensation.owner(), compensation);
        }
    }

    pub(crate) fn get(&self, owner: Owner) -> Option<&LocalTxn> {
        self.open.get(&owner)
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = OpenView> {
        self.open.values().map(LocalTxn::view)
    }
}
