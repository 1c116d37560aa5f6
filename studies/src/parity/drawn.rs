//! Draws random scenarios that leave only durations to chance, so that both worlds must tell the same history.

use super::{compare::compare, reduce::one_client};
use crate::swarm::{Case, draw_messages};
use indoubt_proto::time::Micros;
use indoubt_scenario::{
    profile::{Profile, Spread},
    protocol::Protocol,
};
use indoubt_simulator::world;

/// Machines of different speeds: how long a message takes in addition to what the scenario says, and how long a forced write takes
/// at least, in microseconds.
const MACHINES: [(u64, u64); 5] = [(50, 250), (50, 20_000), (4_000, 250), (4_000, 30_000), (15_000, 8_000)];

/// How often a scenario is drawn anew.
const DRAWS: u64 = 200;

/// Draws the scenario of this seed. A draw whose history depends on the speed of the machine is thrown away: for example, a
/// transaction is still being resent, and whether the resend comes before or after a message of the next transaction decides which of
/// them the network loses.
pub fn draw(seed: u64, protocols: &[Protocol]) -> Case {
    let mut draws = (0..DRAWS).map(|attempt| draw_messages(seed, attempt, protocols));
    let first = draws.next().expect("there are draws");
    if is_steady(&first) { first } else { draws.find(is_steady).unwrap_or(first) }
}

/// Whether machines of different speeds tell the same history of a case with one client.
fn is_steady(case: &Case) -> bool {
    let reduced = one_client(&case.scenario, case.protocol).scenario;
    let on = |(latency, force): (u64, u64)| {
        let always = |us| Spread { median: Micros(us), p99: Micros(us) };
        let machine = Profile { latency: always(latency), force: always(force) };
        world::run(&machine.with_medians(&reduced), case.protocol, reduced.seed)
    };
    let first = on(MACHINES[0]);
    MACHINES[1..].iter().all(|machine| compare(&first, &on(*machine)).differences.is_empty())
}
