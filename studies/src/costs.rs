//! What a transaction costs, beside the literature: every case of the cost table (docs/08-costs.md) is run once in the
//! virtual world, its messages and log records are counted in the trace, and a count that is not the table's is a
//! difference.
//!
//! The table assumes that every vote arrived before the decision, so the cases that abort run with
//! `options.abort = "after-all-votes"`; [`Table`] holds what deciding at the first NO sends instead.

mod case;
mod counted;
mod delays;
mod paper;

pub use case::{Case, Cost};
pub use counted::{Counted, count};
pub use delays::{Delay, DelayRow, Delays, delays, paper_delays};
pub use paper::{paper, paper_at_once};

use indoubt_proto::{message::OutcomeWord, settings::AbortWhen};
use indoubt_scenario::protocol::Protocol;
use serde::Serialize;

/// The protocols of the table, in its order.
pub const PROTOCOLS: [Protocol; 4] =
    [Protocol::PresumedNothing, Protocol::TwoPhase, Protocol::PresumedCommit, Protocol::Saga];

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
