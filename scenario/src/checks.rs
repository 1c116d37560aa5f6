//! The names of the checks (docs/03-measures-and-checks.md). The judge runs each check on every run, an `[[expect]]` can state
//! whether one holds, and each protocol promises some of them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes the enum, the list of its values and their words from one table.
macro_rules! checks {
    ($($name:ident $word:literal,)+) => {
        /// A check, by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "defined one by one in docs/03-measures-and-checks.md")]
        pub enum CheckName {
            $(#[serde(rename = $word)] $name,)+
        }

        impl CheckName {
            /// All checks, in the order in which they are run and shown.
            pub const ALL: [CheckName; [$($word),+].len()] = [$(CheckName::$name),+];

            /// The word in scenarios and results.
            pub fn word(self) -> &'static str {
                match self {
                    $(CheckName::$name => $word,)+
                }
            }
        }
    };
}

checks! {
    Agreement "agreement",
    Stability "stability",
    CommitValidity "commit-validity",
    NonTriviality "non-triviality",
    Termination "termination",
    Durability "durability",
    Conservation "conservation",
    Audits "audits",
    Isolation "isolation",
    Completeness "completeness",
    NoEffectTwice "no-effect-twice",
    NothingUnresolved "nothing-unresolved",
    ToldTruth "told-truth",
    HeuristicsTold "heuristics-told",
    MarksKept "marks-kept",
    WorldContract "world-contract",
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
