//! Tests of the duties of a driver, by their numbers in `machine.rs`, with a toy machine in a world that records everything.

mod common;

use common::{C1, K1, P1, Toy, boot, done, finish, halted, p1, plan, submission, work};
use indoubt_driver::{
    conditions::{Conditions, Latency},
    driver::{Driver, Progress, SendState},
    gate::{Action, Disposition, Edge, Verb},
    port::{Port, Traffic},
};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    message::{Decision, Message},
    time::Micros,
};

fn inputs(driver: &Driver<Toy>) -> &[String] {
    &driver.machine().expect("it is up").inputs
}

#[test]
fn duty_1_recover_is_the_first_input_of_every_incarnation() {
    let (mut driver, mut log) = p1();
    assert_eq!(inputs(&driver), ["recover 1 of 0"]);
    driver.crash();
    boot(&mut driver, 2);
    assert_eq!(inputs(&driver), ["recover 2 of 2"]);
    assert!(log.take().is_empty(), "the effects of recovery wait");
    finish(&mut driver, &mut log);
    assert_eq!(log.take(), ["observe sent inquire", "carry inquire to c1"]);
}

#[test]
fn duty_2_the_effects_of_a_step_are_performed_in_order_each_between_its_edges() {
    let (mut driver, mut log) = p1();
    log.watched = true;
    driver.deliver(work(), &mut log);
    finish(&mut driver, &mut log);
    let expected = [
        "before deliver work",
        "observe received work",
        "fared taken",
        "before observe reached",
        "witness begun",
        "arm 7 100",
        "before append worked",
        "append 1 forced",
        "observe appended",
        "after append worked",
        "after deliver work",
    ];
    assert_eq!(log.take(), expected);
    driver.durable(Lsn(1), &mut log);
    finish(&mut driver, &mut log);
    let expected = [
        "observe durable",
        "disarm 7",
        "before observe reached",
        "witness ended",
        "before send work-done",
        "observe sent work-done",
        "carry work-done to c1",
        "after send work-done",
        "before append worked",
        "append 2 lazy",
        "observe appended",
        "after append worked",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn duty_2_one_input_at_a_time_also_while_the_node_is_halted() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[(Verb::Append, "worked", Edge::Before, Action::Ask)]));
    driver.deliver(work(), &mut log);
    halted(&mut driver, &mut log);
    assert!(!driver.is_idle() && !driver.is_between_steps());
    let second = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.fire(7)));
    assert!(second.is_err(), "a second input must be refused");
}

#[test]
fn duty_3_nothing_is_durable_before_the_world_says_so() {
    let (mut driver, mut log) = p1();
    driver.deliver(work(), &mut log);
    finish(&mut driver, &mut log);
    assert_eq!(inputs(&driver), ["recover 1 of 0", "work from c1"]);
    assert!(log.carried.is_empty(), "the answer waits for the force");
    driver.durable(Lsn(1), &mut log);
    finish(&mut driver, &mut log);
    assert_eq!(log.carried[0].0.message, done());
}

#[test]
fn duty_3_a_world_that_cannot_write_ends_the_node() {
    let (mut driver, mut log) = p1();
    log.full = true;
    driver.deliver(work(), &mut log);
    assert_eq!(driver.advance(&mut log), Err("the disk is full"));
    assert!(!log.lines.iter().any(|line| line == "observe appended"), "what is not written is not said to be");
}

#[test]
fn duty_4_the_world_is_told_which_records_are_forced_and_which_are_lazy() {
    let (mut driver, mut log) = p1();
    driver.deliver(work(), &mut log);
    finish(&mut driver, &mut log);
    driver.durable(Lsn(1), &mut log);
    finish(&mut driver, &mut log);
    let appends: Vec<_> = log.lines.iter().filter(|line| line.starts_with("append")).collect();
    assert_eq!(appends, ["append 1 forced", "append 2 lazy"]);
}

