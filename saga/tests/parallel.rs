//! Sagas whose steps run in parallel: which requests are sent at once and which wait, forward, back and after a restart.

mod common;

use common::*;
use indoubt_proto::{
    ids::NodeId,
    machine::{Machine, Write},
    message::{Message, Outcome, ReasonKind, Status, StepOutcome, UndoOutcome},
    observation::{Observation, Phase},
    plan::PlanStep,
    settings::{CompensateFrom, Options, Settings},
};
use indoubt_saga::ParallelOrchestrator;

const NONE: [&str; 0] = [];

fn with(change: impl FnOnce(&mut Options)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.options);
    settings
}

/// A saga with the number 1. Its begin record is durable and its first steps were sent.
fn begun(settings: Settings, steps: Vec<PlanStep>) -> Bench<ParallelOrchestrator> {
    let mut bench = Bench::new(ParallelOrchestrator::new(HOME, settings));
    bench.submit(1, steps);
    bench.force();
    bench
}

/// Steps 1 and 3 run at p1, step 2 at p2.
fn shared() -> Vec<PlanStep> {
    vec![writes(1), writes(2), writes(1)]
}

/// Step 3 of [`shared`] is answered.
fn third(bench: &mut Bench<ParallelOrchestrator>, outcome: StepOutcome) {
    bench.answer(1, 1, 3, outcome);
}

/// The compensation of step 3 of [`shared`] is answered.
fn third_undone(bench: &mut Bench<ParallelOrchestrator>) {
    let answer = Message::CompensateResult { txn: txn(1), step: 3, outcome: UndoOutcome::Undone };
    bench.hear(NodeId::participant(1), answer);
}

#[test]
fn rule_24_independent_steps_are_asked_for_at_once() {
    let mut bench = Bench::new(ParallelOrchestrator::new(HOME, Settings::default()));
    bench.submit(1, three());
    assert_eq!((bench.said(), bench.written.clone()), (vec![], vec![("begin", Write::Forced)]));
    bench.force();
    assert_eq!(bench.said(), ["p1 step 1", "p2 step 2", "p3 step 3"]);
    for step in [3, 1, 2] {
        assert_eq!(bench.said(), NONE);
        bench.applied(step);
    }
    assert_eq!(bench.written.last(), Some(&("end", Write::Forced)));
    assert_eq!(bench.said(), NONE, "completed is not told before the end is durable");
    bench.force();
    assert_eq!(bench.told(), completed());
    assert!(bench.timers.is_empty());
    assert_eq!(bench.settled(), ["p1/a", "p2/a", "p3/a"]);
}

#[test]
fn rule_24_a_step_waits_for_those_before_it_at_its_participant() {
    let mut bench = begun(Settings::default(), shared());
    assert_eq!(bench.said(), ["p1 step 1", "p2 step 2"]);
    bench.applied(2);
    assert_eq!(bench.said(), NONE);
    bench.applied(1);
    assert_eq!(bench.said(), ["p1 step 3"]);
}

#[test]
fn rule_24_independent_steps_are_undone_at_once() {
    let mut bench = begun(Settings::default(), three());
    bench.apply_upto(2);
    bench.result(3, refused());
    assert_eq!(bench.written.last(), Some(&("turn", Write::Forced)));
    assert!(bench.said().is_empty() && bench.timers.is_empty(), "no compensation before the turn is durable");
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2", "p1 compensate 1"]);
    bench.undo(1, UndoOutcome::Undone);
    bench.undo(2, UndoOutcome::NothingToUndo);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
    assert_eq!(bench.written.last(), Some(&("end", Write::Lazy)));
    assert!(bench.timers.is_empty() && bench.settled().is_empty());
}

#[test]
fn rule_24_a_step_is_undone_after_those_that_depend_on_it() {
    let mut bench = begun(Settings::default(), vec![writes(1), writes(2), writes(1), writes(2)]);
    bench.apply_upto(2);
    third(&mut bench, applied());
    bench.answer(1, 2, 4, refused());
    bench.force();
    assert_eq!(bench.said(), ["p1 compensate 3", "p2 compensate 2"]);
    bench.undo(2, UndoOutcome::Undone);
    assert_eq!(bench.said(), NONE);
    third_undone(&mut bench);
    assert_eq!(bench.said(), ["p1 compensate 1"]);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
}

