//! `indoubt` alone: the comparison. The showcase scenarios on real processes, several clusters at a time; a last run has
//! the machine to itself, because latencies of clusters that share two processors say little.

use super::{
    Verdict,
    execute::{self, How, Task},
    run,
};
use crate::{
    bundled,
    cli::{Common, CompareArgs, Format, WorldName},
    display,
    export::{self, RunFolder},
    report::Section,
};
use anyhow::Result;
use indoubt_proto::time::Micros;
use indoubt_simulator::summary::Summary;

/// The most load that a scenario of the comparison offers.
const LOAD: Micros = Micros::from_secs(3);
/// The scenario whose latencies are taken with the machine alone.
const ALONE: &str = "happy-path";

/// Runs the comparison.
pub(super) fn compare(args: &CompareArgs, common: &Common) -> Result<Verdict> {
    let mut together = Vec::new();
    let mut alone = Vec::new();
    for name in bundled::SHOWCASE {
        let mut scenario = bundled::load(name)?;
        scenario.duration = scenario.duration.min(LOAD);
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        let seeds = vec![scenario.seed];
        if name == ALONE { &mut alone } else { &mut together }.push(Task { scenario, seeds });
    }
    let folder = RunFolder::create(args.output.as_deref(), "comparison")?;
    let quiet = common.quiet || common.format == Format::Json;
    if !quiet {
        anstream::eprintln!(
            "indoubt compares two-phase commit, sagas and no protocol at all on real processes; about a minute."
        );
    }
    let how = How { world: WorldName::Real, jobs: run::jobs(args.jobs, WorldName::Real), keep: false };
    let mut finished = execute::execute(&alone, How { jobs: 1, ..how }, &display::progress(0, quiet))?;
    finished.extend(execute::execute(&together, how, &display::progress(0, quiet))?);

    let tasks = alone.iter().chain(&together);
    let mut sections = Vec::new();
    for (task, done) in tasks.zip(&finished) {
        let path = folder.scenario(&task.scenario.name);
        let repro = format!(
            "indoubt run {} --world real --set duration={} --seed {}",
            task.scenario.name, task.scenario.duration, task.scenario.seed
        );
        let charts = export::write_scenario(&path, &task.scenario, &done.summary, &done.recordings, false, &repro)?;
        sections.push(Section { summary: &done.summary, charts, command: repro });
    }
    let summaries: Vec<&Summary> = finished.iter().map(|f| &f.summary).collect();
    let command = match args.seed {
        Some(seed) => format!("indoubt --seed {seed}"),
        None => "indoubt".into(),
    };
    run::finish(
        &folder,
        "Two-phase commit and sagas, compared by breaking them",
        &command,
        &sections,
        &summaries,
        common,
    )
}
