//! The vocabulary of the lab: the ids of nodes, the messages between them, and the contract between a protocol (a pure state machine)
//! and the world that runs it (virtual or real).
//!
//! Read in this order: [`ids`], [`operation`], [`plan`], [`message`], [`machine`], [`observation`].
//! Without the `wire` feature this crate is pure: no clock, no I/O, no async.

pub mod admission;
pub mod decision;
pub mod heuristic;
pub mod ids;
pub mod inspect;
pub mod machine;
pub mod message;
pub mod observation;
pub mod operation;
pub mod outcome;
pub mod plan;
pub mod planted;
pub mod reason;
pub mod serials;
pub mod settings;
pub mod time;
#[cfg(feature = "wire")]
pub mod wire;
