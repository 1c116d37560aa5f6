//! One member of the swarm.

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
