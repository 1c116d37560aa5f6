//! The latencies of a machine: measured from a trace, written as a fragment of a scenario, and put in the place of a
//! scenario's own.

use crate::{recording::Recording, scenario::Scenario};
use indoubt_driver::conditions::Latency;
use indoubt_proto::{
    ids::{MessageId, NodeId, Role},
    machine::Write,
    observation::Observation,
    time::Micros,
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

/// How long messages between nodes and forces took in one run, each sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// From a message's being sent by one node to its being taken as input by another, links to clients left out.
    pub links: Vec<Micros>,
    /// From an append that asks for a force to the force's being taken as input: at coordinating nodes, which under 2PC
    /// force alone.
    pub forces_alone: Vec<Micros>,
    /// The same at participants, which force at the same time.
    pub forces_together: Vec<Micros>,
}

impl Latencies {
    /// What a recording tells of them. A force counts only if the journal had nothing to force when it was asked for: what
    /// waits for a force under way takes longer.
    pub fn of(recording: &Recording) -> Self {
        let mut latencies = Latencies::default();
        let mut under_way: HashMap<(MessageId, bool), i64> = HashMap::new();
        let mut asked: BTreeMap<NodeId, (indoubt_proto::ids::Lsn, i64)> = BTreeMap::new();
        let took = |since: i64, now: i64| Micros(now.saturating_sub(since).max(0) as u64);
        for seen in &recording.trace {
            match seen.what {
                Observation::Sent { id, from, to, copy, .. } if !from.is_client() && !to.is_client() => {
                    under_way.insert((id, copy), seen.t_us);
                }
                Observation::Received { id, copy, .. } => {
                    latencies.links.extend(under_way.remove(&(id, copy)).map(|sent| took(sent, seen.t_us)));
                }
                Observation::Appended { lsn, write: Write::Forced, .. } => {
                    asked.entry(seen.node).or_insert((lsn, seen.t_us));
                }
                Observation::Durable { upto } => {
                    if let Some((_, since)) = asked.get(&seen.node).copied().filter(|(lsn, _)| *lsn <= upto) {
                        asked.remove(&seen.node);
                        let forces = match seen.node.role {
                            Role::Coordinating => &mut latencies.forces_alone,
                            _ => &mut latencies.forces_together,
                        };
                        forces.push(took(since, seen.t_us));
                    }
                }
                Observation::Crashed { .. } => _ = asked.remove(&seen.node),
                _ => {}
            }
        }
        latencies.links.sort_unstable();
        latencies.forces_alone.sort_unstable();
        latencies.forces_together.sort_unstable();
        latencies
    }

    /// A quantile of sorted times; nothing of an empty sample.
    pub fn quantile(sorted: &[Micros], q: f64) -> Option<Micros> {
        let last = sorted.len().checked_sub(1)?;
        Some(sorted[(last as f64 * q).round() as usize])
    }

    /// The profile of the machine on which this was measured; `None` where nothing was.
    pub fn profile(&self) -> Option<Profile> {
        let mut forces: Vec<Micros> = self.forces_alone.iter().chain(&self.forces_together).copied().collect();
        forces.sort_unstable();
        let spread = |sorted: &[Micros]| {
            let least = |time: Micros| time.max(Micros(1));
            let median = least(Self::quantile(sorted, 0.5)?);
            Some(Spread { median, p99: least(Self::quantile(sorted, 0.99)?) })
        };
        Some(Profile { latency: spread(&self.links)?, force: spread(&forces)? })
    }
}

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
