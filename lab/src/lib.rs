//! The command `indoubt`: real clusters, runs, charts, reports.

pub mod bench;
pub mod bundled;
pub mod charts;
pub mod cli;
pub mod commands;
pub mod display;
pub mod export;
pub mod palette;
pub mod real;
pub mod report;
