//! What breaks, and when. What each kind of fault does, its file in [`crate::faults`] says.

use crate::{faults::FaultAction, protocol::Protocol};
use indoubt_driver::gate::Selector;
use indoubt_proto::{ids::NodeId, observation::Phase, time::Micros};
use serde::Serialize;

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
