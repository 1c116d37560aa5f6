//! The shape of observations on disk: one JSON object a line, in the order of `seq` (docs/03-measures-and-checks.md).
//!
//! Every line has `t_us`, `seq`, `node`, `kind`, then `txn` where it applies, then the details of its kind. Four kinds
//! stand beside it: `reached` (`phase`), `stuck` (`step`, `resumed`), `lost-log` (`participant`) `heuristic` and `heuristic-outcome` (`outcome`).
//! Fields that say nothing are left out: `copy` unless it is true, `total` unless it is an audit, an empty `detail`.

mod read;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use read::{TraceError, from_json_line};
pub use write::{fingerprint, push_json_line, to_json_line};
