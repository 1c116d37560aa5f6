//! `indoubt crash-points`: crashes each node before and after each of its effects, in the run of one transaction.

use crate::{
    bundled,
    changes::{changed, set_words},
    crash_study::{self, CrashStudy, Document, Enumeration},
    options::{Common, FileOrBundled, Format, jobs, parse_protocol},
    output::{self, outln},
    status::Status,
    world::World,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use indoubt_judge::conversation::{self, Filter};
use indoubt_proto::time::Micros;
use indoubt_report::{RunFolder, write_text};
use indoubt_scenario::{parse::duration, protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world;
use indoubt_studies::crash_points::{Case, CaseResult, MiniRun};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `indoubt crash-points`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Reduces the scenario to one transaction. Workload kind, options, timeouts, latencies and disk stay; load, loss and faults go. \
Every append, send, receipt and observation of every node has two crash points: just before it and just after it. At each \
crash point the node crashes once for every prefix of the unforced log tail that may survive. Then it restarts, and all checks \
run. This is done for a transaction that commits, and for one that is refused, at each step that can be refused.

Examples:
  indoubt crash-points coordinator-dies-after-votes
  indoubt crash-points happy-path --protocols 2pc,2pc-prc,2pc-cooperative --output out
  indoubt crash-points happy-path --participants 2 --pairs
  indoubt crash-points happy-path --protocols 2pc --case 2/commit/c1/after/append:committed/1/keep1

A case is PARTICIPANTS/ENDING/NODE/EDGE/EFFECT/N/keepK, where K unforced records survive the crash. With restoreK the journal \
goes back to its first K records, with lose-disk the whole disk is gone. `+` adds a second crash.")]
pub struct CrashPointsArgs {
    /// A scenario file, or the name of a bundled scenario.
    #[arg(value_name = "SCENARIO", hide_possible_values = true, value_parser = FileOrBundled(bundled::SCENARIOS))]
    pub scenario: String,
    /// Run only these protocols, separated by commas (default: those of the scenario).
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// How many participants the transaction touches; several numbers are separated by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "2,3", value_parser = clap::value_parser!(u16).range(1..=8))]
    pub participants: Vec<u16>,
    /// Also crash a second time, at every crash point of the history after the first crash.
    #[arg(long)]
    pub pairs: bool,
    /// Also let the node come back with an empty disk, and with each older copy of its journal.
    #[arg(long)]
    pub disks: bool,
    /// Run only this case, and print it as a conversation.
    #[arg(long, value_name = "CASE", value_parser = parse_case, conflicts_with_all = ["pairs", "disks"])]
    pub case: Option<Case>,
    /// How long a crashed node stays down.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_back)]
    pub restart_after: Micros,
    /// Change a parameter, for example `options.work=with-prepare`. May be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// How many cases to run at the same time (default: the number of processors).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// The folder for the results (default: results/runs/TIME-crash-points; with --case: none).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

fn parse_case(text: &str) -> Result<Case, String> {
    text.parse()
}

fn parse_back(text: &str) -> Result<Micros, String> {
    let found = duration(text).filter(|found| *found > Micros::ZERO && *found <= Micros::from_secs(120));
    found.ok_or_else(|| format!("`{text}` is not a duration above 0 and up to 2m, such as 500ms or 2s"))
}

/// Runs `indoubt crash-points`: every crash point, or the one case of `--case`.
pub(super) fn crash_points(args: &CrashPointsArgs, common: &Common) -> Result<Status> {
    let mut scenario = changed(bundled::load(&args.scenario)?, &args.set)?;
    if !args.protocols.is_empty() {
        scenario = scenario.with_protocols(&args.protocols)?;
    }
    match &args.case {
        Some(case) => one(&scenario, case, args, common),
        None => all(&scenario, args, common),
    }
}

fn all(scenario: &Scenario, args: &CrashPointsArgs, common: &Common) -> Result<Status> {
    let quiet = common.is_silent();
    let mut participants = args.participants.clone();
    participants.sort_unstable();
    participants.dedup();
    let enumeration = Enumeration::new(scenario, &participants, args.restart_after)
        .with_context(|| format!("{} cannot be reduced to one transaction", scenario.name))?;
    let enumeration = Enumeration { pairs: args.pairs, disks: args.disks, ..enumeration };
    let folder = RunFolder::create(args.output.as_deref(), "crash-points")?;
    folder.keep_to(&[])?;
    let bar = output::progress(enumeration.points(), quiet);
    let study = crash_study::run(&enumeration, jobs(args.jobs, World::Virtual), &bar)?;

    let common_words = words(args);
    let of = |protocol: Protocol, tried: &CaseResult| {
        format!("indoubt crash-points {common_words} --protocols {protocol} --case {}", tried.case)
    };
    let about = Document { scenario, command: command(args, &common_words), repeat: &of };
    let document = crash_study::write(&study, &about, &folder)?;
    match common.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&document)?),
        Format::Text if common.quiet => {}
        Format::Text => {
            output::crash_points::tell(&study, &of);
            let path = folder.path();
            outln!("\ncharts: {}\nreport: {}", path.join("charts").display(), path.join("report.html").display());
            outln!("every case: {}", path.join("cases.csv").display());
        }
    }
    let failed = failures(&study, &of);
    Ok((failed == 0).into())
}

