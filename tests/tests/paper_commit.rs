//! Tests of atomic commitment, rule by rule (the numbers are those of docs/rules.md): coordinators and participants together in the
//! virtual world. Costs are tested in `costs.rs`.

use indoubt_driver::{conditions::Latency, gate::Edge};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, MessageKind, OutcomeWord, Vote},
    observation::{Observation, Phase},
    settings::WorkRound,
    time::Micros,
};
use indoubt_scenario::{
    faults::{MessageDeed, Resolve},
    protocol::Protocol,
    scenario::{Trigger, Which, WorkloadKind},
};
use indoubt_studies::script::{Play, Script, add, at_effect, at_phase, node, refused};
use std::collections::{BTreeMap, BTreeSet};

const FAMILY: [Protocol; 4] =
    [Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::PresumedCommit, Protocol::Cooperative];

/// A transfer from p1 to p2 and p3.
fn transfer(protocol: Protocol) -> Script {
    Script::new(protocol).transaction(0, vec![add("p1", -3), add("p2", 1), add("p3", 2)])
}

/// Runs of every protocol with many faults.
fn rough() -> impl Iterator<Item = (String, Play)> {
    FAMILY.into_iter().flat_map(|protocol| {
        [WorkRound::Separate, WorkRound::WithPrepare].into_iter().flat_map(move |work| {
            (1..=6).map(move |seed| {
                let script = Script::rough(protocol, WorkloadKind::Transfer).seed(seed);
                let play = script.with(|scenario| scenario.options.work = work).play();
                (format!("{protocol}, {work:?}, seed {seed}"), play)
            })
        })
    })
}

/// All decisions that were made or learned, with their nodes.
fn decisions(play: &Play) -> Vec<(NodeId, TxnId, Decision)> {
    let decided = play.find(|at, what| match what {
        Observation::Decided { txn, outcome } => Some((at, *txn, *outcome)),
        _ => None,
    });
    decided.into_iter().map(|(_, decision)| decision).collect()
}

fn values(play: &Play) -> [i64; 3] {
    ["p1", "p2", "p3"].map(|participant| play.value(participant))
}

const DONE: [i64; 3] = [-3, 1, 2];

#[test]
fn rule_01_all_processes_that_decide_decide_the_same() {
    let mut seen = BTreeSet::new();
    for (run, play) in rough() {
        let mut first = BTreeMap::new();
        for (at, txn, decision) in decisions(&play) {
            assert_eq!(*first.entry(txn).or_insert(decision), decision, "{run}: {txn} at {at}");
            seen.insert(decision);
        }
    }
    assert_eq!(seen.len(), 2, "sometimes commit, sometimes abort");
}

#[test]
fn rule_02_a_decision_is_never_reversed_not_even_by_a_restart() {
    let mut restarted = 0;
    for (run, play) in rough() {
        let mut first = BTreeMap::new();
        for (at, txn, decision) in decisions(&play) {
            assert_eq!(*first.entry((at, txn)).or_insert(decision), decision, "{run}: {txn} at {at}");
        }
        restarted += play.count(|_, what| matches!(what, Observation::Restarted { .. }));
    }
    assert!(restarted > 8, "nodes do come back");
}

#[test]
fn rule_03_a_commit_needs_every_vote() {
    let mut commits = 0;
    for (run, play) in rough() {
        let mut votes: BTreeMap<TxnId, BTreeSet<NodeId>> = BTreeMap::new();
        let mut plans: BTreeMap<TxnId, BTreeSet<NodeId>> = BTreeMap::new();
        for stamped in &play.recording.trace {
            match &stamped.what {
                Observation::ClientBegan { txn, plan, .. } => {
                    plans.insert(*txn, plan.iter().map(|entry| entry.node).collect());
                }
                Observation::Voted { txn, vote: Vote::Yes | Vote::ReadOnly } => {
                    votes.entry(*txn).or_default().insert(stamped.node);
                }
                Observation::Decided { txn, outcome: Decision::Commit } => {
                    assert_eq!(votes.get(txn), plans.get(txn), "{run}: {txn}");
                    commits += 1;
                }
                _ => {}
            }
        }
    }
    assert!(commits > 100);
}

