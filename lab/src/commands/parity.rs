//! `indoubt parity`: checks that a scenario behaves the same in the virtual world and on real processes.

use crate::{
    bundled, calibration,
    options::{self, Common, FileOrBundled, Format, parse_protocol},
    output::{self, outln, parity as table},
    parity_study::{self, How, Kind},
    status::Status,
    world::World,
};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum, builder::PossibleValue};
use indoubt_proto::time::Micros;
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use indoubt_studies::parity;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `indoubt parity`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Runs each scenario in both worlds and compares the traces, in two ways.

With one client, the scenario is reduced to one transaction at a time, with timeouts longer than any outage. The same \
transactions must end the same way, with the same messages and writes, and each fault must strike the same transaction at \
the same node.

As written, the verdict, the checks, the counts of faults and the times of a real run must lie in the range of many virtual \
runs.

The virtual world runs with the latencies of this machine. They are measured first, or read from the file of --profile. The \
exit status is 1 if something differs.

Examples:
  indoubt parity
  indoubt parity --quick
  indoubt parity --quick --only one-client --slack 4
      on a busy machine
  indoubt parity coordinator-dies-after-votes participant-frozen --only one-client
  indoubt parity lesson.toml --profile here.toml --format json
  indoubt parity --random 28
      every pair of what can happen to messages")]
pub struct ParityArgs {
    /// Scenario files, or names of bundled scenarios (default: all bundled ones).
    #[arg(value_name = "FILE-OR-NAME", hide_possible_values = true, value_parser = FileOrBundled(bundled::SCENARIOS))]
    pub scenarios: Vec<String>,
    /// Compare only six short scenarios.
    #[arg(long, conflicts_with = "scenarios")]
    pub quick: bool,
    /// Compare this many random scenarios with one client. Each combines two ways in which the network or a fault treats
    /// messages.
    #[arg(long, value_name = "N", conflicts_with_all = ["scenarios", "quick", "only"],
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub random: Option<u64>,
    /// The seed of the first random scenario. The next scenarios have the next seeds.
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "random")]
    pub first: u64,
    /// Make only one of the two comparisons.
    #[arg(long, value_enum)]
    pub only: Option<Kind>,
    /// The latencies of this machine: a file that `indoubt calibrate` wrote (default: they are measured first).
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// How many virtual runs give the range in which a real run as written must lie.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub seeds: u16,
    /// Multiply the tolerance of times by this factor, for a machine that is busy with other things.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_slack)]
    pub slack: f64,
    /// Run only these protocols, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// How many clusters to run at the same time (default: one and a half times the number of processors).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

fn parse_slack(text: &str) -> Result<f64, String> {
    let slack = text.parse().ok().filter(|slack| (1.0..=100.0).contains(slack));
    slack.ok_or_else(|| format!("`{text}` is not a number from 1 to 100"))
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Kind::OneClient, Kind::AsWritten]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Kind::OneClient => PossibleValue::new("one-client").help("One client, one transaction at a time"),
            Kind::AsWritten => PossibleValue::new("as-written").help("As the scenario is written"),
        })
    }
}

/// The scenarios of `--quick`: short ones that cover each family of faults.
const QUICK: [&str; 6] = [
    "happy-path",
    "coordinator-dies-after-votes",
    "participant-dies-after-vote",
    "participant-says-no",
    "orchestrator-dies-while-compensating",
    "duplicated-messages",
];

/// How long the latencies of the machine are measured.
const CALIBRATION: Micros = Micros::from_secs(2);

/// The scenarios to compare, as the arguments choose them.
fn chosen(args: &ParityArgs) -> Result<Vec<Scenario>> {
    if let Some(count) = args.random {
        let protocols = if args.protocols.is_empty() { &Protocol::ALL[..] } else { &args.protocols };
        let seeds = args.first..args.first.saturating_add(count);
        return Ok(seeds.map(|seed| parity::draw(seed, protocols).scenario).collect());
    }
    let names: Vec<&str> = match (args.quick, args.scenarios.is_empty()) {
        (true, _) => QUICK.to_vec(),
        (false, true) => bundled::SCENARIOS.iter().map(|(name, _)| *name).collect(),
        (false, false) => args.scenarios.iter().map(String::as_str).collect(),
    };
    let mut scenarios = names.into_iter().map(bundled::load).collect::<Result<Vec<_>>>()?;
    if !args.protocols.is_empty() {
        scenarios.iter_mut().for_each(|s| s.protocols.retain(|p| args.protocols.contains(p)));
    }
    Ok(scenarios)
}

/// Runs `indoubt parity`.
pub(super) fn parity(args: &ParityArgs, common: &Common) -> Result<Status> {
    let scenarios = chosen(args)?;
    let only = if args.random.is_some() { Some(Kind::OneClient) } else { args.only };
    let kinds = [Kind::OneClient, Kind::AsWritten].into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
    let jobs = parity_study::jobs(&scenarios, kinds);
    if jobs.is_empty() {
        bail!("none of these scenarios runs a protocol of --protocols");
    }
    let profile = match &args.profile {
        Some(path) => calibration::load(path)?,
        None => calibration::measure(CALIBRATION)?.1,
    };
    let how = How {
        profile,
        slack: args.slack,
        seeds: args.seeds.into(),
        threads: options::jobs(args.jobs, World::Real),
        drawn: args.random.is_some(),
    };
    let bar = output::progress(jobs.len() as u64, common.is_silent());
    let (ones, written) = parity_study::run(&jobs, &how, &bar)?;
    let agrees = ones.iter().all(|row| row.agrees) && written.iter().all(|row| row.agrees);
    match common.format {
        Format::Json => {
            let document = json!({
                "version": 1, "indoubt": env!("CARGO_PKG_VERSION"), "profile": calibration::profile_json(profile),
                "agrees": agrees, "one_client": ones, "as_written": written,
            });
            outln!("{}", serde_json::to_string_pretty(&document)?);
        }
        Format::Text => table::print(&profile, &ones, &written, args.slack, common.quiet),
    }
    Ok(agrees.into())
}
