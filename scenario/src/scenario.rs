//! The model of a scenario: what runs, which faults strike, and what is expected (docs/02-scenarios.md). [`crate::parse`] makes
//! it from TOML. A scenario that was parsed is always valid.

mod claim;
pub(crate) mod cluster;
mod describe;
mod fault;
mod workload;

pub use claim::{Claim, Expect, Order, Seeds};
pub use cluster::Cluster;
pub use fault::{Counted, Fault, Trigger, Which};
pub use workload::{Arrivals, Patience, Workload, WorkloadKind};

use crate::protocol::Protocol;
use indoubt_driver::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
    random::stream,
};
use indoubt_proto::{
    ids::NodeId,
    planted::Planted,
    settings::{Limits, Options, Settings, Timeouts},
    time::Micros,
};
use rand::RngExt;
use serde::Serialize;

/// The key of `[sweep]` whose values are the metrics that charts show.
pub const SWEEP_METRICS: &str = "metrics";
/// The key of `[sweep]` whose values name the axes in charts.
pub const SWEEP_LABELS: &str = "labels";

/// A scenario with all defaults filled in and all names checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// The name, which is also the name of its folder in results.
    pub name: String,
    /// What the scenario shows, for people.
    pub about: String,
    /// The protocols to run, in this order.
    pub protocols: Vec<Protocol>,
    /// The master seed.
    pub seed: u64,
    /// How long clients submit transactions.
    pub duration: Micros,
    /// How long the run then waits at most for all transactions to end.
    pub settle: Micros,
    /// The number of nodes.
    pub cluster: Cluster,
    /// What clients submit, and when.
    pub workload: Workload,
    /// The conditions of links.
    pub network: Network,
    /// How long a forced write takes; in the real world, how long it takes at least.
    pub force: Latency,
    /// The least number of records between two compactions of a journal.
    pub compact_every: u64,
    /// The rates of the nodes' clocks.
    pub clocks: Clocks,
    /// The timeouts of machines.
    pub timeouts: Timeouts,
    /// The options of the protocols.
    pub options: Options,
    /// The faults, in the order of the file.
    pub faults: Vec<Fault>,
    /// What is expected of runs, in the order of the file.
    pub expects: Vec<Expect>,
    /// `[sweep]`: parameter paths and their values, in the order of the file. The keys [`SWEEP_METRICS`] and [`SWEEP_LABELS`] say
    /// what charts show.
    pub sweep: Vec<(String, Vec<String>)>,
    /// A planted bug. Only tests plant one.
    #[serde(skip)]
    pub planted: Planted,
}

impl Scenario {
    /// This scenario with another master seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clients k1, k2, … In an open loop there is one for each coordinating node.
    pub fn clients(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        let count = match self.workload.arrivals {
            Arrivals::Rate(_) => self.cluster.coordinators,
            Arrivals::Clients(clients) => clients,
        };
        (1..=count).map(NodeId::client)
    }

    /// The settings of every machine of the cluster.
    pub fn settings(&self) -> Settings {
        Settings { timeouts: self.timeouts, limits: Limits::default(), options: self.options, planted: self.planted }
    }
}

/// The conditions of links.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    /// The conditions of every link. Links of clients have them too, except loss and duplication.
    pub base: Conditions,
    /// Exceptions, each for one direction of a link. A later one wins.
    pub links: Vec<LinkOverride>,
}

/// An exception for one direction of one link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LinkOverride {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The conditions in this direction.
    pub conditions: Conditions,
}

/// The rates of the nodes' clocks. By default, all clocks run at the true rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Clocks {
    /// Each node's rate is drawn uniformly from 1 - drift to 1 + drift. With 0, all clocks run at the true rate.
    pub drift: f64,
    /// The rates of nodes whose rate is not drawn. A later entry wins.
    pub nodes: Vec<(NodeId, ClockRate)>,
}

impl Clocks {
    /// The rate of a node's clock under a master seed. It stays the same for the whole run, also after restarts.
    pub fn rate(&self, node: NodeId, seed: u64) -> ClockRate {
        if let Some((_, rate)) = self.nodes.iter().rfind(|(of, _)| *of == node) {
            return *rate;
        }
        if self.drift == 0.0 {
            return ClockRate::EXACT;
        }
        let rate = stream(seed, &format!("clock {node}")).random_range(1.0 - self.drift..=1.0 + self.drift);
        ClockRate::new(rate).expect("a scenario's drift leaves every rate possible")
    }
}
