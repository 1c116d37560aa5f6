//! What breaks, and when.

use crate::protocol::Protocol;
use indoubt_driver::gate::Selector;
use indoubt_proto::{ids::NodeId, message::Decision, observation::Phase, time::Micros};
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
    /// An operator ends branches in doubt.
    Resolve {
        /// At which participants.
        nodes: Vec<NodeId>,
        /// How.
        decision: Decision,
    },
}

impl FaultAction {
    /// How long it lasts by its own word; `None` if it gives none, or if it is over at once.
    pub fn lasts(&self) -> Option<Micros> {
        match self {
            FaultAction::Kill { restart_after: lasts, .. }
            | FaultAction::Pause { lasts, .. }
            | FaultAction::Partition { lasts, .. }
            | FaultAction::Message { lasts, .. }
            | FaultAction::SlowDisk { lasts, .. } => *lasts,
            FaultAction::Restart { .. }
            | FaultAction::Resume { .. }
            | FaultAction::Heal
            | FaultAction::Resolve { .. } => None,
        }
    }

    /// Whether it lasts until the end of load, if it gives no time of its own.
    pub fn can_last(&self) -> bool {
        match self {
            FaultAction::Pause { .. }
            | FaultAction::Partition { .. }
            | FaultAction::Message { .. }
            | FaultAction::SlowDisk { .. } => true,
            FaultAction::Kill { .. }
            | FaultAction::Restart { .. }
            | FaultAction::Resume { .. }
            | FaultAction::Heal
            | FaultAction::Resolve { .. } => false,
        }
    }
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
