//! The results of a crash study.

use indoubt_scenario::protocol::Protocol;
use indoubt_studies::crash_points::{CaseResult, Ending, HeatMap};
use std::collections::BTreeMap;

/// The most failures that are kept as a whole. All are counted.
const MOST_KEPT: usize = 20;

/// The results of all cases.
#[derive(Default)]
pub(crate) struct CrashStudy {
    /// The cases with one crash.
    pub(crate) single: CrashSummary,
    /// The cases with two crashes; `None` if they were not run.
    pub(crate) pairs: Option<CrashSummary>,
}

/// The results of all cases with one crash, or of all cases with two.
#[derive(Default)]
pub(crate) struct CrashSummary {
    /// The counts of each protocol.
    pub(crate) counts: BTreeMap<Protocol, Counts>,
    /// The worst times at each crash point, for each intended ending. If a case has two crashes, the first one counts.
    pub(crate) heat: BTreeMap<IntendedEnding, HeatMap>,
    /// One row per case.
    pub(crate) rows: Vec<(Protocol, CaseResult)>,
    /// The first cases that break a promise.
    pub(crate) failures: Vec<(Protocol, CaseResult)>,
}

/// How the transaction ends without a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IntendedEnding {
    /// It commits: every participant can do its part.
    Commit,
    /// One participant refuses.
    Refuse,
}

impl IntendedEnding {
    pub(super) fn of(ending: Ending) -> IntendedEnding {
        match ending {
            Ending::Commit => IntendedEnding::Commit,
            Ending::Refuse(_) => IntendedEnding::Refuse,
        }
    }

    /// The word in files and tables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            IntendedEnding::Commit => "commit",
            IntendedEnding::Refuse => "refuse",
        }
    }

    /// The panel title of a chart.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            IntendedEnding::Commit => "nobody refuses",
            IntendedEnding::Refuse => "a participant refuses",
        }
    }
}

/// The results of the cases of one protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// The number of crash points of a first crash.
    pub(crate) places: u64,
    /// The number of cases: each crash point, with each prefix of the log that may survive.
    pub(crate) cases: u64,
    /// The number of cases with each outcome.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    /// The number of cases that break a promise.
    pub(crate) failed: u64,
    /// The longest `blocked_ms` of any branch in any case.
    pub(crate) blocked_ms: f64,
    /// The longest `in_doubt_ms` of any branch in any case.
    pub(crate) in_doubt_ms: f64,
    /// The longest `pending_ms` of any record in any case.
    pub(crate) pending_ms: f64,
}

impl CrashSummary {
    pub(super) fn take(&mut self, protocol: Protocol, tried: CaseResult) {
        let counts = self.counts.entry(protocol).or_default();
        counts.cases += 1;
        *counts.outcomes.entry(tried.outcome).or_default() += 1;
        counts.failed += u64::from(tried.is_failure());
        counts.blocked_ms = counts.blocked_ms.max(tried.blocked_ms);
        counts.in_doubt_ms = counts.in_doubt_ms.max(tried.in_doubt_ms);
        counts.pending_ms = counts.pending_ms.max(tried.pending_ms);
        self.heat.entry(IntendedEnding::of(tried.case.ending)).or_default().take(protocol, &tried);
        if tried.is_failure() && self.failures.len() < MOST_KEPT {
            self.failures.push((protocol, tried.clone()));
        }
        self.rows.push((protocol, tried));
    }

    /// The number of cases that break a promise, over all protocols.
    pub(crate) fn failed(&self) -> u64 {
        self.counts.values().map(|counts| counts.failed).sum()
    }
}
