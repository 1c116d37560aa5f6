//! Tests of `lock_wait_ms` and `lock_timeouts`, on small hand-written traces with numbers computed by hand.

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
