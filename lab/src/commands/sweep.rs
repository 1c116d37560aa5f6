//! `indoubt sweep` and `indoubt merge`: run a scenario over a grid of parameters, on one machine or on many.

use crate::{
    bounded::read_text,
    bundled,
    changes::{changed, set_words},
    options::{Common, FileOrBundled, Format, Seeds, jobs, parse_protocol, parse_seeds},
    output::{self, outln},
    status::Status,
    sweeps::{self, Shard},
    world::World,
};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use indoubt_report::{
    RunFolder, Swept,
    page::{self, Head},
    sweep_table::Table,
};
use indoubt_scenario::{parse::MOST_BYTES, protocol::Protocol};
use indoubt_studies::sweep::{Grid, SweepError};
use serde_json::json;
use std::path::PathBuf;

/// How many seeds each point runs with by default.
const SEEDS: u64 = 10;
/// The folder in which shards are merged, until it is known that they can be.
const STAGED: &str = ".merging";

/// Arguments of `indoubt sweep`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Runs every combination of the values in [sweep], under each protocol, with many seeds, in the virtual world. Writes one \
tidy CSV (one row per run) and one chart per metric. Ends with status 1 if an expectation or a promise does not hold at some \
point, or if a fault fires under no seed of it. To continue an interrupted sweep, give the same --output again.

Examples:
  indoubt sweep coordinator-downtime
  indoubt sweep my.toml --seeds 100 --output out
  indoubt sweep my.toml --seeds 1000 --shard 3/8 --output shard-3
      on one of eight machines; when all are done:
  indoubt merge shard-* --output all")]
pub struct SweepArgs {
    /// A scenario file with a `[sweep]` section, or the name of a bundled sweep (`indoubt list sweeps`).
    #[arg(value_name = "FILE-OR-NAME", hide_possible_values = true, value_parser = FileOrBundled(bundled::SWEEPS))]
    pub scenario: String,
    /// The seeds of each point: a count (the first is the scenario's own) or a range (`1..20`, both included) [default: 10].
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds)]
    pub seeds: Option<Seeds>,
    /// Run only these protocols, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// Change a parameter that is not swept, for example `workload.rate=200`. May be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Run only part I of N of the grid, for sweeps that are distributed over many machines.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    pub shard: Option<(usize, usize)>,
    /// How many runs at the same time (default: the number of processors).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// The folder for the results (default: results/runs/TIME-NAME).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Arguments of `indoubt merge`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Every file equals, byte for byte, that of a sweep on one machine, also the report and the command in repro.txt. It is an error if \
a shard is missing or not finished, or if the shards belong to different sweeps.

Example:
  indoubt merge shard-1 shard-2 shard-3 --output all")]
pub struct MergeArgs {
    /// The folders that `indoubt sweep --shard` wrote.
    #[arg(required = true, value_name = "DIR")]
    pub shards: Vec<PathBuf>,
    /// The folder for the results (default: results/runs/TIME-NAME).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

fn parse_shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
    match parts {
        Some((shard, of)) if (1..=of).contains(&shard) && of <= 100_000 => Ok((shard, of)),
        _ => Err(format!("`{text}` is not a shard: expected I/N with I from 1 to N, such as 3/8")),
    }
}

/// Runs `indoubt sweep`.
pub(super) fn sweep(args: &SweepArgs, common: &Common) -> Result<Status> {
    let mut scenario = bundled::load_sweep(&args.scenario)?;
    let swept = std::mem::take(&mut scenario.sweep);
    if let Some(path) = args.set.iter().filter_map(|set| set.split('=').next()).find(|path| is_swept(&swept, path)) {
        bail!("--set {path}: this parameter is swept; change its values in [sweep]");
    }
    scenario = changed(scenario, &args.set)?;
    if !args.protocols.is_empty() {
        scenario = scenario.with_protocols(&args.protocols)?;
    }
    scenario.sweep = swept;
    let seeds = args.seeds.unwrap_or(Seeds::Count(SEEDS)).of(scenario.seed).collect();
    let grid = Grid::new(&scenario, seeds).map_err(|error| placed(error, &args.scenario))?;
    let (shard, of) = args.shard.unwrap_or((1, 1));
    let folder = RunFolder::create(args.output.as_deref(), &scenario.name)?;
    folder.keep_to(&[&scenario.name])?;
    let path = folder.scenario(&scenario.name);
    let command = format!("indoubt sweep {}", words(args));

    let quiet = common.is_silent();
    let bar = output::progress(grid.shard(shard, of).count() as u64, quiet);
    bar.set_message(scenario.name.clone());
    if !quiet {
        anstream::eprintln!(
            "{}: {} points, {} protocols, {} seeds. If it is interrupted, continue it with --output {}",
            scenario.name,
            grid.points.len(),
            scenario.protocols.len(),
            grid.seeds.len(),
            folder.path().display()
        );
    }
    let jobs = jobs(args.jobs, World::Virtual);
    sweeps::sweep(&grid, Shard { shard, of }, &path, &command, jobs, &bar)?;
    bar.finish_and_clear();
    if of > 1 {
        let failures = Table::read(&path.join("rows.csv"), &grid)?.failures(&grid, false);
        output::sweep_failures(&scenario.name, &failures);
        let holds = failures.is_empty();
        if common.format == Format::Json {
            outln!(
                "{}",
                json!({ "scenario": scenario.name, "shard": shard, "of": of, "folder": path, "holds": holds })
            );
        } else if !common.quiet {
            outln!("shard {shard} of {of}: {}", path.display());
            outln!("when all shards are finished: indoubt merge DIR... with the folder of each shard");
        }
        return Ok(holds.into());
    }
    tell(&folder, &Swept::draw(grid, &path, command)?, common)
}

