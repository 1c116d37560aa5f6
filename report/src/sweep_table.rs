//! The rows of a sweep: one line per run, as text on disk (tidy CSV) and as numbers for charts.

use anyhow::{Context, Result, bail};
use indoubt_judge::summary::Run;
use indoubt_scenario::{measures::metric_paths, protocol::Protocol};
use indoubt_studies::sweep::{self, Cell, Grid};
use std::{collections::BTreeMap, path::Path};

/// The columns before those of the parameters.
const LEAD: [&str; 4] = ["cell", "scenario", "protocol", "seed"];

/// The names of all columns: cell, scenario, protocol, seed, the parameters, the verdict, then every metric by its path.
pub fn head(grid: &Grid) -> Vec<String> {
    let lead = LEAD.into_iter().map(String::from).chain(grid.axes.iter().cloned());
    lead.chain(["verdict".to_owned()]).chain(metric_paths()).collect()
}

/// The cells of one run. A quantile of an empty measure is an empty cell.
pub fn row(cell: &Cell<'_>, run: &Run) -> Vec<String> {
    let mut cells =
        vec![cell.index.to_string(), cell.point.scenario.name.clone(), run.protocol.to_string(), run.seed.to_string()];
    cells.extend(cell.point.values.iter().cloned());
    cells.push(word(run));
    cells.extend(sweep::row(run).into_values().map(|number| number.map_or(String::new(), |n| n.to_string())));
    cells
}

fn word(run: &Run) -> String {
    let verdict = serde_json::to_value(run.verdict).expect("a verdict is a word");
    verdict.as_str().unwrap_or_default().to_owned()
}

/// One line of CSV, with its newline.
pub fn line(cells: &[String]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The lines of a table, by the number of their cell. They stay text, so that merging does not change them.
pub fn lines(text: &str, columns: usize) -> Result<BTreeMap<usize, String>> {
    let mut found = BTreeMap::new();
    for record in csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes()).records() {
        let record = record?;
        let cells: Vec<String> = record.iter().map(String::from).collect();
        let Some(cell) = cells.first().and_then(|cell| cell.parse::<usize>().ok()) else { continue };
        if cells.len() != columns {
            bail!("the row of cell {cell} has {} columns instead of {columns}", cells.len());
        }
        let line = line(&cells)?;
        if let Some(other) = found.insert(cell, line.clone())
            && other != line
        {
            bail!("cell {cell} is there twice, with different numbers");
        }
    }
    Ok(found)
}

/// The table of a sweep, read from its file, for charts and medians.
pub struct Table {
    /// For each row: the protocol, the values of the axes, and the values of the metrics that charts show.
    rows: Vec<(Protocol, Vec<String>, Vec<Option<f64>>)>,
    metrics: Vec<String>,
}

/// The spread of a metric over the seeds at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The 10th percentile. All quantiles are by nearest rank.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The 90th percentile.
    pub high: f64,
}

impl Table {
    /// Reads the file `rows.csv` of a sweep.
    pub fn read(path: &Path, grid: &Grid) -> Result<Table> {
        let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
        let head = reader.headers()?.clone();
        let column = |name: &str| {
            let found = head.iter().position(|other| other == name);
            found.with_context(|| format!("{} has no column `{name}`", path.display()))
        };
        let protocol = column("protocol")?;
        let axes = grid.axes.iter().map(|axis| column(axis)).collect::<Result<Vec<_>>>()?;
        let metrics = grid.metrics.iter().map(|metric| column(metric)).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.with_context(|| format!("cannot read {}", path.display()))?;
            let at = |column: usize| record.get(column).unwrap_or_default();
            let line = record.position().map_or(0, csv::Position::line);
            let named = at(protocol);
            let wrong = || format!("{}:{line}: unknown protocol `{named}`", path.display());
            let protocol = Protocol::from_name(named).with_context(wrong)?;
            let values = axes.iter().map(|axis| at(*axis).to_owned()).collect();
            rows.push((protocol, values, metrics.iter().map(|metric| at(*metric).parse().ok()).collect()));
        }
        Ok(Table { rows, metrics: grid.metrics.clone() })
    }

    /// The spread of a metric over the seeds, for one protocol and point. `None` if no run had a value.
    pub fn band(&self, metric: &str, protocol: Protocol, values: &[String]) -> Option<Band> {
        let metric = self.metrics.iter().position(|other| other == metric)?;
        let of_it = |row: &&(Protocol, Vec<String>, Vec<Option<f64>>)| row.0 == protocol && row.1 == values;
        let mut numbers: Vec<f64> = self.rows.iter().filter(of_it).filter_map(|row| row.2[metric]).collect();
        numbers.sort_by(f64::total_cmp);
        let at = |q: f64| numbers.get(((numbers.len() as f64 * q).ceil() as usize).max(1) - 1).copied();
        Some(Band { low: at(0.1)?, median: at(0.5)?, high: at(0.9)? })
    }
}
