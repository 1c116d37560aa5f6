//! Studies: questions that take many judged runs of the virtual world.
//!
//! ```text
//!   trial: Scenario, protocol, seed ──> simulator ──> judge ──> Run
//!     ├── sweep          a grid of parameters
//!     ├── crash_points   one transaction, a crash at every point
//!     ├── swarm, shrink  random cases, and the smallest one that still fails
//!     ├── costs          messages, forced writes and delays beside the literature's formulas
//!     └── parity         the virtual world beside the real one
//! ```
//!
//! Files, top down: [`trial`] (one judged run), the studies above, [`script`] (a run told in a few words, for tests and
//! counts), [`bench_workloads`] (the loads that measure the virtual world's speed).

pub mod bench_workloads;
pub mod costs;
pub mod crash_points;
pub mod parity;
pub mod script;
pub mod shrink;
pub mod swarm;
pub mod sweep;
pub mod trial;
