//! The medians of a sweep: one table per metric.

use super::line::outln;
use indoubt_report::Swept;

/// Prints all tables of a sweep.
pub(crate) fn print(swept: &Swept) {
    let grid = &swept.grid;
    for metric in &grid.metrics {
        outln!("\n{metric}, medians of {} seeds", grid.seeds.len());
        let head = grid.labels.iter().map(String::as_str).chain(grid.scenario.protocols.iter().map(|p| p.name()));
        let head: Vec<&str> = head.collect();
        let widths: Vec<usize> = head.iter().map(|title| title.len().max(10)).collect();
        let line = |cells: &[String]| {
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect::<Vec<_>>().join("  ")
        };
        outln!("  {}", line(&head.iter().map(ToString::to_string).collect::<Vec<_>>()));
        for point in &grid.points {
            let cells: Vec<String> = point.values.iter().cloned().chain(swept.medians(metric, &point.values)).collect();
            outln!("  {}", line(&cells));
        }
    }
}
