//! What clients are told: the same outcome again, or that it is unknown, but never a guess (docs/04-architecture.md). Also
//! which submissions are refused before they begin.

mod common;

use common::{Bench, CLIENT, aborted, committed, p, plan, txn};
use indoubt_coordinator::Presumption;
use indoubt_proto::{
    ids::NodeId,
    message::{Message, Outcome, ReasonKind, Status, Vote::*, WorkResult},
    observation::Observation,
    plan::Submission,
    settings::{Limits, Settings},
};

fn unknown() -> Outcome {
    Outcome::Unknown(ReasonKind::Forgotten.into())
}

/// What the client is told at once when it submits this plan.
fn ask(bench: &mut Bench, submission: Submission) -> Option<Outcome> {
    bench.sent.clear();
    bench.submit(submission);
    let told = bench.outcomes();
    assert!(told.len() <= 1, "told once");
    told.into_iter().next().map(|(_, outcome)| outcome)
}

fn remembering(remembered: u32) -> Bench {
    let mut settings = Settings::default();
    settings.options.remembered = remembered;
    Bench::with(Presumption::Abort, settings, false)
}

fn limited(change: impl FnOnce(&mut Limits)) -> Bench {
    let mut settings = Settings::default();
    change(&mut settings.limits);
    Bench::with(Presumption::Abort, settings, false)
}

#[test]
fn a_repeated_submission_gets_the_same_outcome_and_is_not_run_again() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.run(1, &[Yes, Yes]);
        bench.run(2, &[Yes, No]);
        let records = bench.written.len();
        assert_eq!(ask(&mut bench, plan(1, 2)), Some(committed()));
        assert_eq!(ask(&mut bench, plan(2, 2)), Some(aborted(ReasonKind::Constraint)));
        assert_eq!(
            (bench.sent.len(), bench.written.len()),
            (1, records),
            "{presumption:?}: nothing else is sent or written"
        );
    }
}

#[test]
fn a_submission_repeated_while_it_runs_is_answered_once_to_each_who_asked() {
    let mut bench = Bench::new(Presumption::Abort);
    bench.prepare(1, 1);
    bench.sent.clear();
    bench.submit(plan(1, 1));
    bench.message(NodeId::client(9), Message::Submit(plan(1, 1)));
    assert!(bench.sent.is_empty(), "neither an outcome nor a second round of work");
    bench.vote(p(1), 1, Yes);
    bench.force();
    assert_eq!(bench.outcomes(), [(CLIENT, committed()), (NodeId::client(9), committed())]);
}

#[test]
fn a_committed_outcome_survives_a_restart_with_what_it_read() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.submit(plan(1, 2));
        // The values read come in the order of the steps, whoever answers first.
        for (node, step) in [(2, 2), (1, 1)] {
            let result = WorkResult::Done { reads: vec![common::read(step, i64::from(step))] };
            bench.message(p(node), Message::WorkDone { txn: txn(1), result });
        }
        bench.force();
        bench.vote(p(1), 1, Yes);
        bench.vote(p(2), 1, Yes);
        bench.force();
        let outcome = Outcome::Committed { reads: vec![common::read(1, 1), common::read(2, 2)] };
        assert_eq!(bench.outcomes(), [(CLIENT, outcome.clone())]);
        for _ in 0..2 {
            bench.restart();
            assert_eq!(ask(&mut bench, plan(1, 2)), Some(outcome.clone()), "{presumption:?}");
            bench.compact_and_restart();
            assert_eq!(ask(&mut bench, plan(1, 2)), Some(outcome.clone()), "{presumption:?}, compacted");
        }
    }
}

#[test]
fn an_abort_that_was_not_logged_is_unknown_after_a_restart_and_never_run_again() {
    let mut bench = Bench::new(Presumption::Abort);
    bench.run(1, &[No]);
    bench.restart();
    assert_eq!(ask(&mut bench, plan(1, 1)), Some(unknown()));
    assert_eq!(bench.open(), 0);
}

#[test]
fn an_abort_is_remembered_with_its_reason_where_a_record_tells_it() {
    for presumption in [Presumption::Nothing, Presumption::Commit] {
        let mut bench = Bench::new(presumption);
        bench.run(1, &[Yes, No]);
        bench.restart();
        assert_eq!(ask(&mut bench, plan(1, 2)), Some(aborted(ReasonKind::Constraint)), "{presumption:?}");
        bench.compact_and_restart();
        assert_eq!(ask(&mut bench, plan(1, 2)), Some(aborted(ReasonKind::Constraint)), "{presumption:?}");
    }
}

#[test]
fn one_first_sent_to_another_incarnation_is_never_run() {
    let mut bench = Bench::new(Presumption::Abort);
    bench.restart();
    assert_eq!(ask(&mut bench, plan(1, 1)), Some(unknown()));
    let fresh = Submission { epoch: 2, ..plan(2, 1) };
    assert_eq!(ask(&mut bench, fresh), None, "one first sent to this incarnation runs");
    assert_eq!(bench.open(), 1);
    let future = Submission { epoch: 3, ..plan(3, 1) };
    assert_eq!(ask(&mut bench, future), Some(unknown()), "an older folder was put back");
}

#[test]
fn what_was_forgotten_is_unknown_and_never_run_again() {
    let mut bench = remembering(2);
    for number in 1..=3 {
        bench.run(number, &[Yes]);
    }
    assert_eq!(ask(&mut bench, plan(1, 1)), Some(unknown()));
    assert_eq!(ask(&mut bench, plan(2, 1)), Some(committed()));
    assert_eq!(ask(&mut bench, plan(4, 1)), None, "a later one of the same client runs");
}