#[test]
fn rule_04_without_failures_and_with_every_vote_yes_it_commits() {
    for protocol in FAMILY {
        let play = transfer(protocol).play();
        assert_eq!((play.told(), values(&play)), (vec![OutcomeWord::Succeeded], DONE), "{protocol}");
        for at in ["c1", "p1", "p2", "p3"] {
            assert_eq!(play.decisions(at), [Decision::Commit], "{protocol} {at}");
        }
        assert!(play.is_resolved());
    }
}

#[test]
fn rule_05_once_failures_are_repaired_everybody_decides() {
    for (run, play) in rough() {
        assert!(play.is_resolved(), "{run}: {:?}", play.at_end);
        assert_eq!(play.left_over(), (0, 0), "{run}");
    }
}

#[test]
fn rule_08_a_coordinator_that_dies_before_any_prepare_leaves_an_abort() {
    let play =
        transfer(Protocol::Cooperative).kill(at_effect("c1", "send:prepare", Edge::Before, 1), "c1", None).play();
    for at in ["p1", "p2", "p3"] {
        assert_eq!(play.decisions(at), [Decision::Abort], "{at}");
    }
    assert!(play.is_resolved());
}

#[test]
fn rule_08_two_prepared_and_one_that_has_not_voted_abort_without_their_coordinator() {
    let play = transfer(Protocol::Cooperative)
        .messages(MessageDeed::Drop, MessageKind::Prepare, "c1", "p3", Which::All)
        .kill(at_effect("c1", "deliver:vote", Edge::After, 2), "c1", None)
        .play();
    assert_eq!(play.count(|_, what| matches!(what, Observation::InDoubt { .. })), 2);
    for at in ["p1", "p2", "p3"] {
        assert_eq!(play.decisions(at), [Decision::Abort], "{at}");
    }
    assert!(play.is_resolved());
    // The peer that had not voted forced its abort before it answered.
    let forced = |at: NodeId, what: &Observation| {
        let word = |record: &str| record == "aborted";
        matches!(what, Observation::Appended { record, write: indoubt_proto::machine::Write::Forced, .. } if word(record))
            && at == node("p3")
    };
    assert_eq!(play.count(forced), 1);
}

#[test]
fn rule_08_a_commit_that_reached_one_live_participant_reaches_all() {
    let play = transfer(Protocol::Cooperative).kill(at_phase(Phase::HalfTold), "c1", None).play();
    assert_eq!(values(&play), DONE);
    assert!(["p1", "p2", "p3"].iter().all(|at| play.decisions(at) == [Decision::Commit]));
}

#[test]
fn rule_08_a_decision_that_was_sent_to_nobody_blocks_all() {
    let play = transfer(Protocol::Cooperative).kill(at_phase(Phase::Decided), "c1", None).play();
    assert_eq!(play.decisions("c1"), [Decision::Commit]);
    assert_eq!(play.left_over(), (3, 3));
    assert!(["p1", "p2", "p3"].iter().all(|at| play.decisions(at).is_empty()));
}

#[test]
fn rule_10_a_participant_that_dies_before_its_vote_blocks_nobody() {
    for protocol in FAMILY {
        let play = transfer(protocol).kill(at_effect("p3", "deliver:prepare", Edge::Before, 1), "p3", None).play();
        assert_eq!(play.told(), [OutcomeWord::Aborted], "{protocol}");
        for at in ["p1", "p2"] {
            assert_eq!(play.decisions(at), [Decision::Abort], "{protocol} {at}");
            assert!(play.at_end[&node(at)].locks.is_empty());
        }
    }
}

