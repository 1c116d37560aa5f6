//! The result of one swarm case: no failure, or the promise that broke. Also counts what all cases together have shown,
//! because a swarm that never blocks a transaction proves nothing.

use super::case::Case;
use crate::trial::trial;
use indoubt_judge::{
    measure::shown,
    summary::{Measures, Run, Verdict},
};
use indoubt_scenario::faults::{Waiver, drawn_words};
use std::collections::{BTreeMap, BTreeSet};

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The check that was promised and does not hold, or `unresolved`.
    pub check: String,
    /// Where.
    pub detail: String,
}

/// Runs a case; what it showed, and the failure, if it is one.
pub fn examine(case: &Case) -> (Run, Option<Failure>) {
    let run = trial(&case.scenario, case.protocol, case.seed);
    let failure = failure(case, &run);
    (run, failure)
}

fn failure(case: &Case, run: &Run) -> Option<Failure> {
    if let Some(broken) = run.checks.iter().find(|check| check.promised && !check.held) {
        return Some(Failure { check: broken.name.to_string(), detail: broken.detail.clone() });
    }
    // Everything was healed, so what is still open is open for good; unless a log was lost or a saga waits for an operator.
    let lost = case.scenario.faults.iter().any(|fault| match fault.action.waives() {
        Some(Waiver::LostLog(_) | Waiver::LostDisk(_) | Waiver::RestoredLog(_)) => true,
        Some(Waiver::HeldUpMessages) | None => false,
    });
    let excused = run.transactions.stuck > 0 || lost;
    (run.verdict == Verdict::Unknown && !excused).then(|| Failure {
        check: "unresolved".into(),
        detail: format!("{} transactions are not over", run.transactions.unresolved),
    })
}

/// In how many runs each thing happened that a swarm must see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    seen: BTreeMap<String, u64>,
}

impl Coverage {
    /// Nothing seen yet.
    pub fn new() -> Self {
        let names = ENDS.map(|(name, _)| name).into_iter().chain(events().map(|(name, ..)| name)).map(String::from);
        Coverage { seen: names.chain(drawn_words().map(fault)).map(|name| (name, 0)).collect() }
    }

    /// Counts what one run showed.
    pub fn take(&mut self, case: &Case, run: &Run) {
        let mut seen = |name: String, happened: bool| *self.seen.entry(name).or_default() += u64::from(happened);
        for (name, happened) in ENDS {
            seen(name.into(), happened(run));
        }
        for (name, value, above) in events() {
            seen(name.into(), value(&run.measures) > above);
        }
        let fired = run.faults.iter().filter(|fault| fault.fired > 0);
        let words: BTreeSet<&str> = fired.map(|it| case.scenario.faults[it.fault].action.word()).collect();
        words.into_iter().for_each(|word| seen(fault(word), true));
    }

    /// Adds what another part of the swarm has seen.
    pub fn add(&mut self, other: &Coverage) {
        for (name, runs) in &other.seen {
            *self.seen.entry(name.clone()).or_default() += runs;
        }
    }

    /// Everything that a swarm must see, with the number of runs that showed it.
    pub fn seen(&self) -> impl Iterator<Item = (&str, u64)> {
        self.seen.iter().map(|(name, runs)| (name.as_str(), *runs))
    }
}

type Happened = fn(&Run) -> bool;

/// How transactions end, and what clients hear of it.
const ENDS: [(&str, Happened); 6] = [
    ("a transaction succeeded", |r| r.transactions.succeeded > 0),
    ("a transaction aborted", |r| r.transactions.aborted > 0),
    ("a saga was compensated", |r| r.transactions.compensated > 0),
    ("effects were left partial", |r| r.transactions.partial > 0),
    ("a client was told `unknown`", |r| r.clients.unknown > 0),
    ("a client was refused", |r| r.clients.refused > 0),
];

/// What measures tell: an event, and the number that is above so much where it happened.
fn events() -> impl Iterator<Item = (&'static str, fn(&Measures) -> f64, f64)> {
    shown().filter_map(|shown| shown.in_swarm.map(|(event, above)| (event, shown.value, above)))
}

/// What it is called that a fault of this word struck.
fn fault(word: &str) -> String {
    format!("fault: {word}")
}
