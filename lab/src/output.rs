//! The terminal output for people: lines, tables and progress. Colours respect NO_COLOR and pipes.

pub(crate) mod costs;
pub(crate) mod crash_points;
pub(crate) mod line;
pub(crate) mod medians;
pub(crate) mod parity;
mod progress;
mod style;
mod verdicts;

pub(crate) use line::outln;
pub(crate) use progress::progress;
pub(crate) use verdicts::{checks, failures, over_seeds, sweep_failures, verdicts};
