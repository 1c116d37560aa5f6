//! Measures the latencies of a machine in a trace.

use indoubt_proto::{
    ids::{MessageId, NodeId, Role},
    machine::Write,
    observation::Observation,
    time::Micros,
};
use indoubt_scenario::{
    profile::{Profile, Spread},
    recording::Recording,
};
use std::collections::{BTreeMap, HashMap};

/// How long messages between nodes, and forced writes, took in one run. Each list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// The times of messages, from being sent to being taken as input. Links of clients do not count.
    pub links: Vec<Micros>,
    /// The times of forced writes at coordinating nodes, which under 2PC force alone: from the append of a forced record until the
    /// machine learns that it is durable.
    pub forces_alone: Vec<Micros>,
    /// The times of forced writes at participants, which force at the same time.
    pub forces_together: Vec<Micros>,
}

impl Latencies {
    /// Measures the latencies in a recording. A forced write counts only if no other one was in progress when it began, because it
    /// would wait for that one.
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

    /// A quantile of sorted times; `None` if there are none.
    pub fn quantile(sorted: &[Micros], q: f64) -> Option<Micros> {
        let last = sorted.len().checked_sub(1)?;
        Some(sorted[(last as f64 * q).round() as usize])
    }

    /// The profile of the machine; `None` if no message or no forced write was measured.
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
