//! What clients submit, when, and how long they wait for an answer.

use indoubt_proto::time::Micros;
use serde::{Deserialize, Serialize};

/// The kinds of business transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// A transaction moves money between accounts on different participants.
    Transfer,
    /// A transaction takes stock and credit, and sets its order row from PENDING to CONFIRMED or CANCELLED.
    Order,
    /// A transaction books a flight, a hotel and a car. With `refuse`, the hotel is full.
    Trip,
}

impl WorkloadKind {
    /// The word in scenarios.
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
    /// Open loop: a Poisson process with this number of transactions per second over the whole cluster.
    Rate(f64),
    /// Closed loop: this number of clients, each with one transaction at a time.
    Clients(u16),
}

/// What clients submit, and when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Workload {
    /// The kind of transactions.
    pub kind: WorkloadKind,
    /// When transactions arrive.
    pub arrivals: Arrivals,
    /// The number of transactions after which clients stop.
    pub transactions: Option<u64>,
    /// The number of groups of records: each participant has this number of records of each sort.
    pub keys: u32,
    /// The exponent of the Zipf distribution that draws groups; 0 is uniform.
    pub skew: f64,
    /// The number of participants that a transaction touches.
    pub touch: u16,
    /// The share of transactions that some participant must refuse, 0 to 1.
    pub refuse: f64,
    /// The share of read-only audits, 0 to 1.
    pub audit: f64,
    /// The share of the other transactions that also read a record at one more participant, where they change nothing (rule 12),
    /// 0 to 1.
    pub lookup: f64,
    /// The opening balance of each account, of each sort of goods and of credit; `None`: so much that nothing is ever exhausted.
    pub opening: Option<i64>,
    /// How long clients wait for outcomes.
    #[serde(flatten)]
    pub patience: Patience,
}

/// How long a client waits for an outcome, and what it does if none comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Patience {
    /// How long a client waits before it submits the transaction again under the same name, or gives up. Each further wait is
    /// twice as long, up to 10 times this. `None`: it waits for ever.
    pub timeout: Option<Micros>,
    /// How often a client submits a transaction again before it gives up.
    pub retries: u32,
    /// The share of transactions whose client dies as soon as it has submitted them, 0 to 1.
    pub die: f64,
    /// How long after it gave up or died a client asks what became of the transaction. It asks again after the same time, until
    /// it is told. `None`: it never asks.
    pub ask_after: Option<Micros>,
}
