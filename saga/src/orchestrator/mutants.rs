//! Planted bugs (feature `mutants`, for tests of the checks only) that are alike for all kinds of sagas. Each changes what the
//! orchestrator is told, or what it has just done.

use super::OrchestratorOf;
use crate::{effects::OutOf, record::SagaRecord, saga::Saga};
use indoubt_proto::{
    machine::{Input, InputOf},
    message::{Message, StepOutcome},
    plan::StepKind,
    planted::Mutant,
};

impl<S: Saga> OrchestratorOf<S> {
    /// Takes one input, with the planted bug if there is one.
    pub(super) fn step_with_bug(&mut self, mut input: InputOf<Self>, out: &mut OutOf<S>) {
        let Some(mutant) = self.context.settings.planted.mutant() else { return self.step(input, out) };
        if mutant == Mutant::PivotNotSettled
            && let Input::Message { message: Message::StepResult { txn, step, outcome }, .. } = &mut input
            && let (StepOutcome::Failed(_), Some(saga)) = (&*outcome, self.sagas.get_mut(txn))
            && saga.begun().plan.step(*step).kind == StepKind::Pivot
        {
            *outcome = StepOutcome::Voided;
        }
        // What never ran and never will is `Voided`; a refusal says less.
        if mutant == Mutant::RefusalTrusted
            && let Input::Message {
                message: Message::StepResult { outcome: outcome @ StepOutcome::Refused(_), .. },
                ..
            } = &mut input
        {
            *outcome = StepOutcome::Voided;
        }
        let recovers = matches!(input, Input::Recover { .. });
        self.step(input, out);
        match mutant {
            Mutant::NotReopened if recovers => {
                for saga in self.sagas.values_mut() {
                    self.context.serials.finish(saga.begun().serial);
                }
            }
            Mutant::FinishedEarly => self.context.finish_early(),
            _ => {}
        }
    }

    /// Leaves records out of a compaction, with the planted bug if there is one.
    pub(super) fn leave_out(&self, compaction: &mut Vec<SagaRecord<S::Undo>>) {
        if self.context.settings.planted.is(Mutant::CompactionForgetsSagas) {
            compaction.retain(|record| !matches!(record, SagaRecord::Begun { .. }));
        }
    }
}