#[test]
fn duty_5_a_message_is_observed_before_it_leaves() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[(Verb::Send, "work-done", Edge::Before, Action::Duplicate)]));
    driver.fire(7);
    finish(&mut driver, &mut log);
    let expected = [
        "observe sent work-done",
        "observe sent work-done copy",
        "carry work-done copy to c1",
        "carry work-done to c1",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn duty_6_nothing_of_a_machine_survives_its_crash() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[(Verb::Append, "worked", Edge::Before, Action::Ask)]));
    driver.deliver(work(), &mut log);
    halted(&mut driver, &mut log);
    assert_eq!(driver.crash(), None, "the message was taken");
    assert!(driver.machine().is_none() && driver.is_idle());
    log.take();
    boot(&mut driver, 0);
    finish(&mut driver, &mut log);
    assert!(log.take().is_empty(), "the step that was cut short is gone");
    driver.port.gate.set(plan(&[(Verb::Deliver, "work", Edge::Before, Action::Ask)]));
    driver.deliver(work(), &mut log);
    halted(&mut driver, &mut log);
    assert_eq!(driver.crash(), Some(work()), "a message that nobody took is the world's to lose");
}

#[test]
fn duty_7_each_incarnation_numbers_its_messages_anew() {
    let (mut driver, mut log) = p1();
    for _ in 0..2 {
        driver.fire(7);
        finish(&mut driver, &mut log);
    }
    driver.crash();
    boot(&mut driver, 1);
    finish(&mut driver, &mut log);
    let ids: Vec<_> = log.carried.iter().map(|(packet, _)| (packet.id.start, packet.id.count)).collect();
    assert_eq!(ids, [(1, 1), (1, 2), (2, 1)]);
}

#[test]
fn a_halt_before_an_effect_leaves_it_undone_and_the_word_decides() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[
        (Verb::Send, "work-done", Edge::Before, Action::Ask),
        (Verb::Send, "work-done", Edge::Before, Action::Delay(Micros(5))),
    ]));
    driver.fire(7);
    let halt = halted(&mut driver, &mut log);
    assert_eq!((halt.rules.len(), halt.txn, halt.message), (1, Some(common::TXN), None));
    assert!(log.take().is_empty());
    driver.resume(Disposition { delay: Micros(3), ..Disposition::default() });
    finish(&mut driver, &mut log);
    assert_eq!(log.carried.pop().map(|(_, delay)| delay), Some(Micros(8)), "rule and word together");
    driver.fire(7);
    halted(&mut driver, &mut log);
    log.take();
    // The rules are gone when it goes on; the word is not.
    driver.port.gate.set(plan(&[]));
    driver.resume(Disposition { drop: true, ..Disposition::default() });
    finish(&mut driver, &mut log);
    assert_eq!(log.take(), ["observe sent work-done", "observe dropped work-done"]);
}

#[test]
fn after_an_effect_means_after_it_was_performed() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[
        (Verb::Append, "worked", Edge::After, Action::Ask),
        (Verb::Send, "work-done", Edge::After, Action::Ask),
    ]));
    driver.durable(Lsn(1), &mut log);
    let halt = halted(&mut driver, &mut log);
    let sent = driver.sends()[0];
    assert_eq!((halt.message, sent.to, sent.state), (Some(sent.id), C1, SendState::Travelling));
    assert_eq!(log.take().last().map(String::as_str), Some("carry work-done to c1"));
    assert!(driver.fared(sent.id, false) && !driver.fared(sent.id, true), "the first news counts");
    assert_eq!(driver.sends()[0].state, SendState::Taken);
    driver.resume(Disposition { drop: true, ..Disposition::default() });
    halted(&mut driver, &mut log);
    assert_eq!(log.take(), ["append 1 lazy", "observe appended"], "what has passed is not dropped");
    driver.resume(Disposition::default());
    finish(&mut driver, &mut log);
    assert!(driver.sends().is_empty(), "the step is over");
}

#[test]
fn an_observation_is_written_before_the_node_halts_and_both_edges_halt_once() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[
        (Verb::Observe, "reached", Edge::Before, Action::Ask),
        (Verb::Observe, "reached", Edge::After, Action::Ask),
    ]));
    driver.deliver(work(), &mut log);
    assert_eq!(halted(&mut driver, &mut log).rules.len(), 2);
    assert_eq!(log.take(), ["observe received work", "fared taken", "witness begun"]);
    driver.resume(Disposition::default());
    finish(&mut driver, &mut log);
    assert_eq!(log.take(), ["arm 7 100", "append 1 forced", "observe appended"]);
}

