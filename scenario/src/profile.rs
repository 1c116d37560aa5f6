//! A profile: the latencies of a machine, which replace those of a scenario. Its file is a part of a scenario file.

use crate::scenario::Scenario;
use indoubt_driver::conditions::Latency;
use indoubt_proto::time::Micros;
use std::fmt::Write as _;

/// A distribution of times, given by its median and its 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Half of the times are shorter.
    pub median: Micros,
    /// One time in a hundred is longer.
    pub p99: Micros,
}

impl From<Spread> for Latency {
    fn from(Spread { median, p99 }: Spread) -> Self {
        Latency::LogNormal { median, p99 }
    }
}

/// How long messages between nodes, and forced writes, take on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The one-way latency between two nodes.
    pub latency: Spread,
    /// The time of one forced write.
    pub force: Spread,
}

impl Profile {
    /// The profile as TOML, which [`Profile::parse`] reads. Each line of `about` becomes a comment.
    pub fn to_toml(&self, about: &str) -> String {
        let mut text = String::new();
        for line in about.lines() {
            _ = writeln!(text, "# {line}");
        }
        let spread = |it: Spread| format!("{{ median = \"{}\", p99 = \"{}\" }}", it.median, it.p99);
        _ = writeln!(text, "[network]\nlatency = {}", spread(self.latency));
        _ = writeln!(text, "[disk]\nforce = {}", spread(self.force));
        text
    }

    /// The scenario with these latencies instead of its own. Links that override the latency keep it.
    pub fn replaces(&self, scenario: &Scenario) -> Scenario {
        let mut scenario = scenario.clone();
        let base = std::mem::replace(&mut scenario.network.base.latency, self.latency.into());
        for link in scenario.network.links.iter_mut().filter(|link| link.conditions.latency == base) {
            link.conditions.latency = self.latency.into();
        }
        scenario.force = self.force.into();
        scenario
    }

    /// The scenario as real processes on this machine run it: its latencies are added to those of the machine, and a forced write
    /// takes at least what the scenario says. This uses only the machine's medians, so a constant latency stays constant and
    /// draws no random numbers. Therefore both worlds lose the same messages under one seed.
    pub fn with_medians(&self, scenario: &Scenario) -> Scenario {
        let here = Spread { p99: self.latency.median, ..self.latency };
        let least = Spread { p99: self.force.median, ..self.force };
        changed(scenario, |latency| longer(latency, here), |force| at_least(force, least))
    }

    /// Like [`Profile::with_medians`], but with the whole spread of the machine, so that the times of messages vary.
    pub fn with_spreads(&self, scenario: &Scenario) -> Scenario {
        changed(scenario, |latency| longer(latency, self.latency), |force| at_least(force, self.force))
    }
}

fn changed(scenario: &Scenario, latency: impl Fn(Latency) -> Latency, force: impl Fn(Latency) -> Latency) -> Scenario {
    let mut scenario = scenario.clone();
    let links = scenario.network.links.iter_mut().map(|link| &mut link.conditions);
    for conditions in links.chain([&mut scenario.network.base]) {
        conditions.latency = latency(conditions.latency);
    }
    scenario.force = force(scenario.force);
    scenario
}

/// The latency of a message that takes `here` in addition to what the scenario says. Median and 99th percentile are added. This
/// is only an approximation, which is good if one of the two is small.
fn longer(latency: Latency, here: Spread) -> Latency {
    match latency {
        Latency::Constant(latency) if here.median == here.p99 => Latency::Constant(latency + here.median),
        Latency::Constant(latency) => Latency::LogNormal { median: latency + here.median, p99: latency + here.p99 },
        Latency::Uniform { min, max } => Latency::Uniform { min: min + here.median, max: max + here.median },
        Latency::LogNormal { median, p99 } => Latency::LogNormal { median: median + here.median, p99: p99 + here.p99 },
    }
}

/// The time of a forced write that takes at least what the scenario says, and at least `here`.
fn at_least(force: Latency, here: Spread) -> Latency {
    match force {
        Latency::Constant(force) if here.p99 <= force => Latency::Constant(force),
        Latency::Constant(force) if here.median == here.p99 => Latency::Constant(force.max(here.median)),
        Latency::Constant(force) => Latency::LogNormal { median: force.max(here.median), p99: force.max(here.p99) },
        Latency::Uniform { min, max } => Latency::Uniform { min: min.max(here.median), max: max.max(here.median) },
        Latency::LogNormal { median, p99 } => {
            Latency::LogNormal { median: median.max(here.median), p99: p99.max(here.p99) }
        }
    }
}