#[test]
fn rule_10_a_participant_that_dies_after_its_vote_blocks_itself_alone() {
    for protocol in FAMILY {
        let play = transfer(protocol).kill(at_effect("c1", "deliver:vote", Edge::After, 3), "p3", Some(5_000)).play();
        let learned = play.find(|at, what| matches!(what, Observation::Decided { .. }).then_some(at));
        let late: Vec<NodeId> =
            learned.iter().filter(|(time, _)| *time > Micros::from_secs(1)).map(|(_, at)| *at).collect();
        assert_eq!(late, [node("p3")], "{protocol}");
        assert_eq!(values(&play), DONE, "{protocol}");
        assert!(play.is_resolved());
    }
}

#[test]
fn rule_13_a_coordinator_with_an_empty_log_answers_abort_under_presumed_abort_and_presumed_nothing() {
    for protocol in [Protocol::TwoPhase, Protocol::PresumedNothing] {
        let play = transfer(protocol).kill(at_phase(Phase::WorkDone), "c1", Some(1_000)).play();
        assert!(play.sent(MessageKind::Inquire) > 3);
        assert!(["p1", "p2", "p3"].iter().all(|at| play.decisions(at) == [Decision::Abort]), "{protocol}");
        assert_eq!((play.told(), values(&play)), (vec![OutcomeWord::Unknown], [0; 3]));
    }
}

#[test]
fn rule_13_a_coordinator_that_has_forgotten_answers_commit_under_presumed_commit() {
    // It forgets a commit at once, and p2 never hears of it; with and without a restart in between.
    for restarts in [false, true] {
        let script = transfer(Protocol::PresumedCommit).messages(
            MessageDeed::Drop,
            MessageKind::Decision,
            "c1",
            "p2",
            Which::Nth(1),
        );
        let script =
            if restarts { script.kill(Trigger::At(Micros::from_millis(100)), "c1", Some(100)) } else { script };
        let play = script.play();
        assert!(play.sent(MessageKind::Inquire) >= 1);
        assert_eq!((play.decisions("p2"), values(&play)), (vec![Decision::Commit], DONE));
    }
}

#[test]
fn rule_13_presumed_nothing_forgets_a_commit_only_after_every_ack() {
    let play = transfer(Protocol::PresumedNothing)
        .messages(MessageDeed::Drop, MessageKind::Ack, "p2", "c1", Which::First(3))
        .play();
    let ended = play.find(|_, what| matches!(what, Observation::Reached { phase: Phase::Ended, .. }).then_some(()));
    let acks = play.find(|at, what| match what {
        Observation::Received { message: MessageKind::Ack, from, .. } if at == node("c1") => Some(*from),
        _ => None,
    });
    let last = acks.iter().find(|(_, from)| *from == node("p2")).expect("p2 acknowledges at last").0;
    assert_eq!(ended.len(), 1);
    assert!(ended[0].0 >= last && last > Micros::from_millis(300), "{ended:?} {last}");
}

#[test]
fn rule_13_about_branches_of_a_lost_log_every_presumption_answers_unknown_until_an_operator_resolves_them() {
    for protocol in FAMILY {
        let lost = || transfer(protocol).lose_log(at_phase(Phase::Decided), "c1", 1_000);
        let play = lost().play();
        let unknown = play.sent(MessageKind::Answer);
        assert!(unknown > 3, "{protocol}: {unknown}");
        assert!(["p1", "p2", "p3"].iter().all(|at| play.decisions(at).is_empty()), "{protocol}");
        assert_eq!(play.left_over(), (3, 3), "{protocol}");

        let nodes = vec![node("p1"), node("p2"), node("p3")];
        let play = lost()
            .fault(Trigger::At(Micros::from_secs(5)), Resolve { nodes, decision: Decision::Commit })
            .with(|scenario| scenario.duration = Micros::from_secs(6))
            .play();
        assert_eq!((play.left_over(), values(&play)), ((0, 0), DONE), "{protocol}");
    }
}

