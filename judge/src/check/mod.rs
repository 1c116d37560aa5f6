//! Verdicts on a run: the checks of docs/03-measures-and-checks.md. Every check is computed for every protocol where it makes sense;
//! [`crate::promises`] knows which protocol promises which, and which faults waive what.

mod atomic;
mod effects;
pub(crate) mod evidence;
mod isolation;
mod money;
mod outcomes;
mod sagas;

use crate::{
    finding::Finding,
    history::{final_state::FinalState, txn_history::TxnHistory},
    promises::{Waivers, promises},
    summary::Check,
};
use evidence::Evidence;
use indoubt_proto::settings::Timeouts;
use indoubt_scenario::checks::CheckName;

/// How many findings a check's detail tells before "and n more".
const TOLD: usize = 5;

type Search = fn(&Evidence<'_>) -> Vec<Finding>;

/// All checks, in the order in which they are shown.
const CHECKS: [(CheckName, Search); CheckName::ALL.len()] = [
    (CheckName::Agreement, atomic::agreement),
    (CheckName::Stability, atomic::stability),
    (CheckName::CommitValidity, atomic::commit_validity),
    (CheckName::NonTriviality, atomic::non_triviality),
    (CheckName::Termination, outcomes::termination),
    (CheckName::Durability, effects::durability),
    (CheckName::Conservation, money::conservation),
    (CheckName::Audits, money::audits),
    (CheckName::Isolation, isolation::isolation),
    (CheckName::Completeness, sagas::completeness),
    (CheckName::NoEffectTwice, effects::no_effect_twice),
    (CheckName::NothingUnresolved, outcomes::nothing_unresolved),
    (CheckName::ToldTruth, outcomes::told_truth),
];

/// Runs all checks. A check is promised if the protocol's family promises it and no fault waives all that was found.
pub(crate) fn check(evidence: &Evidence<'_>, waivers: &Waivers) -> Vec<Check> {
    let family = evidence.family();
    let run = |(name, search): &(CheckName, Search)| {
        let (mut told, mut excused): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for finding in search(evidence) {
            match waivers.excuse(*name, &finding) {
                None => told.push(finding.text),
                Some(why) => excused.push(format!("{} (waived: {why})", finding.text)),
            }
        }
        let promised = promises(family, *name) && (excused.is_empty() || !told.is_empty());
        told.extend(excused);
        Check { name: *name, promised, held: told.is_empty(), detail: detail(&told) }
    };
    CHECKS.iter().map(run).collect()
}

/// Whether no check, promised or not, finds anything. (Anomalies are found while a run is measured, and are not looked at.)
pub(crate) fn finds_nothing(final_state: &FinalState, timeouts: Timeouts) -> bool {
    let evidence = Evidence { final_state, anomalies: &[], timeouts, acknowledges_commits: false, clocks: None };
    CHECKS.iter().all(|(_, search)| search(&evidence).is_empty())
}

/// Whether a transaction keeps to rule 44 (docs/rules.md) by itself.
pub(crate) fn keeps_to_order(txn_history: &TxnHistory) -> bool {
    money::keeps_to_order(txn_history)
}

fn detail(told: &[String]) -> String {
    let mut detail = told.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    if told.len() > TOLD {
        detail.push_str(&format!("; and {} more", told.len() - TOLD));
    }
    detail
}
