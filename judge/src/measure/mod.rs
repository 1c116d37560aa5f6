//! The measures of docs/03-measures-and-checks.md: each file folds one of them from the lines of a trace, and reads nothing else.
//! [`crate::measurer`] drives them.

pub(crate) mod anomalies;
pub(crate) mod costs;
pub(crate) mod doubt;
pub(crate) mod exposed;
pub(crate) mod latency;
pub(crate) mod locks;
pub(crate) mod pending;
mod series;
mod slots;
mod spread;
mod stopwatch;
