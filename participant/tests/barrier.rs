//! Steps of sagas, their compensations, and the barrier between them (rules 26, 29, 38 to 40); unprotected calls.

mod common;

use common::*;
use indoubt_participant::{Owner, Part, Timer};
use indoubt_proto::{
    inspect::LockMode,
    machine::Write,
    message::{Message, StepOutcome},
    observation::Observation,
    operation::Operation,
};

fn undo(name: &str, delta: i64) -> Operation {
    Operation::Add { key: key(name), delta, min: None }
}

fn lock_timer(number: u64, part: Part) -> Timer {
    Timer::Lock(Owner { txn: txn(number), part })
}

/// A step that waits for the lock of transaction 99, which is in doubt.
fn a_waiting_step() -> Bench {
    let mut p = Bench::new();
    p.bring_into_doubt(99, "a", -5);
    assert!(p.tell(step(1, 1, &[add("a", -10)])).is_empty());
    assert!(p.waits(1, "a"));
    p
}

#[test]
fn a_step_is_a_short_local_transaction() {
    let mut p = Bench::new();
    assert!(p.tell(step(1, 1, &[get("a"), add("a", -10)])).is_empty(), "no answer before it is durable");
    assert!(p.holds(1, "a", LockMode::Exclusive));
    let sent = p.force();
    let Message::StepResult { outcome: StepOutcome::Applied { reads }, step: 1, .. } = &sent[0] else {
        panic!("{sent:?}")
    };
    assert_eq!(reads[0].value, 100);
    assert!(p.is_idle());
    assert_eq!(p.value("a"), 90);
    assert_eq!(p.story(1), ["read", "step-applied", "pending"]);
    assert_eq!(p.writes.last(), Some(&("step-applied", Write::Forced)));
    assert_eq!(p.tell(step(1, 1, &[get("a"), add("a", -10)])), sent, "rule 38: a duplicate gets the same answer");
    assert_eq!(p.value("a"), 90);
}

#[test]
fn rule_38_a_duplicate_of_a_step_in_progress_is_answered_once_by_its_end() {
    let mut p = Bench::new();
    for _ in 0..3 {
        assert!(p.tell(step(1, 1, &[add("a", -10)])).is_empty());
    }
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    assert_eq!(p.value("a"), 90);
}

#[test]
fn a_refused_step_is_remembered_and_nothing_is_forced_for_it() {
    let mut p = Bench::new();
    let sent = p.tell(step(1, 1, &[add("a", -101)]));
    assert_eq!(words(&sent), ["step-result:refused"]);
    assert_eq!(p.writes.last(), Some(&("step-refused", Write::Lazy)));
    assert!(p.is_idle());
    p.tell(step(2, 1, &[add("a", 50)]));
    p.force();
    assert_eq!(p.tell(step(1, 1, &[add("a", -101)])), sent, "for good, even if it could run now");
    assert_eq!(p.story(1), ["step-refused"]);
}

#[test]
fn a_step_that_only_reads_forces_nothing_and_flags_nothing() {
    let mut p = Bench::new();
    let sent = p.tell(step(1, 1, &[get("a")]));
    assert_eq!(words(&sent), ["step-result:applied"]);
    assert_eq!(p.writes.last(), Some(&("step-applied", Write::Lazy)));
    assert_eq!(p.story(1), ["read"]);
    p.force();
    assert_eq!(p.story(1), ["read", "step-applied"]);
    p.crash(0);
    assert_eq!(p.tell(step(1, 1, &[get("a")])), sent, "the reads are remembered too");
}

#[test]
fn a_compensation_undoes_an_applied_step_once() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.force();
    assert!(p.tell(compensate(1, 1, &[undo("a", 10)])).is_empty());
    assert!(p.tell(compensate(1, 1, &[undo("a", 10)])).is_empty(), "a duplicate joins");
    assert_eq!(words(&p.force()), ["compensate-result:undone"]);
    assert_eq!(words(&p.tell(compensate(1, 1, &[undo("a", 10)]))), ["compensate-result:undone"], "rule 39");
    assert_eq!(p.value("a"), 100);
    assert!(p.is_idle());
    assert_eq!(p.story(1), ["step-applied", "pending", "compensated", "settled"]);
    assert_eq!(words(&p.tell(step(1, 1, &[add("a", -10)]))), ["step-result:voided"], "and the step stays undone");
}

#[test]
fn rule_29_a_compensation_is_semantic_and_keeps_what_others_did_since() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.force();
    p.tell(step(2, 1, &[add("a", -7)]));
    p.force();
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    p.force();
    assert_eq!(p.value("a"), 93, "restoring the pre-image, 100, would lose another saga's update");
}

#[test]
fn rule_39_a_compensation_without_its_step_is_empty_and_rule_40_the_late_step_never_runs() {
    let mut p = Bench::new();
    assert!(p.tell(compensate(1, 1, &[undo("a", 10)])).is_empty(), "not before the void record is durable");
    assert_eq!(p.writes.last(), Some(&("voided", Write::Forced)));
    assert_eq!(words(&p.force()), ["compensate-result:nothing-to-undo"]);
    let empty = |o: &Observation| matches!(o, Observation::Compensated { effects, .. } if effects.is_empty());
    assert!(p.seen.iter().any(empty));
    for restart in [false, true] {
        if restart {
            p.crash(0);
        }
        assert_eq!(words(&p.tell(step(1, 1, &[add("a", -10)]))), ["step-result:voided"]);
        assert_eq!(words(&p.tell(compensate(1, 1, &[undo("a", 10)]))), ["compensate-result:nothing-to-undo"]);
    }
    assert!(p.is_idle());
    assert_eq!(p.value("a"), 100);
}

