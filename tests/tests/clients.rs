//! Clients that wait, submit again, give up, die and ask, in whole runs.

use indoubt_judge::judge::judge;
use indoubt_proto::{
    ids::TxnId,
    message::OutcomeWord,
    observation::{Observation, Stamped},
};
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world;
use std::collections::BTreeMap;

/// Every protocol, with one client whose first outcomes are lost. `more` continues `[workload]`.
fn outcomes_lost(more: &str, count: u32) -> Scenario {
    let protocols: Vec<String> = Protocol::ALL.iter().map(|protocol| format!("{:?}", protocol.name())).collect();
    let text = format!(
        "name = \"lost\"\nprotocols = [{}]\nduration = \"4s\"\n[workload]\nkind = \"transfer\"\nclients = 1\ntransactions = 4\n{more}\
         [[fault]]\ndo = \"drop\"\nmessage = \"outcome\"\ncount = {count}\n",
        protocols.join(", ")
    );
    Scenario::parse(&text, "lost.toml").expect("a sound scenario")
}

/// What the client of each transaction was told, in the order of the trace.
fn told(trace: &[Stamped]) -> BTreeMap<TxnId, Vec<OutcomeWord>> {
    let mut told: BTreeMap<TxnId, Vec<OutcomeWord>> = BTreeMap::new();
    for seen in trace {
        match &seen.what {
            Observation::ClientBegan { txn, .. } => drop(told.entry(*txn).or_default()),
            Observation::ClientEnded { txn, outcome, .. } => told.entry(*txn).or_default().push(*outcome),
            _ => {}
        }
    }
    told
}

#[test]
fn a_lost_outcome_stops_a_client_that_waits_for_ever() {
    for protocol in Protocol::ALL {
        let recording = world::run(&outcomes_lost("", 3), protocol, 1);
        assert_eq!(told(&recording.trace).len(), 1, "{protocol}");
    }
}

#[test]
fn a_client_that_submits_again_learns_every_outcome_and_nothing_runs_twice() {
    let scenario = outcomes_lost("timeout = \"100ms\"\nretries = 3\n", 3);
    for protocol in Protocol::ALL {
        let recording = world::run(&scenario, protocol, 1);
        let told = told(&recording.trace);
        assert_eq!(told.len(), 4, "{protocol}");
        assert!(told.values().all(|words| *words == [OutcomeWord::Succeeded]), "{protocol}: {told:?}");
        let run = judge(&scenario, &recording);
        assert_eq!((run.measures.duplicate_effects, run.measures.client_unknown), (0, 0), "{protocol}");
    }
}

#[test]
fn a_client_that_gave_up_or_died_learns_the_outcome_when_it_asks() {
    for patience in ["timeout = \"100ms\"\nask_after = \"300ms\"\n", "die = 1.0\nask_after = \"300ms\"\n"] {
        let scenario = outcomes_lost(patience, 4);
        for protocol in Protocol::ALL {
            let recording = world::run(&scenario, protocol, 1);
            let gave_up = |seen: &&Stamped| matches!(seen.what, Observation::ClientGaveUp { .. });
            assert_eq!(recording.trace.iter().filter(gave_up).count(), 4, "{protocol} {patience}");
            let told = told(&recording.trace);
            assert!(told.values().all(|words| *words == [OutcomeWord::Succeeded]), "{protocol}: {told:?}");
            let run = judge(&scenario, &recording);
            assert_eq!((run.clients.unknown, run.measures.client_unknown), (4, 0), "{protocol} {patience}");
        }
    }
}

#[test]
fn who_asks_a_node_that_remembers_nothing_never_learns() {
    let mut scenario = outcomes_lost("timeout = \"100ms\"\nretries = 1\nask_after = \"300ms\"\n", 99);
    scenario.options.remembered = 0;
    for protocol in Protocol::ALL {
        let recording = world::run(&scenario, protocol, 1);
        let told = told(&recording.trace);
        assert!(told.values().all(|words| *words == [OutcomeWord::Unknown]), "{protocol}: {told:?}");
        let run = judge(&scenario, &recording);
        let measures = (run.transactions.succeeded, run.measures.client_unknown, run.measures.client_wrong);
        assert_eq!(measures, (4, 4, 0), "{protocol}: it was done, and no client knows");
    }
}
