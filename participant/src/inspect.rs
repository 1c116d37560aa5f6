//! What people see of a live participant.

use crate::{branch::State, locks::Part, memory::Fate, participant::Participant, step::RunState};
use indoubt_proto::inspect::{Inspection, OpenView};

impl Participant {
    pub(crate) fn view(&self, accounts: bool) -> Inspection {
        let branches = self.branches.iter().map(|(txn, branch)| {
            let state = match &branch.state {
                State::Working { .. } => "waiting for locks",
                State::Worked(_) => "work done",
                State::Preparing(_) => "preparing",
                State::InDoubt { .. } => "in doubt",
                State::ReadKept { .. } => "voted read",
                State::Ending { fate: Fate::Committed, .. } => "committing",
                State::Ending { .. } => "aborting",
            };
            let in_doubt = matches!(branch.state, State::InDoubt { .. });
            OpenView { txn: *txn, state: state.into(), in_doubt, since_us: None }
        });
        let runs = self.runs.iter().map(|(owner, run)| {
            let (noun, step) = match owner.part {
                Part::Branch => ("branch", 0),
                Part::Step(step) => ("step", step),
                Part::Undo(step) => ("compensation", step),
                Part::Bare { step, .. } => ("call", step),
            };
            let state = match &run.state {
                RunState::Waiting(_) => format!("{noun} {step} waiting for locks"),
                RunState::Applying { .. } => format!("applying {step}"),
                RunState::Undoing { .. } => format!("compensating {step}"),
                RunState::Voiding { .. } => format!("voiding {step}"),
            };
            OpenView { txn: owner.txn, state, in_doubt: false, since_us: None }
        });
        Inspection {
            locks: self.locks.view(),
            open: branches.chain(runs).collect(),
            accounts: match accounts {
                true => self.store.accounts().map(|(key, value)| (key.clone(), value)).collect(),
                false => Vec::new(),
            },
        }
    }
}
