//! The command `indoubt`: its arguments and what it prints. Runs, reports, studies and nodes come from the rooms below.
//!
//! ```text
//!   main ── commands ── one file per command: its arguments, its help, what it does
//!              │  └──── options, changes, bundled    words that several commands understand
//!              │
//!              ├─────── execute, sweeps, crash_study, swarm_study, parity_study, calibration, bench
//!              │           drivers: plain structs in, results out, many jobs in parallel; they know no command line
//!              │
//!              └─────── output                       tables and lines on the terminal
//! ```

mod bench;
mod bounded;
mod bundled;
mod calibration;
mod changes;
pub mod commands;
mod crash_study;
mod execute;
mod live_node;
pub mod options;
mod output;
mod pace;
mod parallel;
mod parity_study;
pub mod status;
mod swarm_study;
mod sweeps;
pub mod world;
