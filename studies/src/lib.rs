//! Studies: questions whose answer takes many judged runs of the virtual world.
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
//! Files, top down: [`trial`] (one judged run), the studies above, [`script`] (small scripted runs, for tests and for counting
//! costs), [`bench_workloads`] (the loads that measure the speed of the virtual world).

pub mod bench_workloads;
pub mod costs;
pub mod crash_points;
pub mod parity;
pub mod script;
pub mod shrink;
pub mod swarm;
pub mod sweep;
pub mod trial;
