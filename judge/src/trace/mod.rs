//! The shape of a trace on disk: one JSON object per line, in the order of `seq` (docs/03-measures-and-checks.md).
//!
//! Every line has `t_us`, `seq`, `node` and `kind`. Then follow `txn`, if the line concerns a transaction, and the details of its
//! kind. Fields without information are left out: `copy` if it is false, `total` except for audits, and an empty `detail`.

mod read;
#[cfg(test)]
mod tests;
mod words;
mod write;

pub use read::{TraceError, from_json_line};
pub use write::{fingerprint, push_json_line, to_json_line};
