//! Runs the cells of a sweep. Each finished cell is written as a row at once, so that an interrupted sweep can continue. Also
//! merges the shards of several machines.
//!
//! A sweep's folder holds `sweep.json` (what is swept, and whether the sweep is complete), `rows.csv` (one row per run),
//! `scenario.toml`, `repro.txt` and `charts/`. Until the sweep is complete, it also holds `rows.part`.

use crate::{bundled, parallel::in_parallel};
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use indoubt_report::{Swept, sweep_table as table, write_json, write_text};
use indoubt_scenario::scenario::Scenario;
use indoubt_studies::{sweep::Grid, trial::trial};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::Mutex,
};

/// Which part of a grid this machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shard {
    /// The number of this shard, from 1.
    pub shard: usize,
    /// How many shards the grid is divided into.
    pub of: usize,
}

impl Shard {
    /// The whole grid as a single shard.
    pub(crate) const WHOLE: Shard = Shard { shard: 1, of: 1 };
}

/// The contents of `sweep.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sheet {
    version: u32,
    indoubt: String,
    scenario: String,
    /// Fingerprint of the resolved scenario, its seeds and this version. Two sweeps are the same only if it is equal.
    fingerprint: String,
    shard: Shard,
    /// The number of cells of the whole grid.
    cells: usize,
    axes: Vec<String>,
    metrics: Vec<String>,
    seeds: Vec<u64>,
    /// Whether rows.csv holds every cell of the shard.
    complete: bool,
}

impl Sheet {
    fn of(grid: &Grid, shard: Shard, complete: bool) -> Sheet {
        Sheet {
            version: 1,
            indoubt: env!("CARGO_PKG_VERSION").into(),
            scenario: grid.scenario.name.clone(),
            fingerprint: format!("{:016x}", grid.fingerprint()),
            shard,
            cells: grid.len(),
            axes: grid.axes.clone(),
            metrics: grid.metrics.clone(),
            seeds: grid.seeds.clone(),
            complete,
        }
    }

