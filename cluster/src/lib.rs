//! Real runs: runs a scenario on one operating-system process per node, which is really killed, frozen and cut off.
//!
//! ```text
//!   run  ─────────▶ Recording                    one run of a scenario: load, faults, the end
//!    ├─ fault_executor   ── signals, cut journals, control streams ──▶ nodes
//!    ├─ clients          ── sessions ────────────────────────────────▶ coordinating nodes
//!    ├─ merge            ◀─ trace files ────────────────────────────── nodes
//!    └─ cluster          folders, ports, command lines, links
//!        └─ processes    one child process;  stderr_tail: its last lines on standard error
//!            └─ owner    folders and processes, which are ended under all circumstances;  signals: when the lab is told to end
//! ```
//!
//! [`run()`] runs one protocol of a scenario and returns its recording. The virtual world makes the same kind of recording, so
//! everything that judges a run works on both. [`Cluster`] is for callers with their own load, such as benchmarks.
//!
//! A node is this executable, started again with a node command (`coordinator`, `participant` or `orchestrator`). So only a
//! program that has these commands can start clusters.

mod clients;
mod cluster;
mod merge;
mod owner;
mod processes;
mod run;
mod signals;
mod stderr_tail;

pub use cluster::{Cluster, Launch};
pub use run::run;
pub use signals::{end_all_on_signals, ignores_hangup};
