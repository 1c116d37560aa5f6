//! The command line. Each subcommand's own file in `commands/` says what it does; here is only what can be said to it.

use crate::commands::{
    bench::BenchArgs,
    calibrate::CalibrateArgs,
    costs::CostsArgs,
    crash_points::CrashPointsArgs,
    parity::ParityArgs,
    replay::ReplayArgs,
    swarm::SwarmArgs,
    sweep::{MergeArgs, SweepArgs},
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use indoubt_proto::ids::{NodeId, TxnId};
use indoubt_simulator::protocol::Protocol;
use std::{net::SocketAddr, path::PathBuf};

/// Two-phase commit and sagas, compared by breaking them.
#[derive(Debug, Parser)]
#[command(name = "indoubt", version, about, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What to do; without a word, the whole comparison runs.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the comparison runs.
    #[command(flatten)]
    pub compare: CompareArgs,
    /// What every subcommand understands.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
Examples:
  indoubt                                         the comparison: real processes, charts, a report, a verdict table
  indoubt list                                    the bundled scenarios
  indoubt run coordinator-dies-after-votes        one scenario in the virtual world
  indoubt run my.toml --world real --trace        your own, on real processes, with its trace
  indoubt sweep coordinator-downtime              what a dead coordinator costs, by how long it is dead
  indoubt explain coordinator-dies-after-votes    what happens, as a conversation
  indoubt replay slow-lossy-network --seed 17     one history again, with its whole trace and every check

Exit status: 0 all expectations and promised checks hold, 1 one does not, 2 the lab could not run; 130 it was interrupted
(Ctrl-C), 143 it was told to end (SIGTERM).";

/// What every subcommand understands.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Say only what matters: no progress, no tables.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// How to print results.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables, for people.
    Text,
    /// One JSON document on standard output, for programs.
    Json,
}

/// Where a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorldName {
    /// Deterministic simulation: one seed, one history.
    Virtual,
    /// One operating-system process per node, killed for real.
    Real,
}

/// How the comparison runs.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// The run's folder (default: results/runs/TIME-comparison).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// The first master seed of all scenarios instead of their own.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Seeds of each scenario in the virtual world.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub seeds: u16,
    /// Jobs at a time (default: the processors; for real clusters half as many more).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios: files, or names of bundled ones
    Run(RunArgs),
    /// Repeat one run of one protocol in the virtual world, with its whole trace
    Replay(ReplayArgs),
    /// Count what one transaction costs, beside the formulas of the literature
    Costs(CostsArgs),
    /// Dies at every place of one transaction: what becomes of it, who is blocked and for how long.
    CrashPoints(CrashPointsArgs),
    /// Let random clusters, loads and faults loose; shrink what fails
    Swarm(SwarmArgs),
    /// Run a scenario over a grid of parameters, with charts and one row a run
    Sweep(SweepArgs),
    /// Put the shards of a sweep together
    Merge(MergeArgs),
    /// Compare the virtual world with real processes, scenario by scenario
    Parity(ParityArgs),
    /// Measure the links and forces of this machine, as a profile for the virtual world
    Calibrate(CalibrateArgs),
    /// List bundled scenarios and sweeps, or the points and phases at which faults can strike
    List(ListArgs),
    /// Tell what happens in a scenario, as a readable conversation
    Explain(ExplainArgs),
    /// The operator's hand: end branches in doubt at a live participant
    Resolve(ResolveArgs),
    /// The operator's hand: let a stuck saga try again
    Resume(ResumeArgs),
    /// Show a live node: locks held, branches in doubt and for how long
    State(StateArgs),
    /// Submit one transaction to a live coordinating node
    Submit(SubmitArgs),
    /// Measure throughput and latency of real processes beside their floor
    Bench(BenchArgs),
    /// Start one coordinator (two-phase commit)
    Coordinator(CoordinatorArgs),
    /// Start one participant
    Participant(ParticipantArgs),
    /// Start one orchestrator (sagas, and the unprotected baselines)
    Orchestrator(OrchestratorArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// `indoubt run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  indoubt run coordinator-dies-after-votes --world real
  indoubt run lesson.toml --seeds 1..100 --output out
  indoubt run happy-path --set workload.rate=200 --protocols 2pc,saga --format json")]
pub struct RunArgs {
    /// Scenario files, or names of bundled scenarios.
    #[arg(required = true, value_name = "FILE-OR-NAME")]
    pub scenarios: Vec<String>,
    /// Where to run.
    #[arg(long, value_enum, default_value_t = WorldName::Virtual)]
    pub world: WorldName,
    /// The master seed instead of the scenario's own.
    #[arg(long, conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Many seeds: a count (`100`: the first is the scenario's own) or a range (`1..20`, both included).
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds)]
    pub seeds: Option<Seeds>,
    /// Only these protocols, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = parse_protocol)]
    pub protocols: Vec<Protocol>,
    /// Change a parameter, as `workload.rate=200`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// The latencies of a machine, as `indoubt calibrate` wrote them, in the place of the scenario's own (virtual world).
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The run's own folder (default: results/runs/TIME-NAME).
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write the traces, one JSON object a line.
    #[arg(long)]
    pub trace: bool,
    /// Clusters at a time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
}

