//! The rows of a sweep: one line per run, as text on disk (tidy CSV) and as numbers for charts.

use anyhow::{Context, Result, bail};
use indoubt_judge::{
    claims::{Reading, of_many_runs},
    summary::{Check, Run},
};
use indoubt_scenario::{checks::CheckName, measures::metric_paths, protocol::Protocol};
use indoubt_studies::sweep::{self, Cell, Grid};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The columns before those of the parameters.
const LEAD: [&str; 4] = ["cell", "scenario", "protocol", "seed"];

/// The columns between those of the parameters and those of the metrics. After the verdict they say what does not hold: the
/// promised checks that are broken, all checks that do not hold, the expectations of one run that are not met, and the numbers of the
/// faults that never fired.
const JUDGED: [&str; 5] = ["verdict", "broken", "failed", "unmet", "unfired"];

/// The names of all columns: cell, scenario, protocol, seed, the parameters, what the judge says, then every metric by its path.
pub fn head(grid: &Grid) -> Vec<String> {
    let lead = LEAD.into_iter().map(String::from).chain(grid.axes.iter().cloned());
    lead.chain(JUDGED.map(String::from)).chain(metric_paths()).collect()
}

/// The cells of one run. A quantile of an empty measure is an empty cell.
pub fn row(cell: &Cell<'_>, run: &Run) -> Vec<String> {
    let mut cells =
        vec![cell.index.to_string(), cell.point.scenario.name.clone(), run.protocol.to_string(), run.seed.to_string()];
    cells.extend(cell.point.values.iter().cloned());
    let checks = [checks(run, |check| check.promised), checks(run, |_| true)];
    cells.extend([word(run)].into_iter().chain(checks).chain([unmet(run), unfired(run)]));
    cells.extend(sweep::row(run).into_values().map(|number| number.map_or(String::new(), |n| n.to_string())));
    cells
}

fn word(run: &Run) -> String {
    let verdict = serde_json::to_value(run.verdict).expect("a verdict is a word");
    verdict.as_str().unwrap_or_default().to_owned()
}

/// The checks of a kind that do not hold.
fn checks(run: &Run, of: impl Fn(&Check) -> bool) -> String {
    let failed = run.checks.iter().filter(|check| of(check) && !check.held);
    failed.map(|check| check.name.word()).collect::<Vec<_>>().join(", ")
}

fn unmet(run: &Run) -> String {
    let unmet = run.expectations.iter().filter(|claim| !claim.held);
    unmet.map(|claim| format!("{}, found {}", claim.text, claim.actual)).collect::<Vec<_>>().join("; ")
}

