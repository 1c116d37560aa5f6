//! A finished sweep: draws its charts, and computes its medians and its section of the report, from the rows on disk.

use crate::{
    charts::{self, Drawn, SweepChart},
    html::escape,
    page::Study,
    sweep_table::{Band, Table},
};
use anyhow::{Context, Result};
use indoubt_studies::sweep::Grid;
use std::{fmt::Write as _, fs, path::Path};

/// A finished sweep.
pub struct Swept {
    /// The grid that was swept.
    pub grid: Grid,
    /// The command that repeats the sweep.
    pub command: String,
    /// One line for each promise, expectation or fault that fails at a point.
    pub failures: Vec<String>,
    table: Table,
    charts: Vec<Drawn>,
}

impl Swept {
    /// Reads the rows of a finished sweep and draws its charts.
    pub fn draw(grid: Grid, folder: &Path, command: String) -> Result<Swept> {
        let table = Table::read(&folder.join("rows.csv"), &grid)?;
        let charts_folder = folder.join("charts");
        fs::create_dir_all(&charts_folder).with_context(|| format!("cannot create {}", charts_folder.display()))?;
        let draw = |metric: &String| {
            let chart = SweepChart::new(&grid, &table, metric);
            charts::save(&chart, &charts_folder, &metric.replace('.', "-"))
        };
        let charts = grid.metrics.iter().map(draw).collect::<Result<Vec<_>>>()?;
        let failures = table.failures(&grid, true);
        Ok(Swept { grid, command, failures, table, charts })
    }

    /// The section of this sweep in the report.
    pub fn section(&self) -> Study<'_> {
        Study {
            kind: "Sweep",
            name: &self.grid.scenario.name,
            about: &self.grid.scenario.about,
            command: &self.command,
            failures: &self.failures,
            charts: &self.charts,
            details: self.medians_as_html(),
        }
    }

    /// The medians of a metric at one point, one per protocol, as text. A dash if no run had a value.
    pub fn medians<'a>(&'a self, metric: &'a str, values: &'a [String]) -> impl Iterator<Item = String> + 'a {
        self.grid.scenario.protocols.iter().map(move |protocol| show(self.table.band(metric, *protocol, values)))
    }

    /// One table per metric, with a row per point and a column per protocol.
    fn medians_as_html(&self) -> String {
        let mut text = String::new();
        for metric in &self.grid.metrics {
            _ = write!(text, "<h3><code>{}</code>, medians</h3>\n<table>\n<tr>", escape(metric));
            for label in &self.grid.labels {
                _ = write!(text, "<th>{}</th>", escape(label));
            }
            for protocol in &self.grid.scenario.protocols {
                _ = write!(text, "<th>{protocol}</th>");
            }
            text += "</tr>\n";
            for point in &self.grid.points {
                let cells = point.values.iter().map(|value| escape(value)).chain(self.medians(metric, &point.values));
                text += "<tr>";
                cells.for_each(|cell| _ = write!(text, "<td>{cell}</td>"));
                text += "</tr>\n";
            }
            text += "</table>\n";
        }
        text
    }
}

fn show(band: Option<Band>) -> String {
    match band {
        None => "-".into(),
        Some(Band { median, .. }) if median.fract() == 0.0 => format!("{median:.0}"),
        Some(Band { median, .. }) => format!("{median:.2}"),
    }
}
