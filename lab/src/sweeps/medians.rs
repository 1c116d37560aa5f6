//! Medians of a sweep as tables: for the terminal, and for the report.

use super::{Swept, table::Band};
use crate::report::escape;
use crate::say::say;
use indoubt_simulator::protocol::Protocol;
use std::fmt::Write as _;

/// One table for each metric: a row for each point, a column for each protocol.
pub(super) fn html(swept: &Swept) -> String {
    let mut text = String::new();
    for metric in &swept.grid.metrics {
        _ = write!(text, "<h3><code>{}</code>, medians</h3>\n<table>\n<tr>", escape(metric));
        for label in &swept.grid.labels {
            _ = write!(text, "<th>{}</th>", escape(label));
        }
        for protocol in &swept.grid.scenario.protocols {
            _ = write!(text, "<th>{protocol}</th>");
        }
        text += "</tr>\n";
        for point in &swept.grid.points {
            let cells = point.values.iter().map(|value| escape(value)).chain(medians(swept, metric, &point.values));
            text += "<tr>";
            cells.for_each(|cell| _ = write!(text, "<td>{cell}</td>"));
            text += "</tr>\n";
        }
        text += "</table>\n";
    }
    text
}

/// The same for people at a terminal.
pub(crate) fn print(swept: &Swept) {
    let grid = &swept.grid;
    for metric in &grid.metrics {
        say!("\n{metric}, medians of {} seeds", grid.seeds.len());
        let head = grid.labels.iter().map(String::as_str).chain(grid.scenario.protocols.iter().map(|p| p.name()));
        let head: Vec<&str> = head.collect();
        let widths: Vec<usize> = head.iter().map(|title| title.len().max(10)).collect();
        let line = |cells: &[String]| {
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect::<Vec<_>>().join("  ")
        };
        say!("  {}", line(&head.iter().map(ToString::to_string).collect::<Vec<_>>()));
        for point in &grid.points {
            let cells: Vec<String> =
                point.values.iter().cloned().chain(medians(swept, metric, &point.values)).collect();
            say!("  {}", line(&cells));
        }
    }
}

fn medians<'a>(swept: &'a Swept, metric: &'a str, values: &'a [String]) -> impl Iterator<Item = String> + 'a {
    let protocols: &[Protocol] = &swept.grid.scenario.protocols;
    protocols.iter().map(move |protocol| show(swept.table.band(metric, *protocol, values)))
}

fn show(band: Option<Band>) -> String {
    match band {
        None => "-".into(),
        Some(Band { median, .. }) if median.fract() == 0.0 => format!("{median:.0}"),
        Some(Band { median, .. }) => format!("{median:.2}"),
    }
}
