//! Sweeps on disk: every cell of a grid as a row, kept as it is finished, so that an interrupted sweep goes on where it was;
//! shards of several machines put together; charts and medians drawn from the rows alone.
//!
//! A sweep's folder holds `sweep.json` (what was swept, and whether all of it is there), `rows.csv` (one row a run),
//! `scenario.toml`, `repro.txt`, `charts/`; and `rows.part` as long as it is not finished.

pub(crate) mod medians;
mod rows;
pub(crate) mod table;

pub(crate) use rows::{Shard, merge, sweep};

use crate::{
    bundled,
    charts::{self, Drawn, SweepChart},
    parallel,
    report::Study,
};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use indoubt_studies::sweep::Grid;
use std::{fs, path::Path};
use table::Table;

/// A finished sweep: what was swept, and its numbers.
pub(crate) struct Swept {
    /// The grid.
    pub grid: Grid,
    /// Its rows.
    pub table: Table,
    /// Its charts.
    pub charts: Vec<Drawn>,
    /// The command that repeats it.
    pub command: String,
}

impl Swept {
    /// Reads a finished sweep's rows and draws its charts.
    pub(crate) fn draw(grid: Grid, folder: &Path, command: String) -> Result<Swept> {
        let table = Table::read(&folder.join("rows.csv"), &grid)?;
        let charts_folder = folder.join("charts");
        fs::create_dir_all(&charts_folder).with_context(|| format!("cannot create {}", charts_folder.display()))?;
        let draw = |metric: &String| {
            let chart = SweepChart::new(&grid, &table, metric);
            charts::save(&chart, &charts_folder, &metric.replace('.', "-"))
        };
        let charts = grid.metrics.iter().map(draw).collect::<Result<Vec<_>>>()?;
        Ok(Swept { grid, table, charts, command })
    }

    /// How the report shows it.
    pub(crate) fn section(&self) -> Study<'_> {
        Study {
            kind: "Sweep",
            name: &self.grid.scenario.name,
            about: &self.grid.scenario.about,
            command: &self.command,
            charts: &self.charts,
            details: medians::html(self),
        }
    }
}

/// Runs every bundled sweep with so many seeds each into folders below `folder`.
pub(crate) fn run_bundled(folder: &Path, seeds: u64, jobs: usize, bar: &ProgressBar) -> Result<Vec<Swept>> {
    let mut grids = Vec::new();
    for (name, _) in bundled::SWEEPS {
        let scenario = bundled::load_sweep(name)?;
        let seeds = (scenario.seed..).take(seeds as usize).collect();
        grids.push(Grid::new(&scenario, seeds)?);
    }
    bar.set_length(grids.iter().map(|grid| grid.len() as u64).sum());
    for grid in &grids {
        bar.set_message(grid.scenario.name.clone());
        let command = format!("indoubt sweep {} --seeds {seeds}", grid.scenario.name);
        sweep(grid, Shard::WHOLE, &folder.join(&grid.scenario.name), &command, jobs, bar)?;
    }
    bar.finish_and_clear();
    let grids: Vec<(usize, Grid)> = grids.into_iter().enumerate().collect();
    parallel::in_parallel(&grids, jobs, |(_, grid)| {
        let command = format!("indoubt sweep {} --seeds {seeds}", grid.scenario.name);
        Swept::draw(grid.clone(), &folder.join(&grid.scenario.name), command)
    })
}
