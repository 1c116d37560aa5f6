//! Tests of the measures of doubt, locks and bystanders, on small hand-written traces with numbers computed by hand.

mod tape;

use indoubt_judge::summary::{Measures, Spread};
use indoubt_scenario::protocol::Protocol::{PresumedCommit, Saga, TwoPhase};
use tape::{run, tape};

fn measured(story: &str) -> Measures {
    run(TwoPhase, story).measures
}

/// Count, sum and maximum in milliseconds, and how many are censored.
fn told(spread: Spread) -> (u64, f64, f64, u64) {
    (spread.count, spread.sum, spread.max, spread.censored)
}

#[test]
fn a_branch_is_in_doubt_from_its_prepared_record_to_learning_the_decision() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         10 p1 in-doubt c1-k1-1
         12 p2 in-doubt c1-k1-1
         20 c1 decided c1-k1-1 commit
         25 p1 decided c1-k1-1 commit
         40 p2 decided c1-k1-1 commit
         50 lab end",
    );
    assert_eq!(told(m.in_doubt_ms), (2, 43.0, 28.0, 0));
    assert_eq!(told(m.in_doubt_up_ms), (2, 43.0, 28.0, 0));
    // Until c1 decided at 20 nobody knew; then everybody could ask c1.
    assert_eq!(told(m.blocked_ms), (2, 18.0, 10.0, 0));
}

#[test]
fn a_node_that_is_down_stays_in_doubt_but_is_not_up_and_a_repeated_line_begins_nothing() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         10 p1 in-doubt c1-k1-1
         30 p1 crashed
         70 p1 restarted 0
         70 p1 in-doubt c1-k1-1
         80 p1 paused
         85 p1 resumed
         100 p1 decided c1-k1-1 abort
         100 lab end",
    );
    assert_eq!(told(m.in_doubt_ms), (1, 90.0, 90.0, 0));
    // Up from 10 to 30, 70 to 80, 85 to 100.
    assert_eq!(told(m.in_doubt_up_ms), (1, 45.0, 45.0, 0));
    assert_eq!(told(m.blocked_ms), (1, 45.0, 45.0, 0));
}

#[test]
fn a_double_crash_and_a_crash_while_paused_keep_the_clock_right() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         10 p1 in-doubt c1-k1-1
         20 p1 paused
         30 p1 crashed
         40 p1 crashed
         50 p1 restarted 0
         55 p1 crashed
         60 p1 restarted 0
         61 p1 in-doubt c1-k1-1
         80 p1 decided c1-k1-1 abort
         90 lab end",
    );
    assert_eq!(told(m.in_doubt_ms), (1, 70.0, 70.0, 0));
    // 10 to 20, 50 to 55, 60 to 80: a restart ends the pause too.
    assert_eq!(told(m.in_doubt_up_ms), (1, 35.0, 35.0, 0));
}

#[test]
fn what_is_open_at_the_end_is_counted_and_censored() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         5 p1 gets c1-k1-1 p1/a
         10 p1 in-doubt c1-k1-1
         20 c1 crashed
         60 p1 crashed
         100 lab end",
    );
    assert_eq!(told(m.in_doubt_ms), (1, 90.0, 90.0, 1));
    assert_eq!(told(m.in_doubt_up_ms), (1, 50.0, 50.0, 1));
    assert_eq!(told(m.lock_hold_ms), (1, 95.0, 95.0, 1), "a crashed node's prepared branch still holds its locks");
}

#[test]
fn a_branch_that_forgot_what_it_learned_is_in_doubt_again() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         10 p1 in-doubt c1-k1-1
         20 c1 decided c1-k1-1 commit
         20 c1 crashed
         30 p1 decided c1-k1-1 commit
         31 p1 crashed
         50 p1 restarted 0
         50 p1 in-doubt c1-k1-1
         65 c1 restarted 9
         70 p1 decided c1-k1-1 commit
         80 lab end",
    );
    assert_eq!(told(m.in_doubt_ms), (2, 40.0, 20.0, 0));
    // First 10 to 20 (c1 not decided) and 20 to 30 (c1 down); then 50 to 65 (c1 down).
    assert_eq!(told(m.blocked_ms), (2, 35.0, 20.0, 0));
}

#[test]
fn a_restarted_coordinator_answers_by_its_presumption_unless_it_lost_its_log() {
    let story = |durable: &str, back: &str| {
        format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
             1 c1 reached c1-k1-1 begun
             {durable}
             10 p1 in-doubt c1-k1-1
             20 c1 crashed
             50 c1 restarted {back}
             90 p1 decided c1-k1-1 abort
             90 lab end"
        )
    };
    for protocol in [TwoPhase, PresumedCommit] {
        assert_eq!(told(run(protocol, &story("2 c1 durable 7", "7")).measures.blocked_ms), (1, 40.0, 40.0, 0));
    }
    // Its journal was lost, and no presumption answers: neither when it held something, nor when it did not yet.
    for durable in ["2 c1 durable 7", ""] {
        assert_eq!(told(measured(&story(durable, "0 77")).blocked_ms), (1, 80.0, 80.0, 0));
    }
    assert_eq!(told(measured(&story("", "0")).blocked_ms), (1, 40.0, 40.0, 0), "empty, and the same one");
}

