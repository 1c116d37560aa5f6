//! `indoubt bench`: measures the speed of either world.

use crate::{
    bench::{self, virtual_world},
    options::{Common, Format},
    output::outln,
    status::Status,
    world::World,
};
use anyhow::{Result, ensure};
use clap::Args;
use std::time::Duration;

/// Arguments of `indoubt bench`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
With --world real, this starts processes and warms up. For each number of transactions in flight it prints throughput and \
latency of durable 2PC over three participants, and of sagas with three steps. Beside them it prints the floor of the same \
run: the same processes, links and message counts, without protocol logic and without a disk.

With --world virtual, this runs the simulation on one core with all measures on. It prints messages, transactions and \
observations per second, and short runs per second (a short run is one transaction with one crash, recovery and all checks). \
Beside them it prints the speed of a bare event loop. With --memory it also prints the memory that a long run needs.

Examples:
  indoubt bench
  indoubt bench --seconds 2 --in-flight 512 --format json
  indoubt bench --world virtual
  indoubt bench --world virtual --memory --transactions 10000000")]
pub struct BenchArgs {
    /// Which world to measure.
    #[arg(long, value_enum, default_value_t = World::Real)]
    pub world: World,
    /// Transactions in flight, separated by commas (real world).
    #[arg(long, value_delimiter = ',', default_value = "1,16,128,512", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: Vec<u32>,
    /// Seconds of measurement for each number, after the warm-up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Measure only the floor (real world).
    #[arg(long)]
    pub floor: bool,
    /// Also measure with the trace switched on (real world).
    #[arg(long)]
    pub trace: bool,
    /// Also measure memory. Real world: a participant with a million accounts, and its restart from a log of a million
    /// records. Virtual world: a long run.
    #[arg(long)]
    pub memory: bool,
    /// How many transactions the long run of `--world virtual --memory` has.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub transactions: u64,
}

/// Runs the benchmark of one world.
pub(super) fn run(args: &BenchArgs, common: &Common) -> Result<Status> {
    let tell = |line: String| {
        if common.format == Format::Text {
            outln!("{line}");
        }
    };
    let time = Duration::from_secs(args.seconds);
    let report = match args.world {
        World::Real => {
            let options = bench::Options {
                in_flight: args.in_flight.clone(),
                time,
                floor_only: args.floor,
                trace: args.trace,
                memory: args.memory,
            };
            bench::run(&options, &tell)?
        }
        World::Virtual => {
            ensure!(!args.floor && !args.trace, "--floor and --trace need --world real: the virtual world has neither");
            let options = virtual_world::Options {
                time,
                long_run: args.memory.then_some(args.transactions),
                silent: common.is_silent(),
            };
            virtual_world::run(&options, &tell)?
        }
    };
    if common.format == Format::Json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(Status::Holds)
}