#[test]
fn rule_40_a_step_that_meets_the_void_on_its_way_to_the_disk_waits_for_it() {
    let mut p = Bench::new();
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    assert!(p.tell(step(1, 1, &[add("a", -10)])).is_empty());
    assert_eq!(words(&p.force()), ["compensate-result:nothing-to-undo", "step-result:voided"]);
    assert_eq!(p.value("a"), 100);
}

#[test]
fn rule_40_a_compensation_cancels_a_step_that_still_waits_for_its_locks() {
    let mut p = a_waiting_step();
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    assert!(!p.waits(1, "a"));
    assert_eq!(words(&p.force()), ["compensate-result:nothing-to-undo"]);
    let abandoned = p.seen.iter().any(|o| o.kind() == "lock-abandoned" && o.txn() == Some(txn(1)));
    assert!(abandoned);
}

#[test]
fn a_compensation_of_a_step_on_its_way_to_the_disk_follows_it() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    assert_eq!(p.state(1).as_deref(), Some("compensating 1"));
    assert_eq!(words(&p.force()), ["compensate-result:undone"]);
    assert_eq!(p.value("a"), 100);
}

#[test]
fn rule_30_the_compensation_of_a_refused_step_is_empty() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -101)]));
    p.tell(compensate(1, 1, &[undo("a", 101)]));
    assert_eq!(words(&p.force()), ["compensate-result:nothing-to-undo"]);
    assert_eq!(p.value("a"), 100);
}

#[test]
fn rule_26_settle_tells_what_became_of_a_step_and_voids_one_that_never_ran() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    assert!(p.tell(settle(1, 1)).is_empty(), "in progress: its end is the answer");
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    assert_eq!(words(&p.tell(settle(1, 1))), ["step-result:applied"]);
    p.tell(step(1, 2, &[add("a", -101)]));
    assert_eq!(words(&p.tell(settle(1, 2))), ["step-result:refused"]);
    assert!(p.tell(settle(1, 3)).is_empty());
    assert_eq!(words(&p.force()), ["step-result:voided"]);
    assert_eq!(words(&p.tell(settle(1, 3))), ["step-result:voided"]);
    assert_eq!(words(&p.tell(step(1, 3, &[add("a", -1)]))), ["step-result:voided"], "rule 40");
    let empty = p.seen.iter().filter(|o| o.kind() == "compensated").count();
    assert_eq!(empty, 0, "an answer is not a compensation");
    assert_eq!(p.value("a"), 90);
}

#[test]
fn a_lock_timeout_of_a_step_is_a_failure_that_is_not_remembered() {
    let mut p = a_waiting_step();
    assert_eq!(words(&p.fire(lock_timer(1, Part::Step(1)))), ["step-result:failed"]);
    assert!(!p.waits(1, "a"));
    p.tell(decision(99, indoubt_proto::message::Decision::Abort, false));
    p.tell(step(1, 1, &[add("a", -10)]));
    assert_eq!(words(&p.force()), ["step-result:applied"]);
}

#[test]
fn a_lock_timeout_of_a_compensation_is_a_failure_and_it_may_come_again() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.force();
    p.bring_into_doubt(99, "a", -5);
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    assert_eq!(words(&p.fire(lock_timer(1, Part::Undo(1)))), ["compensate-result:failed"]);
    p.tell(decision(99, indoubt_proto::message::Decision::Commit, false));
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    assert_eq!(words(&p.force()), ["compensate-result:undone"]);
    assert_eq!(p.value("a"), 95);
}

#[test]
fn several_steps_of_one_saga_and_a_branch_share_one_lock_table() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.tell(step(1, 2, &[add("a", -10), add("b", 1)]));
    assert!(p.waits(1, "a"), "steps of one saga are transactions of their own");
    p.tell(work(2, &[add("a", -1)]));
    assert!(p.waits(2, "a"));
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    assert_eq!(words(&p.force()), ["step-result:applied", "work-done:done"]);
    assert!(p.holds(2, "a", LockMode::Exclusive));
    assert_eq!((p.value("a"), p.value("b")), (80, 101));
}

#[test]
fn rule_17b_steps_below_the_mark_are_refused() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.force();
    let mut later = settle(9, 1);
    if let Message::Settle { ticket, .. } = &mut later {
        *ticket = marked(9, 2);
    }
    p.tell(later);
    p.force();
    assert_eq!(words(&p.tell(step(1, 1, &[add("a", -10)]))), ["step-result:failed"]);
    assert_eq!(words(&p.tell(settle(1, 1))), ["step-result:failed"]);
    assert_eq!(words(&p.tell(compensate(1, 1, &[undo("a", 10)]))), ["compensate-result:failed"]);
    assert!(p.is_idle());
    assert_eq!(p.value("a"), 90);
}

#[test]
fn every_copy_of_an_unprotected_call_runs_and_nothing_is_flagged() {
    let mut p = Bench::new();
    p.tell(bare(1, &[add("a", -10)]));
    p.tell(bare(1, &[add("a", -10)]));
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    p.crash(0);
    p.tell(bare(1, &[add("a", -10)]));
    p.force();
    assert_eq!(p.value("a"), 70);
    assert_eq!(words(&p.tell(bare(1, &[add("a", -100)]))), ["step-result:refused"]);
    assert_eq!(words(&p.tell(bare(1, &[get("a")]))), ["step-result:applied"]);
    assert!(p.seen.iter().all(|o| o.kind() != "pending"));
    assert!(p.is_idle());
}
