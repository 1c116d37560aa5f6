//! `indoubt explain`: prints what happens in a scenario as a conversation. The history comes from the virtual world, or from a
//! trace on disk.

use crate::{
    bounded::read_text,
    bundled,
    options::{Common, FileOrBundled, Format, parse_protocol},
    status::Status,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use indoubt_judge::{
    conversation::{self, Filter},
    trace,
};
use indoubt_proto::{
    ids::TxnId,
    observation::{Observation, Stamped},
};
use indoubt_scenario::{parse::duration, protocol::Protocol, recording::Recording};
use indoubt_simulator::world;
use serde_json::json;
use std::{io::Write, path::Path};

/// Arguments of `indoubt explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  indoubt explain coordinator-dies-after-votes
  indoubt explain participant-says-no --protocol saga --transaction c1-k1-3 --until 2s")]
pub struct ExplainArgs {
    /// A scenario file, the name of a bundled scenario, or a trace (`.jsonl`) of an earlier run.
    #[arg(value_name = "SCENARIO", hide_possible_values = true, value_parser = FileOrBundled(bundled::SCENARIOS))]
    pub scenario: String,
    /// Which protocol (default: the scenario's first).
    #[arg(long, value_parser = parse_protocol)]
    pub protocol: Option<Protocol>,
    /// The seed (default: the scenario's own).
    #[arg(long)]
    pub seed: Option<u64>,
    /// Show only this transaction (default: the one that the first fault struck).
    #[arg(long, value_name = "TXN")]
    pub transaction: Option<TxnId>,
    /// Show all transactions.
    #[arg(long, conflicts_with = "transaction")]
    pub all: bool,
    /// Stop this long after the start of the load, for example 2s or 500ms.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// Runs `indoubt explain`.
pub(super) fn explain(args: &ExplainArgs, common: &Common) -> Result<Status> {
    let until = args
        .until
        .as_deref()
        .map(|text| duration(text).with_context(|| format!("--until {text}: a time has a unit, such as 500ms or 2s")))
        .transpose()?;
    let (about, recording) = record(args)?;
    let transaction = match args.transaction {
        Some(txn) => Some(known(&recording, txn)?),
        None if args.all => None,
        None => Some(concerned(&recording).context("no transaction began in this run")?),
    };
    let mut out = std::io::stdout().lock();
    let told = conversation::tell(&recording, Filter { transaction, until });
    let said = (|| {
        if common.format == Format::Json {
            let document = json!({
                "about": about, "protocol": recording.protocol, "seed": recording.seed, "transaction": transaction,
                "lines": told.lines().collect::<Vec<_>>(),
            });
            return writeln!(out, "{document:#}");
        }
        writeln!(out, "{about}\n")?;
        if let Some(txn) = transaction {
            writeln!(
                out,
                "{} with seed {}, transaction {txn} (--all shows everything):\n",
                recording.protocol, recording.seed
            )?;
        }
        write!(out, "{told}")
    })();
    match said {
        // If the reader closed the pipe (a pager, for example), this is not an error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Status::Holds),
        other => other.map(|()| Status::Holds).context("cannot print"),
    }
}

fn record(args: &ExplainArgs) -> Result<(String, Recording)> {
    if args.scenario.ends_with(".jsonl") {
        let path = Path::new(&args.scenario);
        let trace = read_trace(path)?;
        let named = named(path);
        let (protocol, seed) = named.unwrap_or((Protocol::TwoPhase, 0));
        let said = (args.protocol.unwrap_or(protocol), args.seed.unwrap_or(seed));
        if named.is_some_and(|named| named != said) {
            bail!("{} is the trace of {protocol} with seed {seed}", path.display());
        }
        let (protocol, seed) = said;
        return Ok((format!("From {}.", args.scenario), Recording { protocol, seed, trace, faults: Vec::new() }));
    }
    let scenario = bundled::load(&args.scenario)?;
    let protocol = args.protocol.unwrap_or(scenario.protocols[0]);
    if !scenario.protocols.contains(&protocol) {
        let names: Vec<_> = scenario.protocols.iter().map(|p| p.name()).collect();
        bail!("{} does not run {protocol}; it runs {}", scenario.name, names.join(", "));
    }
    let recording = world::run(&scenario, protocol, args.seed.unwrap_or(scenario.seed));
    Ok((format!("{}: {}", scenario.name, scenario.about), recording))
}

/// Protocol and seed of a trace whose file name says them. The lab names traces so: `2pc-7.jsonl`.
fn named(path: &Path) -> Option<(Protocol, u64)> {
    let (protocol, seed) = path.file_stem()?.to_str()?.rsplit_once('-')?;
    Some((Protocol::from_name(protocol)?, seed.parse().ok()?))
}

/// The most bytes of a trace that is read into memory.
const MOST_TRACE: usize = 1 << 30;

fn read_trace(path: &Path) -> Result<Vec<Stamped>> {
    let text = read_text(path, "the trace", MOST_TRACE)?;
    text.lines()
        .zip(1..)
        .map(|(line, number)| {
            trace::from_json_line(line)
                .map_err(|e| anyhow::anyhow!("{}:{number}: not a line of a trace: {e}", path.display()))
        })
        .collect()
}

fn known(recording: &Recording, txn: TxnId) -> Result<TxnId> {
    if recording.trace.iter().any(|line| line.what.txn() == Some(txn)) {
        return Ok(txn);
    }
    let began = recording.trace.iter().filter_map(|line| match line.what {
        Observation::ClientBegan { txn, .. } => Some(txn.to_string()),
        _ => None,
    });
    let some: Vec<String> = began.take(5).collect();
    bail!("there is no transaction {txn} in this run; the first are {}", some.join(", "))
}

/// The transaction that the first fault struck: the one that the fault names, or else the last one that was observed before
/// it. Without a fault, the first transaction that is not an audit.
fn concerned(recording: &Recording) -> Option<TxnId> {
    let first = recording.faults.iter().filter(|fault| !fault.at.is_empty()).min_by_key(|fault| fault.at[0]);
    if let Some(txn) = first.and_then(|fault| fault.sites.first()?.as_ref()?.txn) {
        return Some(txn);
    }
    let struck = recording.trace.iter().position(|line| matches!(line.what, Observation::Fault { .. }));
    let at_the_fault = struck.and_then(|at| recording.trace[..at].iter().rev().find_map(|line| line.what.txn()));
    at_the_fault.or_else(|| {
        recording.trace.iter().find_map(|line| match line.what {
            Observation::ClientBegan { txn, total: None, .. } => Some(txn),
            _ => None,
        })
    })
}
