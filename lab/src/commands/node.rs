//! `indoubt coordinator`, `indoubt participant`, `indoubt orchestrator`: one node each.

use super::Verdict;
use crate::{
    bench::floor::{FloorCoordinator, FloorParticipant, Pattern},
    cli::{CoordinatorArgs, NodeArgs, OrchestratorArgs, ParticipantArgs},
};
use anyhow::{Context, Result, bail};
use indoubt_coordinator::{Coordinator, Presumption};
use indoubt_node::NodeConfig;
use indoubt_participant::Participant;
use indoubt_proto::{
    ids::{NodeId, Role},
    machine::Machine,
    operation::Key,
    settings::Settings,
};
use indoubt_saga::{Orchestrator, Unprotected};
use indoubt_simulator::protocol::{Family, Protocol};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, io::Read, path::Path};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts a coordinator.
pub(super) fn coordinator(args: &CoordinatorArgs) -> Result<Verdict> {
    let settings = prepare(&args.node, Role::Coordinating)?;
    if args.floor {
        let pattern = if args.protocol.family() == Family::Saga { Pattern::Saga } else { Pattern::TwoPhase };
        return run(FloorCoordinator::new(pattern), &args.node, args.protocol.name());
    }
    let presumption = match args.protocol {
        Protocol::TwoPhase | Protocol::Cooperative => Presumption::Abort,
        Protocol::PresumedNothing => Presumption::Nothing,
        Protocol::PresumedCommit => Presumption::Commit,
        other => bail!("a coordinator does not speak `{other}`; `indoubt orchestrator` does"),
    };
    let cooperative = args.protocol == Protocol::Cooperative;
    let machine = Coordinator::new(args.node.id, settings, presumption, cooperative);
    run(machine, &args.node, args.protocol.name())
}

/// Starts a participant.
pub(super) fn participant(args: &ParticipantArgs) -> Result<Verdict> {
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
pub(super) fn orchestrator(args: &OrchestratorArgs) -> Result<Verdict> {
    let settings = prepare(&args.node, Role::Coordinating)?;
    let (id, name) = (args.node.id, args.protocol.name());
    match args.protocol {
        Protocol::Saga => run(Orchestrator::new(id, settings), &args.node, name),
        Protocol::None => run(Unprotected::new(id, settings, None), &args.node, name),
        Protocol::NoneRetry => run(Unprotected::new(id, settings, Some(settings.options.retries)), &args.node, name),
        other => bail!("an orchestrator does not speak `{other}`; `indoubt coordinator` does"),
    }
}

/// Checks what the command line says of a node, and reads its settings.
fn prepare(args: &NodeArgs, role: Role) -> Result<Settings> {
    let NodeId { role: named, .. } = args.id;
    if named != role {
        let expected = if role == Role::Participant { "p1, p2, …" } else { "c1, c2, …" };
        bail!("--id {}: this node is called {expected}", args.id);
    }
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(log_filter()?)
        .init();
    if args.lab {
        end_with_the_lab();
    }
    args.settings.as_deref().map_or_else(|| Ok(Settings::default()), |file| read_json(file, "settings"))
}

/// What is logged: `INDOUBT_LOG` says it, for example `info` or `indoubt_node=debug,warn`.
fn log_filter() -> Result<Targets> {
    match std::env::var("INDOUBT_LOG") {
        Ok(filter) => filter.parse().with_context(|| format!("INDOUBT_LOG={filter}: this is no log filter")),
        Err(_) => Ok(Targets::new().with_default(LevelFilter::WARN)),
    }
}

/// The lab holds this process's standard input open; when it closes, the lab is gone, and nobody would end us.
fn end_with_the_lab() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(3);
    });
}

fn read_json<T: DeserializeOwned>(file: &Path, what: &str) -> Result<T> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read the {what} in {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: these are no {what}", file.display()))
}

fn run<M>(machine: M, args: &NodeArgs, protocol: &str) -> Result<Verdict>
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
    indoubt_node::run(machine, config)?;
    Ok(Verdict::Holds)
}
