//! `indoubt calibrate`: measures how long messages between node processes and forced writes take on this machine, and prints
//! the profile that the virtual world needs to run with these latencies.

use crate::{
    calibration::{self, rows},
    options::{Common, Format},
    output::{self, outln},
    status::Status,
};
use anyhow::{Context, Result};
use clap::Args;
use indoubt_proto::time::Micros;
use indoubt_report::time;
use indoubt_studies::parity::Latencies;
use std::path::PathBuf;

/// Arguments of `indoubt calibrate`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Runs two-phase commit on real processes: one transaction at a time, over three participants, without added latency. Then reads \
two things from the trace: how long each message between two nodes took, and how long each forced write took to become \
durable. The coordinator forces alone; the participants force at the same time, so they are counted apart.

Examples:
  indoubt calibrate
  indoubt calibrate --output here.toml
  indoubt run happy-path --profile here.toml")]
pub struct CalibrateArgs {
    /// Also write the profile to this file.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How many seconds to measure.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
}

/// Runs `indoubt calibrate`.
pub(super) fn calibrate(args: &CalibrateArgs, common: &Common) -> Result<Status> {
    let bar = output::progress(1, common.is_silent());
    bar.set_message(format!("{} s of two-phase commit on real processes", args.seconds));
    let measured = calibration::measure(Micros::from_secs(args.seconds));
    bar.finish_and_clear();
    let (latencies, profile) = measured?;
    let text = profile.to_toml(&about(&latencies));
    if let Some(path) = &args.output {
        std::fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match common.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&calibration::as_json(&latencies, profile))?),
        Format::Text if common.quiet => {}
        Format::Text => {
            for (what, sample) in rows(&latencies) {
                let at = |q| Latencies::quantile(sample, q).map_or("-".into(), |found| time(found.as_millis_f64()));
                outln!("{what:34} median {:>9}  p99 {:>9}  of {}", at(0.5), at(0.99), sample.len());
            }
            outln!("\n{text}");
        }
    }
    Ok(Status::Holds)
}

fn about(latencies: &Latencies) -> String {
    let [links, alone, together] = rows(latencies).map(|(_, sample)| sample.len());
    format!(
        "The latencies of one machine: {links} messages between node processes, {} forced writes.\n\
         Measured by `indoubt calibrate`; used by `indoubt run NAME --profile THIS-FILE`.",
        alone + together
    )
}