#[test]
fn rule_14_an_initiation_without_an_outcome_is_an_abort() {
    let play = transfer(Protocol::PresumedCommit).kill(at_phase(Phase::WorkDone), "c1", Some(1_000)).play();
    for at in ["c1", "p1", "p2", "p3"] {
        assert_eq!(play.decisions(at), [Decision::Abort], "{at}");
    }
    assert_eq!(play.sent(MessageKind::Ack), 3);
    assert_eq!(play.told(), [OutcomeWord::Aborted]);
    assert!(play.is_resolved());
}

#[test]
fn rule_15_a_commit_without_an_end_is_resent_until_every_ack_is_in() {
    for protocol in [Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::Cooperative] {
        let play = transfer(protocol)
            // The load must last, or the drops end with it.
            .with(|scenario| scenario.duration = Micros::from_secs(3))
            .kill(at_phase(Phase::Decided), "c1", Some(1_000))
            .messages(MessageDeed::Drop, MessageKind::Decision, "c1", "p3", Which::First(2))
            .play();
        assert_eq!(values(&play), DONE, "{protocol}");
        assert!(play.sent(MessageKind::Decision) >= 5, "{protocol}");
        assert_eq!(play.count(|_, what| matches!(what, Observation::Reached { phase: Phase::Ended, .. })), 1);
        assert!(play.is_resolved());
    }
}

#[test]
fn rule_15_presumed_nothing_resends_an_abort_without_an_end_too() {
    let play = Script::new(Protocol::PresumedNothing)
        .transaction(0, vec![add("p1", -3), add("p2", 1), refused("p3")])
        // Its abort record is durable, and nobody is told.
        .kill(at_effect("c1", "send:decision:abort", Edge::Before, 1), "c1", Some(1_000))
        .play();
    assert_eq!(play.decisions("c1"), [Decision::Abort, Decision::Abort], "before its death and after it");
    assert_eq!(play.decisions("p1"), [Decision::Abort]);
    assert!(play.sent(MessageKind::Ack) >= 2);
    assert!(play.is_resolved());
}

#[test]
fn rule_16_no_prepare_leaves_before_the_initiation_is_durable() {
    let mut checked = 0;
    for seed in 1..=8 {
        let play = Script::rough(Protocol::PresumedCommit, WorkloadKind::Transfer).seed(seed).play();
        let mut waiting: BTreeMap<NodeId, Vec<(indoubt_proto::ids::Lsn, TxnId)>> = BTreeMap::new();
        let mut durable: BTreeSet<TxnId> = BTreeSet::new();
        for stamped in &play.recording.trace {
            match &stamped.what {
                Observation::Appended { txn: Some(txn), lsn, record, .. } if record == "initiation" => {
                    waiting.entry(stamped.node).or_default().push((*lsn, *txn));
                }
                Observation::Durable { upto } => {
                    for (_, txn) in waiting.entry(stamped.node).or_default().extract_if(.., |(lsn, _)| *lsn <= *upto) {
                        durable.insert(txn);
                    }
                }
                Observation::Crashed { .. } => {
                    waiting.remove(&stamped.node);
                }
                Observation::Sent { message: MessageKind::Prepare, txn: Some(txn), .. } => {
                    assert!(durable.contains(txn), "seed {seed}: {txn}");
                    checked += 1;
                }
                _ => {}
            }
        }
    }
    assert!(checked > 100);
    // A slow disk holds PREPARE back.
    let slow = transfer(Protocol::PresumedCommit)
        .with(|scenario| scenario.force = Latency::Constant(Micros::from_millis(50)))
        .play();
    let prepared =
        slow.find(|_, what| matches!(what, Observation::Sent { message: MessageKind::Prepare, .. }).then_some(()));
    assert_eq!(prepared[0].0, Micros::from_millis(51));
}
