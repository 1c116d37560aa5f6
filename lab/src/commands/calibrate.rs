//! `indoubt calibrate`: how long messages between node processes and forces take on this machine, as a profile for the
//! virtual world. Measured in the trace of an ordinary run on real processes, by the very code that parity compares.

use super::Verdict;
use crate::{
    cli::{Common, Format},
    display, real,
    say::say,
};
use anyhow::{Context, Result};
use clap::Args;
use indoubt_proto::time::Micros;
use indoubt_simulator::{profile::Profile, protocol::Protocol, scenario::Scenario};
use indoubt_studies::parity::Latencies;
use serde_json::{Value, json};
use std::path::PathBuf;

/// `indoubt calibrate`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Runs two-phase commit on real processes, one transaction at a time over three participants, with nothing added to links
and disks, and reads from its trace how long each message took from one node to another and how long each forced write
took to be durable: at the coordinator alone, and at the participants, which force at the same time.

Examples:
  indoubt calibrate
  indoubt calibrate --output here.toml
  indoubt run happy-path --profile here.toml")]
pub struct CalibrateArgs {
    /// Write the profile into this file too.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Seconds of measurement.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
}

/// Measures, prints, writes.
pub(super) fn calibrate(args: &CalibrateArgs, common: &Common) -> Result<Verdict> {
    let bar = display::progress(1, common.quiet || common.format == Format::Json);
    bar.set_message(format!("{} s of two-phase commit on real processes", args.seconds));
    let measured = measure(Micros::from_secs(args.seconds));
    bar.finish_and_clear();
    let (latencies, profile) = measured?;
    let text = profile.to_toml(&about(&latencies));
    if let Some(path) = &args.output {
        std::fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match common.format {
        Format::Json => say!("{}", serde_json::to_string_pretty(&as_json(&latencies, profile))?),
        Format::Text if common.quiet => {}
        Format::Text => {
            for (what, sample) in rows(&latencies) {
                let at =
                    |q| Latencies::quantile(sample, q).map_or("-".into(), |time| display::time(time.as_millis_f64()));
                say!("{what:34} median {:>9}  p99 {:>9}  of {}", at(0.5), at(0.99), sample.len());
            }
            say!("\n{text}");
        }
    }
    Ok(Verdict::Holds)
}

/// Measures this machine for so long.
pub(super) fn measure(time: Micros) -> Result<(Latencies, Profile)> {
    let text = format!(
        "name = \"calibration\"\nprotocols = [\"2pc\"]\nduration = \"{time}\"\n[cluster]\ncoordinators = 1\n\
         [workload]\nkind = \"transfer\"\nclients = 1\nkeys = 1000\n[network]\nlatency = \"0us\"\n[disk]\nforce = \"0us\"\n"
    );
    let scenario = Scenario::parse(&text, "calibration").context("the lab's own scenario")?;
    let recording = real::run(&scenario, Protocol::TwoPhase, scenario.seed)?;
    let latencies = Latencies::of(&recording);
    let profile = latencies.profile().context("no message and no force was seen in so short a time")?;
    Ok((latencies, profile))
}

fn rows(latencies: &Latencies) -> [(&'static str, &[Micros]); 3] {
    [
        ("a message from node to node", &latencies.links),
        ("a force, coordinator alone", &latencies.forces_alone),
        ("a force, three participants at once", &latencies.forces_together),
    ]
}

fn about(latencies: &Latencies) -> String {
    let [links, alone, together] = rows(latencies).map(|(_, sample)| sample.len());
    format!(
        "The latencies of one machine: {links} messages between node processes, {} forced writes.\n\
         Measured by `indoubt calibrate`; used by `indoubt run NAME --profile THIS-FILE`.",
        alone + together
    )
}

/// What `--format json` says of a machine.
pub(super) fn as_json(latencies: &Latencies, profile: Profile) -> Value {
    let sample = |sample: &[Micros]| {
        let at = |q| Latencies::quantile(sample, q).map(Micros::as_millis_f64);
        json!({ "count": sample.len(), "p50_ms": at(0.5), "p99_ms": at(0.99) })
    };
    let [links, alone, together] = rows(latencies).map(|(_, it)| sample(it));
    json!({
        "version": 1, "indoubt": env!("CARGO_PKG_VERSION"),
        "link": links, "force_alone": alone, "force_together": together,
        "profile": profile_json(profile),
    })
}

/// A profile in milliseconds.
pub(super) fn profile_json(profile: Profile) -> Value {
    let spread = |it: indoubt_simulator::profile::Spread| json!({ "median_ms": it.median.as_millis_f64(), "p99_ms": it.p99.as_millis_f64() });
    json!({ "latency": spread(profile.latency), "force": spread(profile.force) })
}

/// The profile in a file.
pub(super) fn load(path: &std::path::Path) -> Result<Profile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the profile {}", path.display()))?;
    Ok(Profile::parse(&text, &path.display().to_string())?)
}
