//! `indoubt coordinator`, `indoubt participant`, `indoubt orchestrator`: each runs one node.

use crate::{
    bench::floor::{FloorCoordinator, FloorParticipant, Pattern},
    bounded::read_text,
    options::parse_protocol,
    status::Status,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use indoubt_node::NodeConfig;
use indoubt_participant::Participant;
use indoubt_proto::{
    ids::{NodeId, Role},
    machine::Machine,
    operation::Key,
    settings::Settings,
};
use indoubt_scenario::protocol::{
    Family, Protocol,
    build::{UseMachine, build},
};
use serde::de::DeserializeOwned;
use std::{
    collections::BTreeMap,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Options of every node.
#[derive(Args, Clone, Debug)]
pub struct NodeArgs {
    /// The node's name: c1, c2, … or p1, p2, …
    #[arg(long)]
    pub id: NodeId,
    /// Where to listen; port 0 lets the system choose. The readiness line names the port.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The folder of the journal; created if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The nodes to connect to, for example p1=127.0.0.1:4001,p2=127.0.0.1:4002. A coordinating node needs its participants;
    /// a participant needs other participants only for cooperative termination.
    #[arg(long, value_delimiter = ',', value_name = "NAME=ADDR", value_parser = parse_peer)]
    pub peers: Vec<(NodeId, String)>,
    /// Timeouts, limits and options as a JSON file. docs/02-scenarios.md shows its format with the defaults.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Append the trace of this node to this file, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Compact the journal after at least so many records.
    #[arg(long, value_name = "N", default_value_t = NodeConfig::COMPACT_EVERY, value_parser = clap::value_parser!(u64).range(1..))]
    pub compact_every: u64,
    /// Serve the control service through which a lab injects faults.
    #[arg(long, hide = true)]
    pub lab: bool,
    /// The master seed of this node's random streams.
    #[arg(long, default_value_t = 1, hide = true)]
    pub seed: u64,
    /// Which start of this node this is, counted by the lab through the loss of its data folder.
    #[arg(long, hide = true)]
    pub start: Option<u32>,
}

fn parse_peer(text: &str) -> Result<(NodeId, String), String> {
    let (name, addr) = text.split_once('=').ok_or("a peer is NAME=ADDR, for example p1=127.0.0.1:4001")?;
    let id = name.parse().map_err(|e: indoubt_proto::ids::BadName| e.to_string())?;
    Ok((id, addr.to_owned()))
}

/// Arguments of `indoubt coordinator`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  indoubt participant --id p1 --data-dir p1.d --listen 127.0.0.1:4001 &
  indoubt participant --id p2 --data-dir p2.d --listen 127.0.0.1:4002 &
  indoubt coordinator --id c1 --data-dir c1.d --peers p1=127.0.0.1:4001,p2=127.0.0.1:4002")]
pub struct CoordinatorArgs {
    /// Options of every node.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Which protocol.
    #[arg(long, default_value = "2pc", value_parser = parse_protocol, help = protocols_of("coordinator"))]
    pub protocol: Protocol,
    /// Exchange the same messages without logic and disk: the floor of `indoubt bench`.
    #[arg(long, hide = true)]
    pub floor: bool,
}

/// Arguments of `indoubt participant`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  indoubt participant --id p1 --data-dir p1.d --listen 127.0.0.1:4001")]
pub struct ParticipantArgs {
    /// Options of every node.
    #[command(flatten)]
    pub node: NodeArgs,
    /// The opening balances: a JSON file with an object of keys and numbers. Used only if the journal is empty.
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
    /// Exchange the same messages without logic and disk: the floor of `indoubt bench`.
    #[arg(long, hide = true)]
    pub floor: bool,
}

/// Arguments of `indoubt orchestrator`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  indoubt orchestrator --id c1 --data-dir c1.d --peers p1=127.0.0.1:4001,p2=127.0.0.1:4002"
)]
pub struct OrchestratorArgs {
    /// Options of every node.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Which protocol.
    #[arg(long, default_value = "saga", value_parser = parse_protocol, help = protocols_of("orchestrator"))]
    pub protocol: Protocol,
}

/// The help of `--protocol`: the protocols that a node of this subcommand can run.
fn protocols_of(command: &str) -> String {
    let own = Protocol::ALL.into_iter().filter(|protocol| protocol.family().entry().command == command);
    format!("Which protocol: {}", own.map(Protocol::name).collect::<Vec<_>>().join(", "))
}

