//! What a transaction costs, beside the literature: every case of the cost table (docs/08-costs.md) is run once in the
//! virtual world, its messages and log records are counted in the trace, and a count that is not the table's is a
//! difference.
//!
//! The table assumes that every vote arrived before the decision, so the cases that abort run with
//! `options.abort = "after-all-votes"`; [`Table`] holds what deciding at the first NO sends instead.

mod counted;
mod delays;

pub use counted::{Counted, count};
pub use delays::{DelayRow, delays};

use indoubt_proto::{message::OutcomeWord, settings::AbortWhen};
use indoubt_scenario::protocol::{
    Protocol,
    costs::{Case, Cost, CostTable},
};
use serde::Serialize;

/// The protocols of the table with their rows, in its order.
pub fn protocols() -> Vec<(Protocol, &'static CostTable)> {
    let with_rows = |protocol: Protocol| Some((protocol, protocol.entry().costs.table.as_ref()?));
    let mut protocols: Vec<_> = Protocol::ALL.into_iter().filter_map(with_rows).collect();
    protocols.sort_by_key(|(_, table)| table.place);
    protocols
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
    /// Runs every case of every protocol of [`protocols`], for these numbers of participants.
    pub fn measure(participants: impl Iterator<Item = usize>) -> Self {
        let mut table = Table { cells: Vec::new(), at_once: Vec::new(), delays: Vec::new() };
        for n in participants {
            for (protocol, rows) in protocols() {
                table.measure_protocol(protocol, rows, n);
            }
        }
        table
    }

    fn measure_protocol(&mut self, protocol: Protocol, rows: &CostTable, n: usize) {
        for case in (rows.cases)(n) {
            let counted = count(protocol, n, case, AbortWhen::AfterAllVotes);
            self.cells.push(Cell::new(protocol, n, case, counted, (protocol.entry().costs.of)(n, case)));
            if let (Some(at_once), Case::Abort { yes }) = (rows.at_once, case) {
                let counted = count(protocol, n, case, AbortWhen::AtOnce);
                self.at_once.push(Cell::new(protocol, n, case, counted, at_once(n, yes)));
            }
        }
        self.delays.push(DelayRow::new(protocol, n, delays(protocol, n), (rows.delays)(n)));
    }

    /// How many rows differ from the literature.
    pub fn differences(&self) -> usize {
        let cells = self.cells.iter().chain(&self.at_once).filter(|cell| !cell.differences.is_empty()).count();
        cells + self.delays.iter().filter(|row| !row.differences.is_empty()).count()
    }
}
