//! A scenario: what is run, what breaks, what is claimed. Parsed from TOML by [`crate::parse`] into types that cannot hold
//! nonsense (docs/02-scenarios.md).

use crate::protocol::Protocol;
use indoubt_driver::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
    gate::Selector,
    random::stream,
};
use indoubt_proto::{
    ids::NodeId,
    message::Decision,
    observation::Phase,
    planted::Planted,
    settings::{Limits, Options, Settings, Timeouts},
    time::Micros,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};

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
    /// `[sweep]`: parameter path to values, in the order of the file, and what is drawn: see [`crate::sweep`].
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

/// How many nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// p1, p2, …
    pub participants: u16,
    /// c1, c2, …
    pub coordinators: u16,
}

impl Cluster {
    /// p1, p2, …
    pub fn participants(self) -> impl Iterator<Item = NodeId> + Clone {
        (1..=self.participants).map(NodeId::participant)
    }

    /// c1, c2, …
    pub fn coordinating(self) -> impl Iterator<Item = NodeId> + Clone {
        (1..=self.coordinators).map(NodeId::coordinating)
    }

    /// c1, c2, …, p1, p2, …
    pub fn nodes(self) -> impl Iterator<Item = NodeId> + Clone {
        self.coordinating().chain(self.participants())
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

/// One scripted fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// What it is, in one line for people: results name the fault by it.
    pub text: String,
    /// When.
    pub trigger: Trigger,
    /// What.
    pub action: FaultAction,
    /// Only under these protocols; `None` for all of the scenario.
    pub protocols: Option<Vec<Protocol>>,
}

impl Fault {
    /// A fault under all protocols, named as a scenario's are.
    pub fn new(trigger: Trigger, action: FaultAction) -> Self {
        Fault { text: crate::parse::describe(&trigger, &action), trigger, action, protocols: None }
    }

    /// Whether it happens under this protocol.
    pub fn applies(&self, protocol: Protocol) -> bool {
        self.protocols.as_ref().is_none_or(|only| only.contains(&protocol))
    }
}

/// What counts at a [`Trigger::Moment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// A point: a transaction that reaches it again (after a restart, by a copy) is not counted again.
    Transactions,
    /// An exact effect: each time it happens.
    Effects,
}

/// Which of the moments that match.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The n-th, 1-based, over the whole run.
    Nth(u64),
    /// The first n.
    First(u64),
    /// A share of them, 0 to 1.
    Share(f64),
    /// All.
    All,
}

/// When a fault happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// At this time after the start of load.
    At(Micros),
    /// At a neutral phase of c1's transactions (`node` says whose, if another coordinating node was named).
    Phase {
        /// Whose transactions.
        home: NodeId,
        /// Which phase.
        phase: Phase,
        /// The n-th transaction that reaches it.
        nth: u64,
    },
    /// At a point that a protocol names, or at an exact effect: at this node, where this selects.
    Moment {
        /// The node that the scenario names.
        subject: NodeId,
        /// At which nodes the gate decides: points such as `voted` happen where the participant's message is taken.
        nodes: Vec<NodeId>,
        /// Which moments.
        selector: Selector,
        /// What is counted.
        counted: Counted,
        /// The n-th of them, 1-based, over the whole run.
        nth: u64,
        /// Its name: `voted`, `compensating:2`, `append:committed`.
        name: String,
    },
    /// From a time on (the start of load unless given): at messages.
    Messages {
        /// From when.
        from_time: Micros,
        /// Sender; `None` for any.
        from: Option<NodeId>,
        /// Receiver; `None` for any.
        to: Option<NodeId>,
        /// The kind's word; `None` for any.
        message: Option<String>,
        /// Which of them.
        which: Which,
    },
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// SIGKILL; comes back after `restart_after`, if given. With `lose_log`, without its journal.
    Kill {
        /// Whom.
        node: NodeId,
        /// When it comes back.
        restart_after: Option<Micros>,
        /// Whether its journal is lost.
        lose_log: bool,
        /// How many records of the tail that no force covers survive, at most all of it; `None`: the seed draws. Always
        /// `None` with `lose_log`.
        keep: Option<u64>,
    },
    /// Brings a killed node back.
    Restart {
        /// Whom.
        node: NodeId,
    },
    /// SIGSTOP.
    Pause {
        /// Whom.
        node: NodeId,
        /// How long; `None` until `resume` or the end of load.
        lasts: Option<Micros>,
    },
    /// SIGCONT.
    Resume {
        /// Whom.
        node: NodeId,
    },
    /// Cuts the links between two sides.
    Partition {
        /// One side.
        left: Vec<NodeId>,
        /// The other.
        right: Vec<NodeId>,
        /// Only from left to right.
        one_way: bool,
        /// How long; `None` until `heal` or the end of load.
        lasts: Option<Micros>,
    },
    /// Heals every partition.
    Heal,
    /// Touches the messages that the trigger selects.
    Message {
        /// How.
        deed: MessageDeed,
        /// For how long; `None` until the end of load.
        lasts: Option<Micros>,
    },
    /// Every force of a node takes at least this long.
    SlowDisk {
        /// Whose.
        node: NodeId,
        /// How long a force takes.
        force: Micros,
        /// For how long; `None` until the end of load.
        lasts: Option<Micros>,
    },
    /// The operator's hand: ends branches in doubt.
    Resolve {
        /// At which participants.
        nodes: Vec<NodeId>,
        /// How.
        decision: Decision,
    },
}

/// What a fault does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageDeed {
    /// Loses it.
    Drop,
    /// Delays it.
    Delay(Micros),
    /// Lets it arrive twice.
    Duplicate,
    /// Answers a failure in the receiver's name.
    Refuse,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expect {
    /// Of which protocol.
    pub protocol: Protocol,
    /// What is claimed.
    pub claim: Claim,
    /// In one line for people.
    pub text: String,
}

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// Of a number: a path into `measures`, `transactions` or `clients` of summary.json.
    Metric {
        /// For example `in_doubt_ms.max`.
        path: String,
        /// At least.
        min: Option<f64>,
        /// At most.
        max: Option<f64>,
        /// Exactly.
        equals: Option<f64>,
    },
    /// Of a check.
    Check {
        /// Its name, for example `agreement`.
        name: String,
        /// Whether it holds.
        holds: bool,
    },
}
