//! Runs all crash points of one transaction on all processors, and collects the results: counts per protocol, heat maps, and
//! one row per case.

mod files;
mod summary;

pub(crate) use files::{Document, write};
pub(crate) use summary::{CrashStudy, CrashSummary};

use crate::parallel::in_parallel;
use anyhow::Result;
use indicatif::ProgressBar;
use indoubt_proto::time::Micros;
use indoubt_scenario::scenario::Scenario;
use indoubt_studies::crash_points::{MiniRun, Spot};
use summary::IntendedEnding;

/// The crash points to run.
pub(crate) struct Enumeration {
    /// The runs of one transaction, each with its crash points.
    pub(crate) runs: Vec<(MiniRun, Vec<Spot>)>,
    /// Also crash a second time, at every crash point of the history after the first crash.
    pub(crate) pairs: bool,
    /// Also let the node come back with an empty disk, and with each older copy of its journal.
    pub(crate) disks: bool,
}

impl Enumeration {
    /// Enumerates the crash points of a scenario, for each of its protocols and each number in `participants`. A crashed node
    /// stays down for `back`.
    pub(crate) fn new(scenario: &Scenario, participants: &[u16], back: Micros) -> Result<Enumeration> {
        let mut runs = Vec::new();
        for protocol in &scenario.protocols {
            for participants in participants {
                runs.extend(MiniRun::all(scenario, *protocol, *participants, back)?);
            }
        }
        let with_points = |run: MiniRun| {
            let points = run.crash_points();
            (run, points)
        };
        let runs = runs.into_iter().map(with_points).collect();
        Ok(Enumeration { runs, pairs: false, disks: false })
    }

    /// The number of crash points of a first crash.
    pub(crate) fn points(&self) -> u64 {
        self.runs.iter().map(|(_, points)| points.len() as u64).sum()
    }
}

/// Runs every crash point on `jobs` threads.
pub(crate) fn run(enumeration: &Enumeration, jobs: usize, bar: &ProgressBar) -> Result<CrashStudy> {
    let spots: Vec<(&MiniRun, &Spot)> =
        enumeration.runs.iter().flat_map(|(run, points)| points.iter().map(move |spot| (run, spot))).collect();
    let tried = in_parallel(&spots, jobs, |(run, spot)| {
        let mut firsts = run.try_spot(&[], spot);
        if enumeration.disks {
            firsts.extend(run.try_disks(&[], spot));
        }
        let mut seconds = Vec::new();
        if enumeration.pairs {
            for before in firsts.iter().map(|first| first.case.strikes.as_slice()) {
                seconds.extend(run.crash_points_after(&before[0]).iter().flat_map(|spot| run.try_spot(before, spot)));
            }
        }
        bar.set_message(format!("{} {}", run.protocol, run.ending));
        bar.inc(1);
        Ok((firsts, seconds))
    })?;
    bar.finish_and_clear();
    let mut study =
        CrashStudy { single: laid_out(enumeration), pairs: enumeration.pairs.then(|| laid_out(enumeration)) };
    for ((run, _), (firsts, seconds)) in spots.iter().zip(tried) {
        firsts.into_iter().for_each(|tried| study.single.take(run.protocol, tried));
        if let Some(pairs) = &mut study.pairs {
            seconds.into_iter().for_each(|tried| pairs.take(run.protocol, tried));
        }
    }
    Ok(study)
}

/// A summary without results. Its heat maps have their rows in the order in which the crash points come in a run.
fn laid_out(enumeration: &Enumeration) -> CrashSummary {
    let mut summary = CrashSummary::default();
    for (run, points) in &enumeration.runs {
        let heat = summary.heat.entry(IntendedEnding::of(run.ending)).or_default();
        heat.lay_out(run.protocol.family(), points.iter().map(|spot| &spot.point));
        summary.counts.entry(run.protocol).or_default().places += points.len() as u64;
    }
    summary
}
