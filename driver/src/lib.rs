//! Performs the effects of machines, with the same code in the virtual world and in real processes.
//!
//! ```text
//!   inputs      +--------+  effects   +--------+   append, arm, hold …   +-------+
//!  -----------> | Driver | <--------> | Machine|                        | World |
//!               |        | ---------------------------------------------> (hands)|
//!               | Port   |  before / after: Gate      carry, observe     +-------+
//!               +--------+
//! ```
//!
//! A [`driver::Driver`] gives inputs to a machine and performs its effects through a [`world::World`]. It asks the [`gate`]
//! at every effect. Messages leave through a [`port::Port`], which combines the network's [`conditions`] and the faults
//! into one journey. Clients have a port, but no driver.
//!
//! A [`manual::ManualNode`] is a node whose world is whoever holds it. Tests of single machines use it, and compare the
//! [`state_diagram`] in the documentation of a machine with what it does.
//!
//! Without the `wire` feature this crate is pure: no clock, no I/O, no async.

pub mod clock;
pub mod conditions;
pub mod driver;
pub mod gate;
mod machine_runner;
pub mod manual;
pub mod packet;
pub mod peer_journal;
pub mod port;
pub mod random;
pub mod state_diagram;
#[cfg(feature = "wire")]
pub mod wire;
pub mod world;