    fn read(folder: &Path) -> Result<Option<Sheet>> {
        let path = folder.join("sweep.json");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let sheet = serde_json::from_str(&text);
                sheet.map(Some).with_context(|| format!("{} does not describe a sweep", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// Runs the cells of a grid (or of one shard) that are still missing in `folder`, and completes the folder. It continues an
/// interrupted sweep. A folder of another sweep is an error.
pub(crate) fn sweep(
    grid: &Grid,
    shard: Shard,
    folder: &Path,
    command: &str,
    jobs: usize,
    bar: &ProgressBar,
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let sheet = Sheet::of(grid, shard, false);
    let found = Sheet::read(folder)?;
    if let (None, Some(rows)) =
        (&found, ["rows.csv", "rows.part"].map(|name| folder.join(name)).iter().find(|r| r.exists()))
    {
        bail!(
            "{} has no sweep.json beside it, so its sweep is not known. Delete it, or choose another --output",
            rows.display()
        );
    }
    if let Some(found) = found
        && (Sheet { complete: false, ..found.clone() }) != sheet
    {
        bail!(
            "{} holds another sweep ({}, shard {} of {}, fingerprint {}). The scenario, the seeds, the shard or the \
             version differ. Choose another --output, or delete that folder",
            folder.display(),
            found.scenario,
            found.shard.shard,
            found.shard.of,
            found.fingerprint
        );
    }
    write_json(&folder.join("sweep.json"), &sheet)?;
    describe(grid, folder, command)?;

    let columns = table::head(grid).len();
    let part = folder.join("rows.part");
    let mut rows = BTreeMap::new();
    for kept in [folder.join("rows.csv"), part.clone()] {
        rows.extend(
            whole_lines(&kept)
                .and_then(|text| table::lines(&text, columns))
                .with_context(|| format!("cannot continue with the rows in {}: delete that file", kept.display()))?,
        );
    }
    let left: Vec<_> = grid.shard(shard.shard, shard.of).filter(|cell| !rows.contains_key(&cell.index)).collect();
    bar.inc((grid.shard(shard.shard, shard.of).count() - left.len()) as u64);
    // An interrupt may have torn the last row, so the complete rows are written again.
    write_text(&part, &rows.values().cloned().collect::<String>())?;
    let file = File::options().append(true).open(&part).with_context(|| format!("cannot write {}", part.display()))?;
    let file = Mutex::new(file);
    let new = in_parallel(&left, jobs, |cell| {
        let run = trial(&cell.point.scenario, cell.protocol, cell.seed);
        let line = table::line(&table::row(cell, &run))?;
        let mut file = file.lock().expect("no holder of this lock panics");
        file.write_all(line.as_bytes()).with_context(|| format!("cannot write {}", part.display()))?;
        drop(file);
        bar.inc(1);
        Ok((cell.index, line))
    })?;
    rows.extend(new);
    finish(grid, shard, folder, &rows)
}

fn finish(grid: &Grid, shard: Shard, folder: &Path, rows: &BTreeMap<usize, String>) -> Result<()> {
    let text = table::line(&table::head(grid))? + &rows.values().cloned().collect::<String>();
    write_text(&folder.join("rows.csv"), &text)?;
    write_json(&folder.join("sweep.json"), &Sheet::of(grid, shard, true))?;
    let part = folder.join("rows.part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", part.display()))
        }
        _ => Ok(()),
    }
}

/// The text of a file up to its last newline; empty if there is no file.
fn whole_lines(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(mut text) => {
            text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
            Ok(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Merges the shards of one sweep into `folder`. The result equals, byte for byte, that of a sweep on one machine. Returns the grid,
/// and the command of that sweep.
pub(crate) fn merge(shards: &[PathBuf], folder: &Path) -> Result<(Grid, String)> {
    let mut rows = BTreeMap::new();
    let mut first: Option<(Grid, Sheet, &PathBuf)> = None;
    let mut seen = Vec::new();
    for shard in shards {
        let sheet = Sheet::read(shard)?.with_context(|| {
            format!("{} has no sweep.json; give the folders that `indoubt sweep --shard` wrote", shard.display())
        })?;
        if !sheet.complete {
            bail!(
                "shard {} of {} in {} is not finished: run its command (in repro.txt) again, with the same --output",
                sheet.shard.shard,
                sheet.shard.of,
                shard.display()
            );
        }
        let grid = match &first {
            None => {
                let text = fs::read_to_string(shard.join("scenario.toml"))
                    .with_context(|| format!("cannot read the scenario in {}", shard.display()))?;
                let scenario = Scenario::parse(&text, "scenario.toml")?;
                let grid = Grid::new(&scenario, sheet.seeds.clone())?;
                first.insert((grid, sheet.clone(), shard)).0.clone()
            }
            Some((grid, other, at)) => {
                if other.fingerprint != sheet.fingerprint {
                    bail!("{} and {} are shards of different sweeps", at.display(), shard.display());
                }
                grid.clone()
            }
        };
        if format!("{:016x}", grid.fingerprint()) != sheet.fingerprint {
            bail!("{} was swept by another version, or its scenario.toml was changed", shard.display());
        }
        let text = whole_lines(&shard.join("rows.csv"))?;
        for (cell, line) in table::lines(&text, table::head(&grid).len())? {
            if rows.insert(cell, line.clone()).is_some_and(|other| other != line) {
                bail!("cell {cell} differs between shards. One seed gives one history, so a file was changed");
            }
        }
        seen.push(sheet.shard);
    }
    let (grid, _, at) = first.context("no shards to merge")?;
    let missing: Vec<usize> = (0..grid.len()).filter(|cell| !rows.contains_key(cell)).collect();
    if let Some(cell) = missing.first() {
        let of = seen.first().map_or(1, |shard| shard.of);
        let shards: Vec<String> =
            (1..=of).filter(|shard| !seen.iter().any(|s| s.shard == *shard)).map(|shard| shard.to_string()).collect();
        let why = match shards.is_empty() {
            true => format!("shard {} of {of} is not finished: run it again with the same --output", cell % of + 1),
            false => format!("shards {} of {of} are missing", shards.join(", ")),
        };
        bail!("{} of {} cells are missing, the first is {cell}: {why}", missing.len(), grid.len());
    }
    let command = whole_command(at)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    describe(&grid, folder, &command)?;
    finish(&grid, Shard::WHOLE, folder, &rows)?;
    Ok((grid, command))
}

/// The command that sweeps the whole grid on one machine: that of a shard, without its last option, `--shard`.
fn whole_command(shard: &Path) -> Result<String> {
    let path = shard.join("repro.txt");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let command = text.lines().next().unwrap_or_default();
    Ok(command.rsplit_once(" --shard ").map_or(command, |(whole, _)| whole).to_owned())
}

/// Writes the scenario and the command that repeats the sweep.
fn describe(grid: &Grid, folder: &Path, command: &str) -> Result<()> {
    write_text(&folder.join("scenario.toml"), &grid.scenario.to_toml())?;
    write_text(&folder.join("repro.txt"), &format!("{command}\n# indoubt {}\n", env!("CARGO_PKG_VERSION")))
}

/// Runs every bundled sweep with `seeds` seeds, each in its own folder below `folder`.
pub(crate) fn run_bundled(folder: &Path, seeds: u64, jobs: usize, bar: &ProgressBar) -> Result<Vec<Swept>> {
    let mut grids = Vec::new();
    for (name, _) in bundled::SWEEPS {
        let scenario = bundled::load_sweep(name)?;
        let seeds = (scenario.seed..).take(seeds as usize).collect();
        grids.push(Grid::new(&scenario, seeds)?);
    }
    let command = |grid: &Grid| format!("indoubt sweep {} --seeds {seeds}", grid.scenario.name);
    bar.set_length(grids.iter().map(|grid| grid.len() as u64).sum());
    for grid in &grids {
        bar.set_message(grid.scenario.name.clone());
        sweep(grid, Shard::WHOLE, &folder.join(&grid.scenario.name), &command(grid), jobs, bar)?;
    }
    bar.finish_and_clear();
    in_parallel(&grids, jobs, |grid| Swept::draw(grid.clone(), &folder.join(&grid.scenario.name), command(grid)))
}
