//! One run in the virtual world, judged: the unit of which many seeds, sweeps, enumerations and swarms are made.

use crate::{judge::judge, protocol::Protocol, scenario::Scenario, summary::Run, world};

/// Runs one protocol of a scenario under one seed and judges it. The trace is not kept.
pub fn trial(scenario: &Scenario, protocol: Protocol, seed: u64) -> Run {
    judge(scenario, &world::run(scenario, protocol, seed))
}
