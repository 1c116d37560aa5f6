//! Measures the speed of the virtual world on one core, with all measures and checks: messages, transactions and observations
//! per second under a steady load, short runs per second, and the memory of a long run. It also measures a bare event loop at
//! the same time, so that the figures of different machines, and of busy and idle ones, can be compared.

use crate::output;
use anyhow::{Context, Result, ensure};
use indoubt_proto::observation::{Observation, Stamped};
use indoubt_scenario::protocol::Protocol;
use indoubt_simulator::world::{self, Sink};
use indoubt_studies::{bench_workloads, trial::trial};
use serde_json::{Value, json};
use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

/// The number of transactions in one run under a steady load.
const STEADY: u64 = 10_000;
/// The number of events in one run of the bare event loop.
const EVENTS: u64 = 1_000_000;

/// What is measured.
pub(crate) struct Options {
    /// How long each figure is measured.
    pub(crate) time: Duration,
    /// Also measure the memory of a run with this number of transactions.
    pub(crate) long_run: Option<u64>,
    /// Show no progress.
    pub(crate) silent: bool,
}

/// Runs the benchmark. `tell` receives each line of the report as soon as it is known.
pub(crate) fn run(options: &Options, tell: &dyn Fn(String)) -> Result<Value> {
    let window = options.time;
    let bare = EVENTS as f64 * rate(window, || bench_workloads::bare_loop(black_box(EVENTS)));
    tell(format!("a bare event loop, 64 pending: {:.1} M events/s", bare / 1e6));
    let mut report = json!({
        "version": 1, "indoubt": env!("CARGO_PKG_VERSION"), "world": "virtual", "bare_events_per_s": bare,
    });
    tell(format!(
        "\n{:>10} {:>14} {:>16} {:>16} {:>14} {:>22}",
        "", "M messages/s", "transactions/s", "M observations/s", "short runs/s", "bare events a message"
    ));
    for protocol in [Protocol::TwoPhase, Protocol::Saga] {
        let found = measure(protocol, window)?;
        tell(format!(
            "{:>10} {:>14.2} {:>16.0} {:>16.2} {:>14.0} {:>22.1}",
            protocol.name(),
            found.messages / 1e6,
            found.transactions,
            found.observations / 1e6,
            found.short_runs,
            bare / found.messages,
        ));
        report[protocol.name()] = json!({
            "messages_per_s": found.messages, "transactions_per_s": found.transactions,
            "observations_per_s": found.observations, "short_runs_per_s": found.short_runs,
        });
    }
    tell("messages: between nodes other than clients, including the work round; all measures on, one core".into());
    if let Some(transactions) = options.long_run {
        report["memory"] = memory(transactions, options.silent, tell)?;
    }
    Ok(report)
}

/// What was counted, per second.
struct Found {
    messages: f64,
    transactions: f64,
    observations: f64,
    short_runs: f64,
}

/// Counts the messages and observations of a run.
#[derive(Default)]
struct Counted {
    messages: u64,
    observations: u64,
}

impl Sink for Counted {
    fn take(&mut self, seen: Stamped) {
        self.observations += 1;
        if let Observation::Sent { from, to, .. } = seen.what {
            self.messages += u64::from(!from.is_client() && !to.is_client());
        }
    }
}

fn measure(protocol: Protocol, window: Duration) -> Result<Found> {
    let steady = bench_workloads::steady(protocol, STEADY);
    let mut counted = Counted::default();
    world::run_into(&steady, protocol, 1, &mut counted);
    let run = trial(&steady, protocol, 1);
    ensure!(run.transactions.succeeded == run.transactions.submitted, "the steady load did not succeed: {run:?}");
    let runs = rate(window, || trial(black_box(&steady), protocol, 1));
    let short = bench_workloads::short(protocol);
    let mut seed = 0;
    let short_runs = rate(window, || {
        seed += 1;
        trial(black_box(&short), protocol, seed)
    });
    Ok(Found {
        messages: runs * counted.messages as f64,
        transactions: runs * run.transactions.submitted as f64,
        observations: runs * counted.observations as f64,
        short_runs,
    })
}

/// How often `what` can be done per second, measured over about `window`.
fn rate<T>(window: Duration, mut what: impl FnMut() -> T) -> f64 {
    let begin = Instant::now();
    let mut times = 0u64;
    while begin.elapsed() < window {
        black_box(what());
        times += 1;
    }
    times as f64 / begin.elapsed().as_secs_f64()
}

/// The peak memory of this process after a run with a tenth of the transactions, and after a run with all of them.
fn memory(transactions: u64, silent: bool, tell: &dyn Fn(String)) -> Result<Value> {
    let bar = output::progress(2, silent);
    let mut rows = Vec::new();
    for transactions in [transactions / 10, transactions] {
        bar.set_message(format!("{transactions} transactions"));
        let begin = Instant::now();
        let run = trial(&bench_workloads::steady(Protocol::TwoPhase, transactions), Protocol::TwoPhase, 1);
        let (seconds, megabytes) = (begin.elapsed().as_secs_f64(), peak_mb()?);
        bar.inc(1);
        let submitted = run.transactions.submitted;
        bar.suspend(|| {
            tell(format!(
                "2pc, {submitted} transactions in one run: at most {megabytes:.1} MB resident, {seconds:.1} s"
            ));
        });
        rows.push(json!({ "transactions": submitted, "peak_resident_mb": megabytes, "seconds": seconds }));
    }
    bar.finish_and_clear();
    Ok(json!(rows))
}

/// The peak memory of this process so far, in megabytes.
fn peak_mb() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read this process's memory use")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the system reports no peak memory")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().context("cannot parse the peak memory")?;
    Ok(kilobytes * 1024.0 / 1e6)
}