/// A NO voter logs its abort lazily. If it crashes before that is durable, it no longer knows the decision, and its peers cannot learn
/// it from this node.
#[test]
fn a_peer_that_lost_what_it_had_learned_helps_nobody() {
    let story = |upto: u64| {
        measured(&format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
             1 c1 reached c1-k1-1 begun
             10 p2 in-doubt c1-k1-1
             12 p1 decided c1-k1-1 abort
             12 p1 appended c1-k1-1 lazy
             20 p1 crashed
             30 c1 crashed
             40 p1 restarted {upto}
             90 p2 decided c1-k1-1 abort
             99 lab end"
        ))
        .blocked_ms
    };
    // From 10 to 12, and from 20 to 40 while p1 is down; the record is number 5 of the tape.
    assert_eq!(told(story(5)), (1, 22.0, 22.0, 0));
    assert_eq!(told(story(4)), (1, 72.0, 72.0, 0));
}

#[test]
fn rule_7_a_peer_that_may_have_forgotten_helps_nobody() {
    let story = |mark: &str| {
        measured(&format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
             1 c1 reached c1-k1-1 begun
             2 p1 received c1 prepare c1-k1-1 #7/5
             2 p2 received c1 prepare c1-k1-1 #7/5
             10 p2 in-doubt c1-k1-1
             12 lab link-cut c1 p2
             20 c1 decided c1-k1-1 abort
             22 p1 decided c1-k1-1 abort
             50 p1 received c1 work c1-k1-2 {mark}
             90 p2 decided c1-k1-1 abort
             99 lab end"
        ))
        .blocked_ms
    };
    // From 10 to 22; then p1 could tell, until it hears that c1 has finished everything below 8.
    assert_eq!(told(story("#9/7")), (1, 12.0, 12.0, 0));
    assert_eq!(told(story("#9/8")), (1, 52.0, 52.0, 0));
}

#[test]
fn a_transaction_begun_after_the_restart_has_no_presumption_yet() {
    let m = measured(
        "0 c1 crashed
         5 c1 restarted 0
         6 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         7 c1 reached c1-k1-1 begun
         10 p1 in-doubt c1-k1-1
         30 p1 decided c1-k1-1 abort
         30 lab end",
    );
    assert_eq!(told(m.blocked_ms), (1, 20.0, 20.0, 0));
}

#[test]
fn a_one_way_cut_blocks_and_an_informed_peer_unblocks() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         10 p1 in-doubt c1-k1-1
         10 p2 in-doubt c1-k1-1
         15 lab link-cut c1 p1
         20 c1 decided c1-k1-1 commit
         30 p2 decided c1-k1-1 commit
         40 p2 paused
         50 p2 resumed
         60 lab link-cut p1 p2
         65 lab link-healed c1 p1
         70 c1 paused
         72 c1 resumed
         80 p1 decided c1-k1-1 commit
         80 lab end",
    );
    // p2: 10 to 20. p1: 10 to 30 (c1 cut off, p2 not informed), 40 to 50 (p2 paused), 60 to 65 (both cut), 70 to 72.
    assert_eq!(told(m.blocked_ms), (2, 10.0 + 37.0, 37.0, 0));
}

#[test]
fn a_branch_whose_journal_is_lost_is_gone_with_its_doubt_and_its_locks() {
    let m = measured(
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         5 p1 gets c1-k1-1 p1/a
         9 p1 durable 3
         10 p1 in-doubt c1-k1-1
         20 p1 crashed
         30 p1 restarted 0 77
         90 lab end",
    );
    assert_eq!(told(m.in_doubt_ms), (1, 20.0, 20.0, 0));
    assert_eq!(told(m.lock_hold_ms), (1, 25.0, 25.0, 0));
}

#[test]
fn the_intervals_in_doubt_are_in_the_series() {
    let run = run(
        TwoPhase,
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         10 p2 in-doubt c1-k1-1
         11 p1 in-doubt c1-k1-1
         30 p1 decided c1-k1-1 abort
         40 lab end",
    );
    let shown: Vec<_> =
        run.series.in_doubt.iter().map(|i| (i.node.to_string(), i.from_ms, i.to_ms, i.censored)).collect();
    assert_eq!(shown, [("p2".into(), 10.0, 40.0, true), ("p1".into(), 11.0, 30.0, false)]);
}

#[test]
fn a_lock_is_held_from_grant_to_release_and_a_crash_ends_it_unless_in_doubt() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         1 p1 gets c1-k1-2 p1/b
         5 p1 gets c1-k1-1 p1/a
         9 p1 in-doubt c1-k1-1
         11 p1 crashed
         20 p1 restarted 0
         20 p1 gets c1-k1-1 p1/a
         20 p1 in-doubt c1-k1-1
         30 p1 decided c1-k1-1 commit
         31 p1 frees c1-k1-1 p1/a
         31 p1 frees c1-k1-2 p1/b
         40 lab end",
    );
    // b: 1 to the crash at 11; a: 0 to 31 straight through it.
    assert_eq!(told(m.lock_hold_ms), (2, 41.0, 31.0, 0));
}

