//! `indoubt parity`: whether the virtual world and real processes tell the same story of one scenario.

use super::{Verdict, calibrate, run};
use crate::{
    bundled,
    cli::{Common, Format, WorldName},
    display::{self, parity as table},
    parallel::in_parallel,
    real,
    say::say,
};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use indoubt_proto::time::Micros;
use indoubt_simulator::{
    judge::judge,
    parity::{self, Agreement, Aspect, Comparison, Profile},
    protocol::Protocol,
    scenario::Scenario,
    summary, swarm,
    trial::trial,
    world,
};
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// `indoubt parity`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Runs each scenario in both worlds, twice.

With one client: the scenario reduced to one transaction at a time and timeouts longer than any outage. The same
transactions must end the same way, by the same messages and writes, and each fault must strike the same transaction at
the same node. As written: the verdict, the checks, the counts of faults and the times of a real run must lie among those
of many virtual seeds. Before that, the links and forces of this machine are measured (or --profile names a file of
`indoubt calibrate`), and the virtual world runs with them. Exit status 1 if something differs.

Examples:
  indoubt parity
  indoubt parity --quick
  indoubt parity --quick --only one-client --slack 4       on a busy machine
  indoubt parity coordinator-dies-after-votes participant-frozen --only one-client
  indoubt parity lesson.toml --profile here.toml --format json
  indoubt parity --random 28                               every pair of what can happen to messages")]
pub struct ParityArgs {
    /// Scenario files, or names of bundled scenarios (default: all bundled ones).
    #[arg(value_name = "FILE-OR-NAME")]
    pub scenarios: Vec<String>,
    /// Six short ones.
    #[arg(long, conflicts_with = "scenarios")]
    pub quick: bool,
    /// So many random scenarios with one client: each combines two of what the network and faults can do to messages.
    #[arg(long, value_name = "N", conflicts_with_all = ["scenarios", "quick", "only"],
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub random: Option<u64>,
    /// The seed of the first random scenario; the others follow.
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "random")]
    pub first: u64,
    /// Only one of the two comparisons.
    #[arg(long, value_enum)]
    pub only: Option<Kind>,
    /// The latencies of this machine, as `indoubt calibrate` wrote them (default: they are measured first).
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Seeds in the virtual world among whose runs a real run as written must lie.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub seeds: u16,
    /// Allow times to differ so many times as much, on a machine that is busy with other things.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_slack)]
    pub slack: f64,
    /// Only these protocols, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = crate::cli::parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// Clusters at a time (default: half as many more than there are processors).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

fn parse_slack(text: &str) -> Result<f64, String> {
    let slack = text.parse().ok().filter(|slack| (1.0..=100.0).contains(slack));
    slack.ok_or_else(|| format!("`{text}` is no factor from 1 to 100"))
}

/// The two comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One client, one transaction at a time.
    OneClient,
    /// As the scenario is written.
    AsWritten,
}

/// What `--quick` runs: each family of faults, and short.
const QUICK: [&str; 6] = [
    "happy-path",
    "coordinator-dies-after-votes",
    "participant-dies-after-vote",
    "participant-says-no",
    "orchestrator-dies-while-compensating",
    "duplicated-messages",
];

/// How long the machine is measured.
const CALIBRATION: Micros = Micros::from_secs(2);

/// One scenario with one client, under one protocol.
#[derive(Serialize)]
pub(crate) struct OneClient {
    pub(crate) scenario: String,
    pub(crate) protocol: Protocol,
    /// Some fault strikes at a time: where, is not compared.
    pub(crate) by_time: bool,
    #[serde(flatten)]
    pub(crate) comparison: Comparison,
    pub(crate) times: Vec<Agreement>,
    pub(crate) verdicts: [summary::Verdict; 2],
    /// Faults that struck in neither world.
    pub(crate) unfired: Vec<String>,
    pub(crate) agrees: bool,
}

/// One scenario as written, under one protocol.
#[derive(Serialize)]
pub(crate) struct AsWritten {
    pub(crate) scenario: String,
    pub(crate) protocol: Protocol,
    pub(crate) agreements: Vec<Agreement>,
    pub(crate) agrees: bool,
}

enum Row {
    One(OneClient),
    Written(AsWritten),
}

struct Job<'a> {
    kind: Kind,
    scenario: &'a Scenario,
    protocol: Protocol,
    slack: f64,
    /// Its faults are drawn: one may wait for what never comes, in both worlds alike.
    drawn: bool,
}

