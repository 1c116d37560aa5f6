//! The real world: one operating-system process per node, started from this very executable, killed for real.

mod clients;
mod cluster;
mod merge;
pub(crate) mod processes;
mod stage;

pub(crate) use cluster::{Cluster, Launch};

use anyhow::{Context, Result};
use indoubt_simulator::{protocol::Protocol, recording::Recording, scenario::Scenario};

/// Runs one protocol of a scenario on real processes, to its end.
pub(crate) fn run(scenario: &Scenario, protocol: Protocol, seed: u64) -> Result<Recording> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let run = runtime.block_on(stage::play(scenario, protocol, seed));
    // Nobody waits for tasks that still dial nodes which are gone.
    runtime.shutdown_background();
    run.with_context(|| format!("{} under {protocol} with seed {seed} on real processes", scenario.name))
}
