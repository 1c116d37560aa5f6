//! One run in the virtual world, judged: the unit of which many seeds, sweeps, enumerations and swarms are made.

use crate::{judge::pass_judgement, measure::Measurer, protocol::Protocol, scenario::Scenario, summary::Run, world};

/// Runs one protocol of a scenario under one seed and judges it. The trace goes straight into the measures and is not kept;
/// the result is that of [`crate::judge::judge`] on the recording of [`world::run`].
pub fn trial(scenario: &Scenario, protocol: Protocol, seed: u64) -> Run {
    let mut measurer = Measurer::new(protocol);
    let faults = world::run_into(scenario, protocol, seed, &mut measurer);
    pass_judgement(scenario, protocol, seed, &faults, measurer.finish(scenario.duration))
}
