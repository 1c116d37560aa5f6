//! `indoubt bench`: throughput and latency of real processes, compared with the floor measured in the same run, and the speed
//! of the virtual world (`virtual_world`).

pub(crate) mod floor;
mod load;
mod memory;
pub(crate) mod virtual_world;

use anyhow::{Context, Result};
use indoubt_cluster::{Cluster, Launch};
use indoubt_node::NodeConfig;
use indoubt_proto::settings::Settings;
use indoubt_scenario::protocol::Protocol;
use load::{Load, Maker, Measured};
use serde_json::{Value, json};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

const PARTICIPANTS: u16 = 3;
const KEYS: u32 = 20_000;
const WARM_UP: Duration = Duration::from_millis(700);

/// What is measured on real processes.
pub(crate) struct Options {
    /// Numbers of transactions in flight; each gives one row of the table.
    pub(crate) in_flight: Vec<u32>,
    /// How long each row is measured, after the warm-up.
    pub(crate) time: Duration,
    /// Measure only the floor.
    pub(crate) floor_only: bool,
    /// Also measure with the trace switched on.
    pub(crate) trace: bool,
    /// Also measure a participant with a million accounts.
    pub(crate) memory: bool,
}

/// Runs the benchmark of real processes. `tell` receives each line of the report as soon as it is known.
pub(crate) fn run(options: &Options, tell: &dyn Fn(String)) -> Result<Value> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(measure(options, tell))
}

async fn measure(options: &Options, tell: &dyn Fn(String)) -> Result<Value> {
    let force_ms = force_p50_ms(1)?;
    let together_ms = force_p50_ms(PARTICIPANTS.into())?;
    tell(format!(
        "one force (fdatasync of a preallocated file): p50 {force_ms:.3} ms alone, {together_ms:.3} ms with {PARTICIPANTS} at once"
    ));
    let mut report = json!({
        "version": 1, "indoubt": env!("CARGO_PKG_VERSION"), "force_p50_ms": force_ms, "force_p50_ms_together": together_ms,
    });
    for (protocol, name) in [(Protocol::TwoPhase, "2pc"), (Protocol::Saga, "saga")] {
        tell(format!("\n{name}: {PARTICIPANTS} participants, 1 coordinating node, {} s each", options.time.as_secs()));
        tell(format!(
            "{:>10} {:>13} {:>10} {:>10}   {:>13} {:>10} {:>10} {:>7}",
            "in flight", "floor tps", "p50 ms", "p99 ms", "durable tps", "p50 ms", "p99 ms", "ratio"
        ));
        // Floor and protocol are measured in turns, so that a machine that slows down slows both.
        let mut floor = Rig::start(protocol, true, false).await?;
        let mut durable = if options.floor_only { None } else { Some(Rig::start(protocol, false, false).await?) };
        let mut rows = Vec::new();
        for in_flight in &options.in_flight {
            let below = floor.stream(*in_flight, options.time).await?;
            let above = match &mut durable {
                Some(rig) => Some(rig.stream(*in_flight, options.time).await?),
                None => None,
            };
            tell(row(&in_flight.to_string(), below, above));
            if let Some(above) = above {
                if *in_flight == 512 {
                    report[if protocol == Protocol::TwoPhase { "ratio_512" } else { "saga_ratio_512" }] =
                        json!(above.tps / below.tps);
                }
                if *in_flight == 1 && protocol == Protocol::TwoPhase {
                    // A commit waits for two forces: the participants', all at once, and then the coordinator's.
                    let alone = above.p50_ms / (below.p50_ms + 2.0 * force_ms);
                    let as_forced = above.p50_ms / (below.p50_ms + together_ms + force_ms);
                    report["p50_1_over_floor_and_2_forces"] = json!(alone);
                    report["p50_1_over_floor_and_forces_as_they_happen"] = json!(as_forced);
                    tell(format!(
                        "           p50 at 1 in flight: {alone:.2} x (floor p50 + 2 forces alone), {as_forced:.2} x (floor p50 + {PARTICIPANTS} forces at once + 1)"
                    ));
                }
            }
            rows.push(json!({ "in_flight": in_flight, "floor": as_json(below), "durable": above.map(as_json) }));
        }
        if protocol == Protocol::TwoPhase {
            let below = floor.unary(16, options.time).await?;
            let above = match &mut durable {
                Some(rig) => Some(rig.unary(16, options.time).await?),
                None => None,
            };
            tell(row("unary 16", below, above));
            report["unary_16"] = json!({ "floor": as_json(below), "durable": above.map(as_json) });
            if let Some(above) = above {
                report["unary_ratio_16"] = json!(above.tps / below.tps);
            }
        }
        report[name] = json!(rows);
        if let Some(rig) = durable {
            let verified = rig.verify().await?;
            tell(format!("verified: {verified} transactions succeeded, and all their effects are applied"));
            report[format!("{name}_verified")] = json!(verified);
        }
        if options.trace && !options.floor_only {
            let mut with = Rig::start(protocol, false, true).await?;
            let mut without = Rig::start(protocol, false, false).await?;
            let off = without.stream(512, options.time).await?;
            let on = with.stream(512, options.time).await?;
            tell(format!("trace on at 512: {:.0} tps, off {:.0} tps: {:.2}", on.tps, off.tps, on.tps / off.tps));
            report[format!("{name}_trace_ratio_512")] = json!(on.tps / off.tps);
        }
    }
    if options.memory {
        report["memory"] = memory::measure(tell).await?;
    }
    Ok(report)
}