#[test]
fn rules_39_and_40_a_step_under_way_at_the_turn_is_taken_back_through_its_barrier() {
    let mut bench = begun(Settings::default(), three());
    bench.said();
    bench.result(2, refused());
    bench.force();
    assert_eq!(bench.said(), ["p3 compensate 3", "p1 compensate 1"]);
    let turned = bench.machine.clone();
    bench.applied(1);
    bench.result(3, refused());
    assert_eq!(bench.machine, turned, "the answer to its compensation says whether it ran");
    bench.undo(1, UndoOutcome::NothingToUndo);
    bench.undo(3, UndoOutcome::NothingToUndo);
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::Constraint)), "nothing was really undone");
}

#[test]
fn a_step_that_was_never_asked_for_needs_nothing() {
    let mut bench = begun(Settings::default(), shared());
    bench.said();
    bench.result(2, refused());
    bench.force();
    assert_eq!(bench.said(), ["p1 compensate 1"], "step 3 waited for step 1");
}

#[test]
fn rule_30_an_option_says_whether_the_refused_step_is_compensated_too() {
    for (from, all) in [
        (CompensateFrom::Previous, &["p3 compensate 3", "p1 compensate 1"][..]),
        (CompensateFrom::Failed, &["p3 compensate 3", "p2 compensate 2", "p1 compensate 1"]),
    ] {
        let mut bench = begun(with(|o| o.compensate_from = from), three());
        bench.said();
        bench.result(2, refused());
        bench.force();
        assert_eq!(bench.said(), all);
    }
}

#[test]
fn rule_17b_a_refusal_of_a_step_that_was_asked_for_again_is_no_proof_that_it_never_ran() {
    let mut bench = begun(Settings::default(), three());
    bench.fire_nth(1);
    assert_eq!(bench.said()[3..], ["p2 step 2"]);
    bench.result(2, refused());
    bench.force();
    assert_eq!(bench.said(), ["p3 compensate 3", "p2 compensate 2", "p1 compensate 1"]);
}

#[test]
fn rule_32_the_pivot_waits_for_all_before_it_and_all_after_it_wait_for_the_pivot() {
    let mut bench = begun(Settings::default(), vec![writes(1), writes(2), pivot(3), retriable(4), retriable(5)]);
    assert_eq!(bench.said(), ["p1 step 1", "p2 step 2"]);
    bench.apply_upto(1);
    bench.applied(2);
    assert_eq!(bench.said(), ["p3 step 3"]);
    bench.applied(3);
    assert_eq!(bench.said(), ["p4 step 4", "p5 step 5"]);
    for answer in [failed(), refused(), StepOutcome::Voided].into_iter().cycle().take(12) {
        bench.result(5, answer);
        bench.fire_nth(1);
    }
    assert_eq!(bench.said(), ["p5 step 5"; 12], "a retriable step is tried until it succeeds");
    bench.applied(5);
    bench.applied(4);
    bench.force();
    assert_eq!(bench.told(), completed());
}

#[test]
fn rule_32_a_pivot_that_keeps_failing_is_settled_before_anything_else() {
    let pivotal = || {
        let mut bench = begun(with(|o| o.step_attempts = 1), vec![writes(1), pivot(2), retriable(3)]);
        bench.apply_upto(1);
        bench.result(2, failed());
        assert_eq!(bench.said(), ["p2 settle 2"]);
        bench
    };
    let mut voided = pivotal();
    voided.result(2, StepOutcome::Voided);
    voided.force();
    assert_eq!(voided.said(), ["p1 compensate 1"]);
    let mut found = pivotal();
    found.applied(2);
    assert_eq!(found.said(), ["p3 step 3"], "it was applied after all: no way back");
}

#[test]
fn rule_32_after_a_pivot_that_only_reads_retriable_steps_stay_in_order() {
    // After two crashes, nothing may show that such a pivot ran. Then the first retriable step shows whether the saga may
    // turn back.
    let reading = PlanStep { kind: pivot(2).kind, ..reads(2) };
    let plan = || vec![writes(1), reading.clone(), retriable(3), retriable(4)];
    let mut bench = begun(Settings::default(), plan());
    bench.apply_upto(2);
    bench.said();
    bench.crash(0);
    assert_eq!(bench.said(), ["p1 settle 1"]);
    bench.applied(1);
    bench.result(2, StepOutcome::Voided);
    assert_eq!(bench.said(), ["p2 settle 2", "p3 settle 3"]);
    let mut never = bench.clone();
    bench.applied(3);
    assert_eq!(bench.said(), ["p4 step 4"], "requested, because a question would void it");
    never.result(3, StepOutcome::Voided);
    never.force();
    assert_eq!(never.said(), ["p1 compensate 1"], "step 4 was never requested");
}