/// Which seeds to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// So many, from the scenario's own on.
    Count(u64),
    /// From here to there, both included.
    Range(u64, u64),
}

impl Seeds {
    /// The seeds, for a scenario whose own is `own`.
    pub fn of(self, own: u64) -> impl Iterator<Item = u64> {
        match self {
            Seeds::Count(n) => own..=own.saturating_add(n - 1),
            Seeds::Range(from, to) => from..=to,
        }
    }
}

pub(crate) fn parse_seeds(text: &str) -> Result<Seeds, String> {
    const MOST: u64 = 1_000_000;
    let number = |t: &str| t.trim().parse::<u64>().map_err(|_| format!("`{t}` is not a whole number"));
    let seeds = match text.split_once("..") {
        None => Seeds::Count(number(text)?),
        Some((from, to)) => Seeds::Range(number(from)?, number(to.trim_start_matches('='))?),
    };
    let count = match seeds {
        Seeds::Count(n) => n,
        Seeds::Range(from, to) if to >= from => to - from + 1,
        Seeds::Range(from, to) => {
            return Err(format!("the range {from}..{to} is empty: the second must not be smaller"));
        }
    };
    if (1..=MOST).contains(&count) { Ok(seeds) } else { Err(format!("between 1 and {MOST} seeds, please")) }
}

pub(crate) fn parse_protocol(text: &str) -> Result<Protocol, String> {
    Protocol::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Protocol::ALL.iter().map(|p| p.name()).collect();
        format!("no such protocol; there are {}", names.join(", "))
    })
}

/// `indoubt list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  indoubt list\n  indoubt list points --format json\n  indoubt list protocols")]
pub struct ListArgs {
    /// What to list.
    #[arg(value_enum, default_value_t = Listing::Scenarios)]
    pub what: Listing,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// The bundled scenarios.
    Scenarios,
    /// The bundled sweeps.
    Sweeps,
    /// Nodes, phases, points, messages and records: what a fault can name.
    Points,
    /// The protocols.
    Protocols,
    /// The metrics and checks that `[[expect]]` can name.
    Metrics,
}

/// `indoubt explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  indoubt explain coordinator-dies-after-votes
  indoubt explain participant-says-no --protocol saga --transaction c1-k1-3 --until 2s")]
pub struct ExplainArgs {
    /// A scenario file, the name of a bundled scenario, or a trace (`.jsonl`) of an earlier run.
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Which protocol (default: the scenario's first).
    #[arg(long, value_parser = parse_protocol)]
    pub protocol: Option<Protocol>,
    /// The seed (default: the scenario's own).
    #[arg(long)]
    pub seed: Option<u64>,
    /// Only this transaction (default: those that the first fault concerns).
    #[arg(long, value_name = "TXN")]
    pub transaction: Option<TxnId>,
    /// Everything, not only what the first fault concerns.
    #[arg(long, conflicts_with = "transaction")]
    pub all: bool,
    /// Stop at this time of load, with a unit: 2s, 500ms.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// `indoubt resolve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Ends a branch in doubt by hand, against the protocol: if the guess is wrong, atomicity is gone. Only for branches whose
coordinator lost its log or will never come back.

Examples:
  indoubt resolve c1-k1-17 abort --node 127.0.0.1:41234
  indoubt resolve all abort --node 127.0.0.1:41234")]
pub struct ResolveArgs {
    /// The transaction, or `all` for every branch in doubt there.
    pub txn: String,
    /// `commit` or `abort`.
    #[arg(value_enum)]
    pub decision: DecisionName,
    /// The participant's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
}

/// Commit or abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DecisionName {
    /// Apply the branch.
    Commit,
    /// Drop it.
    Abort,
}

/// `indoubt resume`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  indoubt resume c1-k1-17 --node 127.0.0.1:41234")]
pub struct ResumeArgs {
    /// The stuck saga.
    pub txn: TxnId,
    /// The orchestrator's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
}

/// `indoubt state`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  indoubt state --node 127.0.0.1:41234\n  indoubt state --node 127.0.0.1:41234 --accounts --format json"
)]
pub struct StateArgs {
    /// The node's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
    /// Show the data too.
    #[arg(long)]
    pub accounts: bool,
}

