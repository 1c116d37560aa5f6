//! An orchestrator restarts: what it finds in its journal, and how each saga then continues.

mod common;

use common::*;
use indoubt_proto::{
    ids::{Lsn, NodeId},
    machine::{Machine, Write},
    message::{Message, Outcome, ReasonKind, Status, StepOutcome, UndoOutcome},
    observation::{Observation, Phase},
    plan::PlanStep,
    settings::{CompensateFrom, Settings},
};
use indoubt_saga::{Orchestrator, OrchestratorRecord};

fn forward_recovery() -> Settings {
    let mut settings = Settings::default();
    settings.options.forward_recovery = true;
    settings
}

/// Crashes after `done` steps, of whose results `surviving` survive, and forgets the requests before the crash.
fn crashed(settings: Settings, steps: Vec<PlanStep>, done: u32, surviving: usize) -> Bench<Orchestrator> {
    let mut bench = Bench::begun(settings, steps);
    bench.apply_upto(done);
    bench.crash(surviving);
    bench
}

#[test]
fn a_begin_that_was_not_durable_leaves_no_trace() {
    let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
    bench.submit(1, three());
    bench.crash(0);
    assert!(bench.said().is_empty() && bench.machine.inspect(false).open.is_empty());
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert_eq!(
        bench.told(),
        Outcome::Unknown(reason(ReasonKind::Forgotten)),
        "it is not run, because its fate is unknown"
    );
}

#[test]
fn a_begin_that_survived_unforced_is_settled_like_any_other() {
    let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
    bench.submit(1, three());
    bench.crash(1);
    assert_eq!(bench.said(), ["p1 settle 1"]);
    bench.result(1, StepOutcome::Voided);
    bench.force();
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert_eq!(bench.told(), Outcome::Aborted(reason(ReasonKind::Recovery)));
}

#[test]
fn rule_26_the_last_started_step_is_settled_then_all_are_compensated_in_reverse() {
    let mut bench = crashed(Settings::default(), three(), 2, 2);
    assert_eq!(bench.said(), ["p3 settle 3"]);
    bench.result(3, StepOutcome::Voided);
    assert_eq!(bench.written.last(), Some(&("turn", Write::Forced)));
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"]);
    bench.undo(2, UndoOutcome::Undone);
    assert_eq!(bench.said(), ["p1 compensate 1"]);
    bench.undo(1, UndoOutcome::Undone);
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Recovery)));
}

#[test]
fn rule_26_lost_results_are_found_out_one_step_after_another() {
    let mut bench = crashed(Settings::default(), three(), 2, 0);
    assert_eq!(bench.said(), ["p1 settle 1"]);
    bench.applied(1);
    assert_eq!(bench.said(), ["p2 settle 2"]);
    bench.applied(2);
    assert_eq!(bench.said(), ["p3 settle 3"]);
    bench.result(3, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"]);
}

#[test]
fn a_saga_whose_steps_are_all_found_applied_completes() {
    let mut bench = crashed(Settings::default(), three(), 2, 2);
    bench.applied(3);
    assert_eq!(bench.written.last(), Some(&("end", Write::Forced)));
    bench.force();
    let asked = Message::StatusQuery { txn: txn(1) };
    bench.take_sent();
    bench.hear(CLIENT, asked);
    let reply = Message::StatusReply { txn: txn(1), status: Status::Ended(completed()) };
    assert_eq!(bench.take_sent(), [(CLIENT, reply)]);
}

#[test]
fn an_end_that_was_lost_is_written_again() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(3);
    bench.crash(3);
    assert!(bench.said().is_empty());
    assert_eq!(bench.written.last(), Some(&("end", Write::Forced)));
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert!(bench.said().is_empty(), "not completed before that is durable");
    bench.force();
    assert_eq!(bench.told(), completed());
}

#[test]
fn a_refusal_found_by_settling_turns_the_saga_back() {
    for (from, first) in [(CompensateFrom::Previous, "p1 compensate 1"), (CompensateFrom::Failed, "p2 compensate 2")] {
        let mut settings = Settings::default();
        settings.options.compensate_from = from;
        let mut bench = crashed(settings, three(), 1, 1);
        bench.take_sent();
        bench.result(2, refused());
        bench.force();
        assert_eq!(bench.said(), [first]);
    }
}

