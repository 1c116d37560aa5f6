use super::*;
use crate::{
    protocol::Protocol,
    scenario::{Cluster, Network, Workload as Load, WorkloadKind},
};
use indoubt_driver::conditions::{Conditions, Latency};
use indoubt_proto::{
    ids::LogId,
    operation::Operation,
    plan::{StepKind, Submission},
    settings::{Options, Timeouts},
};

/// A small scenario, changed by `change`.
fn scenario(change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = Scenario {
        name: "test".into(),
        about: String::new(),
        protocols: Protocol::ALL.to_vec(),
        seed: 1,
        duration: Micros::from_secs(10),
        settle: Micros::from_secs(20),
        cluster: Cluster { participants: 3, coordinators: 2 },
        workload: Load {
            kind: WorkloadKind::Transfer,
            arrivals: Arrivals::Rate(50.0),
            transactions: None,
            keys: 10,
            skew: 0.0,
            touch: 3,
            refuse: 0.0,
            audit: 0.1,
            lookup: 0.0,
            opening: None,
            patience: Default::default(),
        },
        network: Network { base: Conditions::PERFECT, links: vec![] },
        force: Latency::Constant(Micros::from_millis(1)),
        compact_every: 10_000,
        clocks: Default::default(),
        timeouts: Timeouts::default(),
        options: Options::default(),
        faults: vec![],
        expects: vec![],
        sweep: vec![],
        planted: Default::default(),
    };
    change(&mut scenario);
    scenario
}

const KINDS: [WorkloadKind; 3] = [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip];

fn all(scenario: &Scenario, seed: u64) -> Vec<Arrival> {
    let mut workload = Workload::new(scenario, seed);
    std::iter::from_fn(|| workload.next_arrival()).collect()
}

/// Applies all steps of a transaction.
fn apply(accounts: &mut BTreeMap<Key, i64>, steps: &[PlanStep]) {
    for op in steps.iter().flat_map(|s| &s.ops) {
        match op {
            Operation::Add { key, delta, .. } => *accounts.entry(key.clone()).or_default() += delta,
            Operation::Put { key, value } => *accounts.entry(key.clone()).or_default() = *value,
            Operation::Get { .. } => {}
        }
    }
}

#[test]
fn one_seed_gives_one_load_and_another_another() {
    let scenario = scenario(|_| {});
    assert_eq!(all(&scenario, 7), all(&scenario, 7));
    assert_ne!(all(&scenario, 7), all(&scenario, 8));
}

#[test]
fn every_plan_is_sound_and_every_audit_has_its_right_answer_in_between() {
    for kind in KINDS {
        for (participants, touch) in [(1, 1), (2, 2), (3, 1), (3, 2), (3, 3), (5, 5), (7, 4)] {
            let scenario = scenario(|s| {
                s.workload.kind = kind;
                s.cluster.participants = participants;
                s.workload.touch = touch;
            });
            let mut accounts: BTreeMap<Key, i64> =
                Workload::new(&scenario, 3).opening().into_values().flatten().collect();
            let mut audits = 0;
            for arrival in all(&scenario, 3) {
                let Arrival { txn, steps, total, .. } = arrival;
                let submission = Submission { txn, epoch: 1, log: LogId(1), audit: total.is_some(), steps };
                assert_eq!(submission.fault().or(submission.saga_fault()), None, "{kind:?} {submission:?}");
                for step in &submission.steps {
                    let home = format!("{}/", step.node);
                    assert!(step.ops.iter().all(|op| op.key().as_str().starts_with(&home)), "{step:?}");
                }
                if let Some(total) = total {
                    let read = submission.steps.iter().flat_map(|s| &s.ops).map(|op| accounts[op.key()]);
                    assert_eq!(read.sum::<i64>(), total);
                    audits += 1;
                } else {
                    assert_eq!(submission.participants().len(), usize::from(touch), "{kind:?} {submission:?}");
                    apply(&mut accounts, &submission.steps);
                }
            }
            assert!(audits > 10);
        }
    }
}

