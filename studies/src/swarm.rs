//! The swarm: random clusters under random loads, options, networks and fault schedules, each from one seed. First everything
//! may break; then load ends, everything is healed, and everything must resolve.
//!
//! The shares of faults are themselves drawn (Groce et al., *Swarm testing*, 2012): a run in which everything breaks hides
//! what shows only where almost nothing does, so every class of faults is absent from some runs and frequent in others.

mod draw;
mod faults;
mod messages;
mod verdict;

pub use draw::draw;
pub use messages::{PAIRS, draw_messages};
pub use verdict::{Coverage, Failure, examine};

use indoubt_scenario::{protocol::Protocol, scenario::Scenario};

/// One member of the swarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is run; a plain scenario, which can be written to a file.
    pub scenario: Scenario,
    /// Under which protocol.
    pub protocol: Protocol,
    /// With which seed.
    pub seed: u64,
}
