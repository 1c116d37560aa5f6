//! What a transaction costs: the cases of the cost table (docs/08-costs.md), and what is counted in each. The formulas of the
//! literature are in the entry of each protocol.

use indoubt_proto::message::OutcomeWord;
use serde::Serialize;
use std::fmt;

/// What the transactions of a protocol cost, by the formulas of the literature.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// The case in which a transaction succeeds and all participants update.
    pub success: Case,
    /// The cost of a case with a number of participants, if every vote arrives before the decision.
    pub of: fn(usize, Case) -> Cost,
    /// The protocol's rows in the cost table; `None` if it has no rows.
    pub table: Option<CostTable>,
}

/// The rows of one protocol in the cost table.
#[derive(Clone, Copy, Debug)]
pub struct CostTable {
    /// The position of the protocol in the table, from 1.
    pub place: u8,
    /// The protocol's cases with a number of participants.
    pub cases: fn(usize) -> Vec<Case>,
    /// The cost of an abort if the coordinator decides at the first NO. The arguments are the number of participants, and how
    /// many of them vote YES. `None` for a protocol without votes.
    pub at_once: Option<fn(usize, usize) -> Cost>,
    /// The delays of a success with a number of participants.
    pub delays: fn(usize) -> Delays,
}

/// One row of the cost table. Numbers are participants, or steps, each at a different participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "case", rename_all = "kebab-case")]
pub enum Case {
    /// Two-phase commit: all participants update and vote YES.
    Commit,
    /// Two-phase commit: some participants vote YES, all others vote NO.
    Abort {
        /// The number of YES votes, from 0 to N-1.
        yes: usize,
    },
    /// Two-phase commit: all participants only read.
    ReadOnly,
    /// Two-phase commit: some participants update and vote YES, all others only read.
    Mixed {
        /// The number of participants that update, from 1 to N-1.
        updaters: usize,
    },
    /// A saga of N steps that completes.
    Whole,
    /// A saga of N steps, one of which is refused.
    Refused {
        /// The number of the refused step, from 1.
        step: usize,
    },
}

impl Case {
    /// The outcome that the client must be told. A saga that is refused at its first step is aborted, because there is nothing
    /// to undo.
    pub fn outcome(self) -> OutcomeWord {
        match self {
            Case::Commit | Case::ReadOnly | Case::Mixed { .. } | Case::Whole => OutcomeWord::Succeeded,
            Case::Abort { .. } | Case::Refused { step: 1 } => OutcomeWord::Aborted,
            Case::Refused { .. } => OutcomeWord::Compensated,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Commit => f.pad("commit"),
            Case::Abort { yes } => f.pad(&format!("abort, {yes} yes")),
            Case::ReadOnly => f.pad("all read-only"),
            Case::Mixed { updaters: 1 } => f.pad("1 updater"),
            Case::Mixed { updaters } => f.pad(&format!("{updaters} updaters")),
            Case::Whole => f.pad("all done"),
            Case::Refused { step } => f.pad(&format!("step {step} refused")),
        }
    }
}

/// The cost of one transaction: messages between nodes other than clients, and log records with its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Messages of the protocol, without the work round.
    pub messages: usize,
    /// Messages of the work round of two-phase commit, which the papers count apart.
    pub work_messages: usize,
    /// Forced records at the coordinating node.
    pub forced_coordinator: usize,
    /// Forced records at all participants together.
    pub forced_participants: usize,
    /// Lazy records at the coordinating node.
    pub lazy_coordinator: usize,
    /// Lazy records at all participants together, without those that refused.
    pub lazy_participants: usize,
    /// Lazy records at the participants that refused. The papers do not list these records.
    pub lazy_refusals: usize,
}

impl Cost {
    /// The names of the columns in which this differs from another.
    pub fn differences(&self, other: &Cost) -> Vec<&'static str> {
        let (ours, theirs) = (self.columns(), other.columns());
        ours.into_iter().zip(theirs).filter(|(a, b)| a != b).map(|((name, _), _)| name).collect()
    }

    /// Every column with its name, in the order of the fields.
    pub fn columns(&self) -> [(&'static str, usize); 7] {
        [
            ("messages", self.messages),
            ("work messages", self.work_messages),
            ("forced at the coordinator", self.forced_coordinator),
            ("forced at participants", self.forced_participants),
            ("lazy at the coordinator", self.lazy_coordinator),
            ("lazy at participants", self.lazy_participants),
            ("lazy at refusers", self.lazy_refusals),
        ]
    }
}

/// A duration as a number of serial message delays and forced writes, for example `2m+3f`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Delay {
    /// Serial message delays.
    pub messages: u64,
    /// Serial forced writes.
    pub forces: u64,
}

impl Delay {
    /// For example, `2m+3f` is `Delay::new(2, 3)`.
    pub const fn new(messages: u64, forces: u64) -> Self {
        Delay { messages, forces }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}m+{}f", self.messages, self.forces))
    }
}

/// The delays from the arrival of a transaction to the milestones of its commit. Its work travels in PREPARE. `None` for a
/// milestone that was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delays {
    /// Until the decision (for a saga, its end) is durable.
    pub decided: Option<Delay>,
    /// Until the last participant knows the decision (for a saga, has applied the last step).
    pub learned: Option<Delay>,
    /// Until the coordinating node has forgotten the transaction.
    pub forgotten: Option<Delay>,
}
