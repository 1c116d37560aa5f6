//! A participant with a million accounts: the memory that it occupies, and its restart from a log of a million records.

use super::load::{self, Load, Maker};
use anyhow::{Context, Result};
use indoubt_cluster::{Cluster, Launch};
use indoubt_node::{NodeConfig, client::NodeClient};
use indoubt_proto::{ids::NodeId, settings::Settings};
use indoubt_scenario::protocol::Protocol;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ACCOUNTS: u32 = 1_000_000;
const P1: NodeId = NodeId::participant(1);

/// Measures the resident memory and the time of a restart.
pub(super) async fn measure(tell: &dyn Fn(String)) -> Result<Value> {
    let launch = Launch {
        protocol: Protocol::TwoPhase,
        coordinating: 1,
        participants: 1,
        settings: Settings::default(),
        opening: Maker::opening(1, ACCOUNTS),
        compact_every: NodeConfig::COMPACT_EVERY,
        seed: 1,
        trace: false,
        lab: false,
        floor: false,
    };
    let mut cluster = Cluster::prepare(launch)?;
    cluster.start_all().await?;
    cluster.wait_for_links().await?;
    // This load writes enough records for a compaction. After it the log holds every account.
    let mut load = Load::open(&cluster, Maker::new(1, ACCOUNTS)).await?;
    let client = NodeClient::connect(&cluster.address(P1)).await?;
    while client.state(false).await?.stats.compactions == 0 {
        load.stream(512, Duration::ZERO, Duration::from_secs(1)).await?;
    }
    load::verify(&cluster, 1, load.succeeded).await?;
    // After a restart, nothing of the opening file is left in memory, so what remains is the cost of the data itself.
    cluster.kill(P1, None)?;
    let begin = Instant::now();
    cluster.start_one(P1).await?;
    let restart = begin.elapsed();
    let bytes = cluster.memory(P1).context("cannot read the participant's memory use")?;
    load::verify(&cluster, 1, load.succeeded).await?;
    cluster.end()?;
    let (megabytes, seconds) = (bytes as f64 / 1e6, restart.as_secs_f64());
    tell(format!(
        "\na participant with {ACCOUNTS} accounts: {megabytes:.0} MB; ready {seconds:.2} s after its start from a log of as many records"
    ));
    Ok(json!({ "accounts": ACCOUNTS, "resident_mb": megabytes, "restart_s": seconds }))
}
