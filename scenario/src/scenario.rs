//! A scenario: what is run, what breaks, what is claimed. Parsed from TOML by [`crate::parse`] into types that cannot hold
//! nonsense (docs/02-scenarios.md).

mod claim;
pub(crate) mod cluster;
mod describe;
mod fault;

pub use claim::{Claim, Expect};
pub use cluster::Cluster;
pub use fault::{Counted, Fault, Trigger, Which};

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
use serde::{Deserialize, Serialize};

/// The key of `[sweep]` whose values are the metrics to draw.
pub const SWEEP_METRICS: &str = "metrics";
/// The key of `[sweep]` whose values name the axes in charts.
pub const SWEEP_LABELS: &str = "labels";

/// A scenario, as resolved: defaults filled in, names checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Its name; also its folder among results.
    pub name: String,
    /// What it shows, for people.
    pub about: String,
    /// What is run, in this order.
    pub protocols: Vec<Protocol>,
    /// The master seed.
    pub seed: u64,
    /// How long load is offered.
    pub duration: Micros,
    /// Then at most this long for everything to resolve.
    pub settle: Micros,
    /// How many nodes.
    pub cluster: Cluster,
    /// What clients do.
    pub workload: Workload,
    /// What links do.
    pub network: Network,
    /// How long a force takes (in the real world: at least).
    pub force: Latency,
    /// How fast the nodes' timers run.
    pub clocks: Clocks,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Protocol options.
    pub options: Options,
    /// What breaks, in the order of the file.
    pub faults: Vec<Fault>,
    /// What is claimed.
    pub expects: Vec<Expect>,
    /// `[sweep]`: parameter path to values, in the order of the file, and what is drawn: under [`SWEEP_METRICS`] and [`SWEEP_LABELS`].
    pub sweep: Vec<(String, Vec<String>)>,
    /// A planted bug; never one outside of tests.
    #[serde(skip)]
    pub planted: Planted,
}

impl Scenario {
    /// The same under another master seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// k1, k2, …: in an open loop one for each coordinating node.
    pub fn clients(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        let count = match self.workload.arrivals {
            Arrivals::Rate(_) => self.cluster.coordinators,
            Arrivals::Clients(clients) => clients,
        };
        (1..=count).map(NodeId::client)
    }

    /// What every machine of the cluster is told.
    pub fn settings(&self) -> Settings {
        Settings { timeouts: self.timeouts, limits: Limits::default(), options: self.options, planted: self.planted }
    }
}

/// The kinds of business transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// Money between accounts on different participants.
    Transfer,
    /// Order row PENDING -> CONFIRMED | CANCELLED, stock, credit.
    Order,
    /// Flight, hotel, car; the hotel is often full.
    Trip,
}

impl WorkloadKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            WorkloadKind::Transfer => "transfer",
            WorkloadKind::Order => "order",
            WorkloadKind::Trip => "trip",
        }
    }
}

/// When transactions arrive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Open loop: Poisson, so many a second over the whole cluster.
    Rate(f64),
    /// Closed loop: so many clients, each with one transaction at a time.
    Clients(u16),
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Workload {
    /// The business transaction.
    pub kind: WorkloadKind,
    /// When they arrive.
    pub arrivals: Arrivals,
    /// Stop after so many.
    pub transactions: Option<u64>,
    /// Account groups: records of each sort per participant.
    pub keys: u32,
    /// The Zipf exponent; 0 is uniform.
    pub skew: f64,
    /// Participants per transaction.
    pub touch: u16,
    /// The share of transactions that some participant must refuse, 0 to 1.
    pub refuse: f64,
    /// The share of read-only audits, 0 to 1.
    pub audit: f64,
    /// The share of the other transactions that also read a record of one more participant, where they change nothing (12),
    /// 0 to 1.
    pub lookup: f64,
}

/// What links do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    /// Every link, clients' included (but loss and duplication spare those).
    pub base: Conditions,
    /// Exceptions, one direction each; a later one wins.
    pub links: Vec<LinkOverride>,
}

/// An exception for one direction of one link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LinkOverride {
    /// From this node.
    pub from: NodeId,
    /// To this node.
    pub to: NodeId,
    /// Its conditions.
    pub conditions: Conditions,
}

/// How fast the nodes' timers run; exactly, unless something is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Clocks {
    /// Each node's rate is drawn uniformly from 1 ± this; 0: every clock keeps time.
    pub drift: f64,
    /// Nodes whose rate is not drawn; a later entry wins.
    pub nodes: Vec<(NodeId, ClockRate)>,
}

impl Clocks {
    /// The rate of a node's clock under a master seed. It is the node's for the whole run, through restarts.
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
