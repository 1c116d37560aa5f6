//! The names of the checks: the judge decides each of them for every run, a scenario can claim whether one holds, and a
//! protocol promises some of them (docs/03-measures-and-checks.md).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A check, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "defined one by one in docs/03-measures-and-checks.md")]
pub enum CheckName {
    Agreement,
    Stability,
    CommitValidity,
    NonTriviality,
    Termination,
    Durability,
    Conservation,
    Audits,
    Isolation,
    Completeness,
    NoEffectTwice,
    NothingUnresolved,
    ToldTruth,
}

impl CheckName {
    /// All checks, in the order in which they are run and shown.
    pub const ALL: [CheckName; 13] = [
        CheckName::Agreement,
        CheckName::Stability,
        CheckName::CommitValidity,
        CheckName::NonTriviality,
        CheckName::Termination,
        CheckName::Durability,
        CheckName::Conservation,
        CheckName::Audits,
        CheckName::Isolation,
        CheckName::Completeness,
        CheckName::NoEffectTwice,
        CheckName::NothingUnresolved,
        CheckName::ToldTruth,
    ];

    /// As scenarios and results write it.
    pub fn word(self) -> &'static str {
        match self {
            CheckName::Agreement => "agreement",
            CheckName::Stability => "stability",
            CheckName::CommitValidity => "commit-validity",
            CheckName::NonTriviality => "non-triviality",
            CheckName::Termination => "termination",
            CheckName::Durability => "durability",
            CheckName::Conservation => "conservation",
            CheckName::Audits => "audits",
            CheckName::Isolation => "isolation",
            CheckName::Completeness => "completeness",
            CheckName::NoEffectTwice => "no-effect-twice",
            CheckName::NothingUnresolved => "nothing-unresolved",
            CheckName::ToldTruth => "told-truth",
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_written_as_its_word_and_listed_once() {
        for (at, check) in CheckName::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(check).unwrap(), check.word());
            assert_eq!(check as usize, at);
        }
    }
}
