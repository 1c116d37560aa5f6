//! `indoubt run`: scenarios in either world, with their summaries, charts and report.

use super::{
    Verdict, calibrate,
    execute::{self, How, Task},
};
use crate::{
    bundled,
    charts::{self, Outcomes},
    cli::{Common, Format, RunArgs, Seeds, WorldName},
    display,
    export::{self, RunFolder},
    report::{self, Head, Section, Study},
    say::say,
};
use anyhow::{Context, Result, anyhow, bail};
use indoubt_simulator::{scenario::Scenario, summary::Summary};

/// Runs them.
pub(super) fn run(args: &RunArgs, common: &Common) -> Result<Verdict> {
    let tasks = args.scenarios.iter().map(|name| task(name, args)).collect::<Result<Vec<_>>>()?;
    let mut names: Vec<&str> = tasks.iter().map(|t| t.scenario.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        bail!("two of the scenarios are called `{}`: their results would overwrite each other", twice[0]);
    }
    let title = if let [only] = tasks.as_slice() { only.scenario.name.clone() } else { "scenarios".into() };
    let folder = RunFolder::create(args.output.as_deref(), &title)?;
    let how = How { world: args.world, jobs: jobs(args.jobs, args.world), keep: args.trace };
    let bar = display::progress(0, common.quiet || common.format == Format::Json);
    let finished = execute::execute(&tasks, how, &bar)?;

    let command = format!("indoubt run {}", words(args));
    let mut sections = Vec::new();
    for ((task, done), name) in tasks.iter().zip(&finished).zip(&args.scenarios) {
        let repro = repro(name, &task.scenario, args);
        let path = folder.scenario(&task.scenario.name);
        let charts = export::write_scenario(&path, &task.scenario, &done.summary, &done.recordings, &repro)?;
        sections.push(Section { summary: &done.summary, charts, command: repro });
    }
    let summaries: Vec<&Summary> = finished.iter().map(|f| &f.summary).collect();
    finish(&folder, &title, &command, &sections, &[], &summaries, common)
}

/// Writes the index and the report, prints the verdicts, and answers whether all holds.
pub(super) fn finish(
    folder: &RunFolder,
    title: &str,
    command: &str,
    sections: &[Section<'_>],
    sweeps: &[Study<'_>],
    summaries: &[&Summary],
    common: &Common,
) -> Result<Verdict> {
    folder.write_index(summaries)?;
    let outcomes = match summaries {
        [_, _, ..] => Some(charts::save(&Outcomes::new(summaries), folder.path(), "outcomes")?),
        _ => None,
    };
    let report = folder.path().join("report.html");
    report::write(&report, &Head { title, command, outcomes: outcomes.as_ref() }, sections, sweeps)?;
    match common.format {
        Format::Json => say!("{}", serde_json::to_string_pretty(&summaries)?),
        Format::Text if common.quiet => {}
        Format::Text => {
            display::verdicts(summaries);
            // Of many scenarios the report has the spreads; here they would bury the verdicts.
            if let [only] = summaries {
                display::over_seeds(only);
            }
            say!("report: {}", report.display());
        }
    }
    summaries.iter().for_each(|s| display::failures(s));
    Ok(summaries.iter().all(|s| export::holds(s)).into())
}

/// A scenario with everything that the command line changes in it.
fn task(name: &str, args: &RunArgs) -> Result<Task> {
    let mut scenario = changed(bundled::load(name)?, &args.set)?;
    if let Some(path) = &args.profile {
        if args.world == WorldName::Real {
            bail!(
                "--profile is for the virtual world: real processes need what they need, and a scenario's latency is added to it"
            );
        }
        scenario = calibrate::load(path)?.replaces(&scenario);
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
    Ok(Task { scenario, seeds })
}

/// A scenario with these parameters changed, each as PATH=VALUE.
pub(super) fn changed(mut scenario: Scenario, changes: &[String]) -> Result<Scenario> {
    for change in changes {
        let (path, value) = change
            .split_once('=')
            .with_context(|| format!("--set {change}: expected PATH=VALUE, such as workload.rate=200"))?;
        scenario = scenario.set(path, value).map_err(|error| anyhow!("--set {error}"))?;
    }
    Ok(scenario)
}

/// How many jobs at a time: virtual runs are busy all the time, real ones mostly wait.
pub(super) fn jobs(asked: Option<u16>, world: WorldName) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    match (asked, world) {
        (Some(jobs), _) => jobs.into(),
        (None, WorldName::Virtual) => processors,
        (None, WorldName::Real) => processors + processors / 2,
    }
}

fn world_word(world: WorldName) -> &'static str {
    match world {
        WorldName::Virtual => "virtual",
        WorldName::Real => "real",
    }
}

/// The command that repeats one scenario. What was changed on the command line stands in the scenario as resolved.
fn repro(name: &str, scenario: &Scenario, args: &RunArgs) -> String {
    let changed = !args.set.is_empty() || !args.protocols.is_empty() || args.profile.is_some();
    let bundled = bundled::SCENARIOS.iter().any(|(bundled, _)| *bundled == name);
    let what = if bundled && !changed { name } else { "scenario.toml" };
    let seeds = match args.seeds {
        None => format!("--seed {}", scenario.seed),
        Some(Seeds::Count(n)) => format!("--seeds {n}"),
        Some(Seeds::Range(from, to)) => format!("--seeds {from}..{to}"),
    };
    format!("indoubt run {what} --world {} {seeds}", world_word(args.world))
}

fn words(args: &RunArgs) -> String {
    let mut words: Vec<String> = args.scenarios.iter().map(|s| file_name(s).to_owned()).collect();
    words.push(format!("--world {}", world_word(args.world)));
    words.extend(args.seed.map(|s| format!("--seed {s}")));
    words.extend(export::set_words(&args.set));
    words.extend(args.profile.iter().map(|p| format!("--profile {}", file_name(&p.to_string_lossy()))));
    words.join(" ")
}

/// The last part of a path: nothing of a machine's file system belongs into a report.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
