//! The records of one saga: how it continues after a restart (rules 26 and 27), and which records recreate it.

use super::{Out, ParallelExecution, ParallelRecord, Progress, State};
use crate::{context::Context, saga::Saga};
use indoubt_proto::{message::ReasonKind, observation::Observation};

impl ParallelExecution {
    /// Applies a record that follows the begin record, during recovery.
    pub(super) fn replay_record(&mut self, record: ParallelRecord, ctx: &mut Context, out: &mut Out) {
        match record {
            ParallelRecord::StepDone { step, reads, .. } => {
                self.steps.set(step, Progress::Applied { reads });
                self.steps.apply_below(step, &self.begun.plan);
            }
            ParallelRecord::Turned { undo, reason, .. } => {
                for step in 1..=self.begun.plan.last() {
                    self.steps.set(step, if undo.contains(&step) { Progress::ToUndo } else { Progress::Void });
                }
                self.state = State::Turning { reason };
            }
            ParallelRecord::StepUndone { step, undone, .. } => self.steps.set(step, Progress::Undone { undone }),
            ParallelRecord::Stuck { step, resumed, .. } => {
                self.steps.set(step, if resumed { Progress::ToUndo } else { Progress::Stuck });
            }
            // The end may have become durable just before the crash, without being observed.
            ParallelRecord::Ended { .. } => self.close(self.outcome(), None, ctx, out),
            ParallelRecord::Begun { .. } | ParallelRecord::Remembered { .. } => {}
        }
    }

    /// Continues after recovery (rules 26 and 27).
    pub(super) fn go_on(&mut self, ctx: &mut Context, out: &mut Out) {
        self.recovered = true;
        if matches!(self.state, State::Turning { .. }) {
            for step in self.steps.which(Progress::is_stuck) {
                out.observe(Observation::Stuck { txn: self.begun.txn, step, resumed: false });
            }
            self.durable(ctx, out);
        } else if ctx.settings.options.forward_recovery || self.is_committed() || self.steps.all(Progress::is_applied) {
            self.go_forward(ctx, out);
        } else {
            // Results are logged lazily and may be lost. So every step that may have been requested may have run.
            self.settle(ReasonKind::Recovery.into(), ctx, out);
        }
    }

    /// The records that recreate the saga.
    pub(super) fn recreate(&self, records: &mut Vec<ParallelRecord>) {
        let txn = self.begun.txn;
        records.push(self.begun.record());
        if let State::Turning { reason } | State::Compensating { reason } = &self.state {
            let undo = self.steps.which(|progress| *progress != Progress::Void);
            records.push(ParallelRecord::Turned { txn, undo, reason: reason.clone() });
        }
        for (step, progress) in self.steps.iter() {
            match progress {
                Progress::Applied { reads } => {
                    records.push(ParallelRecord::StepDone { txn, step, reads: reads.clone() });
                }
                Progress::Undone { undone } => records.push(ParallelRecord::StepUndone { txn, step, undone: *undone }),
                Progress::Stuck => records.push(ParallelRecord::Stuck { txn, step, resumed: false }),
                _ => {}
            }
        }
        if self.state == State::Completing {
            records.push(ParallelRecord::Ended { txn });
        }
    }
}
