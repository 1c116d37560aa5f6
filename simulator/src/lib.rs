//! The virtual world: a whole cluster in one thread, with simulated time, network and disks. One seed gives one history.
//!
//! ```text
//!             clients ── submit ──> ┐                        ┌──> trace
//!   Scenario ─┤                     │ world: nodes, network, │
//!             faults ── commands ──>┘ disks, event queue     └──> when each fault acted
//! ```
//!
//! [`clients`] and [`faults`] do not know in which world they run: real runs use them too. [`world`] drives them here, together with
//! the machines of the protocols.
//!
//! Files, top down: [`world`], [`faults`], [`clients`].

pub mod clients;
pub mod faults;
pub mod world;
