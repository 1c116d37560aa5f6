//! A saga runs forward: what is sent and when, what is forced, and what it costs.

mod common;

use common::*;
use indoubt_proto::{
    ids::NodeId,
    machine::{Machine, Write},
    message::{Message, MessageKind, Outcome, ReasonKind, Status, StepOutcome, UndoOutcome},
    observation::Phase,
    plan::PlanStep,
    settings::Settings,
    time::Micros,
};
use indoubt_saga::Orchestrator;

#[test]
fn nothing_is_sent_before_the_begin_is_durable() {
    let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
    bench.submit(1, three());
    assert_eq!(bench.written, [("begin", Write::Forced)]);
    assert!(bench.take_sent().is_empty() && bench.observed.is_empty());
    bench.force();
    assert_eq!(bench.said(), ["p1 step 1"]);
}

#[test]
fn rule_24_the_trace_is_t1_to_tn_one_after_another() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.applied(1);
    assert_eq!(bench.said(), ["p2 step 2"]);
    bench.applied(2);
    assert_eq!(bench.said(), ["p3 step 3"]);
    bench.applied(3);
    assert_eq!(bench.said(), [] as [&str; 0], "completed is not told before the end is durable");
    bench.force();
    assert_eq!(bench.told(), completed());
    assert!(bench.timers.is_empty());
}

#[test]
fn costs_of_n_steps_are_2n_messages_and_two_forces() {
    for n in 1..=6u16 {
        let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
        bench.submit(1, (1..=n).map(writes).collect());
        bench.force();
        for step in 1..=u32::from(n) {
            bench.applied(step);
        }
        bench.force();
        let answers = usize::from(n);
        assert_eq!(counted(&bench.sent) + answers, 2 * usize::from(n));
        assert_eq!(bench.written.first(), Some(&("begin", Write::Forced)));
        assert_eq!(bench.written.last(), Some(&("end", Write::Forced)));
        assert_eq!(count(&bench.written, Write::Forced), 2);
        assert_eq!(count(&bench.written, Write::Lazy), usize::from(n), "the step results");
    }
}

#[test]
fn phases_come_in_order_and_each_once() {
    let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
    bench.submit(1, three());
    assert_eq!(bench.phases(), []);
    bench.force();
    assert_eq!(bench.phases(), [Phase::Begun, Phase::WorkSent]);
    bench.applied(1);
    assert_eq!(bench.phases()[2..], [Phase::HalfDone]);
    bench.applied(2);
    assert_eq!(bench.phases()[3..], []);
    bench.applied(3);
    assert_eq!(bench.phases()[3..], [Phase::WorkDone]);
    bench.force();
    assert_eq!(bench.phases()[4..], [Phase::Decided, Phase::Ended]);
}

#[test]
fn a_saga_of_one_step_is_never_half_done() {
    let mut bench = Bench::begun(Settings::default(), vec![writes(1)]);
    bench.applied(1);
    bench.force();
    let phases = [Phase::Begun, Phase::WorkSent, Phase::WorkDone, Phase::Decided, Phase::Ended];
    assert_eq!(bench.phases(), phases);
}

#[test]
fn the_end_takes_the_flag_off_every_written_record_once() {
    let same_record_again = PlanStep { node: writes(3).node, ..writes(1) };
    let mut bench = Bench::begun(Settings::default(), vec![writes(1), reads(2), same_record_again, pivot(4)]);
    bench.apply_upto(4);
    assert_eq!(bench.settled(), [] as [&str; 0]);
    bench.force();
    assert_eq!(bench.settled(), ["p1/a", "p4/a"]);
}

#[test]
fn what_the_reads_found_is_told_in_the_order_of_steps() {
    let mut bench = Bench::begun(Settings::default(), vec![reads(1), writes(2), reads(3)]);
    bench.result(1, StepOutcome::Applied { reads: vec![read(1, 10)] });
    bench.applied(2);
    bench.result(3, StepOutcome::Applied { reads: vec![read(3, 30)] });
    bench.force();
    assert_eq!(bench.told(), Outcome::Completed { reads: vec![read(1, 10), read(3, 30)] });
}

