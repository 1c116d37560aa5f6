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
//! Files, top down: [`judge`] (a recording becomes a [`summary::Run`]), [`check`] (one file per kind of check), [`promises`],
//! [`measure`] (one file per kind of measure), `history` (what checks and measures read), [`summary`] (the shape of
//! results), [`trace`] (its lines as JSON), [`conversation`] (a trace as text for people).

pub mod check;
pub mod conversation;
mod history;
pub mod judge;
pub mod measure;
pub mod promises;
pub mod summary;
pub mod trace;
