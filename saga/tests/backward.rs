//! A saga turns back: a refused step, the order of compensations, what it costs, options, failures, operators.

mod common;

use common::*;
use indoubt_proto::{
    ids::NodeId,
    machine::{Machine, Write},
    message::{Message, Outcome, ReasonKind, StepOutcome, UndoOutcome},
    observation::{Observation, Phase},
    settings::{CompensateFrom, Options, Settings},
    time::Micros,
};
use indoubt_saga::Orchestrator;

fn with(change: impl FnOnce(&mut Options)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.options);
    settings
}

#[test]
fn rule_24_the_trace_is_t1_to_tj_then_cj_to_c1() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(2);
    bench.result(3, refused());
    assert_eq!(bench.written.last(), Some(&("turn", Write::Forced)));
    assert_eq!(bench.said(), [] as [&str; 0], "no compensation before the turn is durable");
    assert!(bench.timers.is_empty());
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"]);
    bench.undo(2, UndoOutcome::Undone);
    assert_eq!(bench.said(), ["p1 compensate 1"]);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
    assert_eq!(bench.written.last(), Some(&("end", Write::Lazy)));
    assert!(bench.timers.is_empty());
}

#[test]
fn costs_of_a_refusal_at_k_are_2k_and_twice_k_minus_1_messages_and_two_forces() {
    for k in 1..=6u32 {
        let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
        bench.submit(1, (1..=6).map(writes).collect());
        bench.force();
        let mut answers = 0;
        for step in 1..k {
            bench.applied(step);
            answers += 1;
        }
        bench.result(k, refused());
        answers += 1;
        bench.force();
        for step in (1..k).rev() {
            bench.undo(step, UndoOutcome::Undone);
            answers += 1;
        }
        let k = k as usize;
        assert_eq!(counted(&bench.sent) + answers, 2 * k + 2 * (k - 1));
        let forced: Vec<&str> =
            bench.written.iter().filter(|(_, w)| *w == Write::Forced).map(|(word, _)| *word).collect();
        assert_eq!(forced, ["begin", "turn"]);
        assert_eq!(bench.written.last(), Some(&("end", Write::Lazy)));
        assert_eq!(count(&bench.written, Write::Lazy), 2 * (k - 1) + 1, "results, and the end");
    }
}

#[test]
fn compensations_carry_the_undo_of_their_step() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(1);
    bench.result(2, refused());
    bench.force();
    let (to, message) = bench.take_sent().pop().expect("a compensation");
    assert_eq!(to, NodeId::participant(1));
    let Message::Compensate { ops, .. } = message else { panic!("{message:?} is not a compensation") };
    assert_eq!(ops, writes(1).undo);
}

#[test]
fn a_saga_that_undid_nothing_is_told_aborted() {
    let mut bench = Bench::begun(Settings::default(), vec![reads(1), writes(2)]);
    bench.apply_upto(1);
    bench.result(2, refused());
    bench.force();
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::Constraint)), "a read leaves nothing to undo");
}

#[test]
fn a_step_that_only_read_is_passed_over_on_the_way_back() {
    let mut bench = Bench::begun(Settings::default(), vec![writes(1), reads(2), writes(3)]);
    bench.apply_upto(2);
    bench.result(3, refused());
    bench.force();
    assert_eq!(bench.said(), ["p1 compensate 1"]);
}

#[test]
fn rule_30_an_option_says_whether_the_refused_step_is_compensated_too() {
    for (from, first) in [(CompensateFrom::Previous, "p1 compensate 1"), (CompensateFrom::Failed, "p2 compensate 2")] {
        let mut bench = Bench::begun(with(|o| o.compensate_from = from), three());
        bench.apply_upto(1);
        bench.result(2, refused());
        bench.force();
        assert_eq!(bench.said(), [first]);
        if from == CompensateFrom::Failed {
            bench.undo(2, UndoOutcome::NothingToUndo);
            assert_eq!(bench.said(), ["p1 compensate 1"]);
        }
        bench.undo(1, UndoOutcome::Undone);
        assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
    }
}

