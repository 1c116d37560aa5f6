//! Measures the latencies of this machine in the trace of an ordinary run on real processes, and makes the profile that the
//! virtual world uses. Parity measures latencies with the same code.

use crate::bounded::read_text;
use anyhow::{Context, Result};
use indoubt_proto::time::Micros;
use indoubt_scenario::{
    parse::MOST_BYTES,
    profile::{Profile, Spread},
    protocol::Protocol,
    scenario::Scenario,
};
use indoubt_studies::parity::Latencies;
use serde_json::{Value, json};
use std::path::Path;

/// Measures the latencies of this machine with a run of length `time`, and makes its profile.
pub(crate) fn measure(time: Micros) -> Result<(Latencies, Profile)> {
    let latencies = latencies(time)?;
    let profile = latencies.profile().context("no message and no force was measured; use more --seconds")?;
    Ok((latencies, profile))
}

/// Measures the latencies of this machine with a run of length `time`.
pub(crate) fn latencies(time: Micros) -> Result<Latencies> {
    let text = format!(
        "name = \"calibration\"\nprotocols = [\"2pc\"]\nduration = \"{time}\"\n[cluster]\ncoordinators = 1\n\
         [workload]\nkind = \"transfer\"\nclients = 1\nkeys = 1000\n[network]\nlatency = \"0us\"\n[disk]\nforce = \"0us\"\n"
    );
    let scenario = Scenario::parse(&text, "calibration").context("the lab's own scenario")?;
    let recording = indoubt_cluster::run(&scenario, Protocol::TwoPhase, scenario.seed)?;
    Ok(Latencies::of(&recording))
}

/// The measured samples, each with its name for people.
pub(crate) fn rows(latencies: &Latencies) -> [(&'static str, &[Micros]); 3] {
    [
        ("a message from node to node", &latencies.links),
        ("a force, coordinator alone", &latencies.forces_alone),
        ("a force, three participants at once", &latencies.forces_together),
    ]
}

/// The latencies of a machine as `--format json` prints them.
pub(crate) fn as_json(latencies: &Latencies, profile: Profile) -> Value {
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

/// A profile as JSON, in milliseconds.
pub(crate) fn profile_json(profile: Profile) -> Value {
    let spread = |it: Spread| json!({ "median_ms": it.median.as_millis_f64(), "p99_ms": it.p99.as_millis_f64() });
    json!({ "latency": spread(profile.latency), "force": spread(profile.force) })
}

/// Reads the profile that `indoubt calibrate` wrote to a file.
pub(crate) fn load(path: &Path) -> Result<Profile> {
    let text = read_text(path, "the profile", MOST_BYTES)?;
    Ok(Profile::parse(&text, &path.display().to_string())?)
}
