//! What a world leaves behind after one run of one protocol: the observations, and which faults fired.

use crate::protocol::Protocol;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::Stamped,
    time::Micros,
};

/// One run, observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What was run.
    pub protocol: Protocol,
    /// With which seed.
    pub seed: u64,
    /// In the order of `seq`; the last one is `End`.
    pub trace: Vec<Stamped>,
    /// One entry per fault of the scenario that applies to this protocol.
    pub faults: Vec<FaultRecord>,
}

/// What became of one fault.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRecord {
    /// Which fault: its index among the scenario's, those included that do not apply to the protocol.
    pub fault: usize,
    /// The fault's line.
    pub text: String,
    /// When it acted.
    pub at: Vec<Micros>,
    /// When it was undone (healed, restarted, resumed), for shading; one per entry of `at`, `None` if never.
    pub until: Vec<Option<Micros>>,
    /// Where it acted; one per entry of `at`, `None` for what came at a time.
    pub sites: Vec<Option<FaultSite>>,
}

/// Where a fault acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultSite {
    /// The node that halted for it.
    pub node: NodeId,
    /// What the node halted at was about this transaction.
    pub txn: Option<TxnId>,
}
