//! Faults strike where their text says, however others bend the run.

use indoubt_proto::{
    ids::NodeId,
    message::MessageKind,
    observation::{Observation, Phase, Stamped},
};
use indoubt_scenario::{protocol::Protocol, recording::Recording, scenario::Scenario};
use indoubt_simulator::world;
use indoubt_studies::crash_points::MiniRun;
use std::collections::BTreeSet;

fn recorded(text: &str) -> Recording {
    let scenario = Scenario::parse(&format!("name = \"strikes\"\nseed = 1\n{text}"), "strikes.toml");
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    world::run(&scenario, scenario.protocols[0], scenario.seed)
}

/// The place in the trace of the n-th fault, from 0, of those whose text contains this.
fn strikes(recording: &Recording, text: &str) -> usize {
    let of_it = |seen: &Stamped| matches!(&seen.what, Observation::Fault { text: found } if found.contains(text));
    recording.trace.iter().position(of_it).unwrap_or_else(|| panic!("`{text}` never came"))
}

/// Half told means that somebody took it: a frozen participant has not.
#[test]
fn half_told_waits_for_a_frozen_participant() {
    let freeze =
        |node| format!("[[fault]]\non = {{ phase = \"decided\" }}\ndo = \"pause\"\nnode = \"{node}\"\nfor = \"1s\"\n");
    let text = format!(
        "protocols = [\"2pc\"]\nduration = \"500ms\"\nsettle = \"20s\"\n[cluster]\nparticipants = 2\ncoordinators = 1\n\
         [workload]\nkind = \"transfer\"\nclients = 1\ntransactions = 1\n{}{}\
         [[fault]]\non = {{ phase = \"half-told\" }}\ndo = \"kill\"\nnode = \"c1\"\nrestart_after = \"3s\"\n",
        freeze("p1"),
        freeze("p2")
    );
    let recording = recorded(&text);
    let killed = strikes(&recording, "half-told");
    let took = |seen: &&Stamped| matches!(seen.what, Observation::Received { message: MessageKind::Decision, to, .. } if !to.is_client());
    assert_eq!(recording.trace[..killed].iter().filter(took).count(), 1);
    assert!(recording.trace[killed].t_us > 1_000_000);
}

/// If the first participant is dead, half told means that the next one took the decision of that very transaction.
#[test]
fn half_told_comes_when_the_next_participant_takes_it_if_the_first_is_dead() {
    let recording = recorded(
        "protocols = [\"2pc\"]\nduration = \"3s\"\n[cluster]\ncoordinators = 1\n\
         [workload]\nkind = \"transfer\"\nclients = 1\ntransactions = 8\n\
         [[fault]]\non = { phase = \"decided\", nth = 3 }\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"100ms\"\n\
         [[fault]]\non = { phase = \"half-told\", nth = 3 }\ndo = \"kill\"\nnode = \"c1\"\nrestart_after = \"500ms\"\n",
    );
    let killed = strikes(&recording, "half-told");
    let third = recording.trace.iter().filter_map(|seen| match seen.what {
        Observation::Reached { txn, phase: Phase::HalfTold } => Some(txn),
        _ => None,
    });
    let third = third.take(3).last();
    let took = recording.trace[..killed].iter().rfind(|seen| matches!(seen.what, Observation::Received { .. }));
    assert!(
        matches!(took.map(|seen| (seen.t_us, &seen.what)), Some((t, Observation::Received { message: MessageKind::Decision, to, txn, .. }))
            if *txn == third && *to == NodeId::participant(2) && t == recording.trace[killed].t_us),
        "{took:?}"
    );
}

/// "After the n-th send" is after a send that was taken, the n-th or the next one, also if others of the same step are lost.
#[test]
fn after_a_send_counts_that_send_alone() {
    let mut struck = BTreeSet::new();
    for nth in 1..=6usize {
        let recording = recorded(&format!(
            "protocols = [\"2pc\"]\nduration = \"500ms\"\nsettle = \"10s\"\n[cluster]\nparticipants = 2\ncoordinators = 1\n\
             [workload]\nkind = \"transfer\"\nrate = 40.0\n\
             [[fault]]\nat = \"1ms\"\ndo = \"kill\"\nnode = \"p2\"\nrestart_after = \"300ms\"\n\
             [[fault]]\non = {{ node = \"c1\", effect = \"send:work\", edge = \"after\", nth = {nth} }}\n\
             do = \"slow-disk\"\nnode = \"p1\"\nforce = \"2ms\"\nfor = \"1ms\"\n"
        ));
        let until = &recording.trace[..strikes(&recording, "send:work")];
        let sent = until.iter().filter_map(|seen| match seen.what {
            Observation::Sent { to, message: MessageKind::Work, .. } => Some(to),
            _ => None,
        });
        let sent: Vec<_> = sent.collect();
        // Every second one goes to p2, which is dead.
        let (last, passed) = sent.split_last().unwrap();
        assert_eq!(*last, NodeId::participant(1), "{nth}: {sent:?}");
        assert!(passed.len() + 1 >= nth, "{nth}: {sent:?}");
        assert!(passed[nth - 1..].iter().all(|to| *to == NodeId::participant(2)), "{nth}: {sent:?}");
        struck.insert(sent.len());
    }
    assert!(struck.len() >= 3, "{struck:?}");
}

/// Places to die are looked for where the transaction ends at all.
#[test]
fn a_small_run_that_cannot_end_is_refused() {
    let happy = "name = \"slow\"\nprotocols = [\"2pc\"]\n[workload]\nkind = \"transfer\"\nclients = 1\n";
    let base = Scenario::parse(happy, "slow.toml").unwrap();
    let back = indoubt_proto::time::Micros::from_secs(2);
    let with = |latency: &str| {
        let slow = base.set("network.latency", &format!("\"{latency}\"")).unwrap();
        MiniRun::all(&slow, Protocol::TwoPhase, 2, back)
    };
    assert!(with("20s").unwrap()[0].scenario.settle.as_secs_f64() > 400.0);
    let error = with("3600s").unwrap_err().to_string();
    assert!(error.contains("does not end") && error.contains("without a crash"), "{error}");
}