fn row(name: &str, below: Measured, above: Option<Measured>) -> String {
    let floor = format!("{name:>10} {:>13.0} {:>10.3} {:>10.3}", below.tps, below.p50_ms, below.p99_ms);
    match above {
        None => floor,
        Some(m) => {
            format!("{floor}   {:>13.0} {:>10.3} {:>10.3} {:>7.2}", m.tps, m.p50_ms, m.p99_ms, m.tps / below.tps)
        }
    }
}

fn as_json(m: Measured) -> Value {
    json!({ "in_flight": m.in_flight, "tps": m.tps, "p50_ms": m.p50_ms, "p99_ms": m.p99_ms })
}

/// A cluster under load.
struct Rig {
    cluster: Cluster,
    load: Load,
    by_hand: u64,
}

impl Rig {
    async fn start(protocol: Protocol, floor: bool, trace: bool) -> Result<Rig> {
        let opening = if floor { Default::default() } else { Maker::opening(PARTICIPANTS, KEYS) };
        let launch = Launch {
            protocol,
            coordinating: 1,
            participants: PARTICIPANTS,
            settings: Settings::default(),
            opening,
            compact_every: NodeConfig::COMPACT_EVERY,
            seed: 1,
            trace,
            lab: false,
            floor,
        };
        let mut cluster = Cluster::prepare(launch)?;
        cluster.start_all().await?;
        cluster.wait_for_links().await?;
        let load = Load::open(&cluster, Maker::new(PARTICIPANTS, KEYS)).await?;
        Ok(Rig { cluster, load, by_hand: 0 })
    }

    async fn stream(&mut self, in_flight: u32, time: Duration) -> Result<Measured> {
        self.load.stream(in_flight, WARM_UP, time).await
    }

    async fn unary(&mut self, callers: u32, time: Duration) -> Result<Measured> {
        let (measured, succeeded) = load::unary(&self.cluster, PARTICIPANTS, KEYS, callers, WARM_UP, time).await?;
        self.by_hand += succeeded;
        Ok(measured)
    }

    /// Checks the final states. Returns how many transactions succeeded.
    async fn verify(mut self) -> Result<u64> {
        let succeeded = self.load.succeeded + self.by_hand;
        load::verify(&self.cluster, PARTICIPANTS, succeeded).await?;
        self.cluster.end()?;
        Ok(succeeded)
    }
}

/// The median time of an fdatasync after a small write into a preallocated file, in the folder where clusters keep their
/// journals. `at_once` threads force at the same time, each its own file, because a disk that serves several journals serves
/// each more slowly.
fn force_p50_ms(at_once: usize) -> Result<f64> {
    const ROUNDS: u64 = 300;
    let files = (0..at_once)
        .map(|_| tempfile::tempfile())
        .collect::<Result<Vec<_>, _>>()
        .context("cannot create a temporary file")?;
    let together = Barrier::new(at_once);
    let force = |file: &File| -> std::io::Result<Vec<f64>> {
        let mut times = Vec::new();
        for i in 0..ROUNDS {
            together.wait();
            let begin = Instant::now();
            file.write_all_at(&[1u8; 200], i * 200)?;
            file.sync_data()?;
            times.push(begin.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(times)
    };
    for file in &files {
        file.write_all_at(&vec![0u8; 1 << 20], 0)?;
        file.sync_all()?;
    }
    let mut times = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = files.iter().map(|file| scope.spawn(|| force(file))).collect();
        for thread in threads {
            times.extend(thread.join().expect("a force does not panic").context("a force failed")?);
        }
        anyhow::Ok(())
    })?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
