//! `deadlocks`, `recovery_ms`, `recovery_peak` and `aborted_by`: small stories with numbers computed by hand.

mod tape;

use indoubt_judge::summary::{Measures, Spread};
use indoubt_scenario::protocol::Protocol::TwoPhase;
use tape::run;

fn measured(story: &str) -> Measures {
    run(TwoPhase, story).measures
}

/// Count, sum and maximum in milliseconds, and how many are censored.
fn told(spread: Spread) -> (u64, f64, f64, u64) {
    (spread.count, spread.sum, spread.max, spread.censored)
}

#[test]
fn a_cycle_over_two_participants_is_a_deadlock_until_one_wait_ends() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         0 p2 gets c2-k2-1 p2/b
         # One waits for the other: no cycle yet.
         10 p2 wants c1-k1-1 p2/b
         20 p1 wants c2-k2-1 p1/a
         # A third one waits behind both, and is in no cycle.
         25 p1 wants c2-k3-1 p1/a
         120 p1 quits c2-k2-1 p1/a
         130 p2 frees c2-k2-1 p2/b
         130 p2 gets c1-k1-1 p2/b
         140 p1 frees c1-k1-1 p1/a
         140 p1 gets c2-k3-1 p1/a
         200 lab end",
    );
    assert_eq!((m.deadlocks.count, m.deadlocks.victims), (1, 1));
    assert_eq!(told(m.deadlocks.lost_ms), (1, 100.0, 100.0, 0));
}

#[test]
fn a_member_that_gets_another_lock_does_not_break_its_cycle() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         0 p2 gets c2-k2-1 p2/b
         10 p2 wants c1-k1-1 p2/b
         20 p1 wants c2-k2-1 p1/a
         # Neither of these has to do with the cycle.
         30 p3 gets c1-k1-1 p3/c
         40 p3 wants c2-k2-1 p3/d
         45 p3 gets c2-k2-1 p3/d
         50 p3 frees c1-k1-1 p3/c
         120 p1 quits c2-k2-1 p1/a
         200 lab end",
    );
    assert_eq!((m.deadlocks.count, m.deadlocks.victims), (1, 1));
    assert_eq!(told(m.deadlocks.lost_ms), (1, 100.0, 100.0, 0));
}

#[test]
fn three_transactions_in_a_ring_are_one_deadlock_and_an_open_one_is_censored() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         0 p2 gets c1-k1-2 p2/b
         0 p3 gets c1-k1-3 p3/c
         1 p2 wants c1-k1-1 p2/b
         2 p3 wants c1-k1-2 p3/c
         10 p1 wants c1-k1-3 p1/a
         50 lab end",
    );
    assert_eq!((m.deadlocks.count, m.deadlocks.victims), (1, 0));
    assert_eq!(told(m.deadlocks.lost_ms), (1, 40.0, 40.0, 1));
}

#[test]
fn readers_of_one_record_do_not_wait_for_each_other() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a shared
         0 p2 gets c1-k1-2 p2/b shared
         5 p2 wants c1-k1-1 p2/b shared
         5 p2 gets c1-k1-1 p2/b shared
         6 p1 wants c1-k1-2 p1/a shared
         6 p1 gets c1-k1-2 p1/a shared
         50 lab end",
    );
    assert_eq!(m.deadlocks.count, 0);
    // A writer between them makes the cycle: the second reader waits behind it.
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a shared
         0 p2 gets c1-k1-2 p2/b
         4 p2 wants c1-k1-1 p2/b
         5 p1 wants c1-k1-2 p1/a
         50 p1 quits c1-k1-2 p1/a
         60 lab end",
    );
    assert_eq!((m.deadlocks.count, m.deadlocks.victims), (1, 1));
}

#[test]
fn a_crash_breaks_the_cycle_without_a_victim() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         0 p2 gets c2-k2-1 p2/b
         10 p2 wants c1-k1-1 p2/b
         20 p1 wants c2-k2-1 p1/a
         50 p1 crashed
         90 p1 restarted 0
         200 lab end",
    );
    assert_eq!((m.deadlocks.count, m.deadlocks.victims), (1, 0));
    assert_eq!(told(m.deadlocks.lost_ms), (1, 30.0, 30.0, 0));
}

#[test]
fn a_repair_lasts_until_what_was_in_doubt_then_is_decided() {
    let m = measured(
        "0 p1 in-doubt c1-k1-1
         0 p2 in-doubt c1-k1-1
         10 c1 crashed
         20 p1 in-doubt c1-k1-2
         100 c1 restarted 0
         # In doubt only after the repair: not part of it.
         105 p1 in-doubt c2-k1-3
         130 p1 decided c1-k1-1 commit
         150 p2 decided c1-k1-1 commit
         160 p1 decided c1-k1-2 abort
         # A second repair finds only the later branch, which stays in doubt.
         200 lab link-healed p1 c2
         300 lab end",
    );
    assert_eq!(told(m.recovery_ms), (2, 60.0 + 100.0, 100.0, 1));
}

#[test]
fn the_peak_counts_messages_between_nodes_in_the_busiest_tenth_of_a_second() {
    let m = measured(
        "0 c1 sent p1 work c1-k1-1
         10 c1 crashed
         100 c1 restarted 0
         110 c1 sent p1 decision c1-k1-1
         120 c1 sent p2 decision c1-k1-1
         130 c1 sent k1 outcome c1-k1-1
         250 c1 sent p1 decision c1-k1-1
         2000 c1 sent p1 work c1-k1-2
         3000 lab end",
    );
    assert_eq!(m.recovery_peak, 20.0, "two messages in a tenth of a second");
}

#[test]
fn the_first_answer_tells_the_reason() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:+1
         0 k1 began c1-k1-2 transfer 1:p1/a:+1
         0 k1 began c1-k1-3 transfer 1:p1/a:+1
         5 k1 told c1-k1-1 aborted a lock was not granted in time: at p1
         6 k1 told c1-k1-2 aborted found undecided at a restart
         7 k1 told c1-k1-2 aborted a vote did not come in time
         8 k1 told c1-k1-3 succeeded
         20 lab end",
    );
    let by = m.aborted_by;
    assert_eq!((by.lock_timeout, by.recovery, by.vote_timeout, by.other), (1, 1, 0, 0));
}
