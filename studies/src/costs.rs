//! What a transaction costs, beside the literature: every case of the cost table (docs/08-costs.md) is run once in the
//! virtual world, its messages and log records are counted in the trace, and a count that is not the table's is a
//! difference.
//!
//! The table assumes that every vote arrived before the decision, so the cases that abort run with
//! `options.abort = "after-all-votes"`; [`Table`] holds what deciding at the first NO sends instead.

mod counted;
mod delays;
mod paper;

pub use counted::{Counted, count};
pub use delays::{Delay, DelayRow, Delays, delays, paper_delays};
pub use paper::{paper, paper_at_once};

use indoubt_proto::{message::OutcomeWord, settings::AbortWhen};
use indoubt_scenario::protocol::{Family, Protocol};
use serde::Serialize;
use std::fmt;

/// The protocols of the table, in its order.
pub const PROTOCOLS: [Protocol; 4] =
    [Protocol::PresumedNothing, Protocol::TwoPhase, Protocol::PresumedCommit, Protocol::Saga];

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
    /// Every case of a protocol with so many participants.
    pub fn all(protocol: Protocol, participants: usize) -> Vec<Case> {
        match protocol.family() {
            Family::TwoPhase => [Case::Commit]
                .into_iter()
                .chain((0..participants).rev().map(|yes| Case::Abort { yes }))
                .chain([Case::ReadOnly])
                .chain((1..participants).map(|updaters| Case::Mixed { updaters }))
                .collect(),
            Family::Saga => {
                [Case::Whole].into_iter().chain((1..=participants).map(|step| Case::Refused { step })).collect()
            }
            Family::Unprotected => Vec::new(),
        }
    }

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

/// One row of the cost table for one protocol and number of participants: as counted, and as the literature has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Which protocol.
    pub protocol: Protocol,
    /// N.
    pub participants: usize,
    /// Which row.
    #[serde(flatten)]
    pub case: Case,
    /// What the client was told; `None` if nothing.
    pub outcome: Option<OutcomeWord>,
    /// As counted in the trace.
    pub measured: Cost,
    /// As the formulas have it.
    pub paper: Cost,
    /// Where the two differ: names of columns, or `outcome` if the transaction did not end as the case wants.
    pub differences: Vec<&'static str>,
}

impl Cell {
    /// Puts a count beside its formula.
    pub fn new(protocol: Protocol, participants: usize, case: Case, counted: Counted, paper: Cost) -> Self {
        let Counted { cost: measured, outcome, resolved } = counted;
        let mut differences = measured.differences(&paper);
        if outcome != Some(case.outcome()) || !resolved {
            differences.push("outcome");
        }
        Cell { protocol, participants, case, outcome, measured, paper, differences }
    }
}

/// Everything, for some numbers of participants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The papers' table.
    pub cells: Vec<Cell>,
    /// Aborts as a coordinator that decides at the first NO really sends them, all links equally fast.
    pub at_once: Vec<Cell>,
    /// Delays to a commit.
    pub delays: Vec<DelayRow>,
}

impl Table {
    /// Runs every case of every protocol of [`PROTOCOLS`], for these numbers of participants.
    pub fn measure(participants: impl Iterator<Item = usize> + Clone) -> Self {
        let mut table = Table { cells: Vec::new(), at_once: Vec::new(), delays: Vec::new() };
        for (n, protocol) in participants.flat_map(|n| PROTOCOLS.map(|protocol| (n, protocol))) {
            for case in Case::all(protocol, n) {
                let counted = count(protocol, n, case, AbortWhen::AfterAllVotes);
                table.cells.push(Cell::new(protocol, n, case, counted, paper(protocol, n, case)));
                if let Case::Abort { yes } = case {
                    let counted = count(protocol, n, case, AbortWhen::AtOnce);
                    table.at_once.push(Cell::new(protocol, n, case, counted, paper_at_once(protocol, n, yes)));
                }
            }
            table.delays.push(DelayRow::new(protocol, n, delays(protocol, n), paper_delays(protocol, n)));
        }
        table
    }

    /// How many rows differ from the literature.
    pub fn differences(&self) -> usize {
        let cells = self.cells.iter().chain(&self.at_once).filter(|cell| !cell.differences.is_empty()).count();
        cells + self.delays.iter().filter(|row| !row.differences.is_empty()).count()
    }
}
