//! Charts. The charts of a scenario are drawn from its summary alone.

mod canvas;
mod chart;
mod costs;
mod costs_by_n;
mod doubt;
mod heat;
mod latency;
mod locks;
mod outcomes;
mod panel;
mod per_run;
mod sweep;
mod throughput;

pub use canvas::{Area, Canvas};
pub use chart::{Chart, Drawn, save};
pub use costs_by_n::CostsByN;
pub use heat::HeatChart;
pub use outcomes::Outcomes;
pub(crate) use sweep::SweepChart;

use anyhow::{Context, Result};
use costs::Costs;
use doubt::Doubt;
use indoubt_judge::summary::{Run, Summary};
use latency::LatencyDistribution;
use locks::Locks;
use per_run::PerRun;
use std::path::Path;
use throughput::ThroughputOverTime;

/// Draws all charts of one scenario into `folder`, which is created if it does not exist.
pub(crate) fn draw_all(summary: &Summary, folder: &Path) -> Result<Vec<Drawn>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let runs = first_seed(summary);
    Ok(vec![
        save(&PerRun::<Locks>::new(&runs), folder, "locks-held")?,
        save(&PerRun::<Doubt>::new(&runs), folder, "in-doubt")?,
        save(&PerRun::<LatencyDistribution>::new(&runs), folder, "latency")?,
        save(&PerRun::<ThroughputOverTime>::new(&runs), folder, "throughput")?,
        save(&Outcomes::new(&[summary]), folder, "outcomes")?,
        save(&Costs::new(summary), folder, "costs")?,
    ])
}

/// The runs of the first seed. Charts over time show only these.
fn first_seed(summary: &Summary) -> Vec<&Run> {
    let seed = summary.runs.first().map(|r| r.seed);
    summary.runs.iter().filter(|r| Some(r.seed) == seed).collect()
}
