//! The tables of `indoubt costs`: each count beside its formula, `12 = 12` or `13 ≠ 12`.

use super::style::{BAD, FAINT, GOOD, STRONG};
use indoubt_scenario::protocol::{
    Protocol,
    costs::{Case, CostTable, Delay},
};
use indoubt_studies::costs::{Cell, DelayRow, Table, protocols};
use std::io::{self, Write};

/// The heads of a cost's columns.
const HEADS: [&str; 7] = ["messages", "work", "forced c", "forced p", "lazy c", "lazy p", "own note"];

/// Prints all tables, and a last line with the number of differences.
pub(crate) fn everything(table: &Table, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "What one transaction costs: counted in the trace, and by the formulas of the literature.")?;
    writeln!(
        out,
        "{FAINT}N participants; c: at the coordinating node, p: at all participants together. work: the messages of the work round,\n\
         counted apart. own note: lazy records of participants that refused; the papers do not list them. They count an abort\n\
         as if every vote had arrived before the decision, so these runs have options.abort = \"after-all-votes\".{FAINT:#}"
    )?;
    let mut n = 0;
    for cell in &table.cells {
        if cell.participants != n {
            n = cell.participants;
            heads(n, out)?;
        }
        row(cell, out)?;
    }
    at_once(&table.at_once, out)?;
    delays(&table.delays, out)?;
    verdict(table, out)
}

/// Prints only the rows that differ.
pub(crate) fn differing(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for cell in table.cells.iter().chain(&table.at_once).filter(|cell| !cell.differences.is_empty()) {
        row(cell, out)?;
    }
    for row in table.delays.iter().filter(|row| !row.differences.is_empty()) {
        delay_row(row, row.participants, out)?;
    }
    if table.differences() == 0 { Ok(()) } else { verdict(table, out) }
}

fn heads(n: usize, out: &mut impl Write) -> io::Result<()> {
    let heads = HEADS.map(|head| format!("{head:>11}")).concat();
    let head = format!("N = {n}");
    writeln!(out, "\n{STRONG}{head:22}{heads}{STRONG:#}")
}

fn row(cell: &Cell, out: &mut impl Write) -> io::Result<()> {
    let columns = cell.measured.columns().into_iter().zip(cell.paper.columns());
    let counts: String = columns.map(|((_, counted), (_, paper))| count(counted, paper, 11)).collect();
    writeln!(out, "{:8} {:13}{counts}{}", cell.protocol, cell.case, note(&cell.differences))
}

/// One count beside its formula, right-aligned; a dot if both are 0.
fn count(counted: usize, paper: usize, width: usize) -> String {
    if counted == paper && paper == 0 {
        return format!("{FAINT}{:>width$}{FAINT:#}", "·");
    }
    let text = format!("{counted} {} {paper}", sign(counted == paper));
    if counted == paper { format!("{text:>width$}") } else { format!("{BAD}{text:>width$}{BAD:#}") }
}

fn sign(same: bool) -> char {
    if same { '=' } else { '≠' }
}

fn note(differences: &[&str]) -> String {
    if differences.is_empty() { String::new() } else { format!("  {BAD}differs: {}{BAD:#}", differences.join(", ")) }
}

/// Prints the messages of aborts that are decided at the first NO, where they differ from what the papers count.
fn at_once(cells: &[Cell], out: &mut impl Write) -> io::Result<()> {
    let votes = |cell: &Cell| match cell.case {
        Case::Abort { yes } => (cell.participants, yes),
        _ => (cell.participants, cell.participants),
    };
    // With a single NO vote, deciding at the first NO and after all votes is the same.
    let mut several: Vec<(usize, usize)> = cells.iter().map(votes).filter(|(n, yes)| yes + 1 < *n).collect();
    several.sort_unstable();
    several.dedup();
    if several.is_empty() {
        return Ok(());
    }
    let with_votes = |(protocol, rows): (Protocol, &CostTable)| rows.at_once.map(|_| protocol);
    let voting: Vec<Protocol> = protocols().into_iter().filter_map(with_votes).collect();
    let heads: String = voting.iter().map(|protocol| format!("{:>11}", protocol.name())).collect();
    writeln!(
        out,
        "\nMessages of an abort with several NO votes, as the coordinator really sends them (options.abort = \"at-once\"): the first NO\n\
         decides, and ABORT goes to everyone not known to have voted NO. All links are equally fast, so the NO votes come first."
    )?;
    writeln!(out, "{STRONG}{:>3} {:>5}{heads}{STRONG:#}", "N", "yes")?;
    for (n, yes) in several {
        let of = |protocol: &Protocol| cells.iter().find(|cell| cell.protocol == *protocol && votes(cell) == (n, yes));
        let found: Vec<&Cell> = voting.iter().filter_map(of).collect();
        let counts: String = found.iter().map(|cell| count(cell.measured.messages, cell.paper.messages, 11)).collect();
        let differences: Vec<&str> = found.iter().flat_map(|cell| cell.differences.iter().copied()).collect();
        writeln!(out, "{n:>3} {yes:>5}{counts}{}", note(&differences))?;
    }
    Ok(())
}

