//! Measures this machine before a real run. On a machine that is too slow for a scenario's timeouts, they are made longer: a timeout
//! that strikes because a processor was busy says nothing about a protocol.

use crate::{calibration, execute::Task};
use anyhow::Result;
use indoubt_proto::time::Micros;
use indoubt_scenario::profile::Profile;

/// How long the machine is measured.
const TIME: Micros = Micros::from_millis(400);
/// The vote timeout is at least this many times as long as a slow call: one whose messages and forced write each take as long as
/// one in a hundred does. An idle machine needs a few milliseconds for it, so that the default of 500 ms stays as it is.
const ROOM: u64 = 20;
/// The most by which timeouts are multiplied. A machine that needs more has stopped rather than slowed down.
const MOST: u64 = 20;

/// Measures the machine and makes the timeouts of each task long enough for it. Says so, unless `quiet`.
pub(crate) fn fit(tasks: &mut [Task], quiet: bool) -> Result<()> {
    let profile = calibration::latencies(TIME)?.profile();
    for task in tasks {
        slow_down(task, profile);
        if let Some(factor) = task.slowed.filter(|_| !quiet) {
            let name = &task.scenario.name;
            anstream::eprintln!("{name}: this machine is slow now, so all timeouts are multiplied by {factor}");
        }
    }
    Ok(())
}

/// Multiplies the timeouts of a task by what this machine needs. Without a profile it was too slow to be measured.
fn slow_down(task: &mut Task, profile: Option<Profile>) {
    let timeouts = &mut task.scenario.timeouts;
    let factor = profile.map_or(MOST, |profile| {
        let call = profile.latency.p99 * 2 + profile.force.p99;
        (call.0 * ROOM).div_ceil(timeouts.vote.0.max(1)).min(MOST)
    });
    if factor > 1 {
        let machines = [&mut timeouts.vote, &mut timeouts.decision, &mut timeouts.lock, &mut timeouts.retry];
        let patience = &mut task.scenario.workload.patience;
        let clients = [&mut patience.timeout, &mut patience.ask_after];
        for timeout in machines.into_iter().chain(clients.into_iter().flatten()) {
            *timeout = *timeout * factor;
        }
        // What timeouts end must still end within the run.
        task.scenario.settle = task.scenario.settle * factor;
        task.slowed = Some(factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled;
    use indoubt_scenario::profile::Spread;

    fn slowed(latency: u64, force: u64) -> Task {
        let scenario = bundled::load("happy-path").unwrap();
        let spread = |ms| Spread { median: Micros::from_millis(1), p99: Micros::from_millis(ms) };
        let mut task = Task { seeds: vec![scenario.seed], scenario, slowed: None };
        slow_down(&mut task, Some(Profile { latency: spread(latency), force: spread(force) }));
        task
    }

    #[test]
    fn a_fast_machine_keeps_the_timeouts_and_a_slow_one_gets_longer_ones() {
        let fast = slowed(2, 15);
        assert_eq!((fast.slowed, fast.scenario), (None, bundled::load("happy-path").unwrap()));
        let slow = slowed(10, 40);
        let (now, before) = (slow.scenario.timeouts, bundled::load("happy-path").unwrap().timeouts);
        assert_eq!(slow.slowed, Some(3), "a call takes 60 ms, and 20 calls do not fit into 2 x 500 ms");
        let all = |t: indoubt_proto::settings::Timeouts| [t.vote, t.decision, t.lock, t.retry];
        assert_eq!(all(now), all(before).map(|timeout| timeout * 3));
        assert_eq!(slow.scenario.settle, bundled::load("happy-path").unwrap().settle * 3);
        assert_eq!(slowed(10_000, 10_000).slowed, Some(MOST));
    }
}