/// `indoubt submit`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
One transaction; each step is PARTICIPANT:OPERATION, in order. Operations: add(KEY,DELTA), add(KEY,DELTA,MIN),
put(KEY,VALUE), get(KEY). A saga undoes an add by its opposite.

Example:
  indoubt submit --node 127.0.0.1:41234 'p1:add(p1/acct-1,-5,0)' 'p2:add(p2/acct-1,5)'")]
pub struct SubmitArgs {
    /// The coordinating node's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
    /// The steps.
    #[arg(required = true)]
    pub steps: Vec<String>,
}

/// What every node is told.
#[derive(Args, Clone, Debug)]
pub struct NodeArgs {
    /// The node's name: c1, c2, … or p1, p2, …
    #[arg(long)]
    pub id: NodeId,
    /// Where to listen; port 0 lets the system choose. The readiness line names the port.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where the journal lives; created if need be.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The nodes to connect to, as p1=127.0.0.1:4001,p2=…: a coordinating node's participants, a participant's peers.
    #[arg(long, value_delimiter = ',', value_name = "NAME=ADDR", value_parser = parse_peer)]
    pub peers: Vec<(NodeId, String)>,
    /// Timeouts, limits and options as a JSON file (see docs); defaults otherwise.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Append observations to this file.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Obey a lab: serve the control service through which faults are injected.
    #[arg(long, hide = true)]
    pub lab: bool,
    /// The master seed of this node's random streams.
    #[arg(long, default_value_t = 1, hide = true)]
    pub seed: u64,
}

fn parse_peer(text: &str) -> Result<(NodeId, String), String> {
    let (name, addr) = text.split_once('=').ok_or("a peer is NAME=ADDR, for example p1=127.0.0.1:4001")?;
    let id = name.parse().map_err(|e: indoubt_proto::ids::BadName| e.to_string())?;
    Ok((id, addr.to_owned()))
}

/// `indoubt coordinator`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  indoubt participant --id p1 --data-dir p1.d --listen 127.0.0.1:4001 &
  indoubt participant --id p2 --data-dir p2.d --listen 127.0.0.1:4002 &
  indoubt coordinator --id c1 --data-dir c1.d --peers p1=127.0.0.1:4001,p2=127.0.0.1:4002")]
pub struct CoordinatorArgs {
    /// What every node is told.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Which protocol: 2pc, 2pc-prn, 2pc-prc, 2pc-cooperative.
    #[arg(long, default_value = "2pc", value_parser = parse_protocol)]
    pub protocol: Protocol,
    /// No logic and no disk, the same messages: the floor that `bench` compares with.
    #[arg(long, hide = true)]
    pub floor: bool,
}

/// `indoubt participant`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  indoubt participant --id p1 --data-dir p1.d --listen 127.0.0.1:4001")]
pub struct ParticipantArgs {
    /// What every node is told.
    #[command(flatten)]
    pub node: NodeArgs,
    /// The opening balances, a JSON object of key to number: what an empty journal starts from.
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
    /// No logic and no disk, the same messages: the floor that `bench` compares with.
    #[arg(long, hide = true)]
    pub floor: bool,
}

/// `indoubt orchestrator`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  indoubt orchestrator --id c1 --data-dir c1.d --peers p1=127.0.0.1:4001,p2=127.0.0.1:4002"
)]
pub struct OrchestratorArgs {
    /// What every node is told.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Which protocol: saga, none, none-retry.
    #[arg(long, default_value = "saga", value_parser = parse_protocol)]
    pub protocol: Protocol,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_a_count_or_a_range_with_both_ends() {
        assert_eq!(parse_seeds("3").unwrap().of(7).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(parse_seeds("1..3").unwrap().of(7).collect::<Vec<_>>(), [1, 2, 3]);
        for wrong in ["0", "3..1", "x", "1..x", "1..9999999", "-1"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
