//! What a member of the swarm showed: nothing wrong, or which promise broke; and what all of them together have seen, because
//! a swarm that never blocks anybody proves nothing.

use super::case::Case;
use crate::trial::trial;
use indoubt_judge::{
    measure::shown,
    summary::{Measures, Run, Verdict},
};
use indoubt_scenario::scenario::{FaultAction, MessageDeed};
use std::collections::BTreeMap;

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
    let lost = |action: &FaultAction| matches!(action, FaultAction::Kill { lose_log: true, .. });
    let excused = run.transactions.stuck > 0 || case.scenario.faults.iter().any(|fault| lost(&fault.action));
    (run.verdict == Verdict::Unknown && !excused).then(|| Failure {
        check: "unresolved".into(),
        detail: format!("{} transactions are not over", run.transactions.unresolved),
    })
}

/// In how many runs each thing happened that a swarm must see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    seen: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Nothing seen yet.
    pub fn new() -> Self {
        let ends = ENDS.map(|(name, _)| name).into_iter();
        let names = ends.chain(events().map(|(name, ..)| name)).chain(DEEDS);
        Coverage { seen: names.map(|name| (name, 0)).collect() }
    }

    /// Counts what one run showed.
    pub fn take(&mut self, case: &Case, run: &Run) {
        for (name, happened) in ENDS {
            *self.seen.entry(name).or_default() += u64::from(happened(run));
        }
        for (name, value, above) in events() {
            *self.seen.entry(name).or_default() += u64::from(value(&run.measures) > above);
        }
        let faults = case.scenario.faults.iter().zip(&run.faults).filter(|(_, fired)| fired.fired > 0);
        let mut deeds: Vec<&'static str> = faults.map(|(fault, _)| deed(&fault.action)).collect();
        deeds.sort_unstable();
        deeds.dedup();
        for name in deeds {
            *self.seen.entry(name).or_default() += 1;
        }
    }

    /// Adds what another part of the swarm has seen.
    pub fn add(&mut self, other: &Coverage) {
        for (name, runs) in &other.seen {
            *self.seen.entry(name).or_default() += runs;
        }
    }

    /// Everything that a swarm must see, with the number of runs that showed it.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.seen.iter().map(|(name, runs)| (*name, *runs))
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

const DEEDS: [&str; 9] = [
    "fault: kill",
    "fault: lost log",
    "fault: pause",
    "fault: partition",
    "fault: drop",
    "fault: delay",
    "fault: duplicate",
    "fault: refuse",
    "fault: slow disk",
];

fn deed(action: &FaultAction) -> &'static str {
    match action {
        FaultAction::Kill { lose_log: true, .. } => "fault: lost log",
        FaultAction::Kill { .. } => "fault: kill",
        FaultAction::Pause { .. } => "fault: pause",
        FaultAction::Partition { .. } => "fault: partition",
        FaultAction::Message { deed: MessageDeed::Drop, .. } => "fault: drop",
        FaultAction::Message { deed: MessageDeed::Delay(_), .. } => "fault: delay",
        FaultAction::Message { deed: MessageDeed::Duplicate, .. } => "fault: duplicate",
        FaultAction::Message { deed: MessageDeed::Refuse, .. } => "fault: refuse",
        FaultAction::SlowDisk { .. } => "fault: slow disk",
        FaultAction::Restart { .. } | FaultAction::Resume { .. } | FaultAction::Heal | FaultAction::Resolve { .. } => {
            "fault: repair"
        }
    }
}
