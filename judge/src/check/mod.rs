//! Verdicts on a run: the checks of docs/03-measures-and-checks.md. Every check is computed for every protocol where it makes sense;
//! [`crate::promises`] knows which protocol promises which, and which faults waive what.

mod atomic;
mod effects;
mod isolation;
mod money;
mod outcomes;
mod sagas;

use crate::{
    history::{FinalState, TxnHistory},
    measure::Anomaly,
    promises::Waivers,
    summary::Check,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
    settings::Timeouts,
};
use indoubt_scenario::{checks::CheckName, protocol::Family, scenario::Clocks};
use std::{collections::BTreeSet, fmt};

/// Places that are told in a check's detail before "and n more".
const TOLD: usize = 5;

/// A place where a check does not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    /// The transactions concerned.
    pub(crate) txns: BTreeSet<TxnId>,
    /// The nodes that have a part in it: their homes and participants.
    pub(crate) nodes: BTreeSet<NodeId>,
    /// The records concerned, where it is about records.
    pub(crate) keys: BTreeSet<Key>,
    /// When it showed, where a waiver asks for that.
    pub(crate) at: Option<i64>,
    /// Each of `txns` is a culprit of its own, and the finding is excused only if each is.
    pub(crate) each: bool,
    /// A saga that waits for an operator: visible, and allowed.
    pub(crate) stuck: bool,
    /// Its coordinator ended it without noticing: no lost journal excuses that (rule 17).
    pub(crate) unnoticed: bool,
    /// What is wrong: which transaction, which nodes, when.
    pub(crate) text: String,
}

impl Finding {
    /// About one transaction and everybody who has a part in it.
    pub(crate) fn about(txn: TxnId, txn_history: &TxnHistory, text: String) -> Self {
        let mut nodes = txn_history.plan.nodes();
        nodes.insert(txn.home);
        Finding { txns: BTreeSet::from([txn]), nodes, text, ..Finding::default() }
    }
}

/// What a check looks at.
pub(crate) struct Evidence<'a> {
    pub(crate) final_state: &'a FinalState,
    pub(crate) anomalies: &'a [Anomaly],
    pub(crate) timeouts: Timeouts,
    /// Whether a commit ends only when everybody has acknowledged it.
    pub(crate) acknowledges_commits: bool,
    /// The nodes' clocks, and the seed that draws their rates; `None`: all keep time.
    pub(crate) clocks: Option<(&'a Clocks, u64)>,
}

impl Evidence<'_> {
    /// How long a coordinator waits for votes at the least, in microseconds of true time: a fast clock fires early.
    fn vote_patience(&self, home: NodeId) -> i64 {
        let vote = self.timeouts.vote;
        let by_its_clock = self.clocks.map_or(vote, |(clocks, seed)| clocks.rate(home, seed).true_time(vote));
        by_its_clock.min(vote).0 as i64
    }

    fn final_state(&self) -> &FinalState {
        self.final_state
    }

    fn family(&self) -> Family {
        self.final_state().family
    }
}

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
        let promised = crate::promises::promises(family, *name) && (excused.is_empty() || !told.is_empty());
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

/// A time of the trace, as people read it.
pub(crate) struct At(pub(crate) i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0 as f64 / 1_000.0)
    }
}

/// Items, separated by commas.
pub(crate) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
