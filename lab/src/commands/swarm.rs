//! `indoubt swarm`: runs random clusters, loads and fault schedules. Each failure is shrunk to a small scenario that still fails.

use crate::{
    options::{Common, Format, Seeds, jobs, parse_protocol, parse_seeds},
    output::{self, outln},
    status::Status,
    swarm_study::{self, Found, MOST_WRITTEN},
    world::World,
};
use anyhow::Result;
use clap::Args;
use indoubt_report::RunFolder;
use indoubt_scenario::protocol::Protocol;
use indoubt_studies::swarm::Coverage;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `indoubt swarm`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Each seed draws one case: a cluster, a load, options, a network and a schedule of faults. The kinds of faults and their \
frequency are drawn too. In the first part of a run anything may break. Then everything is repaired, and all transactions must \
end. A failure is a broken promise, a transaction that does not end, or a panic. It is shrunk and written as a scenario file \
with the command that repeats it.

Examples:
  indoubt swarm --seeds 10000
  indoubt swarm --seeds 5000..9999 --protocols 2pc,2pc-prc --jobs 2
  indoubt swarm --seeds 1000 --format json")]
pub struct SwarmArgs {
    /// Which seeds to run: a count (starting at 0) or a range (`1..20`, both included).
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds, default_value = "2000")]
    pub seeds: Seeds,
    /// Run only these protocols, separated by commas (default: all). They take turns, seed by seed.
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// How many cases to run at the same time (default: the number of processors).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// The most runs to spend on shrinking one failure.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub shrink: u64,
    /// The folder for the failures, created only if something fails (default: results/runs/TIME-swarm).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Runs `indoubt swarm`.
pub(super) fn swarm(args: &SwarmArgs, common: &Common) -> Result<Status> {
    let protocols: Vec<Protocol> =
        if args.protocols.is_empty() { Protocol::ALL.to_vec() } else { args.protocols.clone() };
    let seeds: Vec<u64> = args.seeds.of(0).collect();
    let jobs = jobs(args.jobs, World::Virtual);
    let (coverage, found, written) = swarm_study::without_panic_messages(|| {
        let bar = output::progress(seeds.len() as u64, common.is_silent());
        let (coverage, found) = swarm_study::run(&seeds, &protocols, jobs, &bar)?;
        let written = write(&found, args, jobs, common)?;
        anyhow::Ok((coverage, found, written))
    })?;
    tell(seeds.len(), &coverage, &found, &written, common)?;
    Ok(found.is_empty().into())
}

/// Writes the failures. Creates the folder only if there are any.
fn write(found: &[Found], args: &SwarmArgs, jobs: usize, common: &Common) -> Result<Vec<PathBuf>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let folder = RunFolder::create(args.output.as_deref(), "swarm")?.path().join("failures");
    let bar = output::progress(found.len().min(MOST_WRITTEN) as u64, common.is_silent());
    bar.set_message("shrinking");
    swarm_study::write(found, args.shrink, &folder, jobs, &bar)
}

fn tell(cases: usize, coverage: &Coverage, found: &[Found], written: &[PathBuf], common: &Common) -> Result<()> {
    if common.format == Format::Json {
        let failures = found.iter().map(|found| {
            json!({ "protocol": found.case.protocol, "seed": found.case.seed, "check": found.failure.check, "detail": found.failure.detail })
        });
        let seen: serde_json::Map<_, _> = coverage.seen().map(|(what, runs)| (what.to_owned(), json!(runs))).collect();
        let told = json!({ "version": 1, "cases": cases, "failures": failures.collect::<Vec<_>>(), "files": written, "seen": seen });
        outln!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    if !common.quiet {
        outln!("{cases} cases, {} failures. Number of cases with:", found.len());
        for (what, runs) in coverage.seen() {
            outln!("  {runs:>8}  {what}{}", if runs == 0 { "  (never: more seeds, or other protocols)" } else { "" });
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
