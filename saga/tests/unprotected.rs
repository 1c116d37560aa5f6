//! The baselines: what `none` and `none-retry` do, and which effects they leave behind.

mod common;

use common::*;
use indoubt_proto::{
    ids::{NodeId, Serial},
    machine::{Machine, Write},
    message::{Message, Outcome, ReasonKind, Status, StepOutcome, StepStyle},
    observation::Phase,
    plan::PlanStep,
    settings::Settings,
    time::Micros,
};
use indoubt_saga::Unprotected;

fn none(steps: Vec<PlanStep>) -> Bench<Unprotected> {
    let mut bench = Bench::new(Unprotected::new(HOME, Settings::default(), None));
    bench.submit(1, steps);
    bench
}

fn none_retry(retries: u32, steps: Vec<PlanStep>) -> Bench<Unprotected> {
    let mut bench = Bench::new(Unprotected::new(HOME, Settings::default(), Some(retries)));
    bench.submit(1, steps);
    bench.force();
    bench
}

#[test]
fn none_makes_one_call_after_another_and_logs_nothing() {
    let mut bench = none(three());
    for step in 1..=3u16 {
        assert_eq!(bench.said(), [format!("p{step} step {step}")]);
        bench.answer(1, step, step.into(), StepOutcome::Applied { reads: vec![read(step.into(), 4)] });
    }
    let reads = (1..=3).map(|step| read(step, 4)).collect();
    assert_eq!(bench.told(), Outcome::Committed { reads });
    assert!(bench.written.is_empty() && bench.timers.is_empty());
    let phases = [Phase::Begun, Phase::WorkSent, Phase::HalfDone, Phase::WorkDone, Phase::Ended];
    assert_eq!(bench.phases(), phases);
}

#[test]
fn calls_are_bare_and_never_declared_finished() {
    let bench = none(three());
    let Message::Step { ticket, style, .. } = &bench.sent[0].1 else { panic!("{:?} is not a call", bench.sent) };
    assert_eq!((*style, ticket.log, ticket.finished_below), (StepStyle::Bare, LOG, Serial(0)));
}

#[test]
fn none_stops_at_a_refusal_and_leaves_what_was_done_before() {
    let mut bench = none(three());
    bench.answer(1, 1, 1, applied());
    bench.take_sent();
    bench.answer(1, 2, 2, refused());
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::Constraint)), "though step 1 is applied");
    assert!(bench.timers.is_empty() && bench.machine.inspect(false).open.is_empty());
}

#[test]
fn none_stops_at_a_failure() {
    let mut bench = none(three());
    bench.answer(1, 1, 1, failed());
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::LockTimeout)));
}

#[test]
fn none_does_not_know_what_became_of_a_call_that_was_not_answered_in_time() {
    let mut bench = none(three());
    bench.take_sent();
    assert_eq!(bench.fire(), Settings::default().timeouts.vote);
    assert_eq!(bench.told(), Outcome::Unknown(reason(ReasonKind::CallTimeout)));
    bench.answer(1, 1, 1, applied());
    assert!(bench.said().is_empty(), "a late answer changes nothing");
}

#[test]
fn none_forgets_everything_in_a_crash() {
    let mut bench = none(three());
    bench.take_sent();
    bench.crash(0);
    bench.answer(1, 1, 1, applied());
    assert!(bench.said().is_empty() && bench.machine.inspect(false).open.is_empty());
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert_eq!(bench.told(), Outcome::Unknown(reason(ReasonKind::Forgotten)));
}

#[test]
fn none_retry_keeps_a_status_row() {
    let mut bench = Bench::new(Unprotected::new(HOME, Settings::default(), Some(3)));
    bench.submit(1, vec![writes(1)]);
    assert_eq!(bench.written, [("pending", Write::Forced)]);
    assert!(bench.said().is_empty());
    bench.force();
    assert_eq!(bench.said(), ["p1 step 1"]);
    bench.answer(1, 1, 1, applied());
    assert_eq!(bench.written[1..], [("done", Write::Forced)]);
    assert!(bench.said().is_empty(), "not told before the row says so");
    bench.force();
    assert_eq!(bench.told(), Outcome::Committed { reads: vec![] });
}