#[test]
fn rule_26_every_step_that_may_have_started_is_settled_then_all_that_ran_is_compensated() {
    let mut bench = begun(Settings::default(), vec![writes(1), writes(2), writes(1), writes(3)]);
    bench.apply_upto(1);
    bench.applied(2);
    bench.said();
    // The result of step 2 is lost, but not that of step 1, so step 3 may have started.
    bench.crash(1);
    assert_eq!(bench.said(), ["p2 settle 2", "p1 settle 3", "p3 settle 4"]);
    third(&mut bench, StepOutcome::Voided);
    bench.applied(2);
    assert_eq!(bench.said(), NONE, "the saga does not turn before all questions are answered");
    bench.answer(1, 3, 4, applied());
    assert_eq!(bench.written.last(), Some(&("turn", Write::Forced)));
    bench.force();
    assert_eq!(bench.said(), ["p3 compensate 4", "p2 compensate 2", "p1 compensate 1"]);
}

#[test]
fn rule_26_a_step_behind_one_that_never_ran_was_never_started() {
    let mut bench = begun(Settings::default(), shared());
    bench.said();
    bench.crash(0);
    assert_eq!(bench.said(), ["p1 settle 1", "p2 settle 2"]);
    bench.result(1, StepOutcome::Voided);
    bench.result(2, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.written.last(), Some(&("end", Write::Lazy)));
    assert_eq!(bench.said(), NONE);
}

#[test]
fn a_saga_whose_steps_are_all_found_applied_completes() {
    let mut bench = begun(Settings::default(), three());
    bench.apply_upto(3);
    bench.crash(0);
    assert_eq!(bench.said(), ["p1 settle 1", "p2 settle 2", "p3 settle 3"]);
    for step in [2, 1, 3] {
        bench.applied(step);
    }
    assert_eq!(bench.written.last(), Some(&("end", Write::Forced)));
}

#[test]
fn a_read_that_its_participant_forgot_proves_nothing_about_the_steps_that_depend_on_it() {
    let mut bench = begun(Settings::default(), vec![reads(1), writes(1)]);
    bench.apply_upto(1);
    bench.said();
    bench.crash(0);
    assert_eq!(bench.said(), ["p1 settle 1"]);
    bench.result(1, StepOutcome::Voided);
    assert_eq!(bench.said(), ["p1 settle 2"]);
    bench.answer(1, 1, 2, applied());
    assert_eq!(bench.written.last(), Some(&("end", Write::Forced)), "it had run, so the read had too");
}

#[test]
fn rule_27_forward_recovery_asks_again_for_every_step_without_a_result() {
    let mut bench = begun(with(|o| o.forward_recovery = true), three());
    bench.apply_upto(1);
    bench.said();
    bench.crash(1);
    assert_eq!(bench.said(), ["p2 step 2", "p3 step 3"]);
    let mut voided = bench.clone();
    bench.applied(3);
    bench.applied(2);
    bench.force();
    assert!(bench.phases().ends_with(&[Phase::WorkDone, Phase::Decided, Phase::Ended]));
    // Rule 40: the step was voided in an earlier incarnation.
    voided.result(2, StepOutcome::Voided);
    assert_eq!(voided.said(), ["p3 settle 3"], "the earlier incarnation may have requested more steps");
    voided.applied(3);
    voided.force();
    assert_eq!(voided.said(), ["p3 compensate 3", "p1 compensate 1"]);
}

#[test]
fn rule_32_a_pivot_found_applied_means_forward() {
    let mut bench = begun(Settings::default(), vec![writes(1), pivot(2), retriable(3), retriable(4)]);
    bench.apply_upto(2);
    bench.said();
    let mut logged = bench.clone();
    logged.crash(2);
    assert_eq!(logged.said(), ["p3 step 3", "p4 step 4"]);
    bench.crash(0);
    bench.applied(1);
    bench.applied(2);
    assert_eq!(bench.said(), ["p1 settle 1", "p2 settle 2", "p3 step 3", "p4 step 4"]);
}

#[test]
fn rule_26_a_saga_that_had_turned_goes_on_compensating() {
    let mut bench = begun(Settings::default(), three());
    bench.apply_upto(2);
    bench.result(3, refused());
    bench.force();
    bench.undo(2, UndoOutcome::Undone);
    bench.said();
    let mut lost = bench.clone();
    bench.crash(1);
    assert_eq!(bench.said(), ["p1 compensate 1"]);
    lost.crash(0);
    assert_eq!(lost.said(), ["p2 compensate 2", "p1 compensate 1"], "asked again; the barrier knows that it is done");
    for mut bench in [bench, lost] {
        bench.undo(1, UndoOutcome::NothingToUndo);
        bench.undo(2, UndoOutcome::Undone);
        bench.hear(CLIENT, Message::StatusQuery { txn: txn(1) });
        let status = Status::Ended(Outcome::Compensated(reason(ReasonKind::Constraint)));
        let reply = (CLIENT, Message::StatusReply { txn: txn(1), status });
        assert_eq!(bench.take_sent().pop(), Some(reply), "what was undone before counts");
    }
}

