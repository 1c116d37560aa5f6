//! A profile: the latencies of a machine, written as a fragment of a scenario and put in the place of a scenario's own.

use crate::scenario::Scenario;
use indoubt_driver::conditions::Latency;
use indoubt_proto::time::Micros;
use std::fmt::Write as _;

/// A median and the 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Half of all are faster.
    pub median: Micros,
    /// One in a hundred is slower.
    pub p99: Micros,
}

impl From<Spread> for Latency {
    fn from(Spread { median, p99 }: Spread) -> Self {
        Latency::LogNormal { median, p99 }
    }
}

/// How long messages between nodes and forces take on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// One way between two nodes.
    pub latency: Spread,
    /// One force.
    pub force: Spread,
}

impl Profile {
    /// As a fragment of a scenario; [`Profile::parse`] reads it. Each line of `about` becomes a comment.
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

    /// The scenario with these latencies in the place of its own. Links with latencies of their own keep them.
    pub fn replaces(&self, scenario: &Scenario) -> Scenario {
        let mut scenario = scenario.clone();
        let base = std::mem::replace(&mut scenario.network.base.latency, self.latency.into());
        for link in scenario.network.links.iter_mut().filter(|link| link.conditions.latency == base) {
            link.conditions.latency = self.latency.into();
        }
        scenario.force = self.force.into();
        scenario
    }

    /// The scenario as real processes on this machine run it: its latencies are added to what the machine needs, and a
    /// force takes at least what it says. Only medians are moved. A scenario that draws nothing of a link still draws
    /// nothing, so that under one seed both worlds lose the same messages.
    pub fn with_medians(&self, scenario: &Scenario) -> Scenario {
        let here = Spread { p99: self.latency.median, ..self.latency };
        let least = Spread { p99: self.force.median, ..self.force };
        changed(scenario, |latency| longer(latency, here), |force| at_least(force, least))
    }

    /// The same with the whole spread of the machine: no two messages take exactly the same time.
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

/// What a message takes that needs `here` besides what the scenario says. A median and a 99th percentile are taken to be
/// those of the sum, which is near enough where one of the two is small.
fn longer(latency: Latency, here: Spread) -> Latency {
    match latency {
        Latency::Constant(latency) if here.median == here.p99 => Latency::Constant(latency + here.median),
        Latency::Constant(latency) => Latency::LogNormal { median: latency + here.median, p99: latency + here.p99 },
        Latency::Uniform { min, max } => Latency::Uniform { min: min + here.median, max: max + here.median },
        Latency::LogNormal { median, p99 } => Latency::LogNormal { median: median + here.median, p99: p99 + here.p99 },
    }
}

/// What a force takes that takes at least what the scenario says and at least `here`.
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
