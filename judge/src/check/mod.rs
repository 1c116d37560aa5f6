//! The checks of docs/03-measures-and-checks.md. Each is one file: its name, what it finds, and what may excuse a finding. Every
//! check runs for every protocol where it makes sense. [`crate::promises`] knows which protocol promises which checks, and which
//! faults excuse what.

mod agreement;
mod audits;
mod commit_validity;
mod completeness;
mod conservation;
mod deciders;
mod durability;
mod entry;
pub(crate) mod evidence;
mod heuristics_told;
mod isolation;
mod marks_kept;
mod no_effect_twice;
mod non_triviality;
mod nothing_unresolved;
mod stability;
mod termination;
mod told_truth;
mod world_contract;

use crate::{
    history::{final_state::FinalState, txn_history::TxnHistory},
    promises::{Waivers, promises},
    summary,
};
use entry::Check;
use evidence::Evidence;
use indoubt_proto::settings::Timeouts;
use indoubt_scenario::{checks::CheckName, protocol::entry::StepOrder};

/// How many findings the detail of a check lists before "and n more".
const TOLD: usize = 5;

/// All checks, in the order in which they are shown.
const CHECKS: [Check; CheckName::ALL.len()] = [
    agreement::CHECK,
    stability::CHECK,
    commit_validity::CHECK,
    non_triviality::CHECK,
    termination::CHECK,
    durability::CHECK,
    conservation::CHECK,
    audits::CHECK,
    isolation::CHECK,
    completeness::CHECK,
    no_effect_twice::CHECK,
    nothing_unresolved::CHECK,
    told_truth::CHECK,
    heuristics_told::CHECK,
    marks_kept::CHECK,
    world_contract::CHECK,
];

/// Runs all checks. A check counts as promised if the protocol's family promises it, unless faults waive everything that it found.
pub(crate) fn check(evidence: &Evidence<'_>, waivers: &Waivers) -> Vec<summary::Check> {
    let family = evidence.family();
    let run = |&Check { name, search, excuses }: &Check| {
        let (mut told, mut excused): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for finding in search(evidence) {
            match waivers.excuse(excuses, &finding) {
                None => told.push(finding.text),
                Some(why) => excused.push(format!("{} (waived: {why})", finding.text)),
            }
        }
        let promised = promises(family, name) && (excused.is_empty() || !told.is_empty());
        told.extend(excused);
        summary::Check { name, promised, held: told.is_empty(), detail: detail(&told) }
    };
    CHECKS.iter().map(run).collect()
}

/// Whether no check finds anything, promised or not. Anomalies do not count here, because they are found while a run is measured.
pub(crate) fn finds_nothing(final_state: &FinalState, timeouts: Timeouts) -> bool {
    let evidence = Evidence { final_state, anomalies: &[], timeouts, acknowledges_commits: false, clocks: None };
    CHECKS.iter().all(|check| (check.search)(&evidence).is_empty())
}

/// Whether a transaction alone keeps to rule 44 (docs/rules.md).
pub(crate) fn keeps_to_order(txn_history: &TxnHistory, order: StepOrder) -> bool {
    conservation::keeps_to_order(txn_history, order)
}

fn detail(told: &[String]) -> String {
    let mut detail = told.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    if told.len() > TOLD {
        detail.push_str(&format!("; and {} more", told.len() - TOLD));
    }
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_registered_once_and_in_order() {
        assert_eq!(CHECKS.map(|check| check.name), CheckName::ALL);
    }
}