fn unfired(run: &Run) -> String {
    let unfired = run.faults.iter().filter(|fault| fault.fired == 0);
    unfired.map(|fault| fault.fault.to_string()).collect::<Vec<_>>().join(" ")
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

/// The table of a sweep, read from its file, for charts, medians and failures.
pub struct Table {
    rows: Vec<Row>,
}

/// One run of a sweep.
struct Row {
    /// The protocol and the seed, the metrics that charts show or expectations name, and the checks that do not hold.
    reading: Reading,
    /// The values of the axes.
    values: Vec<String>,
    broken: String,
    unmet: String,
    unfired: Vec<usize>,
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
        let (protocol, seed) = (column("protocol")?, column("seed")?);
        let (broken, unmet, unfired) = (column("broken")?, column("unmet")?, column("unfired")?);
        let failed = column("failed")?;
        let axes = grid.axes.iter().map(|axis| column(axis)).collect::<Result<Vec<_>>>()?;
        let named = grid.scenario.expects.iter().filter_map(|expect| expect.metric());
        let metrics: BTreeSet<&str> = grid.metrics.iter().map(String::as_str).chain(named).collect();
        let metrics = metrics.into_iter().map(|metric| Ok((metric, column(metric)?))).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.with_context(|| format!("cannot read {}", path.display()))?;
            let at = |column: usize| record.get(column).unwrap_or_default();
            let line = record.position().map_or(0, csv::Position::line);
            let wrong = |what: &str, found: &str| format!("{}:{line}: unknown {what} `{found}`", path.display());
            let check = |name: &str| {
                let known = CheckName::ALL.into_iter().find(|check| check.word() == name);
                known.with_context(|| wrong("check", name))
            };
            let protocol = at(protocol);
            let reading = Reading {
                protocol: Protocol::from_name(protocol).with_context(|| wrong("protocol", protocol))?,
                seed: at(seed).parse().with_context(|| wrong("seed", at(seed)))?,
                numbers: metrics.iter().map(|(path, column)| ((*path).to_owned(), at(*column).parse().ok())).collect(),
                failed: at(failed).split(", ").filter(|name| !name.is_empty()).map(check).collect::<Result<_>>()?,
            };
            rows.push(Row {
                reading,
                values: axes.iter().map(|axis| at(*axis).to_owned()).collect(),
                broken: at(broken).into(),
                unmet: at(unmet).into(),
                unfired: at(unfired).split_whitespace().filter_map(|fault| fault.parse().ok()).collect(),
            });
        }
        Ok(Table { rows })
    }

    /// The spread of a metric over the seeds, for one protocol and point. `None` if no run had a value.
    pub fn band(&self, metric: &str, protocol: Protocol, values: &[String]) -> Option<Band> {
        let number = |row: &Row| row.reading.numbers.get(metric).copied().flatten();
        let mut numbers: Vec<f64> = self.at(protocol, values).filter_map(number).collect();
        numbers.sort_by(f64::total_cmp);
        let at = |q: f64| numbers.get(((numbers.len() as f64 * q).ceil() as usize).max(1) - 1).copied();
        Some(Band { low: at(0.1)?, median: at(0.5)?, high: at(0.9)? })
    }

    /// One line for each point, protocol and kind of failure: the first seed that fails, and how many do. What is judged over all
    /// seeds of a point (a fault that fires under none, an expectation over seeds or between protocols) counts only if the table
    /// is `complete`: another shard may have the seeds that decide it.
    pub fn failures(&self, grid: &Grid, complete: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for point in &grid.points {
            let pairs = grid.axes.iter().zip(&point.values).map(|(axis, value)| format!("{axis} = {value}"));
            let place = pairs.collect::<Vec<_>>().join(", ");
            for protocol in &grid.scenario.protocols {
                let rows: Vec<&Row> = self.at(*protocol, &point.values).collect();
                let mut tell = |what: &str, text: fn(&Row) -> &str| {
                    let mut failed = rows.iter().filter(|row| !text(row).is_empty());
                    let count = failed.clone().count();
                    if let Some(first) = failed.next() {
                        let of = if rows.len() > 1 {
                            format!(" (under {count} of {} seeds)", rows.len())
                        } else {
                            String::new()
                        };
                        lines.push(format!(
                            "{place}: {protocol} with seed {}: {what} {}{of}",
                            first.reading.seed,
                            text(first)
                        ));
                    }
                };
                tell("promised, but does not hold:", |row| &row.broken);
                tell("expected", |row| &row.unmet);
                let silent = |fault: &usize| !rows.is_empty() && rows.iter().all(|row| row.unfired.contains(fault));
                for (_, fault) in point.scenario.faults.iter().enumerate().filter(|(n, _)| complete && silent(n)) {
                    lines.push(format!("{place}: {protocol}: the fault never fired: {}", fault.text));
                }
            }
            if complete {
                let here = self.rows.iter().filter(|row| row.values == point.values);
                let readings: Vec<Reading> = here.map(|row| row.reading.clone()).collect();
                let unmet = of_many_runs(&point.scenario.expects, &readings).into_iter().filter(|claim| !claim.held);
                lines.extend(unmet.map(|claim| format!("{place}: expected {}, but {}", claim.text, claim.found)));
            }
        }
        lines
    }

    fn at<'a>(&'a self, protocol: Protocol, values: &'a [String]) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.reading.protocol == protocol && row.values == values)
    }
}