/// Starts a coordinator.
pub(super) fn coordinator(args: &CoordinatorArgs) -> Result<Status> {
    let settings = prepare(&args.node, Role::Coordinating)?;
    if args.floor {
        let pattern = if args.protocol.family() == Family::Saga { Pattern::Saga } else { Pattern::TwoPhase };
        return run(FloorCoordinator::new(pattern), &args.node, args.protocol.name());
    }
    if args.protocol.family().entry().command != "coordinator" {
        bail!("a coordinator cannot run `{}`; use `indoubt orchestrator`", args.protocol);
    }
    coordinating(&args.node, args.protocol, settings)
}

/// Starts a participant.
pub(super) fn participant(args: &ParticipantArgs) -> Result<Status> {
    let settings = prepare(&args.node, Role::Participant)?;
    if args.floor {
        return run(FloorParticipant, &args.node, "participant");
    }
    let accounts: BTreeMap<Key, i64> = match &args.accounts {
        Some(file) => read_json(file, "opening balances")?,
        None => BTreeMap::new(),
    };
    run(Participant::new(args.node.id, settings, accounts), &args.node, "participant")
}

/// Starts an orchestrator, or a baseline.
pub(super) fn orchestrator(args: &OrchestratorArgs) -> Result<Status> {
    let settings = prepare(&args.node, Role::Coordinating)?;
    if args.protocol.family().entry().command != "orchestrator" {
        bail!("an orchestrator cannot run `{}`; use `indoubt coordinator`", args.protocol);
    }
    coordinating(&args.node, args.protocol, settings)
}

fn coordinating(args: &NodeArgs, protocol: Protocol, settings: Settings) -> Result<Status> {
    build(protocol, args.id, settings, BTreeMap::new(), Process { args, name: protocol.name() })
}

/// A node process, before it is given its machine.
struct Process<'a> {
    args: &'a NodeArgs,
    /// The protocol that the readiness line names.
    name: &'a str,
}

impl UseMachine for Process<'_> {
    type Output = Result<Status>;

    fn use_machine<M>(self, machine: M) -> Result<Status>
    where
        M: Machine<Record: Send + Sync, Timer: Send + Sync> + Send + Sync + 'static,
    {
        run(machine, self.args, self.name)
    }
}

/// Checks the arguments of a node, and reads its settings.
fn prepare(args: &NodeArgs, role: Role) -> Result<Settings> {
    let NodeId { role: named, .. } = args.id;
    if named != role {
        bail!("--id {}: the id of this node must be one of {}", args.id, role.entry().examples);
    }
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr))
        .with(log_filter()?)
        .init();
    if args.lab {
        end_with_the_lab();
    }
    args.settings.as_deref().map_or_else(|| Ok(Settings::default()), |file| read_json(file, "settings"))
}

/// The log filter that `INDOUBT_LOG` sets, for example `info` or `indoubt_node=debug,warn`.
fn log_filter() -> Result<Targets> {
    match std::env::var("INDOUBT_LOG") {
        Ok(filter) => filter.parse().with_context(|| format!("INDOUBT_LOG={filter}: not a log filter")),
        Err(_) => Ok(Targets::new().with_default(LevelFilter::WARN)),
    }
}

/// Ends this process when its standard input closes. The lab holds it open; if it closes, the lab has died, and nobody else
/// would end this process.
fn end_with_the_lab() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(3);
    });
}

/// The most bytes of settings or accounts. Four million accounts need about 100 MB.
const MOST_JSON: usize = 256 << 20;

fn read_json<T: DeserializeOwned>(file: &Path, what: &str) -> Result<T> {
    let text = read_text(file, &format!("the {what} in"), MOST_JSON)?;
    serde_json::from_str(&text).with_context(|| format!("{}: cannot read the {what}", file.display()))
}

fn run<M>(machine: M, args: &NodeArgs, protocol: &str) -> Result<Status>
where
    M: Machine + Send + Sync + 'static,
    M::Record: Send + Sync,
    M::Timer: Send + Sync,
{
    let mut config = NodeConfig::new(args.id, protocol, &args.data_dir);
    config.listen = args.listen;
    config.peers = args.peers.clone();
    config.trace = args.trace.clone();
    config.lab = args.lab;
    config.seed = args.seed;
    config.start = args.start;
    config.compact_every = args.compact_every;
    indoubt_node::run(machine, config)?;
    Ok(Status::Holds)
}
