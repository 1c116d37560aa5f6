//! Tests in which order a frozen node takes its inputs when it resumes, in the virtual world.

use indoubt_driver::conditions::Latency;
use indoubt_proto::{
    ids::NodeId,
    observation::{Observation, Stamped},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
    time::Micros,
};
use indoubt_scenario::{faults::Pause, protocol::Protocol, scenario::Trigger};
use indoubt_studies::script::{Script, add, node};

#[test]
fn what_waited_is_read_link_by_link_each_in_its_order_the_longest_waiting_first() {
    let pause = Pause { node: node("p1"), lasts: Some(Micros::from_millis(200)) };
    let steps = || vec![add("p1", 1), add("p2", 1)];
    let play = Script::new(Protocol::TwoPhase)
        .with(|scenario| scenario.cluster.coordinators = 2)
        .fault(Trigger::At(Micros::from_millis(5)), pause)
        .transaction_of("c2", 10, steps())
        .transaction_of("c1", 20, steps())
        .transaction_of("c2", 30, steps())
        .transaction_of("c1", 40, steps())
        .play();
    let woke = play.find(|_, what| matches!(what, Observation::Resumed { .. }).then_some(()))[0].0;
    let taken = play.find(|at, what| match what {
        Observation::Received { from, txn: Some(txn), .. } if at == node("p1") => Some((*from, txn.number)),
        _ => None,
    });
    let at_once: Vec<(NodeId, u64)> = taken.into_iter().filter(|(t, _)| *t == woke).map(|(_, what)| what).collect();
    let (c1, c2) = (node("c1"), node("c2"));
    assert_eq!(at_once, [(c2, 1), (c2, 2), (c1, 1), (c1, 2)]);
}

#[test]
fn a_frozen_node_ends_the_force_under_way_and_begins_none() {
    // Forces take 100 ms. p1 freezes while that of its first prepared record runs; its second one waits behind it.
    for freezes in [15, 40, 80] {
        let pause = Pause { node: node("p1"), lasts: Some(Micros::from_millis(400)) };
        let steps = |delta| {
            let add = |participant: &str| {
                let key = Key::new(format!("{participant}/{delta}"));
                let op = |delta| Operation::Add { key: key.clone(), delta, min: None };
                let (ops, undo) = (vec![op(delta)], vec![op(-delta)]);
                PlanStep { node: node(participant), ops, undo, kind: StepKind::Compensatable }
            };
            vec![add("p1"), add("p2")]
        };
        let play = Script::new(Protocol::TwoPhase)
            .with(|scenario| scenario.force = Latency::Constant(Micros::from_millis(100)))
            .transaction(5, steps(1))
            .transaction(12, steps(2))
            .fault(Trigger::At(Micros::from_millis(freezes)), pause)
            .play();
        let at = |kind: &str| {
            let of_p1 = |seen: &&Stamped| seen.node == node("p1") && seen.what.kind() == kind;
            play.recording.trace.iter().filter(of_p1).map(|seen| seen.t_us).collect::<Vec<_>>()
        };
        let (froze, woke) = (at("paused")[0], at("resumed")[0]);
        let durable = at("durable");
        // What was under way is durable by the time that it wakes; the next force takes its time from then on.
        let at_once = durable.iter().filter(|t| **t == woke).count();
        let next = durable.iter().find(|t| **t > woke).unwrap();
        assert!(!durable.iter().any(|t| (froze + 1..woke).contains(t)), "it says nothing while it is frozen");
        assert_eq!((at_once, *next), (1, woke + 100_000), "froze at {freezes} ms: {durable:?}");
    }
}

#[test]
fn a_timer_that_came_due_meanwhile_fires_before_what_waits_on_the_links() {
    // p1 sleeps from after its vote until after its time to inquire. The decision waits for it long before that time.
    let pause = Pause { node: node("p1"), lasts: Some(Micros::from_secs(1)) };
    let play = Script::new(Protocol::TwoPhase)
        .transaction(10, vec![add("p1", 1), add("p2", 1)])
        .fault(Trigger::At(Micros(16_500)), pause)
        .play();
    let woke = play.find(|_, what| matches!(what, Observation::Resumed { .. }).then_some(()))[0].0;
    let words = play.find(|at, what| match what {
        Observation::Sent { message, .. } | Observation::Received { message, .. } if at == node("p1") => {
            Some(message.word())
        }
        _ => None,
    });
    let at_once: Vec<&str> = words.into_iter().filter(|(t, _)| *t == woke).map(|(_, word)| word).collect();
    assert_eq!(at_once[..2], ["inquire", "decision"], "{at_once:?}");
}