#[test]
fn a_bystander_waits_on_a_lock_in_doubt_and_only_that_time_counts_once() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         0 p2 gets c1-k1-1 p2/b
         5 p1 wants c2-k2-1 p1/a
         6 p2 wants c2-k2-1 p2/b
         7 p1 wants c2-k2-2 p1/a
         10 p1 in-doubt c1-k1-1
         20 p2 in-doubt c1-k1-1
         25 p1 quits c2-k2-2 p1/a
         30 p1 decided c1-k1-1 commit
         31 p1 frees c1-k1-1 p1/a
         31 p1 gets c2-k2-1 p1/a
         45 p2 decided c1-k1-1 commit
         45 p2 frees c1-k1-1 p2/b
         45 p2 gets c2-k2-1 p2/b
         50 p1 wants c2-k2-3 p1/a
         60 p1 frees c2-k2-1 p1/a
         60 p1 gets c2-k2-3 p1/a
         90 p1 frees c2-k2-3 p1/a
         90 p2 frees c2-k2-1 p2/b
         90 lab end",
    );
    // c2-k2-1: 10 to 30 at p1 and 20 to 45 at p2 together, 35 ms. c2-k2-2 gave up after 10 to 25. c2-k2-3 waited on
    // nobody in doubt.
    assert_eq!(m.bystanders.count, 2);
    assert_eq!(told(m.bystanders.wait_ms), (2, 50.0, 35.0, 0));
}

#[test]
fn two_readers_share_a_lock_in_doubt_and_nobody_stands_by() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a shared
         5 p1 in-doubt c1-k1-1
         10 p1 wants c2-k2-1 p1/a shared
         10 p1 gets c2-k2-1 p1/a shared
         20 p1 wants c2-k2-2 p1/a
         50 p1 crashed
         60 lab end",
    );
    assert_eq!(m.bystanders.count, 1, "only the writer waits");
    assert_eq!(told(m.bystanders.wait_ms), (1, 30.0, 30.0, 0));
}

#[test]
fn locks_held_counts_holders_doubt_waiters_and_flags() {
    let run = run(
        Saga,
        "0 p1 gets c1-k1-1 p1/a
         1 p1 wants c1-k1-2 p1/a
         2 p1 step-applied c1-k1-1 1 p1/a:-5 @1
         2 p1 pending c1-k1-1 p1/a
         3 p1 frees c1-k1-1 p1/a
         3 p1 gets c1-k1-2 p1/a
         4 p1 in-doubt c1-k1-2
         5 p1 decided c1-k1-2 commit
         6 p1 frees c1-k1-2 p1/a
         7 c1 settled c1-k1-1 p1/a
         9 lab end",
    );
    let shown: Vec<_> =
        run.series.locks_held.iter().map(|p| (p.t_ms, p.held, p.in_doubt, p.waiters, p.pending)).collect();
    let by_hand = [
        (0.0, 1, 0, 0, 0),
        (1.0, 1, 0, 1, 0),
        (2.0, 1, 0, 1, 1),
        (3.0, 1, 0, 0, 1),
        (4.0, 1, 1, 0, 1),
        (5.0, 1, 0, 0, 1),
        (6.0, 0, 0, 0, 1),
        (7.0, 0, 0, 0, 0),
        (9.0, 0, 0, 0, 0),
    ];
    assert_eq!(shown, by_hand);
}

#[test]
fn a_flag_lasts_from_the_step_to_the_end_of_its_saga_or_its_own_compensation() {
    let m = run(
        Saga,
        "10 p1 step-applied c1-k1-1 1 p1/a:-5 @1
         10 p1 pending c1-k1-1 p1/a
         20 p2 step-applied c1-k1-1 2 p2/b:+5 @1
         20 p2 pending c1-k1-1 p2/b
         30 p2 compensated c1-k1-1 2 p2/b:-5 @2
         30 p2 settled c1-k1-1 p2/b
         # Recovery shows step 2 again, long settled, and step 1, still flagged.
         40 p2 step-applied c1-k1-1 2 p2/b:+5 @1
         40 p2 pending c1-k1-1 p2/b
         41 p1 pending c1-k1-1 p1/a
         45 c1 settled c1-k1-1 p1/a
         # A step that was durable a moment before a crash is seen in recovery without its flag.
         50 p1 step-applied c1-k1-2 1 p1/a:-5 @3
         60 lab end",
    )
    .measures;
    assert_eq!(told(m.pending_ms), (3, 35.0 + 10.0 + 10.0, 35.0, 1));
}

#[test]
fn a_step_of_an_unprotected_call_flags_nothing() {
    let story = "10 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n60 lab end";
    assert_eq!(run(indoubt_scenario::protocol::Protocol::None, story).measures.pending_ms.count, 0);
    assert_eq!(tape(story).len(), 2);
}
