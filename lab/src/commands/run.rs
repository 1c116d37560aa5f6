//! `indoubt run`: runs scenarios in either world, and writes their summaries, charts and report.

use super::finish::finish;
use crate::{
    bundled, calibration,
    changes::{changed, set_words},
    execute::{self, How, Task},
    options::{Common, FileOrBundled, Seeds, jobs, parse_protocol, parse_seeds},
    output, pace,
    status::Status,
    world::World,
};
use anyhow::{Result, bail};
use clap::Args;
use indoubt_judge::summary::Summary;
use indoubt_report::{RunFolder, page::Section, write_scenario};
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use std::path::PathBuf;

/// Arguments of `indoubt run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  indoubt run coordinator-dies-after-votes --world real
  indoubt run lesson.toml --seeds 1..100 --output out
  indoubt run happy-path --set workload.rate=200 --protocols 2pc,saga --format json")]
pub struct RunArgs {
    /// Scenario files, or names of bundled scenarios.
    #[arg(required = true, value_name = "FILE-OR-NAME", hide_possible_values = true, value_parser = FileOrBundled(bundled::SCENARIOS))]
    pub scenarios: Vec<String>,
    /// In which world to run.
    #[arg(long, value_enum, default_value_t = World::Virtual)]
    pub world: World,
    /// The seed (default: the scenario's own).
    #[arg(long, conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Run with several seeds: a count (`100`; the first is the scenario's own) or a range (`1..20`, both included).
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds)]
    pub seeds: Option<Seeds>,
    /// Run only these protocols, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// Change a parameter, for example `workload.rate=200`. May be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Use the latencies of a machine instead of the scenario's own: a file that `indoubt calibrate` wrote (virtual world).
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The folder for the results (default: results/runs/TIME-NAME).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Also write the traces, one JSON object per line.
    #[arg(long)]
    pub trace: bool,
    /// How many runs at the same time (default: the number of processors; for real clusters, one and a half times that).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// Runs `indoubt run`.
pub(super) fn run(args: &RunArgs, common: &Common) -> Result<Status> {
    let mut tasks = args.scenarios.iter().map(|name| task(name, args)).collect::<Result<Vec<_>>>()?;
    let mut names: Vec<&str> = tasks.iter().map(|t| t.scenario.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        bail!("two of the scenarios are called `{}`: their results would overwrite each other", twice[0]);
    }
    let title = if let [only] = tasks.as_slice() { only.scenario.name.clone() } else { "scenarios".into() };
    let folder = RunFolder::create(args.output.as_deref(), &title)?;
    folder.keep_to(&names)?;
    if args.world == World::Real {
        pace::fit(&mut tasks, common.is_silent())?;
    }
    let how = How { world: args.world, jobs: jobs(args.jobs, args.world), keep: args.trace };
    let bar = output::progress(0, common.is_silent());
    let finished = execute::execute(&tasks, how, &bar)?;

    let command = format!("indoubt run {}", words(args));
    let mut sections = Vec::new();
    for ((task, done), name) in tasks.iter().zip(&finished).zip(&args.scenarios) {
        let repro = repro(name, &task.scenario, args);
        let path = folder.scenario(&task.scenario.name);
        let charts = write_scenario(&path, &task.scenario, &done.summary, &done.recordings, &repro)?;
        sections.push(Section { summary: &done.summary, charts, command: repro });
    }
    let summaries: Vec<&Summary> = finished.iter().map(|f| &f.summary).collect();
    finish(&folder, &title, &command, &sections, &[], &summaries, common)
}

/// Loads a scenario and applies everything that the command line changes in it.
fn task(name: &str, args: &RunArgs) -> Result<Task> {
    let mut scenario = changed(bundled::load(name)?, &args.set)?;
    if let Some(path) = &args.profile {
        if args.world == World::Real {
            bail!("--profile works only in the virtual world: real processes have the latencies of the machine");
        }
        scenario = calibration::load(path)?.replaces(&scenario);
    }
    if !args.protocols.is_empty() {
        scenario = scenario.with_protocols(&args.protocols)?;
    }
    if let Some(seed) = args.seed {
        scenario.seed = seed;
    }
    let seeds: Vec<u64> = match args.seeds {
        None => vec![scenario.seed],
        Some(seeds) => seeds.of(scenario.seed).collect(),
    };
    if let Some(Seeds::Range(first, _)) = args.seeds {
        scenario.seed = first;
    }
    Ok(Task { scenario, seeds, slowed: None })
}

/// The command that repeats one scenario. The scenario in the results folder already contains what the command line changed.
fn repro(name: &str, scenario: &Scenario, args: &RunArgs) -> String {
    let changed = !args.set.is_empty() || !args.protocols.is_empty() || args.profile.is_some();
    let bundled = bundled::SCENARIOS.iter().any(|(bundled, _)| *bundled == name);
    let what = if bundled && !changed { name } else { "scenario.toml" };
    let seeds = match args.seeds {
        None => format!("--seed {}", scenario.seed),
        Some(Seeds::Count(n)) => format!("--seeds {n}"),
        Some(Seeds::Range(from, to)) => format!("--seeds {from}..{to}"),
    };
    format!("indoubt run {what} --world {} {seeds}", args.world.name())
}

fn words(args: &RunArgs) -> String {
    let mut words: Vec<String> = args.scenarios.iter().map(|s| file_name(s).to_owned()).collect();
    words.push(format!("--world {}", args.world.name()));
    let protocols: Vec<&str> = args.protocols.iter().map(|p| p.name()).collect();
    words.extend((!protocols.is_empty()).then(|| format!("--protocols {}", protocols.join(","))));
    words.extend(args.seed.map(|s| format!("--seed {s}")));
    words.extend(set_words(&args.set));
    words.extend(args.profile.iter().map(|p| format!("--profile {}", file_name(&p.to_string_lossy()))));
    words.join(" ")
}

/// The last part of a path. A report must not contain paths of the machine that wrote it.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
