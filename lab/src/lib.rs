//! The command `indoubt`: real clusters, runs, charts, reports.

mod bench;
mod bundled;
mod charts;
pub mod cli;
pub mod commands;
mod deaths;
mod display;
mod export;
mod palette;
mod parallel;
mod real;
mod report;
mod say;
mod seeds;
mod sweeps;