#[test]
fn rule_39_an_empty_compensation_undoes_nothing() {
    let mut bench = Bench::begun(with(|o| o.compensate_from = CompensateFrom::Failed), three());
    bench.result(1, refused());
    bench.force();
    assert_eq!(bench.said(), ["p1 compensate 1"]);
    bench.undo(1, UndoOutcome::NothingToUndo);
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::Constraint)));
}

#[test]
fn phases_of_a_turn_end_when_the_end_is_appended() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(1);
    bench.result(2, refused());
    assert_eq!(bench.phases(), [Phase::Begun, Phase::WorkSent, Phase::HalfDone]);
    bench.force();
    assert_eq!(bench.phases()[3..], [Phase::Decided]);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.phases()[4..], [Phase::Ended]);
    assert!(bench.settled().is_empty(), "each compensation took its own flag away");
}

#[test]
fn rule_38_duplicated_and_late_results_do_not_disturb_the_way_back() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(2);
    bench.result(3, refused());
    let turning = bench.machine.clone();
    bench.result(3, applied());
    bench.undo(2, UndoOutcome::Undone);
    assert_eq!(bench.machine, turning, "before the turn is durable");
    bench.force();
    bench.undo(2, UndoOutcome::Undone);
    let at_first = bench.machine.clone();
    bench.undo(2, UndoOutcome::Undone);
    bench.undo(2, undo_failed());
    bench.result(1, applied());
    bench.result(3, refused());
    assert_eq!(bench.machine, at_first);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
}

#[test]
fn a_failed_step_is_tried_again_and_then_the_saga_turns_back_from_that_very_step() {
    let mut bench = Bench::begun(with(|o| o.step_attempts = 3), three());
    bench.apply_upto(1);
    for pause in [100, 200] {
        bench.result(2, failed());
        assert_eq!(bench.said(), [] as [&str; 0]);
        assert_eq!(bench.fire(), Micros::from_millis(pause));
        assert_eq!(bench.said(), ["p2 step 2"]);
    }
    bench.result(2, failed());
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"], "a copy of it may still be on its way, and the barrier stops it");
    bench.undo(2, UndoOutcome::NothingToUndo);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::LockTimeout)));
}

#[test]
fn rule_17b_a_refusal_of_a_step_that_was_asked_for_again_is_no_proof_that_it_never_ran() {
    // The step is refused, the crash loses the lazy record, and the second request applies it. The first answer arrives
    // late.
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(1);
    bench.fire();
    bench.take_sent();
    bench.result(2, refused());
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"]);
    bench.undo(2, UndoOutcome::Undone);
    assert_eq!(bench.said(), ["p1 compensate 1"]);

    let mut pivotal = Bench::begun(Settings::default(), vec![pivot(1), retriable(2)]);
    pivotal.fire();
    pivotal.take_sent();
    pivotal.result(1, refused());
    assert_eq!(pivotal.said(), ["p1 settle 1"], "a pivot has no compensation whose barrier would tell");
    pivotal.result(1, refused());
    pivotal.force();
    assert_eq!(pivotal.told(), Outcome::Aborted(reason(ReasonKind::Constraint)));
}

#[test]
fn copies_of_one_failure_count_once() {
    let mut bench = Bench::begun(with(|o| o.step_attempts = 2), three());
    for _ in 0..5 {
        bench.result(1, failed());
    }
    assert_eq!(bench.machine.inspect(false).open[0].state, "step 1 of 3");
    bench.fire();
    bench.applied(1);
    assert_eq!(bench.said(), ["p1 step 1", "p2 step 2"]);
}

#[test]
fn a_late_success_ends_the_pause_after_a_failure() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.result(1, failed());
    bench.applied(1);
    assert_eq!(bench.said(), ["p2 step 2"]);
}

#[test]
fn rule_32_a_pivot_that_keeps_failing_is_settled_before_anything_else() {
    let begin = || {
        let mut bench = Bench::begun(with(|o| o.step_attempts = 1), vec![writes(1), pivot(2), retriable(3)]);
        bench.apply_upto(1);
        bench.result(2, failed());
        assert_eq!(bench.said(), ["p2 settle 2"]);
        bench
    };
    let mut voided = begin();
    voided.result(2, StepOutcome::Voided);
    voided.force();
    assert_eq!(voided.said(), ["p1 compensate 1"]);
    voided.undo(1, UndoOutcome::Undone);
    assert_eq!(voided.told(), Outcome::Compensated(reason(ReasonKind::LockTimeout)));

    let mut found = begin();
    found.applied(2);
    assert_eq!(found.said(), ["p3 step 3"], "it was applied after all: no way back");
    found.applied(3);
    found.force();
    assert_eq!(found.told(), completed());
}

