//! A trial keeps no trace and forgets what is over, and yet finds exactly what is found in a recording.

use indoubt_judge::judge::judge;
use indoubt_scenario::{
    faults::FaultAction,
    protocol::Protocol,
    scenario::{Scenario, WorkloadKind},
};
use indoubt_simulator::world;
use indoubt_studies::{script::Script, trial::trial};
use std::{fs, path::Path};

fn holds_for(scenario: &Scenario, protocol: Protocol, seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        let judged = judge(scenario, &world::run(scenario, protocol, seed));
        assert!(judged.transactions.submitted > 0);
        assert_eq!(trial(scenario, protocol, seed), judged, "{} {protocol} {seed}", scenario.name);
    }
}

#[test]
fn a_trial_of_every_bundled_scenario_finds_what_its_recording_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the scenarios are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable file");
        let scenario = Scenario::parse(&text, &path.display().to_string()).expect("a sound scenario");
        for protocol in &scenario.protocols {
            holds_for(&scenario, *protocol, [scenario.seed]);
        }
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn a_trial_of_a_rough_run_finds_what_its_recording_holds() {
    for protocol in Protocol::ALL {
        for kind in [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip] {
            holds_for(&Script::rough(protocol, kind).scenario, protocol, [1]);
        }
    }
}

#[test]
fn a_trial_in_which_nobody_dies_finds_what_its_recording_holds() {
    for protocol in Protocol::ALL {
        for kind in [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip] {
            let mut scenario = Script::rough(protocol, kind).scenario;
            scenario.faults.retain(|fault| !matches!(fault.action, FaultAction::Kill(_)));
            assert!(!scenario.faults.is_empty());
            holds_for(&scenario, protocol, [3]);
        }
    }
}
