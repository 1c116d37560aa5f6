//! A participant after a crash has exactly the state that its log describes (rules 11, 17b). Also tests compaction.

mod common;

use common::*;
use indoubt_participant::{Record, Timer};
use indoubt_proto::{
    ids::Lsn,
    inspect::LockMode,
    message::{Decision, Message},
    observation::Observation,
    operation::Operation,
};

fn undo(name: &str, delta: i64) -> Operation {
    Operation::Add { key: key(name), delta, min: None }
}

/// The state that its compaction records, without the observations that are still owed.
fn state(p: &Bench) -> Vec<Record> {
    p.compaction().into_iter().filter(|record| !matches!(record, Record::Owed(_))).collect()
}

#[test]
fn rule_11_a_branch_in_doubt_takes_its_locks_back_before_anything_else_and_asks_at_once() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1), get("b")]));
    p.tell(prepare(1));
    p.force();
    let before = p.seen.len();
    let sent = p.crash(0);
    assert!(p.holds(1, "a", LockMode::Exclusive) && p.holds(1, "b", LockMode::Shared));
    let kinds: Vec<_> = p.seen[before..].iter().map(Observation::kind).collect();
    assert_eq!(kinds, ["lock-granted", "lock-granted", "in-doubt"]);
    assert_eq!(words(&sent), ["inquire", "inquire", "inquire"]);
    assert_eq!(p.timers[&Timer::Inquire(txn(1))].0, 100_000, "and again after the first backoff");
    assert!(p.tell(work(2, &[add("a", 1)])).is_empty() && p.waits(2, "a"));
    p.tell(decision(1, Decision::Commit, true));
    assert_eq!(words(&p.force()), ["ack", "work-done:done"]);
    assert_eq!(p.value("a"), 99);
}

#[test]
fn rule_11_a_branch_that_was_not_in_doubt_is_gone_and_aborts_alone() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    p.tell(work(2, &[add("b", -1)]));
    p.tell(prepare(2));
    p.crash(0);
    assert!(p.is_idle());
    assert_eq!(words(&p.tell(prepare(1))), ["vote:no"]);
    assert_eq!(words(&p.tell(work(1, &[add("a", -1)]))), ["work-done:failed"]);
}

#[test]
fn rule_11_a_prepared_record_that_survived_unforced_is_in_doubt_though_no_vote_left() {
    let mut p = Bench::new();
    p.force();
    p.tell(work(1, &[add("a", -1)]));
    p.tell(prepare(1));
    p.crash(1);
    assert_eq!(p.state(1).as_deref(), Some("in doubt"));
    assert_eq!(p.story(1), ["in-doubt"]);
}

#[test]
fn a_lazy_commit_that_was_lost_is_asked_for_again_and_applied_once() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell(decision(1, Decision::Commit, false));
    assert_eq!(p.value("a"), 99);
    p.crash(0);
    assert_eq!((p.state(1).as_deref(), p.value("a")), (Some("in doubt"), 100));
    p.tell(decision(1, Decision::Commit, false));
    p.force();
    p.crash(0);
    assert_eq!((p.value("a"), effects(&p.seen)[&key("a")]), (99, -1));
}

#[test]
fn effects_are_observed_when_durable_and_again_after_a_restart_under_the_same_lsn() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    assert!(effects(&p.seen).is_empty());
    p.force();
    p.tell(compensate(1, 1, &[undo("a", 10)]));
    p.force();
    p.crash(0);
    let lsn = |o: &Observation| match o {
        Observation::StepApplied { lsn, .. } | Observation::Compensated { lsn, .. } => Some(*lsn),
        _ => None,
    };
    let lsns: Vec<_> = p.seen.iter().filter_map(lsn).collect();
    assert_eq!(lsns, [Lsn(2), Lsn(3), Lsn(2), Lsn(3)]);
    assert_eq!(effects(&p.seen)[&key("a")], 0);
    let pending = p.seen.iter().filter(|o| o.kind() == "pending").count();
    assert_eq!(pending, 1, "a flag is not set again: its saga may be over");
}

#[test]
fn a_compaction_replaces_the_opening_balances_and_repeats_no_effect() {
    let mut p = Bench::new();
    p.tell(step(1, 1, &[add("a", -10)]));
    p.force();
    p.bring_into_doubt(2, "b", -1);
    p.compact();
    let before = effects(&p.seen);
    for _ in 0..3 {
        p.crash(0);
        assert_eq!((p.value("a"), p.value("b")), (90, 100));
        assert!(p.holds(2, "b", LockMode::Exclusive));
        assert_eq!(words(&p.tell(step(1, 1, &[add("a", -10)]))), ["step-result:applied"]);
    }
    assert_eq!(effects(&p.seen), before);
    p.tell(decision(2, Decision::Commit, true));
    p.force();
    p.crash(0);
    assert_eq!((p.value("a"), p.value("b")), (90, 99));
}

#[test]
fn what_a_compaction_made_durable_is_observed_even_if_the_process_dies_before_it_hears_so() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell(decision(1, Decision::Commit, true));
    p.tell(step(2, 1, &[add("b", -2)]));
    p.tell(compensate(3, 1, &[undo("c", 5)]));
    p.tell(step(4, 1, &[add("d", -4)]));
    p.force();
    p.tell(compensate(4, 1, &[undo("d", 4)]));
    p.bring_into_doubt(5, "c", -5);
    p.tell(decision(5, Decision::Commit, false));
    let mut q = p.clone();
    q.compact();
    q.crash(0);
    p.force();
    assert_eq!(effects(&q.seen), effects(&p.seen));
    assert_eq!(effects(&q.seen)[&key("c")], -5);
    assert_eq!(state(&q), state(&p));
}

#[test]
fn the_marks_come_back_with_the_log_and_with_a_compaction() {
    for compacted in [false, true] {
        let mut p = Bench::new();
        let mut marked_step = step(9, 1, &[add("a", -1)]);
        if let Message::Step { ticket, .. } = &mut marked_step {
            *ticket = marked(9, 5);
        }
        p.tell(marked_step);
        p.force();
        if compacted {
            p.compact();
        }
        p.crash(0);
        assert_eq!(words(&p.tell(work(4, &[add("a", -1)]))), ["work-done:failed"]);
        assert_eq!(words(&p.tell(work(5, &[add("a", -1)]))), ["work-done:done"]);
    }
}

#[test]
fn a_large_state_survives_its_compaction_in_records_of_bounded_size() {
    let mut p = Bench::new();
    for number in 1..=500 {
        p.tell(step(number, 1, &[undo(&format!("k{number}"), 1)]));
    }
    p.force();
    let before = (p.view(), state(&p));
    assert!(before.1.len() > 10);
    p.compact();
    p.crash(0);
    assert_eq!((p.view(), state(&p)), before);
}