/// Two steps to undo; the compensation of step 1 has failed too often.
fn stuck() -> Bench<ParallelOrchestrator> {
    let mut bench = begun(with(|o| o.compensation_attempts = 2), three());
    bench.said();
    bench.result(3, refused());
    bench.force();
    for _ in 0..20 {
        bench.fire_nth(0);
        bench.fire_nth(1);
    }
    assert!(!bench.observed.iter().any(|o| matches!(o, Observation::Stuck { .. })), "silence never makes it stuck");
    bench.undo(1, undo_failed());
    bench.undo(1, undo_failed());
    bench.fire_nth(0);
    bench.said();
    bench.undo(1, undo_failed());
    bench
}

#[test]
fn rule_26_answered_failures_make_one_compensation_stuck_and_the_others_go_on() {
    let mut bench = stuck();
    assert_eq!(bench.observed.last(), Some(&Observation::Stuck { txn: txn(1), step: 1, resumed: false }));
    assert_eq!(bench.machine.inspect(false).open[0].state, "stuck at compensating 1");
    bench.undo(2, UndoOutcome::Undone);
    assert!(bench.timers.is_empty() && bench.said().is_empty());
    bench.hear(NodeId::LAB, Message::Resume { txn: txn(1) });
    assert_eq!(bench.observed.last(), Some(&Observation::Stuck { txn: txn(1), step: 1, resumed: true }));
    assert_eq!(bench.said(), ["p1 compensate 1", "lab done"]);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
}

#[test]
fn a_stuck_compensation_stays_stuck_until_it_is_resumed() {
    let mut bench = stuck();
    bench.crash(1);
    assert_eq!(bench.said(), ["p2 compensate 2"]);
    bench.compact();
    bench.crash(0);
    assert_eq!(bench.said(), ["p2 compensate 2"]);
    assert!(bench.observed.contains(&Observation::Stuck { txn: txn(1), step: 1, resumed: false }));
    bench.hear(NodeId::LAB, Message::Resume { txn: txn(1) });
    bench.take_sent();
    bench.crash(1);
    assert_eq!(bench.said(), ["p2 compensate 2", "p1 compensate 1"]);
}

#[test]
fn rule_38_duplicated_and_late_results_change_nothing() {
    let mut bench = begun(Settings::default(), three());
    bench.result(1, StepOutcome::Applied { reads: vec![read(1, 10)] });
    let after_first = bench.machine.clone();
    for late in [applied(), refused(), failed(), StepOutcome::Voided] {
        bench.result(1, late);
    }
    bench.undo(1, UndoOutcome::Undone);
    bench.answer(1, 1, 2, refused());
    bench.answer(1, 1, 0, applied());
    bench.answer(1, 4, 4, applied());
    assert_eq!(bench.machine, after_first, "nor does an answer from the wrong participant, or about no step");
    bench.result(3, StepOutcome::Applied { reads: vec![read(3, 30)] });
    bench.applied(2);
    bench.force();
    assert_eq!(bench.told(), Outcome::Completed { reads: vec![read(1, 10), read(3, 30)] }, "in the order of steps");
}

#[test]
fn phases_come_in_order_and_each_once() {
    let mut bench = begun(Settings::default(), three());
    assert_eq!(bench.phases(), [Phase::Begun, Phase::WorkSent]);
    bench.applied(3);
    assert_eq!(bench.phases()[2..], [Phase::HalfDone]);
    bench.applied(1);
    assert_eq!(bench.phases()[3..], []);
    bench.applied(2);
    assert_eq!(bench.phases()[3..], [Phase::WorkDone]);
    bench.force();
    assert_eq!(bench.phases()[4..], [Phase::Decided, Phase::Ended]);
}

#[test]
fn costs_of_n_steps_are_2n_messages_and_two_forces() {
    for n in 1..=6u16 {
        let mut bench = begun(Settings::default(), (1..=n).map(writes).collect());
        assert_eq!(counted(&bench.sent), n.into());
        for step in 1..=u32::from(n) {
            bench.applied(step);
        }
        bench.force();
        assert_eq!(counted(&bench.sent), n.into(), "and as many answers");
        assert_eq!(count(&bench.written, Write::Forced), 2);
        assert_eq!(count(&bench.written, Write::Lazy), n.into(), "the step results");
    }
}
