//! `indoubt replay`: repeats one run of one protocol under one seed, with its whole trace and every check. Sweeps, the swarm
//! and crash points name this command for each failure.

use crate::{
    bundled,
    changes::changed,
    execute::{self, How, Task},
    options::{Common, FileOrBundled, Format, parse_protocol},
    output::{self, outln},
    status::Status,
    world::World,
};
use anyhow::{Context, Result};
use clap::Args;
use indoubt_judge::{summary::Run, trace};
use indoubt_report::{
    RunFolder, holds,
    page::{self, Head, Section},
    time, write_scenario,
};
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `indoubt replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
One seed gives one history, byte for byte, in every build. Two histories are the same if the printed fingerprints are.

Examples:
  indoubt replay coordinator-dies-after-votes
  indoubt replay slow-lossy-network --protocol saga --seed 17
  indoubt replay results/runs/latest/slow-lossy-network --protocol 2pc --seed 17
  indoubt explain results/runs/latest/happy-path/trace/2pc-1.jsonl --all")]
pub struct ReplayArgs {
    /// A scenario file, the name of a bundled scenario, or a scenario's folder in the results of an earlier run.
    #[arg(value_name = "SCENARIO", hide_possible_values = true, value_parser = FileOrBundled(bundled::SCENARIOS))]
    pub scenario: String,
    /// Which protocol (default: the scenario's first).
    #[arg(long, value_parser = parse_protocol)]
    pub protocol: Option<Protocol>,
    /// The seed (default: the scenario's own).
    #[arg(long)]
    pub seed: Option<u64>,
    /// Change a parameter, for example `workload.rate=200`. May be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// The folder for the results (default: results/runs/TIME-NAME).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Runs `indoubt replay`.
pub(super) fn replay(args: &ReplayArgs, common: &Common) -> Result<Status> {
    let scenario = changed(load(&args.scenario)?, &args.set)?;
    let protocol = args.protocol.unwrap_or(scenario.protocols[0]);
    let mut scenario = scenario.with_protocols(&[protocol])?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let task = Task { seeds: vec![scenario.seed], scenario, slowed: None };
    let folder = RunFolder::create(args.output.as_deref(), &format!("replay-{}", task.scenario.name))?;
    folder.keep_to(&[&task.scenario.name])?;
    let how = How { world: World::Virtual, jobs: 1, keep: true };
    let finished = execute::execute(std::slice::from_ref(&task), how, &output::progress(0, true))?;
    let done = finished.first().context("one task was run")?;
    let (run, recording) = done.summary.runs.first().zip(done.recordings.first()).context("one run was kept")?;

    let path = folder.scenario(&task.scenario.name);
    // The scenario in the results folder contains all changes, so the command needs no --set.
    let command = format!("indoubt replay scenario.toml --protocol {protocol} --seed {}", run.seed);
    let charts = write_scenario(&path, &task.scenario, &done.summary, &done.recordings, &command)?;
    folder.write_index(&[&done.summary])?;
    let report = folder.path().join("report.html");
    let section = Section { summary: &done.summary, charts, command: command.clone() };
    page::write(&report, &Head { title: &task.scenario.name, command: &command, outcomes: None }, &[section], &[])?;

    let fingerprint = format!("{:016x}", trace::fingerprint(&recording.trace));
    let trace = path.join("trace").join(format!("{protocol}-{}.jsonl", run.seed));
    match common.format {
        Format::Json => {
            let told = json!({
                "scenario": task.scenario.name, "run": run, "observations": recording.trace.len(),
                "fingerprint": fingerprint, "trace": trace, "report": report,
            });
            outln!("{}", serde_json::to_string_pretty(&told)?);
        }
        Format::Text if common.quiet => {}
        Format::Text => {
            outln!("{}: {}", task.scenario.name, task.scenario.about);
            tell(run);
            outln!("\n{} observations, fingerprint {fingerprint}", recording.trace.len());
            outln!("trace: {}\nreport: {}", trace.display(), report.display());
            outln!("as a conversation: indoubt explain {} --all", trace.display());
        }
    }
    output::failures(&done.summary);
    Ok(holds(&done.summary).into())
}

/// Loads a scenario from a file, a bundled name, or the results folder of an earlier run.
fn load(what: &str) -> Result<Scenario> {
    let resolved = Path::new(what).join("scenario.toml");
    if resolved.is_file() { bundled::load(&resolved.to_string_lossy()) } else { bundled::load(what) }
}

/// Prints what happened, and every check.
fn tell(run: &Run) {
    outln!("{} with seed {}\n", run.protocol, run.seed);
    let (now, told) = (&run.transactions, &run.clients);
    outln!(
        "  {} transactions: {} succeeded, {} aborted, {} compensated, {} partial, {} refused, {} unresolved, {} stuck",
        now.submitted,
        now.succeeded,
        now.aborted,
        now.compensated,
        now.partial,
        now.refused,
        now.unresolved,
        now.stuck
    );
    outln!(
        "  clients were told: {} succeeded, {} aborted, {} compensated, {} refused, {} unknown",
        told.succeeded,
        told.aborted,
        told.compensated,
        told.refused,
        told.unknown
    );
    let measures = &run.measures;
    outln!(
        "  longest times: in doubt {}, blocked {}, pending {}; {} bystanders\n",
        time(measures.in_doubt_ms.max),
        time(measures.blocked_ms.max),
        time(measures.pending_ms.max),
        measures.bystanders.count
    );
    for fault in &run.faults {
        let at: Vec<String> = fault.at_ms.iter().take(5).map(|ms| format!("{ms} ms")).collect();
        let more = if fault.fired > 5 { ", …" } else { "" };
        outln!("  fault {}: fired {} times, at {}{more}", fault.text, fault.fired, at.join(", "));
    }
    output::checks(run);
}
