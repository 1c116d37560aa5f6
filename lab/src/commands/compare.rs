//! `indoubt` alone: the comparison. Every bundled scenario in the virtual world under many seeds, the showcase on real
//! processes, and one report of both.
//!
//! Real runs come first, several clusters at a time while nothing else keeps the processors busy; the last word on
//! latencies has a cluster that is alone, because those of clusters that share two processors say little.

use super::finish::finish;
use crate::{
    bundled,
    execute::{self, Finished, How, Task},
    options::{Common, jobs},
    output,
    status::Status,
    sweeps,
    world::World,
};
use anyhow::Result;
use clap::Args;
use indoubt_judge::summary::Summary;
use indoubt_proto::time::Micros;
use indoubt_report::{RunFolder, Swept, page::Section, write_scenario};
use std::path::{Path, PathBuf};

/// How the comparison runs.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// The run's folder (default: results/runs/TIME-comparison).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// The first master seed of all scenarios instead of their own.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Seeds of each scenario in the virtual world.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub seeds: u16,
    /// Jobs at a time (default: the processors; for real clusters half as many more).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// The most load that a real scenario of the comparison offers.
const LOAD: Micros = Micros::from_secs(3);
/// The scenario whose latencies are taken with the machine alone.
const ALONE: &str = "happy-path";

/// Seeds of each point of a bundled sweep, at most.
const SWEEP_SEEDS: u64 = 10;

/// Runs the comparison.
pub(super) fn compare(args: &CompareArgs, common: &Common) -> Result<Status> {
    let folder = RunFolder::create(args.output.as_deref(), "comparison")?;
    let quiet = common.is_silent();
    let say = |what: String| {
        if !quiet {
            anstream::eprintln!("{what}");
        }
    };
    say("indoubt compares two-phase commit, sagas and no protocol at all by breaking them; about a minute.".into());

    say(format!("On real processes: {}.", bundled::SHOWCASE.join(", ")));
    let real = on_real_processes(args, quiet)?;
    say(format!("In the virtual world: {} scenarios, {} seeds each.", bundled::SCENARIOS.len(), args.seeds));
    let simulated = in_the_virtual_world(args, quiet)?;

    say(format!("Sweeps: {}.", bundled::SWEEPS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")));
    let jobs = jobs(args.jobs, World::Virtual);
    let seeds = SWEEP_SEEDS.min(args.seeds.into());
    let swept = sweeps::run_bundled(&folder.path().join("sweeps"), seeds, jobs, &output::progress(0, quiet))?;

    // The virtual results are the run's own scenarios; the real ones have a folder of their own beside them.
    let mut sections = write_all(folder.path(), &simulated)?;
    sections.extend(write_all(&folder.path().join("real"), &real)?);
    let summaries: Vec<&Summary> = sections.iter().map(|section| section.summary).collect();
    let swept_sections: Vec<_> = swept.iter().map(Swept::section).collect();
    let title = "Two-phase commit and sagas, compared by breaking them";
    finish(&folder, title, &words(args), &sections, &swept_sections, &summaries, common)
}

/// Each task that was run, with the command that repeats it.
struct Part {
    tasks: Vec<Task>,
    finished: Vec<Finished>,
    repro: fn(&Task) -> String,
}

fn on_real_processes(args: &CompareArgs, quiet: bool) -> Result<Part> {
    let load = |name: &str| -> Result<Task> {
        let mut scenario = bundled::load(name)?;
        scenario.duration = scenario.duration.min(LOAD);
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        Ok(Task { seeds: vec![scenario.seed], scenario })
    };
    let how = How { world: World::Real, jobs: jobs(args.jobs, World::Real), keep: false };
    let mut tasks = vec![load(ALONE)?];
    let mut finished = execute::execute(&tasks, How { jobs: 1, ..how }, &output::progress(0, quiet))?;
    let others = bundled::SHOWCASE.into_iter().filter(|name| *name != ALONE).map(load).collect::<Result<Vec<_>>>()?;
    finished.extend(execute::execute(&others, how, &output::progress(0, quiet))?);
    tasks.extend(others);
    let repro = |task: &Task| {
        let scenario = &task.scenario;
        let (name, duration) = (&scenario.name, scenario.duration);
        format!("indoubt run {name} --world real --set duration={duration} --seed {}", scenario.seed)
    };
    Ok(Part { tasks, finished, repro })
}

fn in_the_virtual_world(args: &CompareArgs, quiet: bool) -> Result<Part> {
    let load = |(name, _): &(&str, &str)| -> Result<Task> {
        let mut scenario = bundled::load(name)?;
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        let seeds = (scenario.seed..).take(args.seeds.into()).collect();
        Ok(Task { scenario, seeds })
    };
    let tasks = bundled::SCENARIOS.iter().map(load).collect::<Result<Vec<_>>>()?;
    let how = How { world: World::Virtual, jobs: jobs(args.jobs, World::Virtual), keep: false };
    let finished = execute::execute(&tasks, how, &output::progress(0, quiet))?;
    let repro = |task: &Task| {
        let last = task.seeds.last().copied().unwrap_or(task.scenario.seed);
        format!("indoubt run {} --seeds {}..{last}", task.scenario.name, task.scenario.seed)
    };
    Ok(Part { tasks, finished, repro })
}

fn write_all<'a>(folder: &Path, part: &'a Part) -> Result<Vec<Section<'a>>> {
    let write = |(task, done): (&Task, &'a Finished)| {
        let path = folder.join(&task.scenario.name);
        let command = (part.repro)(task);
        let charts = write_scenario(&path, &task.scenario, &done.summary, &done.recordings, &command)?;
        Ok(Section { summary: &done.summary, charts, command })
    };
    part.tasks.iter().zip(&part.finished).map(write).collect()
}

/// The command line, as the report names it.
fn words(args: &CompareArgs) -> String {
    let mut words = vec!["indoubt".to_owned(), format!("--seeds {}", args.seeds)];
    words.extend(args.seed.map(|seed| format!("--seed {seed}")));
    words.join(" ")
}
