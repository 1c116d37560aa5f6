//! The barrier between a step and its compensation (rules 38 to 40), as a table: from the request, what is in progress and
//! what is remembered, it gives the action. If the step has not run, a compensation or a `Settle` first records it as void.
//! So the compensation of a step that never ran does nothing, and a step that arrives late never runs.

use crate::{finished_log::Past, record::StepEnd};
use indoubt_proto::message::{ReasonKind, StepOutcome, UndoOutcome};

/// A request about a step of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `Step`: run the step.
    Step,
    /// `Settle`: report whether the step ran. If it did not, it never will (rule 26).
    Settle,
    /// `Compensate`: undo the step if it was applied.
    Compensate,
}

/// What is in progress for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Nothing,
    /// The step waits for its locks.
    Waiting,
    /// The effects of the step are being forced.
    Applying,
    /// The record that the step is void is being forced.
    Voiding,
    /// Its compensation waits for its locks, or is being forced.
    Undoing,
}

/// The action that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the step.
    Run,
    /// Run the compensation.
    Undo,
    /// Record the step as void, then answer.
    Void,
    /// Answer with the remembered outcome.
    Repeat,
    /// Answer when the work in progress ends.
    Join,
    /// Send no answer: the sender no longer waits for one.
    Ignore,
}

/// The table. A compensation cancels a step that still waits for its locks, so for a compensation `Waiting` means that
/// nothing is in progress.
pub(crate) fn decide(request: Request, progress: Progress, remembered: Option<Past<&StepEnd>>) -> Action {
    use Past::{Forgotten, Known};
    match (request, progress, remembered) {
        (Request::Step | Request::Settle, Progress::Waiting | Progress::Applying | Progress::Voiding, _) => {
            Action::Join
        }
        (Request::Step | Request::Settle, Progress::Undoing, _) => Action::Ignore,
        (Request::Step | Request::Settle, Progress::Nothing, Some(_)) => Action::Repeat,
        (Request::Step, Progress::Nothing, None) => Action::Run,
        (Request::Settle, Progress::Nothing, None) => Action::Void,

        (Request::Compensate, Progress::Applying | Progress::Voiding | Progress::Undoing, _) => Action::Join,
        (Request::Compensate, Progress::Nothing | Progress::Waiting, remembered) => match remembered {
            None | Some(Known(StepEnd::Refused(_))) => Action::Void,
            Some(Known(StepEnd::Applied(_))) => Action::Undo,
            Some(Known(StepEnd::Voided | StepEnd::Compensated) | Forgotten) => Action::Repeat,
        },
    }
}

/// The answer about a finished step. A compensated step is reported as one that never ran.
pub(crate) fn step_answer(past: Past<&StepEnd>) -> StepOutcome {
    match past {
        Past::Forgotten => StepOutcome::Failed(ReasonKind::Finished.into()),
        Past::Known(StepEnd::Applied(applied)) => StepOutcome::Applied { reads: applied.reads.clone() },
        Past::Known(StepEnd::Refused(reason)) => StepOutcome::Refused(reason.clone()),
        Past::Known(StepEnd::Voided | StepEnd::Compensated) => StepOutcome::Voided,
    }
}