#[test]
fn a_transfer_debits_first_and_sums_to_zero() {
    for arrival in all(&scenario(|s| s.workload.audit = 0.0), 1) {
        let deltas: Vec<i64> = arrival
            .steps
            .iter()
            .map(|s| match s.ops[..] {
                [Operation::Add { delta, .. }] => delta,
                _ => panic!("one addition per step: {s:?}"),
            })
            .collect();
        assert!(deltas[0] < 0 && deltas[1..].iter().all(|d| *d > 0), "{deltas:?}");
        assert_eq!(deltas.iter().sum::<i64>(), 0);
    }
}

#[test]
fn a_compensation_takes_back_what_its_step_did() {
    for kind in KINDS {
        for arrival in all(&scenario(|s| s.workload.kind = kind), 1) {
            for step in arrival.steps.iter().filter(|s| !s.undo.is_empty()) {
                assert_eq!(step.kind, StepKind::Compensatable);
                let mut accounts = BTreeMap::new();
                apply(&mut accounts, std::slice::from_ref(step));
                apply(&mut accounts, &[PlanStep { ops: step.undo.clone(), ..step.clone() }]);
                assert!(accounts.values().all(|left| [0, CANCELLED].contains(left)), "{step:?}");
                assert!(step.undo.iter().all(|op| !matches!(op, Operation::Add { min: Some(_), .. })));
            }
        }
    }
}

#[test]
fn the_share_of_refusals_is_met_and_a_trip_is_refused_by_its_hotel() {
    for kind in KINDS {
        let scenario = scenario(|s| {
            s.workload.kind = kind;
            s.workload.audit = 0.0;
            s.workload.refuse = 0.3;
            s.duration = Micros::from_secs(60);
        });
        let arrivals = all(&scenario, 1);
        let refusing =
            |step: &PlanStep| step.ops.iter().any(|op| matches!(op, Operation::Add { min: Some(i64::MAX), .. }));
        let refused: Vec<usize> = arrivals.iter().filter_map(|a| a.steps.iter().position(refusing)).collect();
        let share = refused.len() as f64 / arrivals.len() as f64;
        assert!((0.25..0.35).contains(&share), "{kind:?} {share}");
        if kind == WorkloadKind::Trip {
            assert!(refused.iter().all(|step| *step == 1));
        } else {
            assert!(refused.iter().any(|step| *step == refused[0] + 1 || *step + 1 == refused[0]));
        }
    }
}

#[test]
fn transactions_go_to_the_coordinating_nodes_in_turn() {
    let arrivals = all(&scenario(|_| {}), 1);
    for pair in arrivals.windows(2) {
        assert_ne!(pair[0].txn.home, pair[1].txn.home);
        assert!(pair[0].due <= pair[1].due);
    }
    assert_eq!(arrivals[0].txn.to_string(), "c1-k1-1");
    assert_eq!(arrivals[1].txn.to_string(), "c2-k2-1");
    // The rate is 50 per second for 10 seconds.
    assert!((400..600).contains(&arrivals.len()), "{}", arrivals.len());
}

#[test]
fn load_stops_at_the_number_of_transactions_and_at_the_duration() {
    assert_eq!(all(&scenario(|s| s.workload.transactions = Some(7)), 1).len(), 7);
    let closed = scenario(|s| {
        s.workload.arrivals = Arrivals::Clients(2);
        s.workload.transactions = Some(3);
    });
    let mut workload = Workload::new(&closed, 1);
    let names: Vec<String> =
        [1, 1, 2].map(|client| workload.next_of(NodeId::client(client), Micros(0)).unwrap().txn.to_string()).to_vec();
    assert_eq!(names, ["c1-k1-1", "c2-k1-2", "c2-k2-1"]);
    assert_eq!(workload.next_of(NodeId::client(2), Micros(0)), None);
    let mut workload = Workload::new(&closed, 1);
    assert_eq!(workload.next_of(NodeId::client(1), closed.duration), None);
}

#[test]
fn skew_makes_one_group_hot() {
    let hottest = |skew| {
        let mut counts: BTreeMap<Key, u32> = BTreeMap::new();
        for arrival in all(&scenario(|s| s.workload.skew = skew), 1) {
            *counts.entry(arrival.steps[0].ops[0].key().clone()).or_default() += 1;
        }
        counts.into_values().max().unwrap()
    };
    assert!(hottest(1.5) > 2 * hottest(0.0));
}
