//! What came of the cases of a crash study.

use indoubt_scenario::protocol::Protocol;
use indoubt_studies::crash_points::{CaseResult, Ending, HeatMap};
use std::collections::BTreeMap;

/// At most so many failures are kept whole; all are counted.
const MOST_KEPT: usize = 20;

/// Everything that was tried.
#[derive(Default)]
pub(crate) struct CrashStudy {
    /// With one crash each.
    pub(crate) single: CrashSummary,
    /// With two.
    pub(crate) pairs: Option<CrashSummary>,
}

/// What came of all cases with one crash, or of all with two.
#[derive(Default)]
pub(crate) struct CrashSummary {
    /// By protocol.
    pub(crate) counts: BTreeMap<Protocol, Counts>,
    /// By how the transaction was to end, and by crash point: the first, where there are two.
    pub(crate) heat: BTreeMap<IntendedEnding, HeatMap>,
    /// A row for each case.
    pub(crate) rows: Vec<(Protocol, CaseResult)>,
    /// The first cases in which something promised does not hold.
    pub(crate) failures: Vec<(Protocol, CaseResult)>,
}

/// How the transaction was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IntendedEnding {
    /// Everybody can do their part.
    Commit,
    /// Somebody must refuse.
    Refuse,
}

impl IntendedEnding {
    pub(super) fn of(ending: Ending) -> IntendedEnding {
        match ending {
            Ending::Commit => IntendedEnding::Commit,
            Ending::Refuse(_) => IntendedEnding::Refuse,
        }
    }

    /// As files and tables name it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            IntendedEnding::Commit => "commit",
            IntendedEnding::Refuse => "refuse",
        }
    }

    /// For readers.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            IntendedEnding::Commit => "nobody refuses",
            IntendedEnding::Refuse => "a participant refuses",
        }
    }
}

/// What came of the cases of one protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Crash points of a first crash.
    pub(crate) places: u64,
    /// Cases.
    pub(crate) cases: u64,
    /// Cases by outcome.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    /// Cases in which something promised does not hold.
    pub(crate) failed: u64,
    /// The longest times, in milliseconds.
    pub(crate) blocked_ms: f64,
    /// See `blocked_ms`.
    pub(crate) in_doubt_ms: f64,
    /// See `blocked_ms`.
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

    /// Cases in which something promised does not hold.
    pub(crate) fn failed(&self) -> u64 {
        self.counts.values().map(|counts| counts.failed).sum()
    }
}
