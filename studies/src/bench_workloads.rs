//! The workloads that measure the speed of the virtual world: a steady load, a short run with a crash, and a bare event loop to
//! compare both with.

use crate::script::{Script, at_phase};
use indoubt_proto::{observation::Phase, time::Micros};
use indoubt_scenario::{
    protocol::Protocol,
    scenario::{Arrivals, Scenario, WorkloadKind},
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// A steady load without faults: about `transactions` transactions, 500 per second, with the default cluster and workload. That
/// is two coordinating nodes and three participants, transfers between all three over 100 groups of accounts, and 1 ms for each
/// link and forced write.
pub fn steady(protocol: Protocol, transactions: u64) -> Scenario {
    const RATE: u64 = 500;
    let script = Script::new(protocol).with(|scenario| {
        scenario.name = "steady".into();
        scenario.cluster.coordinators = 2;
        scenario.duration = Micros(transactions.saturating_mul(1_000_000) / RATE);
        let workload = &mut scenario.workload;
        (workload.kind, workload.arrivals) = (WorkloadKind::Transfer, Arrivals::Rate(RATE as f64));
        (workload.keys, workload.touch) = (100, 3);
    });
    script.scenario
}

/// One transfer between three participants, reduced as by `indoubt crash-points`. Its coordinator crashes when the work is done and
/// the decision is not durable, and restarts 100 ms later.
pub fn short(protocol: Protocol) -> Scenario {
    let script = Script::new(protocol).with(|scenario| {
        scenario.name = "short".into();
        let workload = &mut scenario.workload;
        (workload.kind, workload.arrivals, workload.transactions) =
            (WorkloadKind::Transfer, Arrivals::Clients(1), Some(1));
        (workload.keys, workload.touch) = (1, 3);
    });
    script.kill(at_phase(Phase::WorkDone), "c1", Some(100)).scenario
}

/// A bare event loop: takes `events` events from a binary heap with 64 pending ones, and schedules another event for each. Returns
/// the time of the last event, so that the compiler cannot remove the work.
pub fn bare_loop(events: u64) -> u64 {
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = (0..64).map(|event| Reverse((event * 37 % 64, event))).collect();
    let mut last = 0;
    for scheduled in 0..events {
        let Some(Reverse((at, event))) = heap.pop() else { break };
        last = at;
        heap.push(Reverse((at + 1 + (event * 0x9e37 + scheduled) % 997, scheduled)));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::trial;
    use indoubt_judge::summary::Verdict;

    #[test]
    fn the_steady_load_succeeds_and_the_short_run_recovers() {
        for protocol in [Protocol::TwoPhase, Protocol::Saga] {
            let run = trial(&steady(protocol, 300), protocol, 1);
            assert_eq!(run.transactions.succeeded, run.transactions.submitted);
            assert!((200..400).contains(&run.transactions.submitted));
            let run = trial(&short(protocol), protocol, 1);
            assert_eq!((run.transactions.submitted, run.verdict), (1, Verdict::Ok));
            assert!(run.faults.iter().all(|fault| fault.fired == 1));
        }
    }

    #[test]
    fn the_bare_loop_takes_events_in_order_and_goes_on() {
        assert!(bare_loop(10_000) > bare_loop(1_000));
    }
}
