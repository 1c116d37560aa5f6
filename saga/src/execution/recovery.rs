//! The records of one saga: how it continues after a restart (rules 26 and 27), and which records recreate it.

use super::{Execution, OrchestratorRecord, Out, State};
use crate::{context::Context, saga::Saga};
use indoubt_proto::{message::ReasonKind, observation::Observation};

impl Execution {
    /// Applies a record that follows the begin record, during recovery.
    pub(super) fn replay_record(&mut self, record: OrchestratorRecord, ctx: &mut Context, out: &mut Out) {
        match record {
            OrchestratorRecord::StepDone { step, reads, .. } => {
                self.done = step;
                self.reads.extend(reads);
            }
            OrchestratorRecord::Turned { undo: from, reason, .. } => self.state = State::Turning { from, reason },
            OrchestratorRecord::StepUndone { step, undone, .. } => {
                self.undone |= undone;
                self.replay_turn_to(step - 1);
            }
            OrchestratorRecord::Stuck { step, resumed, .. } => {
                self.replay_turn_to(step);
                if let (State::Turning { reason, .. }, false) = (&self.state, resumed) {
                    self.state = State::Stuck { step, reason: reason.clone() };
                }
            }
            // The end may have become durable just before the crash, without being observed.
            OrchestratorRecord::Ended { .. } => self.close(self.outcome(), None, ctx, out),
            OrchestratorRecord::Begun { .. } | OrchestratorRecord::Remembered { .. } => {}
        }
    }

    fn replay_turn_to(&mut self, from: u32) {
        if let State::Turning { reason, .. } | State::Stuck { reason, .. } = &self.state {
            self.state = State::Turning { from, reason: reason.clone() };
        }
    }

    /// Continues after recovery (rules 26 and 27).
    pub(super) fn go_on(&mut self, ctx: &mut Context, out: &mut Out) {
        self.recovered = true;
        match &self.state {
            State::Stuck { step, .. } => {
                out.observe(Observation::Stuck { txn: self.begun.txn, step: *step, resumed: false });
            }
            State::Turning { .. } => self.durable(ctx, out),
            _ if self.done == self.begun.plan.last() => self.complete(ctx, out),
            _ if ctx.settings.options.forward_recovery || self.begun.plan.is_committed_by(self.done) => {
                self.ask_for(self.done + 1, ctx, out);
            }
            // Results are logged lazily and may be lost. So the steps after the last logged one may have run.
            _ => self.settle(self.done + 1, ReasonKind::Recovery.into(), ctx, out),
        }
    }

    /// The records that recreate the saga.
    pub(super) fn recreate(&self, records: &mut Vec<OrchestratorRecord>) {
        let txn = self.begun.txn;
        records.push(self.begun.record());
        for step in 1..=self.done {
            let reads = self.reads.iter().filter(|read| read.step == step).cloned().collect();
            records.push(OrchestratorRecord::StepDone { txn, step, reads });
        }
        let (from, reason) = match &self.state {
            State::Turning { from, reason } => (*from, reason),
            State::Compensating { step, reason, .. } | State::Stuck { step, reason } => (*step, reason),
            State::Completing => return records.push(OrchestratorRecord::Ended { txn }),
            State::Beginning | State::Forward { .. } | State::Settling { .. } | State::Ended => return,
        };
        records.push(OrchestratorRecord::Turned { txn, undo: from, reason: reason.clone() });
        if self.undone {
            // One record stands for all compensated steps. It names the lowest of them, above the steps that are left.
            records.push(OrchestratorRecord::StepUndone { txn, step: from + 1, undone: true });
        }
        if let State::Stuck { step, .. } = self.state {
            records.push(OrchestratorRecord::Stuck { txn, step, resumed: false });
        }
    }
}