#[test]
fn a_question_that_fails_is_asked_again() {
    let mut bench = Bench::begun(with(|o| o.step_attempts = 1), vec![pivot(1), retriable(2)]);
    bench.result(1, failed());
    for _ in 0..20 {
        bench.result(1, failed());
        bench.fire();
    }
    assert_eq!(bench.said(), ["p1 settle 1"; 21]);
    bench.result(1, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::LockTimeout)));
}

#[test]
fn rule_32_a_retriable_step_is_tried_until_it_succeeds_refusals_too() {
    let mut bench = Bench::begun(with(|o| o.step_attempts = 1), vec![pivot(1), retriable(2)]);
    bench.apply_upto(1);
    for answer in [failed(), refused(), StepOutcome::Voided].into_iter().cycle().take(30) {
        bench.result(2, answer);
        bench.fire();
    }
    assert_eq!(bench.said(), ["p2 step 2"; 30]);
    bench.applied(2);
    bench.force();
    assert_eq!(bench.told(), completed());
}

#[test]
fn a_read_that_keeps_failing_needs_no_compensation() {
    let mut bench = Bench::begun(with(|o| o.step_attempts = 1), vec![writes(1), reads(2)]);
    bench.apply_upto(1);
    bench.result(2, failed());
    bench.force();
    assert_eq!(bench.said(), ["p1 compensate 1"]);
}

fn stuck() -> Bench<Orchestrator> {
    let mut bench = Bench::begun(with(|o| o.compensation_attempts = 3), three());
    bench.apply_upto(1);
    bench.result(2, refused());
    bench.force();
    for _ in 0..2 {
        bench.undo(1, undo_failed());
        bench.undo(1, undo_failed());
        bench.fire();
    }
    assert_eq!(bench.said(), ["p1 compensate 1"; 3]);
    assert_eq!(bench.machine.inspect(false).open[0].state, "compensating 1");
    bench.undo(1, undo_failed());
    bench
}

#[test]
fn a_compensation_that_fails_too_often_leaves_the_saga_stuck() {
    let mut bench = stuck();
    assert_eq!(bench.observed.last(), Some(&Observation::Stuck { txn: txn(1), step: 1, resumed: false }));
    assert_eq!(bench.machine.inspect(false).open[0].state, "stuck at compensating 1");
    assert!(bench.timers.is_empty() && bench.said().is_empty());
}

#[test]
fn rule_26_silence_never_makes_a_saga_stuck() {
    let mut bench = Bench::begun(with(|o| o.compensation_attempts = 1), three());
    bench.apply_upto(1);
    bench.result(2, refused());
    bench.force();
    for _ in 0..50 {
        bench.fire();
    }
    assert_eq!(bench.said(), ["p1 compensate 1"; 51]);
    assert!(!bench.observed.iter().any(|o| matches!(o, Observation::Stuck { .. })));
}

#[test]
fn a_stuck_saga_goes_on_when_an_operator_says_so() {
    let mut bench = stuck();
    bench.hear(NodeId::LAB, Message::Resume { txn: txn(1) });
    assert_eq!(bench.observed.last(), Some(&Observation::Stuck { txn: txn(1), step: 1, resumed: true }));
    let sent = bench.take_sent();
    assert!(matches!(&sent[1], (NodeId::LAB, Message::Done { count: 1, .. })), "{sent:?}");
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
}

#[test]
fn resuming_a_saga_that_is_not_stuck_changes_nothing() {
    let mut bench = Bench::begun(Settings::default(), three());
    let before = bench.machine.clone();
    for number in [1, 2] {
        bench.hear(NodeId::LAB, Message::Resume { txn: txn(number) });
        let detail = format!("{} is not stuck here", txn(number));
        assert_eq!(bench.take_sent(), [(NodeId::LAB, Message::Done { count: 0, detail })]);
    }
    assert_eq!(bench.machine, before);
}
