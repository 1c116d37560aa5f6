//! Nodes that lose their whole disk, or get an older copy of their journal back, in the virtual world.

use indoubt_proto::{
    ids::{LogId, MessageId, NodeId},
    message::MessageKind,
    observation::{Observation, Phase},
    time::Micros,
};
use indoubt_scenario::{
    faults::{RestoreLog, act::OlderCopy},
    protocol::Protocol,
    scenario::{Scenario, Trigger},
};
use indoubt_simulator::world;
use indoubt_studies::script::{Play, Script, add, at_phase, node};
use std::collections::BTreeSet;

fn scenario(faults: &str) -> Scenario {
    let text = format!(
        "name = \"disks\"\nprotocols = [\"2pc\", \"saga\"]\nseed = 3\nduration = \"1s\"\nsettle = \"5s\"\n\
         [workload]\nkind = \"transfer\"\nrate = 200.0\n[network]\nlatency = {{ min = \"1ms\", max = \"20ms\" }}\nduplicate = 0.1\n{faults}"
    );
    Scenario::parse(&text, "disks.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn lose_disk(node: &str, at_ms: u64) -> String {
    format!("[[fault]]\nat = \"{at_ms}ms\"\ndo = \"lose-disk\"\nnode = \"{node}\"\nrestart_after = \"1ms\"\n")
}

/// Old messages are still on their way when the node is back, so ids that come again would be found here.
#[test]
fn a_node_without_its_disk_is_in_its_first_incarnation_and_no_message_has_the_id_of_another() {
    let faults: String =
        [("c1", 200), ("p1", 300), ("c1", 400), ("p1", 500)].map(|(node, at)| lose_disk(node, at)).concat();
    let scenario = scenario(&faults);
    for protocol in [Protocol::TwoPhase, Protocol::Saga] {
        let recording = world::run(&scenario, protocol, scenario.seed);
        let mut ids: BTreeSet<(MessageId, bool)> = BTreeSet::new();
        let mut logs: BTreeSet<LogId> = BTreeSet::new();
        let mut restarts = 0;
        for seen in &recording.trace {
            match seen.what {
                Observation::Sent { id, copy, .. } => assert!(ids.insert((id, copy)), "{protocol}: {id}"),
                Observation::Restarted { incarnation, log, lost, .. } => {
                    assert_eq!((incarnation, lost), (1, true), "{protocol}: {}", seen.node);
                    assert!(logs.insert(log));
                    restarts += 1;
                }
                _ => {}
            }
        }
        let starts =
            |of: NodeId| ids.iter().filter(|(id, _)| id.from == of).map(|(id, _)| id.start).collect::<BTreeSet<_>>();
        assert_eq!(restarts, 4);
        assert_eq!(starts(NodeId::coordinating(1)), BTreeSet::from([1, 2, 3]));
        assert_eq!(starts(NodeId::participant(1)), BTreeSet::from([1, 2, 3]));
    }
}

/// A copy that is no older than the loss brings nothing back, so the journal still counts as lost.
#[test]
fn a_lost_journal_stays_lost_if_only_what_followed_is_put_back() {
    let lost = "[[fault]]\nat = \"200ms\"\ndo = \"lose-log\"\nnode = \"c1\"\nrestart_after = \"100ms\"\n";
    let back = |to: &str| {
        format!(
            "{lost}[[fault]]\nat = \"250ms\"\ndo = \"restore-log\"\nnode = \"c1\"\n{to}\nrestart_after = \"50ms\"\n"
        )
    };
    for (to, stays_lost) in [("records = 5", true), ("as_of = \"220ms\"", true), ("as_of = \"150ms\"", false)] {
        let scenario = scenario(&back(to));
        let recording = world::run(&scenario, Protocol::TwoPhase, scenario.seed);
        let any = |is: &dyn Fn(&Observation) -> bool| recording.trace.iter().any(|seen| is(&seen.what));
        assert!(any(&|what| matches!(what, Observation::Restarted { lost, .. } if *lost == stays_lost)), "{to}");
        assert_eq!(any(&|what| matches!(what, Observation::LogRestored { .. })), !stays_lost, "{to}");
    }
}

fn is_refused(of: &'static str, by: &'static str) -> impl Fn(NodeId, &Observation) -> bool {
    move |at, what| at == node(by) && *what == Observation::SessionRefused { peer: node(of) }
}

/// p1 has voted, and then loses the record of its vote. `more` faults follow.
fn set_back(more: impl FnOnce(Script) -> Script) -> Play {
    let to = OlderCopy::Records(0);
    let restart_after = Some(Micros::from_millis(100));
    let script = Script::new(Protocol::TwoPhase)
        .transaction(10, vec![add("p1", 1), add("p2", 2)])
        .fault(at_phase(Phase::Decided), RestoreLog { node: node("p1"), to, restart_after });
    more(script).play()
}

fn lost(_: NodeId, what: &Observation) -> bool {
    matches!(what, Observation::LostLog { participant, .. } if *participant == node("p1"))
}

fn ended(_: NodeId, what: &Observation) -> bool {
    matches!(what, Observation::Reached { phase: Phase::Ended, .. })
}

#[test]
fn rule_17_a_participant_with_an_older_journal_is_refused_and_both_sides_say_it() {
    let play = set_back(|script| script);
    for (of, by) in [("p1", "c1"), ("c1", "p1")] {
        assert_eq!(play.count(is_refused(of, by)), 1, "{by}");
    }
    assert_eq!((play.count(ended), play.value("p1"), play.value("p2")), (0, 0, 2), "it is never acknowledged");
    let heard = |_: NodeId, what: &Observation| matches!(what, Observation::Received { from, message: MessageKind::Ack, .. } if *from == node("p1"));
    assert_eq!(play.count(heard), 0);
}

/// Who has restarted remembers nothing of p1. The record of the decision says that p1 has voted, and its ACK that it knows nothing.
#[test]
fn rule_17_the_vote_in_the_decision_tells_of_the_older_journal_after_the_coordinator_restarted() {
    let play = set_back(|script| script.kill(Trigger::At(Micros::from_millis(20)), "c1", Some(500)));
    assert_eq!(play.count(is_refused("p1", "c1")), 0);
    assert_eq!((play.count(lost), play.count(ended), play.value("p1")), (1, 0, 0));
}

/// A journal that has grown beyond the vote again still never had the branch.
#[test]
fn rule_17_an_older_journal_is_noticed_also_if_it_has_grown_beyond_the_vote() {
    let play = set_back(|script| {
        let grows = |script: Script, at| script.transaction_of("c2", at, vec![add("p1", 10), add("p2", 10)]);
        let script = script.with(|scenario| scenario.cluster.coordinators = 2);
        let script = [300, 400, 500, 600].into_iter().fold(script, grows);
        let at = |ms| Trigger::At(Micros::from_millis(ms));
        script.kill(at(20), "c2", Some(200)).kill(at(25), "c1", Some(5_000))
    });
    assert_eq!((play.count(lost), play.value("p1")), (1, 40), "c2 remembers nothing, and p1 works for it");
}
