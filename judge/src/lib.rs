//! The judge: computes the measures, checks and verdict of a run from its trace.
//!
//! ```text
//!                      ┌─> history: what happened to each transaction┐
//!   trace, line by line┤                                             ├─> check ─> judge ─> summary::Run
//!                      └─> measure: times, counts, series ───────────┘     │
//!                                                          promises: which checks the protocol gives,
//!                                                          and which faults excuse which
//! ```
//!
//! The trace may come from the virtual world, from real processes, or from another system that writes the same lines. The
//! scenario gives what a trace does not say: the duration of the load, the timeouts, what faults waive, and the expectations.
//!
//! Files, top down: [`judge`] (a recording becomes a [`summary::Run`]), [`claims`] (expectations, also over
//! seeds and between protocols), [`measurer`] (the fold over the trace, and what it may
//! forget), `check` (a file for each check), [`promises`], `finding`, `effects`, `beliefs` and `anomaly` (what checks find), [`measure`]
//! (a file for each measure), [`shown`] (where people see a measure), `history` (what happened to each transaction), [`summary`]
//! (the shape of results), [`trace`] (the lines of a trace as JSON), [`conversation`] (a trace as text for people).

mod anomaly;
mod beliefs;
mod check;
pub mod claims;
pub mod conversation;
mod effects;
mod finding;
mod history;
pub mod judge;
pub mod measure;
pub mod measurer;
pub mod promises;
pub mod shown;
pub mod summary;
pub mod trace;