#[test]
fn one_that_still_waits_for_acks_is_not_begun_anew_even_if_its_outcome_is_forgotten() {
    let mut bench = remembering(0);
    bench.prepare(1, 1);
    bench.vote(p(1), 1, Yes);
    bench.force();
    bench.restart();
    assert_eq!(bench.open(), 1, "its ACK is due");
    let again = Submission { epoch: 2, ..plan(1, 1) };
    assert_eq!(ask(&mut bench, again), Some(unknown()));
    assert!(matches!(bench.status(1), Status::Running(state) if state.contains("p1")));
}

#[test]
fn beyond_a_limit_a_submission_is_refused_and_may_be_repeated_later() {
    let mut bench = limited(|limits| limits.in_flight = 1);
    assert_eq!(ask(&mut bench, plan(1, 1)), None);
    let Some(Outcome::Refused(reason)) = ask(&mut bench, plan(2, 1)) else { panic!("it is not refused") };
    assert_eq!(reason.to_string(), "beyond a limit: more than 1 transactions in flight");
    bench.work_failed(p(1), 1);
    assert_eq!(ask(&mut bench, plan(2, 1)), None, "nothing was begun, so it runs now");
    assert_eq!(bench.open(), 1);
}

#[test]
fn oversized_and_unsound_plans_are_refused_and_leave_no_trace() {
    type Change = fn(&mut Limits);
    let limits: [Change; 3] = [|l| l.operations = 2, |l| l.participants = 2, |l| l.bytes = 10];
    for limit in limits {
        let mut bench = limited(limit);
        let before = bench.machine().clone();
        assert!(matches!(ask(&mut bench, plan(1, 3)), Some(Outcome::Refused(r)) if r.kind == ReasonKind::Limit));
        assert_eq!(bench.machine(), &before);
        assert!(bench.written.is_empty() && bench.observed.is_empty() && bench.timers.is_empty());
    }
    let mut bench = Bench::new(Presumption::Commit);
    let empty = Submission { steps: vec![], ..plan(1, 1) };
    let mut elsewhere = plan(1, 1);
    elsewhere.txn.home = NodeId::coordinating(2);
    for bad in [empty, elsewhere] {
        assert!(matches!(ask(&mut bench, bad), Some(Outcome::Refused(r)) if r.kind == ReasonKind::BadPlan));
    }
    assert!(bench.written.is_empty() && bench.open() == 0);
}

#[test]
fn a_status_query_tells_what_is_known() {
    let mut bench = Bench::new(Presumption::Nothing);
    assert_eq!(bench.status(1), Status::Ended(unknown()));
    bench.submit(plan(1, 2));
    assert_eq!(bench.status(1), Status::Running("working, 2 of 2 not done".into()));
    bench.work_done(p(1), 1);
    bench.work_done(p(2), 1);
    assert_eq!(bench.status(1), Status::Running("preparing, 2 of 2 votes missing".into()));
    bench.vote(p(1), 1, Yes);
    bench.vote(p(2), 1, Yes);
    assert_eq!(bench.status(1), Status::Running("writing the decision to commit".into()), "not durable, not decided");
    bench.force();
    assert_eq!(bench.status(1), Status::Ended(committed()), "though ACKs are due");
}

#[test]
fn the_operator_is_answered_that_a_coordinator_has_nothing_to_resolve() {
    let mut bench = Bench::new(Presumption::Abort);
    bench.message(NodeId::LAB, Message::Resume { txn: txn(1) });
    assert!(matches!(&bench.sent[..], [(NodeId::LAB, Message::Done { count: 0, .. })]), "{:?}", bench.sent);
}

#[test]
fn phases_do_not_count_audits() {
    for audit in [false, true] {
        let mut bench = Bench::new(Presumption::Nothing);
        let mut submission = plan(1, 2);
        for step in &mut submission.steps {
            let key = step.ops[0].key().clone();
            step.ops = vec![indoubt_proto::operation::Operation::Get { key }];
        }
        bench.submit(Submission { audit, ..submission });
        bench.work_done(p(1), 1);
        bench.work_done(p(2), 1);
        bench.vote(p(1), 1, Yes);
        bench.vote(p(2), 1, Yes);
        bench.force();
        let before = bench.phases().len();
        bench.restart();
        bench.ack_all();
        let reached = before + bench.phases().len();
        assert_eq!(reached > 0, !audit, "{:?}", bench.phases());
        assert!(bench.observed.iter().any(|o| matches!(o, Observation::Decided { .. })));
    }
}

#[test]
fn messages_about_unknown_transactions_and_foreign_messages_change_nothing() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 2);
        let before = bench.machine().clone();
        bench.sent.clear();
        bench.work_done(p(1), 7);
        bench.vote(p(1), 7, Yes);
        bench.ack(p(1), 7, common::log_of(p(1)), true);
        bench.vote(p(3), 1, Yes);
        bench.vote(p(3), 1, No);
        bench.work_failed(p(1), 1);
        bench.ack(p(1), 1, common::log_of(p(1)), true);
        bench.message(CLIENT, Message::Outcome { txn: txn(1), outcome: committed() });
        bench.message(p(1), Message::Done { count: 1, detail: String::new() });
        for timer in [
            indoubt_coordinator::CoordinatorTimer::Work(txn(1)),
            indoubt_coordinator::CoordinatorTimer::Resend(txn(1)),
            indoubt_coordinator::CoordinatorTimer::Vote(txn(7)),
        ] {
            bench.fire_late(timer);
        }
        assert_eq!(bench.machine(), &before, "{presumption:?}");
        assert!(bench.sent.is_empty());
    }
}