#[test]
fn after_a_delivery_means_after_the_whole_step() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[
        (Verb::Deliver, "work", Edge::After, Action::Ask),
        (Verb::Deliver, "work", Edge::After, Action::Report),
    ]));
    driver.deliver(work(), &mut log);
    halted(&mut driver, &mut log);
    assert_eq!(log.take().last().map(String::as_str), Some("report 2 of 1 lost false"));
    assert!(!driver.is_idle());
    driver.resume(Disposition::default());
    finish(&mut driver, &mut log);
    assert!(log.take().is_empty() && driver.is_idle());
}

#[test]
fn a_receiver_drops_refuses_delays_and_doubles() {
    let cases: [(&[Action], &[&str]); 5] = [
        (&[Action::Drop, Action::Duplicate], &["report 1 of 1 lost true", "observe dropped work", "fared lost"]),
        (
            &[Action::Refuse],
            &[
                "report 1 of 1 lost true",
                "observe dropped work",
                "fared lost",
                "observe sent work-done",
                "carry work-done to c1",
            ],
        ),
        (&[Action::Drop, Action::Refuse], &["report 1 of 1 lost true", "observe dropped work", "fared lost"]),
        (&[Action::Delay(Micros(4)), Action::Duplicate], &["hold work copy 4", "hold work 4"]),
        (&[Action::Duplicate], &["hold work copy 0", "observe received work", "fared taken"]),
    ];
    for (actions, expected) in cases {
        let (mut driver, mut log) = p1();
        let mut rules = vec![(Verb::Deliver, "work", Edge::After, Action::Report)];
        rules.extend(actions.iter().map(|action| (Verb::Deliver, "work", Edge::Before, *action)));
        driver.port.gate.set(plan(&rules));
        driver.deliver(work(), &mut log);
        finish(&mut driver, &mut log);
        assert_eq!(&log.take()[..expected.len()], expected, "{actions:?}");
        if let Some((packet, _)) = log.held.pop() {
            driver.deliver_held(packet, &mut log);
            let lines = log.take();
            assert!(lines[0].starts_with("observe received work"), "the gate has had its say: {lines:?}");
        }
    }
}

#[test]
fn a_message_that_cannot_fail_is_not_refused() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[(Verb::Deliver, "work-done", Edge::Before, Action::Refuse)]));
    driver.deliver(common::packet(C1, done()), &mut log);
    finish(&mut driver, &mut log);
    assert_eq!(log.take()[0], "observe received work-done");
}

#[test]
fn what_a_refusal_sends_goes_through_the_gate_too() {
    let (mut driver, mut log) = p1();
    driver.port.gate.set(plan(&[
        (Verb::Deliver, "work", Edge::Before, Action::Refuse),
        (Verb::Send, "work-done", Edge::Before, Action::Drop),
    ]));
    driver.deliver(work(), &mut log);
    finish(&mut driver, &mut log);
    let expected = ["observe dropped work", "fared lost", "observe sent work-done", "observe dropped work-done"];
    assert_eq!(log.take(), expected);
}

#[test]
fn what_a_fault_drops_is_gone_with_its_copies_and_the_network_loses_each_on_its_own() {
    let drop = (Verb::Send, "work-done", Edge::Before, Action::Drop);
    let double = (Verb::Send, "work-done", Edge::Before, Action::Duplicate);
    let mut seen = [[0; 2]; 2];
    let (mut driver, mut log) = p1();
    log.conditions = Conditions { latency: Latency::ZERO, loss: 0.5, duplicate: 0.5 };
    for round in 0..400 {
        let both = [drop, double];
        driver.port.gate.set(plan(&both[round % 2..]));
        driver.fire(7);
        finish(&mut driver, &mut log);
        let lines = log.take();
        if round % 2 == 0 {
            assert_eq!(lines, ["observe sent work-done", "observe dropped work-done"]);
        } else {
            let arrives = |what: &str| usize::from(lines.iter().any(|line| line == what));
            seen[arrives("carry work-done to c1")][arrives("carry work-done copy to c1")] += 1;
        }
    }
    assert!(seen.iter().flatten().all(|count| *count > 20), "each combination comes: {seen:?}");
    let Traffic { sent, dropped, .. } = driver.port.traffic;
    assert_eq!(sent - dropped, log.carried.len() as u64);
}