/// Whether a path is swept: it is an axis, lies inside one, or contains one.
fn is_swept(sweep: &[(String, Vec<String>)], path: &str) -> bool {
    let within = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let axes = sweep.iter().flat_map(|(axis, _)| axis.split(',')).map(str::trim);
    axes.into_iter().any(|axis| within(axis, path.trim()) || within(path.trim(), axis))
}

/// Runs `indoubt merge`.
pub(super) fn merge(args: &MergeArgs, common: &Common) -> Result<Status> {
    let shards: Vec<PathBuf> = args.shards.iter().map(|shard| sweep_folder(shard)).collect();
    let folder = RunFolder::create(args.output.as_deref(), "merged")?;
    let staged = folder.path().join(STAGED);
    let merged = sweeps::merge(&shards, &staged);
    let (grid, command) = merged.inspect_err(|_| {
        _ = std::fs::remove_dir_all(&staged);
        // An error leaves no new folder behind. A folder that is not empty stays.
        _ = std::fs::remove_dir(folder.path());
    })?;
    let path = folder.scenario(&grid.scenario.name);
    let free = match path.exists() {
        true => Err(anyhow!("{} already exists: choose another --output", path.display())),
        false => folder.keep_to(&[STAGED]),
    };
    free.inspect_err(|_| _ = std::fs::remove_dir_all(&staged))?;
    std::fs::rename(&staged, &path).with_context(|| format!("cannot write {}", path.display()))?;
    tell(&folder, &Swept::draw(grid, &path, command)?, common)
}

/// The folder with a shard's rows: the folder that was named, or the only sweep in it.
fn sweep_folder(named: &std::path::Path) -> PathBuf {
    if named.join("sweep.json").is_file() {
        return named.to_owned();
    }
    let inner = std::fs::read_dir(named).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut inner = inner.filter(|path| path.join("sweep.json").is_file());
    match (inner.next(), inner.next()) {
        (Some(only), None) => only,
        _ => named.to_owned(),
    }
}

fn tell(folder: &RunFolder, swept: &Swept, common: &Common) -> Result<Status> {
    let report = folder.path().join("report.html");
    let head = Head { title: &swept.grid.scenario.name, command: &swept.command, outcomes: None };
    page::write(&report, &head, &[], &[swept.section()])?;
    let rows = folder.scenario(&swept.grid.scenario.name).join("rows.csv");
    match common.format {
        Format::Json => {
            let told = json!({
                "scenario": swept.grid.scenario.name, "axes": swept.grid.axes, "metrics": swept.grid.metrics,
                "cells": swept.grid.len(), "rows": rows, "report": report,
                "holds": swept.failures.is_empty(), "failures": swept.failures,
            });
            outln!("{}", serde_json::to_string_pretty(&told)?);
        }
        Format::Text if common.quiet => {}
        Format::Text => {
            outln!("{}", swept.grid.scenario.about);
            output::medians::print(swept);
            outln!("\nrows: {}\nreport: {}", rows.display(), report.display());
        }
    }
    output::sweep_failures(&swept.grid.scenario.name, &swept.failures);
    Ok(swept.failures.is_empty().into())
}

/// Adds file and line of the value to an error about it.
fn placed(error: SweepError, file: &str) -> anyhow::Error {
    let text = bundled::sweep_text(file)
        .or_else(|| read_text(file.as_ref(), "the sweep", MOST_BYTES).ok())
        .unwrap_or_default();
    let wanted = match &error {
        SweepError::Value { path, .. } => path.clone(),
        SweepError::Labels(..) => "labels".into(),
        SweepError::Nothing(_) | SweepError::TooLarge(_) => "[sweep]".into(),
    };
    let after = text.lines().position(|line| line.trim_start().starts_with("[sweep]")).unwrap_or(0);
    let line = text.lines().enumerate().skip(after).find(|(_, line)| line.contains(&wanted));
    match line {
        Some((at, _)) => anyhow!("{file}:{}: {error}", at + 1),
        None => anyhow!("{file}: {error}"),
    }
}

fn words(args: &SweepArgs) -> String {
    let name = args.scenario.rsplit('/').next().unwrap_or(&args.scenario);
    let bundled = bundled::SWEEPS.iter().any(|(bundled, _)| *bundled == args.scenario);
    let mut words = vec![if bundled { name.to_owned() } else { "scenario.toml".to_owned() }];
    words.push(match args.seeds {
        None => format!("--seeds {SEEDS}"),
        Some(Seeds::Count(n)) => format!("--seeds {n}"),
        Some(Seeds::Range(from, to)) => format!("--seeds {from}..{to}"),
    });
    // The scenario file in the results contains protocols and changed parameters. A bundled scenario does not.
    if bundled {
        let protocols: Vec<&str> = args.protocols.iter().map(|p| p.name()).collect();
        words.extend((!protocols.is_empty()).then(|| format!("--protocols {}", protocols.join(","))));
        words.extend(set_words(&args.set));
    }
    words.extend(args.shard.map(|(shard, of)| format!("--shard {shard}/{of}")));
    words.join(" ")
}
