//! Every place to die, tried on all processors, and what came of it: counts by protocol, heat maps, and a row for each case.

mod files;

pub(crate) use files::{Document, write};

use crate::parallel::in_parallel;
use anyhow::Result;
use indicatif::ProgressBar;
use indoubt_proto::time::Micros;
use indoubt_simulator::{protocol::Protocol, scenario::Scenario};
use indoubt_studies::crash_points::{CaseResult, Ending, HeatMap, MiniRun, Spot};
use std::collections::BTreeMap;

/// At most so many failures are kept whole; all are counted.
const MOST_KEPT: usize = 20;

/// What is enumerated.
pub(crate) struct Plan {
    /// The small runs, each with its places.
    pub(crate) runs: Vec<(MiniRun, Vec<Spot>)>,
    /// Also die again, at every place of the history that a first death leaves.
    pub(crate) pairs: bool,
}

impl Plan {
    /// The small runs of a scenario, for each of its protocols and each of these numbers of participants.
    pub(crate) fn new(scenario: &Scenario, participants: &[u16], back: Micros, pairs: bool) -> Result<Plan> {
        let mut runs = Vec::new();
        for protocol in &scenario.protocols {
            for participants in participants {
                runs.extend(MiniRun::all(scenario, *protocol, *participants, back)?);
            }
        }
        let with_places = |run: MiniRun| {
            let places = run.crash_points();
            (run, places)
        };
        Ok(Plan { runs: runs.into_iter().map(with_places).collect(), pairs })
    }

    /// How many places there are to die at first.
    pub(crate) fn places(&self) -> u64 {
        self.runs.iter().map(|(_, places)| places.len() as u64).sum()
    }
}

/// What came of all cases with one death, or with two.
#[derive(Default)]
pub(crate) struct Toll {
    /// By protocol.
    pub(crate) counts: BTreeMap<Protocol, Counts>,
    /// By how the transaction was to end, and by place; of a pair of deaths that of the first.
    pub(crate) heat: BTreeMap<Meant, HeatMap>,
    /// A row for each case.
    pub(crate) rows: Vec<(Protocol, CaseResult)>,
    /// The first cases in which something promised does not hold.
    pub(crate) failures: Vec<(Protocol, CaseResult)>,
}

/// How the transaction was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Meant {
    /// Everybody can do their part.
    Commit,
    /// Somebody must refuse.
    Refuse,
}

impl Meant {
    fn of(ending: Ending) -> Meant {
        match ending {
            Ending::Commit => Meant::Commit,
            Ending::Refuse(_) => Meant::Refuse,
        }
    }

    /// As files and tables have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Meant::Commit => "commit",
            Meant::Refuse => "refuse",
        }
    }

    /// For people.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Meant::Commit => "nobody refuses",
            Meant::Refuse => "a participant refuses",
        }
    }
}

/// What came of the cases of one protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Places to die at first.
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

impl Toll {
    fn take(&mut self, protocol: Protocol, tried: CaseResult) {
        let counts = self.counts.entry(protocol).or_default();
        counts.cases += 1;
        *counts.outcomes.entry(tried.outcome).or_default() += 1;
        counts.failed += u64::from(tried.is_failure());
        counts.blocked_ms = counts.blocked_ms.max(tried.blocked_ms);
        counts.in_doubt_ms = counts.in_doubt_ms.max(tried.in_doubt_ms);
        counts.pending_ms = counts.pending_ms.max(tried.pending_ms);
        self.heat.entry(Meant::of(tried.case.ending)).or_default().take(protocol, &tried);
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

/// Everything that was tried.
#[derive(Default)]
pub(crate) struct Deaths {
    /// With one death each.
    pub(crate) single: Toll,
    /// With two.
    pub(crate) pairs: Option<Toll>,
}

/// Dies everywhere.
pub(crate) fn die_everywhere(plan: &Plan, jobs: usize, bar: &ProgressBar) -> Result<Deaths> {
    let spots: Vec<(&MiniRun, &Spot)> =
        plan.runs.iter().flat_map(|(run, places)| places.iter().map(move |spot| (run, spot))).collect();
    let tried = in_parallel(&spots, jobs, |(run, spot)| {
        let firsts = run.try_spot(&[], spot);
        let mut seconds = Vec::new();
        if plan.pairs {
            for before in firsts.iter().map(|first| first.case.strikes.as_slice()) {
                seconds.extend(run.crash_points_after(&before[0]).iter().flat_map(|spot| run.try_spot(before, spot)));
            }
        }
        bar.set_message(format!("{} {}", run.protocol, run.ending));
        bar.inc(1);
        Ok((firsts, seconds))
    })?;
    bar.finish_and_clear();
    let mut deaths = Deaths { single: laid_out(plan), pairs: plan.pairs.then(|| laid_out(plan)) };
    for ((run, _), (firsts, seconds)) in spots.iter().zip(tried) {
        firsts.into_iter().for_each(|tried| deaths.single.take(run.protocol, tried));
        if let Some(pairs) = &mut deaths.pairs {
            seconds.into_iter().for_each(|tried| pairs.take(run.protocol, tried));
        }
    }
    Ok(deaths)
}

/// Nothing tried yet, and the rows of the heat map in the order in which things happen.
fn laid_out(plan: &Plan) -> Toll {
    let mut toll = Toll::default();
    for (run, places) in &plan.runs {
        let heat = toll.heat.entry(Meant::of(run.ending)).or_default();
        heat.lay_out(run.protocol.family(), places.iter().map(|spot| &spot.point));
        toll.counts.entry(run.protocol).or_default().places += places.len() as u64;
    }
    toll
}
