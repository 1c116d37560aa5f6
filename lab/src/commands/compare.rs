//! `indoubt` without a subcommand: the comparison. It runs every bundled scenario in the virtual world under many seeds, the
//! showcase on real processes, and writes one report of both.
//!
//! Real runs come first, several clusters at a time, while nothing else keeps the processors busy. The latencies that the
//! report shows come from a cluster that runs alone, because clusters that share processors slow each other down.

use super::finish::finish;
use crate::{
    bundled,
    execute::{self, Finished, How, Task},
    options::{Common, jobs},
    output, pace,
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

/// Arguments of `indoubt` without a subcommand.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// The folder for the results (default: results/runs/TIME-comparison).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// The first seed of every scenario, instead of the scenario's own.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many seeds each scenario runs with in the virtual world.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub seeds: u16,
    /// How many runs at the same time (default: the number of processors; for real clusters, one and a half times that).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// How long a real scenario of the comparison submits load, at most.
const LOAD: Micros = Micros::from_secs(3);
/// The scenario that runs on real processes while nothing else runs, so that its latencies can be trusted.
const ALONE: &str = "happy-path";

/// How many seeds each point of a bundled sweep runs with, at most.
const SWEEP_SEEDS: u64 = 10;

/// Runs the comparison.
pub(super) fn compare(args: &CompareArgs, common: &Common) -> Result<Status> {
    let folder = RunFolder::create(args.output.as_deref(), "comparison")?;
    folder.keep_to(&bundled::SCENARIOS.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
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

    // The virtual results go directly into the run's folder, the real ones into a subfolder.
    let mut sections = write_all(folder.path(), &simulated)?;
    sections.extend(write_all(&folder.path().join("real"), &real)?);
    let summaries: Vec<&Summary> = sections.iter().map(|section| section.summary).collect();
    let swept_sections: Vec<_> = swept.iter().map(Swept::section).collect();
    let title = "Two-phase commit and sagas, compared by breaking them";
    finish(&folder, title, &words(args), &sections, &swept_sections, &summaries, common)
}

/// The finished tasks of one world, each with the command that repeats it.
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
        Ok(Task { seeds: vec![scenario.seed], scenario, slowed: None })
    };
    let how = How { world: World::Real, jobs: jobs(args.jobs, World::Real), keep: false };
    let mut tasks = vec![load(ALONE)?];
    tasks.extend(bundled::SHOWCASE.into_iter().filter(|name| *name != ALONE).map(load).collect::<Result<Vec<_>>>()?);
    pace::fit(&mut tasks, quiet)?;
    let (alone, others) = tasks.split_at(1);
    let mut finished = execute::execute(alone, How { jobs: 1, ..how }, &output::progress(0, quiet))?;
    finished.extend(execute::execute(others, how, &output::progress(0, quiet))?);
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
        Ok(Task { scenario, seeds, slowed: None })
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

/// The command line that the report names.
fn words(args: &CompareArgs) -> String {
    let mut words = vec!["indoubt".to_owned(), format!("--seeds {}", args.seeds)];
    words.extend(args.seed.map(|seed| format!("--seed {seed}")));
    words.join(" ")
}
