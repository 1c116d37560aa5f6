//! Tests that one seed gives one history: the whole trace, byte for byte. Also tests what must sometimes happen: if nothing were ever
//! blocked, or nothing ever committed, the checks would be tested in vain.

use indoubt_judge::trace::fingerprint;
use indoubt_proto::{
    ids::{NodeId, Role},
    inspect::{Inspection, OpenView},
    message::{Decision, OutcomeWord},
    observation::{Observation, Phase},
};
use indoubt_scenario::{
    protocol::{Family, Protocol},
    recording::Recording,
    scenario::{Arrivals, Scenario, WorkloadKind},
};
use indoubt_simulator::world;
use indoubt_studies::script::{Play, Script, add, at_phase};
use std::collections::BTreeMap;

fn rough(kind: WorkloadKind, protocol: Protocol) -> Scenario {
    Script::rough(protocol, kind).scenario
}

fn bytes(recording: &Recording) -> Vec<u8> {
    format!("{:?}", recording.trace).into_bytes()
}

#[test]
fn one_seed_gives_one_history_and_another_seed_another() {
    for protocol in Protocol::ALL {
        for kind in [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip] {
            let scenario = rough(kind, protocol);
            let first = world::run(&scenario, protocol, 7);
            assert!(bytes(&first) == bytes(&world::run(&scenario, protocol, 7)), "{protocol} {kind:?}");
            assert!(bytes(&first) != bytes(&world::run(&scenario, protocol, 8)), "{protocol} {kind:?}");
            assert!(matches!(first.trace.last().map(|last| &last.what), Some(Observation::End)));
            assert!(first.trace.iter().zip(0..).all(|(stamped, seq)| stamped.seq == seq));
            assert!(first.trace.is_sorted_by_key(|stamped| stamped.t_us));
            assert!(first.faults.iter().all(|fault| fault.at.len() == 1), "{protocol} {:?}", first.faults);
        }
    }
}

#[test]
fn every_bundled_scenario_gives_one_history_under_each_of_its_protocols() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut histories = 0;
    for file in std::fs::read_dir(folder).expect("scenarios/ is beside this crate").flatten() {
        if file.path().extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).expect("a readable file");
        let scenario = Scenario::parse(&text, &file.path().to_string_lossy()).expect("a bundled scenario parses");
        for protocol in &scenario.protocols {
            let [first, again] = [(), ()].map(|()| world::run(&scenario, *protocol, scenario.seed).trace);
            assert!(first == again, "{} {protocol}", scenario.name);
            assert_eq!(fingerprint(&first), fingerprint(&again));
            histories += 1;
        }
    }
    assert!(histories > 40, "only {histories}");
}

#[test]
fn every_protocol_gets_the_same_transactions() {
    let began = |protocol| {
        let recording = world::run(&rough(WorkloadKind::Transfer, protocol), protocol, 7);
        let began = recording.trace.into_iter().map(|stamped| stamped.what);
        began.filter(|what| matches!(what, Observation::ClientBegan { .. })).collect::<Vec<_>>()
    };
    let first = began(Protocol::TwoPhase);
    assert!(first.len() > 150);
    for protocol in Protocol::ALL {
        assert_eq!(began(protocol), first, "{protocol}");
    }
}

#[test]
fn sometimes_a_branch_is_blocked_in_doubt_and_sometimes_everything_commits() {
    for protocol in Protocol::ALL.into_iter().filter(|p| p.family() == Family::TwoPhase) {
        // A branch is blocked if it is in doubt from before the coordinator's crash until after its restart.
        let blocked = rough(WorkloadKind::Transfer, protocol);
        let recording = world::run(&blocked, protocol, 7);
        let died = recording.faults[0].at[0].0 as i64;
        let longest = longest_doubt(&recording, died);
        assert!(longest > 350_000, "{protocol}: in doubt for {longest} us at most");

        let calm = Script::new(protocol)
            .with(|s| {
                s.workload.arrivals = Arrivals::Clients(1);
                s.workload.touch = 3;
            })
            .scenario;
        let recording = world::run(&calm, protocol, 7);
        let told: Vec<OutcomeWord> = recording
            .trace
            .iter()
            .filter_map(|stamped| match stamped.what {
                Observation::ClientEnded { outcome, .. } => Some(outcome),
                _ => None,
            })
            .collect();
        assert!(told.len() > 50 && told.iter().all(|word| *word == OutcomeWord::Succeeded), "{protocol}");
    }
}