/// Prints the failures on standard error. Returns how many there are.
fn failures(study: &CrashStudy, of: &dyn Fn(Protocol, &CaseResult) -> String) -> u64 {
    let summaries = [Some(&study.single), study.pairs.as_ref()];
    let mut failed = 0;
    for summary in summaries.into_iter().flatten() {
        failed += summary.failed();
        for (protocol, tried) in &summary.failures {
            anstream::eprintln!("{}", output::crash_points::failure(*protocol, tried, &of(*protocol, tried)));
        }
    }
    failed
}

fn one(scenario: &Scenario, case: &Case, args: &CrashPointsArgs, common: &Common) -> Result<Status> {
    let mut verdict = Status::Holds;
    let mut told = Vec::new();
    // Protocols differ in their crash points, so some of them may not have this one.
    let mut reached = 0;
    for protocol in &scenario.protocols {
        let run = MiniRun::of(scenario, *protocol, case, args.restart_after)?;
        let tried = run.try_case(case.strikes.clone());
        if tried.fired < case.strikes.len() {
            anstream::eprintln!("{protocol} never reaches the crash point {}", unreached(&run, case));
            continue;
        }
        reached += 1;
        let small = run.scenario_of(&case.strikes);
        if let Some(folder) = &args.output {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            let path = folder.join(format!("{protocol}.toml"));
            let note = format!("# {case}\n# indoubt replay {protocol}.toml --seed {}\n\n", small.seed);
            write_text(&path, &(note + &small.to_toml()))?;
        }
        if common.format == Format::Json {
            told.push(json!({
                "protocol": protocol, "case": case.to_string(), "seed": small.seed, "outcome": tried.outcome,
                "told": tried.told, "in_doubt_ms": tried.in_doubt_ms, "blocked_ms": tried.blocked_ms,
                "pending_ms": tried.pending_ms, "verdict": tried.verdict,
                "broken": tried.broken.iter().map(|b| json!({ "check": b.check, "promised": b.promised, "detail": b.detail })).collect::<Vec<_>>(),
            }));
        } else {
            let recording = world::run(&small, *protocol, small.seed);
            outln!("{protocol}, {case}\n");
            outln!("{}", conversation::tell(&recording, Filter::default()));
            output::crash_points::one(&tried);
        }
        if tried.is_failure() {
            verdict = Status::DoesNotHold;
        }
    }
    if reached == 0 {
        bail!("no protocol has this crash point; the column `case` of cases.csv lists those of each protocol");
    }
    if common.format == Format::Json {
        outln!("{}", serde_json::to_string_pretty(&told)?);
    }
    Ok(verdict)
}

/// The first crash point of `case` that the run did not reach.
fn unreached(run: &MiniRun, case: &Case) -> String {
    let faults = world::run(&run.scenario_of(&case.strikes), run.protocol, run.scenario.seed).faults;
    let silent = faults.iter().zip(&case.strikes).find(|(fault, _)| fault.at.is_empty());
    silent.map_or_else(String::new, |(_, strike)| strike.point.to_string())
}

/// The words that all commands of this enumeration have in common.
fn words(args: &CrashPointsArgs) -> String {
    let bundled = bundled::SCENARIOS.iter().any(|(bundled, _)| *bundled == args.scenario);
    let mut words = vec![if bundled { args.scenario.clone() } else { "scenario.toml".into() }];
    // The scenario file in the results already contains the changes of --set. A bundled scenario does not.
    if bundled {
        words.extend(set_words(&args.set));
    }
    if args.restart_after != Micros::from_secs(2) {
        words.push(format!("--restart-after {}", args.restart_after));
    }
    words.join(" ")
}

fn command(args: &CrashPointsArgs, common: &str) -> String {
    let list = |items: Vec<String>| items.join(",");
    let mut command = format!("indoubt crash-points {common}");
    if !args.protocols.is_empty() {
        command += &format!(" --protocols {}", list(args.protocols.iter().map(ToString::to_string).collect()));
    }
    if args.participants != [2, 3] {
        command += &format!(" --participants {}", list(args.participants.iter().map(ToString::to_string).collect()));
    }
    if args.pairs {
        command += " --pairs";
    }
    if args.disks {
        command += " --disks";
    }
    command
}
