//! `indoubt swarm`: random clusters, loads and fault schedules; what fails is shrunk to the smallest scenario that still does.

use super::{Verdict, run};
use crate::{
    cli::{Common, Format, Seeds, WorldName, parse_protocol, parse_seeds},
    display,
    export::{self, RunFolder},
    parallel::in_parallel,
    say::say,
};
use anyhow::Result;
use clap::Args;
use indoubt_simulator::protocol::Protocol;
use indoubt_studies::{
    shrink::shrink,
    swarm::{Case, Coverage, Failure, draw, examine},
};
use serde_json::json;
use std::{
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Mutex,
};

/// `indoubt swarm`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Each seed is a cluster, a load, options, a network and a schedule of faults; the shares of faults are drawn too. First
everything may break, then all is healed and everything must resolve. A failure is a promise that breaks, something that
stays unresolved, or a panic; it is shrunk and written as a scenario file with the command that repeats it.

Examples:
  indoubt swarm --seeds 10000
  indoubt swarm --seeds 5000..9999 --protocols 2pc,2pc-prc --jobs 2
  indoubt swarm --seeds 1000 --format json")]
pub struct SwarmArgs {
    /// Which seeds: a count (from 0 on) or a range (`1..20`, both included).
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds, default_value = "2000")]
    pub seeds: Seeds,
    /// Only these protocols, which take turns, separated by commas (default: all).
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// Cases at a time (default: the processors).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// At most so many runs to shrink one failure.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub shrink: u64,
    /// The run's own folder, made only if something fails (default: results/runs/TIME-swarm).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Cases that one job runs before it tells.
const BATCH: u64 = 50;
/// At most so many failures are shrunk and written: more say no more.
const MOST_WRITTEN: usize = 10;

/// A case that failed.
struct Found {
    case: Case,
    failure: Failure,
}

/// Lets it swarm.
pub(super) fn swarm(args: &SwarmArgs, common: &Common) -> Result<Verdict> {
    let protocols: Vec<Protocol> =
        if args.protocols.is_empty() { Protocol::ALL.to_vec() } else { args.protocols.clone() };
    let seeds: Vec<u64> = args.seeds.of(0).collect();
    let quiet = common.quiet || common.format == Format::Json;
    let bar = display::progress(seeds.len() as u64, quiet);
    let jobs = run::jobs(args.jobs, WorldName::Virtual);
    // A panic is a finding, told with the others; it need not be printed where it happens.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let failing = Mutex::new(0);
    let batches: Vec<&[u64]> = seeds.chunks(BATCH as usize).collect();
    let results = in_parallel(&batches, jobs, |batch| {
        let mut coverage = Coverage::new();
        let mut found = Vec::new();
        for seed in *batch {
            let case = draw(*seed, &protocols);
            match guarded(&case) {
                Ok(run) => coverage.take(&case, &run),
                Err(failure) => found.push(Found { case, failure }),
            }
        }
        let mut failing = failing.lock().expect("no holder of this lock panics");
        *failing += found.len();
        bar.set_message(format!("{failing} failures"));
        bar.inc(batch.len() as u64);
        Ok((coverage, found))
    });
    bar.finish_and_clear();
    let mut coverage = Coverage::new();
    let mut found = Vec::new();
    for (part, failures) in results? {
        coverage.add(&part);
        found.extend(failures);
    }
    let written = write(&found, args, common);
    panic::set_hook(hook);
    tell(seeds.len(), &coverage, &found, &written?, common)?;
    Ok(found.is_empty().into())
}

/// Runs a case; a panic is a failure like any other.
fn guarded(case: &Case) -> Result<indoubt_simulator::summary::Run, Failure> {
    match panic::catch_unwind(AssertUnwindSafe(|| examine(case))) {
        Ok((run, None)) => Ok(run),
        Ok((_, Some(failure))) => Err(failure),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
            Err(Failure { check: "panic".into(), detail: text.unwrap_or_default() })
        }
    }
}

/// Shrinks the first failures and writes each as a file.
fn write(found: &[Found], args: &SwarmArgs, common: &Common) -> Result<Vec<PathBuf>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let folder = RunFolder::create(args.output.as_deref(), "swarm")?;
    let failures = folder.path().join("failures");
    std::fs::create_dir_all(&failures)?;
    let bar = display::progress(found.len().min(MOST_WRITTEN) as u64, common.quiet || common.format == Format::Json);
    bar.set_message("shrinking");
    let first: Vec<&Found> = found.iter().take(MOST_WRITTEN).collect();
    let jobs = run::jobs(args.jobs, WorldName::Virtual);
    let written = in_parallel(&first, jobs, |found| {
        let path = failures.join(format!("{}-{}.toml", found.case.protocol, found.case.seed));
        write_one(found, args.shrink, &path)?;
        bar.inc(1);
        Ok(path)
    })?;
    bar.finish_and_clear();
    Ok(written)
}

fn write_one(found: &Found, budget: u64, path: &Path) -> Result<()> {
    let Found { case, failure } = found;
    let same = |case: &Case| guarded(case).err().is_some_and(|other| other.check == failure.check);
    let (smallest, effort) = shrink(case.clone(), &mut |case| same(case), budget);
    let size = |case: &Case| {
        let scenario = &case.scenario;
        let transactions = scenario.workload.transactions.map_or("any".to_owned(), |n| n.to_string());
        format!(
            "{} faults, {transactions} transactions, {} participants",
            scenario.faults.len(),
            scenario.cluster.participants
        )
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let detail: String = failure.detail.lines().map(|line| format!("#   {line}\n")).collect();
    let text = format!(
        "# indoubt replay {file} --protocol {} --seed {}\n# {} does not hold:\n{detail}# drawn: {}; shrunk ({} runs): {}\n\n{}",
        case.protocol,
        case.seed,
        failure.check,
        size(case),
        effort.tried,
        size(&smallest),
        smallest.scenario.to_toml()
    );
    export::write_text(path, &text)
}

fn tell(cases: usize, coverage: &Coverage, found: &[Found], written: &[PathBuf], common: &Common) -> Result<()> {
    if common.format == Format::Json {
        let failures = found.iter().map(|found| {
            json!({ "protocol": found.case.protocol, "seed": found.case.seed, "check": found.failure.check, "detail": found.failure.detail })
        });
        let seen: serde_json::Map<_, _> = coverage.seen().map(|(what, runs)| (what.to_owned(), json!(runs))).collect();
        let told = json!({ "version": 1, "cases": cases, "failures": failures.collect::<Vec<_>>(), "files": written, "seen": seen });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    if !common.quiet {
        say!("{cases} cases, {} failures. In so many of them:", found.len());
        for (what, runs) in coverage.seen() {
            say!("  {runs:>8}  {what}{}", if runs == 0 { "  (never: more seeds, or other protocols)" } else { "" });
        }
    }
    for Found { case, failure } in found.iter().take(MOST_WRITTEN) {
        anstream::eprintln!("{} with seed {}: {}: {}", case.protocol, case.seed, failure.check, failure.detail);
    }
    if found.len() > MOST_WRITTEN {
        anstream::eprintln!("and {} more", found.len() - MOST_WRITTEN);
    }
    for path in written {
        anstream::eprintln!("shrunk: {0}; its first line is the command that repeats it", path.display());
    }
    Ok(())
}
