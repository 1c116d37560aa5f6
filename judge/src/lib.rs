//! The judge: numbers and verdicts about a run, from its trace alone.
//!
//! ```text
//!                      ┌─> history: what became of each transaction ─┐
//!   trace, line by line┤                                             ├─> check ─> judge ─> summary::Run
//!                      └─> measure: times, counts, series ───────────┘     │
//!                                                          promises: which checks the protocol gives,
//!                                                          and which faults excuse which
//! ```
//!
//! It does not matter who wrote the trace: the virtual world, real processes, or another system that writes the same lines.
//! What a trace does not tell comes from the scenario: the duration of load, the timeouts, which faults waive what, and the
//! claims.
//!
//! Files, top down: [`judge`] (a recording becomes a [`summary::Run`]), [`measurer`] (the fold over the trace, and what it may
//! forget), `check` (a file for each check), [`promises`], `finding`, `effects` and `anomaly` (what checks find), [`measure`]
//! (a file for each measure), [`shown`] (where people see a measure), `history` (what became of each transaction), [`summary`] (the shape of results), [`trace`] (its
//! lines as JSON), [`conversation`] (a trace as text for people).

mod anomaly;
mod check;
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