#[test]
fn nobody_copies_what_is_sent_to_nobody() {
    let (mut driver, mut log) = p1();
    log.there.retain(|node| *node != C1);
    driver.port.gate.set(plan(&[(Verb::Send, "work-done", Edge::Before, Action::Duplicate)]));
    driver.fire(7);
    finish(&mut driver, &mut log);
    assert_eq!(log.take(), ["observe sent work-done", "observe dropped work-done"]);
}

#[test]
fn a_submission_that_names_a_stranger_is_refused_before_the_machine_sees_it() {
    let (mut driver, mut log) = p1();
    driver.deliver(submission(P1), &mut log);
    finish(&mut driver, &mut log);
    assert_eq!(inputs(&driver).len(), 2);
    log.take();
    driver.deliver(submission(NodeId::participant(9)), &mut log);
    finish(&mut driver, &mut log);
    assert_eq!(inputs(&driver).len(), 2);
    let expected = ["observe received submit", "fared taken", "observe sent outcome", "carry outcome to k1"];
    assert_eq!(log.take(), expected);
}

#[test]
fn an_operator_action_is_no_message_of_a_link() {
    let (mut driver, mut log) = p1();
    driver.operator(Message::Resolve { txn: None, decision: Decision::Abort });
    finish(&mut driver, &mut log);
    assert_eq!(log.take(), ["answer done"]);
    assert_eq!((inputs(&driver)[1].as_str(), driver.port.traffic), ("resolve from lab", Traffic::default()));
}

#[test]
fn a_clock_that_runs_fast_arms_timers_short() {
    let (mut driver, mut log) = p1();
    let clock = indoubt_driver::clock::ClockRate::new(2.0).expect("a rate");
    driver.port.gate.set(indoubt_driver::gate::FaultPlan { clock, ..plan(&[]) });
    driver.deliver(work(), &mut log);
    finish(&mut driver, &mut log);
    assert!(log.take().contains(&"arm 7 50".to_owned()));
}

#[test]
fn a_client_sends_and_takes_by_the_same_port() {
    let (mut port, mut log) = (Port::new(K1, 1), common::Log::new());
    port.begin(1, 1);
    let Message::Submit(submission) = submission(P1).message else { panic!("a submission") };
    let dropped = Disposition { drop: true, ..Disposition::default() };
    assert!(port.send(C1, Message::Submit(submission), dropped, &mut log).lost);
    assert_eq!(log.take(), ["observe sent submit", "observe dropped submit"]);
    assert_eq!(port.receive(common::packet(C1, done()), dropped, &mut log), None);
    assert_eq!(port.receive(common::packet(C1, done()), Disposition::default(), &mut log), Some(done()));
    assert_eq!(log.take(), ["observe dropped work-done", "observe received work-done"]);
}

#[test]
fn compaction_follows_the_step_that_fills_the_log() {
    let mut driver: Driver<Toy> = Driver::new(Port::new(P1, 1));
    let mut log = common::Log::new();
    driver.port.begin(1, 1);
    let nothing =
        indoubt_driver::driver::Recovered { log: indoubt_proto::ids::LogId(1), last: Lsn(0), records: Vec::new() };
    driver.boot(Toy::default(), nothing, 2);
    finish(&mut driver, &mut log);
    driver.deliver(work(), &mut log);
    assert_eq!(driver.advance(&mut log), Ok(Progress::Done));
    assert!(!log.take().iter().any(|line| line.starts_with("compact")));
    driver.deliver(work(), &mut log);
    finish(&mut driver, &mut log);
    let lines = log.take();
    assert_eq!(lines[lines.len() - 2..], ["compact 2 to 1", "observe compacted"]);
}
