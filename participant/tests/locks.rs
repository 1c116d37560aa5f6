//! Strict two-phase locking as other nodes see it: who waits for whom, and that no wait lasts for ever (rules 10, 42).

mod common;

use common::*;
use indoubt_participant::{Owner, Part, Timer};
use indoubt_proto::{
    inspect::LockMode,
    message::{Decision, ReadVote},
    observation::{Abandoned, Observation},
};

fn lock_timer(number: u64) -> Timer {
    Timer::Lock(Owner { txn: txn(number), part: Part::Branch })
}

#[test]
fn a_lock_is_held_through_the_whole_doubt_and_passes_on_in_order() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    for number in [2, 3] {
        assert!(p.tell(work(number, &[add("a", -1)])).is_empty());
    }
    assert!(p.tell(step(4, 1, &[add("a", -1)])).is_empty(), "a saga's step waits for a branch in doubt");
    assert_eq!(p.view().locks[0].waiters, [txn(2), txn(3), txn(4)]);
    p.tell(decision(1, Decision::Commit, true));
    assert!(p.waits(2, "a"), "not before the outcome is durable");
    let sent = p.force();
    assert_eq!(words(&sent), ["ack", "work-done:done"]);
    assert!(p.holds(2, "a", LockMode::Exclusive) && p.waits(3, "a"));
    assert!(!p.timers.contains_key(&lock_timer(2)) && p.timers.contains_key(&lock_timer(3)));
    p.tell(decision(2, Decision::Abort, false));
    assert!(p.holds(3, "a", LockMode::Exclusive));
}

#[test]
fn rule_42_a_read_never_sees_the_update_of_a_branch_that_is_not_over() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    assert!(p.tell(work(2, &[get("a")])).is_empty());
    p.tell(decision(1, Decision::Commit, false));
    let value = |o: &Observation| match o {
        Observation::Read { txn: reader, value, .. } if *reader == txn(2) => Some(*value),
        _ => None,
    };
    assert_eq!(p.seen.iter().find_map(value), Some(99));
}

#[test]
fn two_branches_that_want_the_same_records_in_opposite_order_do_not_deadlock_here() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("b", 1), add("a", 1)]));
    assert!(p.tell(work(2, &[add("a", 1), add("b", 1)])).is_empty());
    p.tell(work(3, &[add("b", 1), add("a", 1)]));
    for number in [1, 2, 3] {
        p.tell(prepare(number));
        p.force();
        p.tell(decision(number, Decision::Commit, false));
    }
    assert!(p.is_idle(), "no timer was needed");
    assert_eq!((p.value("a"), p.value("b")), (103, 103));
}

#[test]
fn a_lock_timeout_ends_a_wait_and_those_behind_go_on() {
    let mut p = Bench::new();
    p.tell(prepare_with(1, &[get("a")], ReadVote::Keep));
    p.tell(work(2, &[add("a", -1)]));
    assert!(p.tell(work(3, &[get("a")])).is_empty(), "behind a writer");
    let sent = p.fire(lock_timer(2));
    assert_eq!(words(&sent), ["work-done:failed", "work-done:done"]);
    assert!(p.holds(3, "a", LockMode::Shared) && p.holds(1, "a", LockMode::Shared));
    let why = |o: &Observation| match o {
        Observation::LockAbandoned { why, .. } => Some(*why),
        _ => None,
    };
    assert_eq!(p.seen.iter().find_map(why), Some(Abandoned::Timeout));
}

#[test]
fn an_abort_ends_a_wait_too() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell(work(2, &[add("a", -1)]));
    p.tell(decision(2, Decision::Abort, true));
    assert!(!p.waits(2, "a") && !p.timers.contains_key(&lock_timer(2)));
    assert_eq!(words(&p.force()), ["ack"]);
    let aborted = |o: &Observation| matches!(o, Observation::LockAbandoned { why: Abandoned::Abort, .. });
    assert!(p.seen.iter().any(aborted));
}

#[test]
fn one_timer_bounds_the_whole_wait_of_a_claim() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.bring_into_doubt(2, "b", -1);
    p.tell(work(3, &[add("a", 1), add("b", 1)]));
    p.timers.insert(lock_timer(3), indoubt_proto::time::Micros(1));
    p.tell(decision(1, Decision::Commit, false));
    assert!(p.holds(3, "a", LockMode::Exclusive) && p.waits(3, "b"));
    assert_eq!(p.timers[&lock_timer(3)].0, 1, "the wait for the second lock did not start the timer again");
    p.tell(decision(2, Decision::Commit, false));
    assert!(!p.timers.contains_key(&lock_timer(3)));
    p.fire(lock_timer(3));
    assert_eq!(p.state(3).as_deref(), Some("work done"), "a stale firing does nothing");
}

#[test]
fn rule_10_a_branch_in_doubt_blocks_only_those_who_want_its_records() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.bring_into_doubt(2, "b", -1);
    p.tell(decision(2, Decision::Commit, true));
    assert_eq!(words(&p.force()), ["ack"]);
    p.tell(step(3, 1, &[add("c", -1)]));
    assert_eq!(words(&p.force()), ["step-result:applied"]);
    assert_eq!(p.state(1).as_deref(), Some("in doubt"));
}
