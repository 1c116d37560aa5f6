//! Compares the cost of a transaction with the literature. Every case of the cost table (docs/08-costs.md) runs once in the virtual
//! world. Its messages and log records are counted in the trace. A count that is not the table's is a difference.
//!
//! The table assumes that every vote arrived before the decision, so the cases that abort run with
//! `options.abort = "after-all-votes"`. [`Table`] also has the messages of aborts that are decided at the first NO.

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

/// The protocols of the cost table with their rows, in the order of the table.
pub fn protocols() -> Vec<(Protocol, &'static CostTable)> {
    let with_rows = |protocol: Protocol| Some((protocol, protocol.entry().costs.table.as_ref()?));
    let mut protocols: Vec<_> = Protocol::ALL.into_iter().filter_map(with_rows).collect();
    protocols.sort_by_key(|(_, table)| table.place);
    protocols
}

/// One row of the cost table for one protocol and number of participants, as counted and by the formulas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The protocol that ran.
    pub protocol: Protocol,
    /// The number of participants, N.
    pub participants: usize,
    /// The case, which is a row of the table.
    #[serde(flatten)]
    pub case: Case,
    /// The outcome that the client was told; `None` if it was told nothing.
    pub outcome: Option<OutcomeWord>,
    /// The cost that was counted in the trace.
    pub measured: Cost,
    /// The cost by the formulas of the literature.
    pub paper: Cost,
    /// The columns in which the two costs differ, or `outcome` if the transaction did not end as the case expects.
    pub differences: Vec<&'static str>,
}

impl Cell {
    /// Compares a counted cost with the formulas.
    pub fn new(protocol: Protocol, participants: usize, case: Case, counted: Counted, paper: Cost) -> Self {
        let Counted { cost: measured, outcome, resolved } = counted;
        let mut differences = measured.differences(&paper);
        if outcome != Some(case.outcome()) || !resolved {
            differences.push("outcome");
        }
        Cell { protocol, participants, case, outcome, measured, paper, differences }
    }
}

/// All results, for some numbers of participants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The cost table of the papers.
    pub cells: Vec<Cell>,
    /// The cost of aborts if the coordinator decides at the first NO and all links are equally fast.
    pub at_once: Vec<Cell>,
    /// The delays of a commit.
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

    /// The number of rows that differ from the literature.
    pub fn differences(&self) -> usize {
        let cells = self.cells.iter().chain(&self.at_once).filter(|cell| !cell.differences.is_empty()).count();
        cells + self.delays.iter().filter(|row| !row.differences.is_empty()).count()
    }
}
