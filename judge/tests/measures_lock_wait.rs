//! Tests of `lock_wait_ms` and `lock_timeouts`, on small hand-written traces with numbers computed by hand.

mod tape;

use indoubt_judge::summary::{Measures, Spread};
use indoubt_scenario::protocol::Protocol::{Saga, TwoPhase};
use tape::run;

fn measured(story: &str) -> Measures {
    run(TwoPhase, story).measures
}

/// Count, sum and maximum in milliseconds, and how many are censored.
fn told(spread: Spread) -> (u64, f64, f64, u64) {
    (spread.count, spread.sum, spread.max, spread.censored)
}

#[test]
fn a_wait_ends_when_the_lock_is_granted_or_given_up_and_a_transaction_adds_up_its_waits() {
    let m = measured(
        "0 p1 wants c1-k1-1 p1/a
         0 p1 gets c1-k1-1 p1/a
         0 p2 wants c1-k1-1 p2/b
         0 p2 gets c1-k1-1 p2/b
         5 p1 wants c2-k2-1 p1/a
         6 p2 wants c2-k2-1 p2/b
         # A repeated request begins nothing.
         8 p1 wants c2-k2-1 p1/a
         10 p2 wants c2-k2-2 p2/b
         12 p1 wants c2-k2-3 p1/a
         31 p1 frees c1-k1-1 p1/a
         31 p1 gets c2-k2-1 p1/a
         40 p2 quits c2-k2-2 p2/b
         45 p2 frees c1-k1-1 p2/b
         45 p2 gets c2-k2-1 p2/b
         50 p1 quits c2-k2-3 p1/a abort
         90 lab end",
    );
    // c1-k1-1 waited for nobody. c2-k2-1: 5 to 31 and 6 to 45, at the same time. c2-k2-2: 10 to 40. c2-k2-3: 12 to 50.
    assert_eq!(told(m.lock_wait_ms), (3, 65.0 + 30.0 + 38.0, 65.0, 0));
    assert_eq!(m.lock_timeouts, 1, "an abort is no timeout");
    assert_eq!(m.bystanders.count, 0, "nobody was in doubt");
}

#[test]
fn a_crash_ends_the_waits_at_its_node_and_what_is_open_at_the_end_is_censored() {
    let m = measured(
        "0 p1 gets c1-k1-1 p1/a
         0 p2 gets c1-k1-1 p2/b
         10 p1 wants c2-k2-1 p1/a
         10 p2 wants c2-k2-1 p2/b
         20 p1 wants c2-k2-2 p1/a
         30 p1 crashed
         60 p1 restarted 0
         # What a dead node gave up is no wait any more.
         61 p1 gets c2-k2-2 p1/a
         100 lab end",
    );
    // c2-k2-1: 10 to 30 at p1, and 10 to the end at p2. c2-k2-2: 20 to 30.
    assert_eq!(told(m.lock_wait_ms), (2, 20.0 + 90.0 + 10.0, 110.0, 1));
    assert_eq!(m.lock_timeouts, 0);
}

#[test]
fn a_request_at_the_last_instant_has_not_waited() {
    let m = measured("0 p1 gets c1-k1-1 p1/a\n50 p1 wants c2-k2-1 p1/a\n50 lab end");
    assert_eq!(told(m.lock_wait_ms), (0, 0.0, 0.0, 0));
}

#[test]
fn waits_are_told_apart_by_what_the_holder_was_meanwhile() {
    let m = measured(
        "0 p1 wants c1-k1-1 p1/a
         0 p1 gets c1-k1-1 p1/a
         5 p1 wants c2-k2-1 p1/a
         # It works until it is in doubt.
         15 p1 in-doubt c1-k1-1
         40 p1 decided c1-k1-1 commit
         40 p1 frees c1-k1-1 p1/a
         40 p1 gets c2-k2-1 p1/a
         # A shared holder in doubt counts before one that works.
         50 p2 gets c1-k1-2 p2/b shared
         50 p2 gets c1-k1-3 p2/b shared
         50 p2 in-doubt c1-k1-3
         60 p2 wants c2-k2-2 p2/b
         75 p2 decided c1-k1-3 commit
         75 p2 frees c1-k1-3 p2/b
         80 p2 frees c1-k1-2 p2/b
         80 p2 gets c2-k2-2 p2/b
         90 lab end",
    );
    let by = m.lock_wait_by;
    // c2-k2-1: 5 to 15 and 15 to 40. c2-k2-2: 75 to 80 and 60 to 75.
    assert_eq!(told(by.working_ms), (2, 10.0 + 5.0, 10.0, 0));
    assert_eq!(told(by.in_doubt_ms), (2, 25.0 + 15.0, 25.0, 0));
    assert_eq!(by.in_doubt_ms, m.bystanders.wait_ms);
    assert_eq!(told(by.pending_ms), (0, 0.0, 0.0, 0));
    assert_eq!(told(m.lock_wait_ms), (2, 35.0 + 20.0, 35.0, 0));
}

#[test]
fn a_saga_with_applied_steps_is_a_pending_holder() {
    let m = run(
        Saga,
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         2 p1 gets c1-k1-1 p1/a
         5 p1 wants c2-k2-1 p1/a
         10 p1 step-applied c1-k1-1 1 p1/a:-5 @1
         10 p1 pending c1-k1-1 p1/a
         10 p1 frees c1-k1-1 p1/a
         10 p1 gets c2-k2-1 p1/a
         20 p2 gets c1-k1-1 p2/b
         22 p2 wants c2-k2-1 p2/b
         # The end of the saga leaves a holder that only works.
         30 c1 settled c1-k1-1 p1/a
         34 p2 frees c1-k1-1 p2/b
         34 p2 gets c2-k2-1 p2/b
         90 lab end",
    )
    .measures;
    // 5 to 10 behind a saga of which nothing is applied, 22 to 30 behind a pending one, 30 to 34 behind its rest.
    assert_eq!(
        (told(m.lock_wait_by.working_ms), told(m.lock_wait_by.pending_ms)),
        ((1, 9.0, 9.0, 0), (1, 8.0, 8.0, 0))
    );
}
