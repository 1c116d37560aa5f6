//! The virtual world: a whole cluster in one thread, with simulated time, network and disks. One seed, one history.
//!
//! ```text
//!             clients ── submit ──> ┐                        ┌──> trace
//!   Scenario ─┤                     │ world: nodes, network, │
//!             faults ── commands ──>┘ disks, event queue     └──> what became of each fault
//! ```
//!
//! [`clients`] and [`faults`] know no world: the lab drives them on real processes as well. [`world`] drives them here,
//! together with the machines of the protocols.
//!
//! Files, top down: [`world`], [`faults`], [`clients`].

pub mod clients;
pub mod faults;
pub mod world;
