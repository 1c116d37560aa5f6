//! Scenarios: what runs, which faults strike, and what is expected.
//!
//! ```text
//!   scenario.toml ── parse ──> Scenario ──> a world (virtual or real) ──> Recording ──> the judge
//!                      │          │
//!           protocol, points,     └── workload: which transactions arrive, drawn from the seed
//!           checks, measures:
//!           the words that a scenario may use
//! ```
//!
//! Both worlds and the judge read a [`scenario::Scenario`]. This crate does not know how a scenario runs. It also has the words
//! of the scenario language, each set in one table: the protocols ([`protocol`], one entry each, which every room reads), where
//! faults can strike ([`points`]), and what can be expected ([`checks`], [`measures`]). A [`recording::Recording`] is the result
//! of one run.
//!
//! Files, top down: [`scenario`] (the model), [`parse`] (from TOML and back), [`protocol`], [`points`], [`checks`],
//! [`measures`] (the words), [`workload`] (the load), [`profile`] (latencies of a machine), [`recording`].

pub mod checks;
pub mod measures;
pub mod parse;
pub mod points;
pub mod profile;
pub mod protocol;
pub mod recording;
pub mod scenario;
pub mod workload;