/// The scenarios to compare.
fn chosen(args: &ParityArgs) -> Result<Vec<Scenario>> {
    if let Some(count) = args.random {
        let protocols = if args.protocols.is_empty() { &Protocol::ALL[..] } else { &args.protocols };
        let seeds = args.first..args.first.saturating_add(count);
        return Ok(seeds.map(|seed| swarm::draw_messages(seed, protocols).scenario).collect());
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

/// Compares, prints.
pub(super) fn parity(args: &ParityArgs, common: &Common) -> Result<Verdict> {
    let scenarios = chosen(args)?;
    let only = if args.random.is_some() { Some(Kind::OneClient) } else { args.only };
    let quiet = common.quiet || common.format == Format::Json;
    let mut jobs = Vec::new();
    for kind in [Kind::OneClient, Kind::AsWritten].into_iter().filter(|kind| only.is_none_or(|only| only == *kind)) {
        for scenario in &scenarios {
            jobs.extend(scenario.protocols.iter().map(|protocol| Job {
                kind,
                scenario,
                protocol: *protocol,
                slack: args.slack,
                drawn: args.random.is_some(),
            }));
        }
    }
    if jobs.is_empty() {
        bail!("none of these scenarios runs a protocol of --protocols");
    }
    let profile = match &args.profile {
        Some(path) => calibrate::load(path)?,
        None => calibrate::measure(CALIBRATION)?.1,
    };
    let bar = display::progress(jobs.len() as u64, quiet);
    let rows = in_parallel(&jobs, run::jobs(args.jobs, WorldName::Real), |job| {
        bar.set_message(format!("{} {}", job.scenario.name, job.protocol));
        let row = match job.kind {
            Kind::OneClient => Row::One(with_one_client(job, &profile)?),
            Kind::AsWritten => Row::Written(as_written(job, &profile, args.seeds.into())?),
        };
        bar.inc(1);
        Ok(row)
    })?;
    bar.finish_and_clear();
    let (mut ones, mut written) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::One(row) => ones.push(row),
            Row::Written(row) => written.push(row),
        }
    }
    let agrees = ones.iter().all(|row| row.agrees) && written.iter().all(|row| row.agrees);
    match common.format {
        Format::Json => {
            let document = json!({
                "version": 1, "indoubt": env!("CARGO_PKG_VERSION"), "profile": calibrate::profile_json(profile),
                "agrees": agrees, "one_client": ones, "as_written": written,
            });
            say!("{}", serde_json::to_string_pretty(&document)?);
        }
        Format::Text => table::print(&profile, &ones, &written, args.slack, common.quiet),
    }
    Ok(agrees.into())
}

fn with_one_client(job: &Job<'_>, profile: &Profile) -> Result<OneClient> {
    let parity::OneClient { scenario, by_time } = parity::one_client(job.scenario, job.protocol);
    let virtually = world::run(&profile.with_medians(&scenario), job.protocol, scenario.seed);
    let really = real::run(&scenario, job.protocol, scenario.seed)?;
    let comparison = parity::compare(&virtually, &really);
    let runs = [&virtually, &really].map(|recording| judge(&scenario, recording));
    let times = parity::agree_on_times(&runs[0], &runs[1], job.slack);
    let verdicts = [runs[0].verdict, runs[1].verdict];
    let silent = |at: usize| runs.iter().all(|run| run.faults[at].fired == 0);
    let unfired: Vec<String> =
        (0..runs[0].faults.len()).filter(|at| silent(*at)).map(|at| runs[0].faults[at].text.clone()).collect();
    let alike = comparison.differences.is_empty() && times.iter().all(|it| it.agrees);
    let agrees = (alike || by_time) && verdicts[0] == verdicts[1] && (unfired.is_empty() || job.drawn);
    Ok(OneClient {
        scenario: scenario.name,
        protocol: job.protocol,
        by_time,
        comparison,
        times,
        verdicts,
        unfired,
        agrees,
    })
}

fn as_written(job: &Job<'_>, profile: &Profile, seeds: u64) -> Result<AsWritten> {
    let scenario = job.scenario;
    let here = profile.with_spreads(scenario);
    let virtually: Vec<summary::Run> =
        (0..seeds).map(|n| trial(&here, job.protocol, scenario.seed.wrapping_add(n))).collect();
    let really = judge(scenario, &real::run(scenario, job.protocol, scenario.seed)?);
    let agreements = parity::agree(&virtually, &really, job.slack);
    let agrees = agreements.iter().all(|it| it.agrees);
    Ok(AsWritten { scenario: scenario.name.clone(), protocol: job.protocol, agreements, agrees })
}

impl OneClient {
    /// What one column of the table says.
    pub(crate) fn alike(&self, aspect: Aspect) -> &'static str {
        match (self.comparison.is_alike_in(aspect), self.by_time) {
            (true, _) => "same",
            (false, true) => "by time",
            (false, false) => "differ",
        }
    }
}