#[test]
fn a_read_that_its_participant_forgot_proves_nothing_about_later_steps() {
    // The participant's record of the read is lazy too, so after two crashes only the steps that write show how far the
    // saga came.
    let mut bench = crashed(Settings::default(), vec![reads(1), reads(2), pivot(3)], 2, 0);
    assert_eq!(bench.said(), ["p1 settle 1"]);
    bench.result(1, StepOutcome::Voided);
    assert_eq!(bench.said(), ["p2 settle 2"]);
    bench.result(2, StepOutcome::Voided);
    assert_eq!(bench.said(), ["p3 settle 3"]);
    let mut found = bench.clone();
    bench.result(3, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.written.last(), Some(&("end", Write::Lazy)));
    found.applied(3);
    found.force();
    assert_eq!(found.written.last(), Some(&("end", Write::Forced)), "it had run, so the saga completes");
}

#[test]
fn rule_27_a_forward_recovery_that_gives_up_settles_what_an_earlier_life_may_have_started() {
    let mut settings = forward_recovery();
    settings.options.step_attempts = 1;
    let mut bench = crashed(settings, three(), 2, 0);
    assert_eq!(bench.said(), ["p1 step 1"]);
    bench.result(1, failed());
    assert_eq!(bench.said(), ["p2 settle 2"]);
    bench.applied(2);
    assert_eq!(bench.said(), ["p3 settle 3"]);
    bench.result(3, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"]);
    bench.undo(2, UndoOutcome::Undone);
    assert_eq!(bench.said(), ["p1 compensate 1"]);
}

#[test]
fn rule_17b_a_refusal_heard_after_a_restart_may_answer_a_request_of_the_earlier_life() {
    let mut bench = crashed(forward_recovery(), three(), 1, 1);
    assert_eq!(bench.said(), ["p2 step 2"]);
    bench.result(2, refused());
    assert_eq!(bench.said(), ["p3 settle 3"]);
    bench.result(3, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.said(), ["p2 compensate 2"], "its barrier tells whether it is applied");
}

#[test]
fn rule_27_forward_recovery_asks_again_from_the_first_step_without_a_result() {
    let mut bench = crashed(forward_recovery(), three(), 2, 1);
    assert_eq!(bench.said(), ["p2 step 2"]);
    bench.applied(2);
    bench.applied(3);
    bench.force();
    assert!(!bench.written.iter().any(|(word, _)| *word == "turn"));
    assert!(bench.phases().ends_with(&[Phase::WorkDone, Phase::Decided, Phase::Ended]));
}

#[test]
fn rule_40_a_step_voided_in_an_earlier_life_turns_a_forward_recovery_back() {
    let mut bench = crashed(forward_recovery(), three(), 1, 1);
    bench.take_sent();
    bench.result(2, StepOutcome::Voided);
    bench.force();
    assert_eq!(bench.said(), ["p1 compensate 1"]);
}

#[test]
fn rule_32_a_logged_pivot_means_forward_whatever_the_option() {
    let mut bench = crashed(Settings::default(), vec![writes(1), pivot(2), retriable(3)], 2, 2);
    assert_eq!(bench.said(), ["p3 step 3"]);
}

#[test]
fn rule_32_a_pivot_found_applied_means_forward_too() {
    let mut bench = crashed(Settings::default(), vec![writes(1), pivot(2), retriable(3)], 2, 1);
    assert_eq!(bench.said(), ["p2 settle 2"]);
    bench.applied(2);
    assert_eq!(bench.said(), ["p3 step 3"], "requested, because a question would void a retriable step");
}

/// Two steps are applied, the third is refused, and the second is undone.
fn turned() -> Bench<Orchestrator> {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(2);
    bench.result(3, refused());
    bench.force();
    bench.undo(2, UndoOutcome::Undone);
    bench.take_sent();
    bench
}

#[test]
fn rule_26_a_saga_that_had_turned_goes_on_compensating() {
    let mut kept = turned();
    kept.crash(1);
    assert_eq!(kept.said(), ["p1 compensate 1"]);
    let mut lost = turned();
    lost.crash(0);
    assert_eq!(lost.said(), ["p2 compensate 2"], "asked again; the barrier knows that it is done (rule 39)");
    for mut bench in [kept, lost] {
        bench.undo(2, UndoOutcome::Undone);
        bench.undo(1, UndoOutcome::NothingToUndo);
        bench.hear(CLIENT, Message::StatusQuery { txn: txn(1) });
        let status = Status::Ended(Outcome::Compensated(reason(ReasonKind::Constraint)));
        let reply = (CLIENT, Message::StatusReply { txn: txn(1), status });
        assert_eq!(bench.take_sent().pop(), Some(reply), "the outcome is the same, what was undone before counts");
    }
}

#[test]
fn a_turn_that_was_lost_is_found_out_again() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(1);
    bench.result(2, refused());
    bench.crash(1);
    assert_eq!(bench.said(), ["p2 settle 2"]);
}

