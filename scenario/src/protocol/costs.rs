//! What a transaction costs: the cases of the cost table (docs/08-costs.md), what is counted in each, and the formulas of the
//! literature, which each protocol's entry holds.

use indoubt_proto::message::OutcomeWord;
use serde::Serialize;
use std::fmt;

/// What a protocol's transactions cost by the literature.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// The case in which a transaction succeeds and everybody updates.
    pub success: Case,
    /// What a case costs with so many participants, if every vote arrives before the decision.
    pub of: fn(usize, Case) -> Cost,
    /// Its rows in the cost table; `None` if it has none of its own.
    pub table: Option<CostTable>,
}

/// The rows of one protocol in the cost table.
#[derive(Clone, Copy, Debug)]
pub struct CostTable {
    /// Its place among the protocols of the table, from 1.
    pub place: u8,
    /// Its cases with so many participants.
    pub cases: fn(usize) -> Vec<Case>,
    /// What an abort costs if the coordinator decides at the first NO: participants, and how many of them vote YES. `None` if
    /// nobody votes.
    pub at_once: Option<fn(usize, usize) -> Cost>,
    /// How long its success takes with so many participants.
    pub delays: fn(usize) -> Delays,
}

/// One row of the cost table. Counts are of participants, or of steps, each at a participant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "case", rename_all = "kebab-case")]
pub enum Case {
    /// Two-phase commit; everybody updates and votes YES.
    Commit,
    /// Two-phase commit; so many vote YES, all others NO.
    Abort {
        /// From 0 to N-1.
        yes: usize,
    },
    /// Two-phase commit; everybody only reads.
    ReadOnly,
    /// Two-phase commit; so many update and vote YES, all others only read.
    Mixed {
        /// From 1 to N-1.
        updaters: usize,
    },
    /// A saga of N steps, all done.
    Whole,
    /// A saga of N steps, of which this one is refused.
    Refused {
        /// 1-based.
        step: usize,
    },
}

impl Case {
    /// What its client must be told. A saga that is refused at its first step has nothing to undo.
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

/// What one transaction costs: messages between nodes that are no clients, and log records that carry its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Without the work round.
    pub messages: usize,
    /// The work round of two-phase commit, which the papers count apart.
    pub work_messages: usize,
    /// Forced at the coordinating node.
    pub forced_coordinator: usize,
    /// Forced at all participants together.
    pub forced_participants: usize,
    /// Lazy at the coordinating node.
    pub lazy_coordinator: usize,
    /// Lazy at all participants that did what they were asked.
    pub lazy_participants: usize,
    /// Lazy at the participants that refused: their own note of it, which the papers do not list.
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

/// So many message delays and forced writes, one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Delay {
    /// Message delays.
    pub messages: u64,
    /// Serial forced writes.
    pub forces: u64,
}

impl Delay {
    /// `2m+3f` is `Delay::new(2, 3)`.
    pub const fn new(messages: u64, forces: u64) -> Self {
        Delay { messages, forces }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}m+{}f", self.messages, self.forces))
    }
}

/// From the arrival of a transaction, whose work travels with PREPARE, to the milestones of its commit. `None`: it was
/// not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delays {
    /// The decision (a saga: its end) is durable.
    pub decided: Option<Delay>,
    /// The last participant has it (a saga: has applied the last step).
    pub learned: Option<Delay>,
    /// The coordinating node has forgotten it.
    pub forgotten: Option<Delay>,
}
