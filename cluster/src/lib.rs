//! Real runs: one operating-system process per node, killed, frozen and cut off for real, and a scenario that is run on them.
//!
//! ```text
//!   run  ─────────▶ Recording                    one run of a scenario: load, faults, the end
//!    ├─ fault_executor   ── signals, cut journals, control streams ──▶ nodes
//!    ├─ clients          ── sessions ────────────────────────────────▶ coordinating nodes
//!    ├─ merge            ◀─ trace files ────────────────────────────── nodes
//!    └─ cluster          folders, ports, command lines, links
//!        └─ processes    one child process, and its end under all circumstances
//! ```
//!
//! [`run()`] runs one protocol of a scenario and answers with its recording: the same kind that the virtual world makes, so
//! everything that judges a run works on both. [`Cluster`] is for callers that offer load of their own, as benchmarks do.
//!
//! A node is this very executable, started again with the words of a node command (`coordinator`, `participant`,
//! `orchestrator`). So only a program that understands these words can start clusters.

mod clients;
mod cluster;
mod merge;
mod processes;
mod run;

pub use cluster::{Cluster, Launch};
pub use processes::end_all_on_signals;
pub use run::run;
