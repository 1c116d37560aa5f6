//! What people see on the terminal: lines, tables, colours that respect NO_COLOR and pipes, progress of long work.

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
pub(crate) use verdicts::{checks, failures, over_seeds, verdicts};