#[test]
fn rule_17b_the_mark_waits_until_a_lazy_end_is_durable() {
    let mut bench = turned();
    bench.submit(2, three());
    bench.force();
    bench.undo(1, UndoOutcome::Undone);
    bench.answer(2, 1, 1, applied());
    assert_eq!(bench.last_ticket().finished_below, serial(1, 0), "saga 1 has ended, but a crash may undo that");
    let before_force = bench.clone();
    bench.force();
    bench.answer(2, 2, 2, applied());
    assert_eq!(bench.last_ticket().finished_below, serial(1, 1));

    let mut bench = before_force;
    bench.take_sent();
    bench.crash(0);
    assert_eq!(bench.said(), ["p1 compensate 1", "p1 settle 1"], "it does, and saga 1 compensates again");
    bench.submit(3, three());
    bench.force();
    assert_eq!(bench.last_ticket().serial, serial(2, 0), "numbers of a new incarnation are larger");
    assert_eq!(bench.last_ticket().finished_below, serial(1, 0));
}

#[test]
fn a_client_that_asks_again_after_a_restart_is_told_when_it_is_over() {
    let mut bench = crashed(forward_recovery(), three(), 2, 2);
    bench.take_sent();
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert!(bench.said().is_empty());
    bench.applied(3);
    bench.force();
    assert_eq!(bench.told(), completed());
}

#[test]
fn the_flags_of_an_end_found_durable_are_taken_off_again() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(3);
    bench.crash(4);
    assert_eq!(bench.settled(), ["p1/a", "p2/a", "p3/a"], "the crash came between the end and its observation");
    assert_eq!(bench.phases().last(), Some(&Phase::Ended));
    assert!(bench.machine.inspect(false).open.is_empty() && bench.said().is_empty());
}

#[test]
fn a_stuck_saga_stays_stuck_until_it_is_resumed() {
    let mut settings = Settings::default();
    settings.options.compensation_attempts = 1;
    let mut bench = Bench::begun(settings, three());
    bench.apply_upto(1);
    bench.result(2, refused());
    bench.force();
    bench.undo(1, undo_failed());
    bench.take_sent();
    bench.crash(1);
    assert!(bench.said().is_empty());
    assert_eq!(bench.observed.last(), Some(&Observation::Stuck { txn: txn(1), step: 1, resumed: false }));
    bench.compact();
    bench.crash(0);
    assert_eq!(bench.machine.inspect(false).open[0].state, "stuck at compensating 1");
    bench.hear(NodeId::LAB, Message::Resume { txn: txn(1) });
    bench.take_sent();
    bench.crash(1);
    assert_eq!(bench.said(), ["p1 compensate 1"]);
}

/// The words of the records that a compaction leaves.
fn compacted(bench: &Bench<Orchestrator>) -> Vec<&'static str> {
    let mut records = Vec::new();
    bench.machine.compact(&mut records);
    records.iter().map(indoubt_proto::machine::Record::word).collect()
}

#[test]
fn a_compaction_keeps_what_is_open_and_what_is_remembered() {
    let mut bench = turned();
    assert_eq!(compacted(&bench), ["begin", "step-done", "step-done", "turn", "step-undone"]);
    bench.undo(1, UndoOutcome::Undone);
    assert_eq!(compacted(&bench), ["remembered"]);
    bench.submit(2, three());
    bench.force();
    bench.compact();
    bench.take_sent();
    bench.crash(0);
    assert_eq!(bench.said(), ["p1 settle 1"]);
    bench.hear(CLIENT, Message::Submit(submission(1, 1, three())));
    assert_eq!(bench.told(), Outcome::Compensated(reason(ReasonKind::Constraint)));
}

#[test]
fn a_compaction_between_a_record_and_its_force_loses_nothing() {
    let mut bench = Bench::begun(Settings::default(), three());
    bench.apply_upto(3);
    assert_eq!(compacted(&bench), ["begin", "step-done", "step-done", "step-done", "end"]);
    bench.compact();
    assert_eq!(bench.told(), completed());
}

#[test]
fn records_of_nothing_are_ignored() {
    use indoubt_proto::machine::{Input, Logged};
    let mut bench = Bench::new(Orchestrator::new(HOME, Settings::default()));
    let record = OrchestratorRecord::Ended { txn: txn(1) };
    let records = vec![Logged { lsn: Lsn(1), compacted: false, record }];
    bench.step(Input::Recover { log: LOG, incarnation: 2, records });
    assert!(bench.said().is_empty() && bench.observed.is_empty());
}
