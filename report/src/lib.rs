//! The results of runs: their folders and files, charts, and the HTML report. Everything is made from given summaries, recordings
//! and tables. This crate runs nothing and prints nothing.
//!
//! ```text
//!   page ─────────── report.html: sections of scenarios, sweeps and studies
//!    │   swept ───── a finished sweep as charts, medians and a section
//!    │    │
//!   charts ───────── SVG and PNG, one file per chart;  palette: the colours
//!    │
//!   run_folder ───── results/runs/TIME-NAME, index.json, latest
//!    └ scenario_files  scenario.toml, repro.txt, summary.json, summary.csv, trace/, charts/
//!        └ files       one file, completely or not at all
//!
//!   summaries, over_seeds, sweep_table, units, html     helpers that several of these share
//! ```

pub mod charts;
mod files;
mod html;
mod over_seeds;
pub mod page;
mod palette;
mod run_folder;
mod scenario_files;
mod summaries;
mod summary_csv;
pub mod sweep_table;
mod swept;
mod units;

pub use files::{write_json, write_text};
pub use over_seeds::{OverSeeds, over_seeds};
pub use run_folder::{RunFolder, forget_empty_folders};
pub use scenario_files::write_scenario;
pub use summaries::{Standing, by_protocol, failures, has_silent_fault, holds, is_surprised, promised, scenario_name};
pub use swept::Swept;
pub use units::time;