#[test]
fn none_retry_calls_again_after_failures_and_timeouts_until_its_retries_are_used_up() {
    let mut bench = none_retry(2, three());
    bench.answer(1, 1, 1, failed());
    bench.answer(1, 1, 1, failed());
    assert_eq!(bench.fire(), Micros::from_millis(100), "a copy of the answer does not count during the pause");
    assert_eq!(bench.fire(), Micros::from_millis(500), "not answered");
    assert_eq!(bench.fire(), Micros::from_millis(200));
    assert_eq!(bench.said(), ["p1 step 1"; 3]);
    bench.answer(1, 1, 1, failed());
    assert_eq!(bench.written[1..], [("failed", Write::Forced)]);
    bench.force();
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::LockTimeout)));
}

#[test]
fn none_retry_starts_counting_anew_at_each_step() {
    let mut bench = none_retry(1, three());
    for step in [1, 2] {
        bench.answer(1, step, step.into(), failed());
        bench.fire();
        bench.answer(1, step, step.into(), applied());
    }
    assert_eq!(bench.said(), ["p1 step 1", "p1 step 1", "p2 step 2", "p2 step 2", "p3 step 3"]);
}

#[test]
fn none_retry_takes_a_refusal_for_an_answer() {
    let mut bench = none_retry(5, three());
    bench.answer(1, 1, 1, refused());
    bench.force();
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::Constraint)));
}

#[test]
fn none_retry_without_any_answer_does_not_know_the_outcome() {
    let mut bench = none_retry(1, three());
    for _ in 0..3 {
        bench.fire();
    }
    bench.force();
    assert_eq!(bench.told(), Outcome::Unknown(reason(ReasonKind::CallTimeout)));
}

#[test]
fn none_retry_runs_a_call_twice_that_was_only_slow() {
    let mut bench = none_retry(1, three());
    bench.fire();
    bench.fire();
    assert_eq!(bench.said(), ["p1 step 1"; 2], "both may be applied: nothing is remembered");
    bench.answer(1, 1, 1, applied());
    assert_eq!(bench.said(), ["p2 step 2"]);
    bench.answer(1, 1, 1, applied());
    assert!(bench.said().is_empty());
}

#[test]
fn rows_found_pending_stay_pending_and_rows_found_closed_are_told_again() {
    let mut bench = none_retry(0, three());
    bench.submit(2, three());
    bench.force();
    bench.answer(2, 1, 1, refused());
    bench.force();
    bench.submit(3, vec![writes(1)]);
    bench.force();
    bench.answer(3, 1, 1, applied());
    bench.force();
    for compact in [false, true] {
        if compact {
            bench.compact();
        }
        bench.crash(0);
        bench.take_sent();
        assert!(bench.timers.is_empty() && bench.machine.inspect(false).open.is_empty(), "nothing resumes it");
        let mut ask = |number| {
            bench.hear(CLIENT, Message::StatusQuery { txn: txn(number) });
            match bench.take_sent().pop() {
                Some((CLIENT, Message::StatusReply { status: Status::Ended(outcome), .. })) => outcome,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(ask(1), Outcome::Unknown(reason(ReasonKind::Recovery)));
        assert_eq!(ask(2), Outcome::Aborted(reason(ReasonKind::Constraint)));
        assert_eq!(ask(3), Outcome::Committed { reads: vec![] });
        assert_eq!(ask(4), Outcome::Unknown(reason(ReasonKind::Forgotten)));
    }
}

#[test]
fn a_compaction_keeps_the_rows_in_flight() {
    let mut bench = none_retry(0, three());
    bench.submit(2, three());
    bench.force();
    bench.answer(2, 1, 1, refused());
    let mut records = Vec::new();
    bench.machine.compact(&mut records);
    let words: Vec<&str> = records.iter().map(indoubt_proto::machine::Record::word).collect();
    assert_eq!(words, ["pending", "failed"]);
}

#[test]
fn operators_and_strangers_get_an_answer_or_nothing() {
    let mut bench = none(three());
    bench.take_sent();
    let before = bench.machine.clone();
    bench.hear(NodeId::LAB, Message::Resume { txn: txn(1) });
    let detail = format!("{} is not a saga", txn(1));
    assert_eq!(bench.take_sent(), [(NodeId::LAB, Message::Done { count: 0, detail })]);
    bench.hear(NodeId::LAB, Message::Done { count: 0, detail: String::new() });
    bench.answer(1, 2, 1, applied());
    bench.answer(1, 1, 2, applied());
    bench.answer(2, 1, 1, applied());
    assert_eq!((bench.machine.clone(), bench.take_sent()), (before, vec![]));
    bench.hear(CLIENT, Message::StatusQuery { txn: txn(1) });
    let running = Message::StatusReply { txn: txn(1), status: Status::Running("calling 1".into()) };
    assert_eq!(bench.take_sent(), [(CLIENT, running)]);
}
