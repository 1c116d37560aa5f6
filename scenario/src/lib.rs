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
//! Both worlds and the judge read a [`scenario::Scenario`]; nobody here knows how it is run. The words of the language stand
//! here too, each set in one table: protocols ([`protocol`]) and kinds of faults ([`faults`]), each of them one entry that every
//! room reads, where faults can strike ([`points`]), what can be claimed ([`checks`], [`measures`]). A [`recording::Recording`] is what a run leaves behind.
//!
//! Files, top down: [`scenario`] (the model), [`parse`] (from TOML and back), [`protocol`], [`faults`], [`points`], [`checks`],
//! [`measures`] (the words), [`workload`] (the load), [`profile`] (latencies of a machine), [`recording`].

pub mod checks;
pub mod faults;
pub mod measures;
pub mod parse;
pub mod points;
pub mod profile;
pub mod protocol;
pub mod recording;
pub mod scenario;
pub mod workload;