/// The answer to a compensation of a step that needs none.
pub(crate) fn undo_answer(past: Past<&StepEnd>) -> UndoOutcome {
    match past {
        Past::Known(StepEnd::Compensated) => UndoOutcome::Undone,
        Past::Known(_) => UndoOutcome::NothingToUndo,
        Past::Forgotten => UndoOutcome::Failed(ReasonKind::Finished.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::StepApplied;
    use indoubt_proto::{
        ids::{LogId, NodeId, Serial, Ticket, TxnId},
        message::StepStyle,
    };
    use std::sync::Arc;

    const REQUESTS: [Request; 3] = [Request::Step, Request::Settle, Request::Compensate];
    const IN_PROGRESS: [Progress; 5] =
        [Progress::Nothing, Progress::Waiting, Progress::Applying, Progress::Voiding, Progress::Undoing];

    /// Everything that can be remembered of a step: nothing, each outcome, or that the outcome is forgotten.
    fn memories() -> Vec<Option<StepEnd>> {
        let txn = TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number: 1 };
        let ticket = Ticket { log: LogId(1), serial: Serial(1), finished_below: Serial(0) };
        let (style, updates, reads) = (StepStyle::Saga, Vec::new(), Vec::new());
        let applied = Arc::new(StepApplied { txn, ticket, step: 1, style, updates, reads });
        let known = [
            StepEnd::Applied(applied),
            StepEnd::Refused(ReasonKind::Constraint.into()),
            StepEnd::Voided,
            StepEnd::Compensated,
        ];
        std::iter::once(None).chain(known.map(Some)).collect()
    }

    fn word(remembered: Option<Past<&StepEnd>>) -> &'static str {
        match remembered {
            None => "nothing",
            Some(Past::Known(StepEnd::Applied(_))) => "applied",
            Some(Past::Known(StepEnd::Refused(_))) => "refused",
            Some(Past::Known(StepEnd::Voided)) => "voided",
            Some(Past::Known(StepEnd::Compensated)) => "compensated",
            Some(Past::Forgotten) => "forgotten",
        }
    }

    /// All cells of the table.
    fn cells() -> Vec<(Request, Progress, &'static str, Action)> {
        let memories = memories();
        let known = memories.iter().map(|end| end.as_ref().map(Past::Known));
        let remembered: Vec<_> = known.chain([Some(Past::Forgotten)]).collect();
        let mut cells = Vec::new();
        for request in REQUESTS {
            for progress in IN_PROGRESS {
                for past in &remembered {
                    cells.push((request, progress, word(*past), decide(request, progress, *past)));
                }
            }
        }
        cells
    }

    #[test]
    fn with_nothing_in_progress_the_table_is_this_one() {
        let row = |request| {
            let idle = |cell: &&(Request, Progress, &str, Action)| cell.0 == request && cell.1 == Progress::Nothing;
            cells().iter().filter(idle).map(|(.., past, action)| (*past, *action)).collect::<Vec<_>>()
        };
        use Action::{Repeat, Run, Undo, Void};
        let columns = ["nothing", "applied", "refused", "voided", "compensated", "forgotten"];
        let table = [
            (Request::Step, [Run, Repeat, Repeat, Repeat, Repeat, Repeat]),
            (Request::Settle, [Void, Repeat, Repeat, Repeat, Repeat, Repeat]),
            (Request::Compensate, [Void, Undo, Void, Repeat, Repeat, Repeat]),
        ];
        for (request, actions) in table {
            assert_eq!(row(request), columns.into_iter().zip(actions).collect::<Vec<_>>(), "{request:?}");
        }
    }

    #[test]
    fn rule_38_a_step_runs_only_if_nothing_is_known_of_it() {
        for (request, progress, past, action) in cells() {
            let runs = (request, progress, past) == (Request::Step, Progress::Nothing, "nothing");
            assert_eq!(action == Action::Run, runs, "{request:?} {progress:?} {past}");
        }
    }

    #[test]
    fn rule_39_only_an_applied_step_is_undone_and_only_once() {
        for (request, progress, past, action) in cells() {
            let idle = matches!(progress, Progress::Nothing | Progress::Waiting);
            let undoes = request == Request::Compensate && idle && past == "applied";
            assert_eq!(action == Action::Undo, undoes, "{request:?} {progress:?} {past}");
        }
        assert_eq!(undo_answer(Past::Known(&StepEnd::Compensated)), UndoOutcome::Undone);
        assert_eq!(undo_answer(Past::Known(&StepEnd::Voided)), UndoOutcome::NothingToUndo);
    }

    #[test]
    fn rule_40_a_step_that_comes_after_its_compensation_is_answered_and_does_not_run() {
        for end in [StepEnd::Voided, StepEnd::Compensated] {
            let past = Past::Known(&end);
            assert_eq!(decide(Request::Step, Progress::Nothing, Some(past)), Action::Repeat);
            assert_eq!(step_answer(past), StepOutcome::Voided);
        }
    }

    #[test]
    fn a_request_during_work_in_progress_is_answered_at_its_end() {
        for (request, progress, past, action) in cells() {
            let withdrawn = request == Request::Compensate && progress == Progress::Waiting;
            let expected = match progress {
                Progress::Nothing => continue,
                _ if withdrawn => continue,
                Progress::Undoing if request != Request::Compensate => Action::Ignore,
                _ => Action::Join,
            };
            assert_eq!(action, expected, "{request:?} {progress:?} {past}");
        }
    }
}
