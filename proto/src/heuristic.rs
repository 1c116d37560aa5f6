//! The outcome of a transaction in which operators ended branches (docs/rules.md, 21 to 23).

use crate::decision::Decision;
use serde::{Deserialize, Serialize};

/// The outcome of a transaction in which an operator ended a branch against its coordinator's decision. The names and codes
/// are those of X/Open XA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeuristicOutcome {
    /// Some branches are committed and others are aborted.
    Mixed,
    /// Commit was decided, and every branch was aborted.
    Rollback,
    /// Abort was decided, and every branch was committed.
    Commit,
    /// Participants did not say how some branches ended, so some may be committed and others aborted.
    Hazard,
}

impl HeuristicOutcome {
    /// All outcomes, in the order of their codes.
    pub const ALL: [HeuristicOutcome; 4] =
        [HeuristicOutcome::Mixed, HeuristicOutcome::Rollback, HeuristicOutcome::Commit, HeuristicOutcome::Hazard];

    /// The outcome of a decision that `followed` branches carried out, that operators `overruled` at other branches, and
    /// about which `silent` ones said nothing. `None` if every branch ended as decided.
    pub fn of(decision: Decision, followed: usize, overruled: usize, silent: usize) -> Option<HeuristicOutcome> {
        match (followed, overruled, silent) {
            (_, 0, 0) => None,
            (1.., 1.., _) => Some(HeuristicOutcome::Mixed),
            (_, _, 1..) => Some(HeuristicOutcome::Hazard),
            (0, 1.., 0) => Some(match decision {
                Decision::Commit => HeuristicOutcome::Rollback,
                Decision::Abort => HeuristicOutcome::Commit,
            }),
        }
    }

    /// The number in X/Open XA: HEURMIX 5, HEURRB 6, HEURCOM 7, HEURHAZ 8.
    pub fn code(self) -> u32 {
        match self {
            HeuristicOutcome::Mixed => 5,
            HeuristicOutcome::Rollback => 6,
            HeuristicOutcome::Commit => 7,
            HeuristicOutcome::Hazard => 8,
        }
    }

    /// `mixed`, `rollback`, `commit` or `hazard`.
    pub fn word(self) -> &'static str {
        match self {
            HeuristicOutcome::Mixed => "mixed",
            HeuristicOutcome::Rollback => "rollback",
            HeuristicOutcome::Commit => "commit",
            HeuristicOutcome::Hazard => "hazard",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_21_the_codes_are_those_of_xa() {
        assert_eq!(HeuristicOutcome::ALL.map(HeuristicOutcome::code), [5, 6, 7, 8]);
    }

    #[test]
    fn rule_22_the_outcome_follows_from_how_the_branches_ended() {
        use HeuristicOutcome::{Commit, Hazard, Mixed, Rollback};
        let commit = |followed, overruled, silent| HeuristicOutcome::of(Decision::Commit, followed, overruled, silent);
        let abort = |followed, overruled, silent| HeuristicOutcome::of(Decision::Abort, followed, overruled, silent);
        assert_eq!([commit(3, 0, 0), abort(3, 0, 0), commit(0, 0, 0)], [None; 3], "as decided: no heuristic");
        assert_eq!([commit(0, 2, 0), abort(0, 2, 0)], [Some(Rollback), Some(Commit)]);
        assert_eq!([commit(1, 1, 0), abort(1, 1, 0), commit(1, 1, 1)], [Some(Mixed); 3], "both happened");
        assert_eq!([commit(0, 1, 1), commit(2, 0, 1), abort(0, 0, 1)], [Some(Hazard); 3], "some are unknown");
    }
}