#[test]
fn audits_reach_no_phase() {
    let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
    let mut audit = submission(1, 1, vec![reads(1), reads(2)]);
    audit.audit = true;
    bench.hear(CLIENT, Message::Submit(audit));
    bench.force();
    bench.applied(1);
    bench.applied(2);
    bench.force();
    assert_eq!(bench.told(), completed());
    assert!(bench.observed.is_empty());
}

#[test]
fn rule_38_duplicated_and_late_results_change_nothing() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.applied(2);
    bench.result(1, StepOutcome::Applied { reads: vec![read(1, 10)] });
    let after_first = bench.machine.clone();
    bench.take_sent();
    for late in [applied(), refused(), failed(), StepOutcome::Voided] {
        bench.result(1, late);
    }
    bench.undo(1, UndoOutcome::Undone);
    bench.answer(1, 1, 2, refused());
    assert_eq!(bench.machine, after_first, "nor does an answer from the wrong participant");
    bench.applied(2);
    bench.applied(3);
    let before_end = bench.machine.clone();
    bench.applied(3);
    bench.result(3, refused());
    assert_eq!(bench.machine, before_end);
    bench.force();
    assert_eq!(bench.told(), Outcome::Completed { reads: vec![read(1, 10)] });
    let ended = (bench.machine.clone(), bench.written.len());
    bench.applied(3);
    assert_eq!((bench.machine.clone(), bench.written.len()), ended);
}

#[test]
fn rule_26_silence_has_a_step_sent_again_for_ever() {
    let mut bench = Bench::begun(Settings::default(), three());
    let pauses: Vec<Micros> = (0..60).map(|_| bench.fire()).collect();
    let ms: Vec<u64> = pauses.iter().map(|pause| pause.0 / 1000).collect();
    assert_eq!(ms[..6], [100, 200, 400, 800, 1000, 1000]);
    assert_eq!(ms[59], 1000);
    assert_eq!(bench.said(), ["p1 step 1"; 60]);
    bench.applied(1);
    assert_eq!(bench.said(), ["p2 step 2"]);
    assert_eq!(bench.fire(), Micros::from_millis(100), "a new step starts with the first pause");
}

#[test]
fn every_request_carries_the_ticket_of_its_saga() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.submit(2, three());
    bench.force();
    let ticket = bench.last_ticket();
    assert_eq!((ticket.log, ticket.serial, ticket.finished_below), (LOG, serial(1, 1), serial(1, 0)));
    bench.apply_upto(3);
    bench.force();
    bench.answer(2, 1, 1, applied());
    assert_eq!(bench.last_ticket().finished_below, serial(1, 1), "rule 17b: the first saga's end is durable");
}

#[test]
fn messages_for_others_are_ignored() {
    let mut bench = Bench::begun(Settings::default(), three());
    let before = bench.machine.clone();
    bench.hear(NodeId::participant(1), Message::Done { count: 1, detail: String::new() });
    bench.answer(9, 1, 1, applied());
    assert_eq!((bench.machine.clone(), bench.take_sent()), (before, vec![]));
}

#[test]
fn a_status_query_is_answered_in_every_state() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.applied(1);
    bench.take_sent();
    let ask = |bench: &mut Bench<Orchestrator>, number| {
        bench.hear(CLIENT, Message::StatusQuery { txn: txn(number) });
        let (to, message) = bench.take_sent().pop().expect("an answer");
        assert_eq!((to, message.kind()), (CLIENT, MessageKind::StatusReply));
        match message {
            Message::StatusReply { status, .. } => status,
            _ => unreachable!("its kind was checked"),
        }
    };
    assert_eq!(ask(&mut bench, 1), Status::Running("step 2 of 3".into()));
    let unknown = Status::Ended(Outcome::Unknown(reason(ReasonKind::Forgotten)));
    assert_eq!(ask(&mut bench, 2), unknown);
    bench.applied(2);
    bench.applied(3);
    assert_eq!(bench.machine.inspect(false).open[0].state, "completing");
    bench.force();
    bench.take_sent();
    assert_eq!(ask(&mut bench, 1), Status::Ended(completed()));
    assert!(bench.machine.inspect(false).open.is_empty());
}
