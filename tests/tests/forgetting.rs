//! Tests that a measurer that forgets (`judge/src/measurer/forget.rs`) keeps little of a long run, and knows when it needs a
//! transaction that it has forgotten.

use indoubt_judge::measurer::Measurer;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::{Observation, Stamped},
    time::Micros,
};
use indoubt_scenario::{
    protocol::Protocol,
    scenario::{Arrivals, Scenario, WorkloadKind},
};
use indoubt_simulator::world;
use indoubt_studies::script::Script;

fn steady(protocol: Protocol, kind: WorkloadKind) -> Scenario {
    let script = Script::new(protocol).with(|scenario| {
        scenario.duration = Micros::from_secs(3);
        let workload = &mut scenario.workload;
        (workload.kind, workload.arrivals) = (kind, Arrivals::Rate(100.0));
        (workload.keys, workload.touch, workload.audit, workload.refuse) = (50, 3, 0.1, 0.1);
    });
    script.scenario
}

fn measured(scenario: &Scenario, protocol: Protocol) -> Measurer {
    let mut measurer = Measurer::forgetful(protocol, scenario.duration, scenario.timeouts);
    world::run_into(scenario, protocol, 5, &mut |seen: Stamped| measurer.take(&seen));
    measurer
}

#[test]
fn what_is_over_and_harmless_is_forgotten_and_what_is_not_is_kept() {
    for protocol in Protocol::ALL {
        for kind in [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip] {
            let measurer = measured(&steady(protocol, kind), protocol);
            assert!(!measurer.is_spoiled(), "{protocol} {kind:?}");
            let held = measurer.held();
            let transactions = measurer.finish().transactions;
            assert!(transactions.submitted > 200, "{transactions:?}");
            // The last ones, for nobody looks at them any more; under `none`, those that are torn.
            assert!(held as u64 <= transactions.partial + 30, "{protocol} {kind:?}: {held} {transactions:?}");
        }
    }
}

#[test]
fn a_line_about_a_forgotten_transaction_and_a_crash_spoil_it() {
    let scenario = steady(Protocol::TwoPhase, WorkloadKind::Transfer);
    let txn = |number| TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number };
    for (what, spoils) in [
        (Observation::InDoubt { txn: txn(1) }, true),
        (Observation::Crashed { incarnation: 1 }, true),
        (Observation::Paused { incarnation: 1 }, false),
    ] {
        let mut measurer = measured(&scenario, Protocol::TwoPhase);
        let node = NodeId::participant(1);
        measurer.take(&Stamped { t_us: 90_000_000, seq: 1_000_000, node, what: what.clone() });
        assert_eq!(measurer.is_spoiled(), spoils, "{what:?}");
    }
}
