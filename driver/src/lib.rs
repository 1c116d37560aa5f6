//! What the world around a machine does with its effects, once for the virtual world and for real processes.
//!
//! ```text
//!   inputs      +--------+  effects   +--------+   append, arm, hold …   +-------+
//!  -----------> | Driver | <--------> | Machine|                        | World |
//!               |        | ---------------------------------------------> (hands)|
//!               | Port   |  before / after: Gate      carry, observe     +-------+
//!               +--------+
//! ```
//!
//! A [`driver::Driver`] takes inputs to a machine and performs its effects by the hands of a [`world::World`]. At every
//! effect it asks the [`gate`]; what leaves goes through a [`port::Port`], where the network's [`conditions`] and faults
//! combine to one journey. Clients have a port too, and no driver.
//!
//! Without the `wire` feature this crate is pure: no clock, no I/O, no async.

pub mod clock;
pub mod conditions;
pub mod driver;
pub mod gate;
mod machine_runner;
pub mod packet;
pub mod port;
pub mod random;
#[cfg(feature = "wire")]
pub mod wire;
pub mod world;