/// The longest time from `died`, in microseconds, that a branch that was in doubt then stayed so.
fn longest_doubt(recording: &Recording, died: i64) -> i64 {
    let doubts = recording.trace.iter().filter(|s| matches!(s.what, Observation::InDoubt { .. }) && s.t_us <= died);
    let ends = doubts.filter_map(|doubt| {
        let learned = recording.trace.iter().find(|s| {
            s.node == doubt.node
                && s.seq > doubt.seq
                && s.what.txn() == doubt.what.txn()
                && matches!(s.what, Observation::Decided { .. })
        });
        learned.map(|learned| learned.t_us - died)
    });
    ends.max().unwrap_or(0)
}

#[test]
fn sometimes_a_saga_is_whole_and_sometimes_undone() {
    let recording = world::run(&rough(WorkloadKind::Trip, Protocol::Saga), Protocol::Saga, 7);
    let told = |wanted| {
        let ended = |what: &Observation| matches!(what, Observation::ClientEnded { outcome, .. } if *outcome == wanted);
        recording.trace.iter().filter(|stamped| ended(&stamped.what)).count()
    };
    assert!(told(OutcomeWord::Succeeded) > 0 && told(OutcomeWord::Compensated) > 0);
}

#[test]
fn nobody_ever_decides_otherwise_than_another() {
    for protocol in Protocol::ALL.into_iter().filter(|p| p.family() == Family::TwoPhase) {
        for seed in 0..20 {
            let recording = world::run(&rough(WorkloadKind::Transfer, protocol), protocol, seed);
            let mut decisions: BTreeMap<_, Decision> = BTreeMap::new();
            for stamped in &recording.trace {
                if let Observation::Decided { txn, outcome } = stamped.what {
                    let first = *decisions.entry(txn).or_insert(outcome);
                    assert_eq!(first, outcome, "{protocol}, seed {seed}: {txn} at {}", stamped.node);
                }
            }
            assert!(decisions.values().any(|d| *d == Decision::Commit));
            assert!(decisions.values().any(|d| *d == Decision::Abort));
        }
    }
}

#[test]
fn everything_resolves_after_healing() {
    for protocol in Protocol::ALL {
        for seed in 0..10 {
            let script = Script::rough(protocol, WorkloadKind::Transfer).seed(seed);
            let scenario = script.scenario.clone();
            let Play { recording, at_end } = script.play();
            let end = recording.trace.last().map_or(0, |last| last.t_us);
            let limit = (scenario.duration + scenario.settle).0 as i64;
            assert!(end < limit, "{protocol}, seed {seed}: not resolved: {:?}", open(&at_end));
            if protocol.family() == Family::Unprotected {
                continue;
            }
            let money: i64 = at_end.values().flat_map(|node| &node.accounts).map(|(_, value)| value).sum();
            assert_eq!(money, 3 * 20 * 1_000_000, "{protocol}, seed {seed}");
            assert_eq!(at_end.keys().filter(|node| node.role == Role::Participant).count(), 3);
        }
    }
}

fn open(at_end: &BTreeMap<NodeId, Inspection>) -> Vec<(NodeId, &OpenView)> {
    at_end.iter().flat_map(|(node, inspection)| inspection.open.iter().map(|open| (*node, open))).collect()
}

#[test]
fn a_fault_at_a_phase_strikes_at_that_instant() {
    let play = Script::new(Protocol::TwoPhase)
        .transaction(0, vec![add("p1", 1)])
        .kill(at_phase(Phase::Begun), "c1", None)
        .play();
    // Accepted, nothing sent.
    let to_p1 =
        play.count(|_, what| matches!(what, Observation::Sent { from, .. } if *from == NodeId::coordinating(1)));
    assert_eq!(to_p1, 0);
    assert_eq!(play.count(|_, what| matches!(what, Observation::Crashed { .. })), 1);
}