/// Prints the delays. Numbers of participants with the same delays share a row.
fn delays(rows: &[DelayRow], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\nDelays of a commit with the work inside PREPARE: m message delays and f serial forced writes since the transaction arrived."
    )?;
    writeln!(
        out,
        "{STRONG}{:8} {:>5}  {:>17}  {:>17}  {:>17}{STRONG:#}",
        "protocol", "N", "decision durable", "participant has it", "forgotten"
    )?;
    for (protocol, _) in protocols() {
        let mut its = rows.iter().filter(|row| row.protocol == protocol).peekable();
        while let Some(first) = its.next() {
            let mut last = first;
            while let Some(next) = its.next_if(|row| (row.measured, row.paper) == (first.measured, first.paper)) {
                last = next;
            }
            delay_row(first, last.participants, out)?;
        }
    }
    Ok(())
}

fn delay_row(row: &DelayRow, to: usize, out: &mut impl Write) -> io::Result<()> {
    let n = if row.participants == to { to.to_string() } else { format!("{}..{to}", row.participants) };
    let (found, paper) = (&row.measured, &row.paper);
    let milestones =
        [(found.decided, paper.decided), (found.learned, paper.learned), (found.forgotten, paper.forgotten)];
    let columns: String = milestones.into_iter().map(|(found, paper)| format!("  {}", delay(found, paper))).collect();
    writeln!(out, "{:8} {n:>5}{columns}{}", row.protocol, note(&row.differences))
}

fn delay(found: Option<Delay>, paper: Option<Delay>) -> String {
    let text = |delay: Option<Delay>| delay.map_or("never".to_owned(), |delay| delay.to_string());
    let text = format!("{} {} {}", text(found), sign(found == paper), text(paper));
    if found == paper { format!("{text:>17}") } else { format!("{BAD}{text:>17}{BAD:#}") }
}

fn verdict(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let rows = table.cells.len() + table.at_once.len() + table.delays.len();
    match table.differences() {
        0 => writeln!(out, "\n{GOOD}No difference{GOOD:#} in {rows} transactions."),
        1 => writeln!(out, "\n{BAD}1 difference{BAD:#} in {rows} transactions."),
        several => writeln!(out, "\n{BAD}{several} differences{BAD:#} in {rows} transactions."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(table: &Table, all: bool) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        if all { everything(table, &mut out) } else { differing(table, &mut out) }.expect("memory does not fail");
        String::from_utf8(out.into_inner()).expect("text")
    }

    #[test]
    fn a_difference_is_marked_named_and_counted() {
        let mut table = Table::measure(3..=3);
        let rows = table.cells.len() + table.at_once.len() + table.delays.len();
        assert!(said(&table, true).ends_with(&format!("No difference in {rows} transactions.\n")));
        assert_eq!(said(&table, false), "");
        let cell = &mut table.cells[0];
        (cell.measured.messages, cell.differences) = (13, vec!["messages"]);
        let row = &mut table.delays[0];
        (row.measured.decided, row.differences) = (None, vec!["decided"]);
        for all in [true, false] {
            let said = said(&table, all);
            for mark in [
                "13 ≠ 12",
                "differs: messages",
                "never ≠ 2m+2f",
                "differs: decided",
                &format!("2 differences in {rows}"),
            ] {
                assert!(said.contains(mark), "{mark}: {said}");
            }
        }
    }
}
