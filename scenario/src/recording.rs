//! The result of one run of one protocol, in either world: the observations, and which faults fired.

use crate::protocol::Protocol;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::Stamped,
    time::Micros,
};

/// The observations of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The protocol that ran.
    pub protocol: Protocol,
    /// The seed of the run.
    pub seed: u64,
    /// All observations, in the order of `seq`. The last one is `End`.
    pub trace: Vec<Stamped>,
    /// One entry per fault of the scenario that applies to this protocol.
    pub faults: Vec<FaultRecord>,
}

/// When and where one fault acted.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRecord {
    /// The index of the fault among all faults of the scenario, including those that do not apply to the protocol.
    pub fault: usize,
    /// The fault in one line for people.
    pub text: String,
    /// The times at which it acted.
    pub at: Vec<Micros>,
    /// The times at which it was undone (healed, restarted, resumed), one for each entry of `at`. `None` if it never was.
    pub until: Vec<Option<Micros>>,
    /// Where it acted, one for each entry of `at`. `None` if it was triggered by time.
    pub sites: Vec<Option<FaultSite>>,
}

/// Where a fault acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultSite {
    /// The node that halted for the fault.
    pub node: NodeId,
    /// The transaction of the effect at which the node halted.
    pub txn: Option<TxnId>,
}
