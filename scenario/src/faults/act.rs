//! The primitive acts of which every fault is made.

use indoubt_driver::{clock::ClockJump, gate::Action};
use indoubt_proto::{ids::NodeId, message::Decision, time::Micros};
use serde::Serialize;

/// Something that a fault does to the cluster.
///
/// The set is small and closed, because both worlds must be able to perform each act. The nemesis (`indoubt-simulator`) says
/// what an act begins and ends; the two fault executors, in the simulator and in the cluster, carry it out.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// The node dies, and is down until the fault ends or a [`Act::Restart`] comes.
    Kill {
        /// Which node.
        node: NodeId,
        /// How many records of the tail that no force covers survive, at most all of it; `None`: the seed draws.
        keep: Option<u64>,
    },
    /// The journal of a node that is down is lost.
    LoseLog {
        /// Whose.
        node: NodeId,
    },
    /// The whole disk of a node that is down is lost: its journal and its count of incarnations.
    LoseDisk {
        /// Whose.
        node: NodeId,
    },
    /// The journal of a node that is down is replaced by an older copy of it.
    RestoreLog {
        /// Whose.
        node: NodeId,
        /// Which copy.
        to: OlderCopy,
    },
    /// A node that is down comes back.
    Restart {
        /// Which node.
        node: NodeId,
    },
    /// The node is frozen until the fault ends or a [`Act::Resume`] comes.
    Pause {
        /// Which node.
        node: NodeId,
    },
    /// A frozen node goes on.
    Resume {
        /// Which node.
        node: NodeId,
    },
    /// Links are cut until the fault ends or a [`Act::Heal`] comes.
    Cut {
        /// Sender and receiver of each.
        links: Vec<(NodeId, NodeId)>,
    },
    /// No link is cut any more.
    Heal,
    /// Every force of the node takes at least this long, until the fault ends.
    SlowDisk {
        /// Whose disk.
        node: NodeId,
        /// How long.
        force: Micros,
    },
    /// The gates do this to the messages that the trigger selects, until the fault ends.
    Touch(Action),
    /// The node's clock jumps.
    JumpClock {
        /// Whose.
        node: NodeId,
        /// Which way, and by how much.
        jump: ClockJump,
    },
    /// An operator ends every branch in doubt at the node.
    Resolve {
        /// Where.
        node: NodeId,
        /// How.
        decision: Decision,
    },
}

/// An older copy of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OlderCopy {
    /// Its first records, so many. What a compaction has replaced stays together.
    Records(u64),
    /// What was durable at this time of the run. If the fault strikes earlier, nothing is missing.
    AsOf(Micros),
}

impl Act {
    /// Whether it lasts until the end of load, unless its fault ends earlier.
    pub fn ends_with_load(&self) -> bool {
        match self {
            Act::Pause { .. } | Act::Cut { .. } | Act::SlowDisk { .. } | Act::Touch(_) => true,
            Act::Kill { .. }
            | Act::LoseLog { .. }
            | Act::LoseDisk { .. }
            | Act::RestoreLog { .. }
            | Act::Restart { .. }
            | Act::Resume { .. }
            | Act::Heal
            | Act::JumpClock { .. }
            | Act::Resolve { .. } => false,
        }
    }

    /// Whether all that it does is to end what other faults have begun.
    pub fn repairs(&self) -> bool {
        matches!(self, Act::Restart { .. } | Act::Resume { .. } | Act::Heal)
    }
}
