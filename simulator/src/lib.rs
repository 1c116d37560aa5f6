//! Scenarios, faults, workloads, the virtual world, measures and checks: everything of the lab that needs no clock.
//!
//! A [`scenario::Scenario`] is run by a world (the virtual one here, real processes in `lab`), which leaves a
//! [`recording::Recording`]; [`judge::judge`] turns that into a [`summary::Run`]: numbers and verdicts, from the trace only.

pub mod check;
pub mod clients;
pub mod conversation;
pub mod costs;
pub mod crash_points;
pub mod faults;
mod history;
pub mod judge;
pub mod measure;
pub mod parity;
pub mod parse;
pub mod points;
pub mod promises;
pub mod protocol;
pub mod recording;
pub mod scenario;
pub mod script;
pub mod shrink;
pub mod summary;
pub mod swarm;
pub mod sweep;
pub mod trace;
pub mod trial;
pub mod workload;
pub mod world;
pub mod yardstick;
