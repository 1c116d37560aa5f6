//! Tests of the measures of clients and of costs, on small hand-written traces with numbers computed by hand.

mod tape;

use indoubt_scenario::protocol::Protocol::{Saga, TwoPhase};
use tape::run;

#[test]
fn latency_runs_from_the_scheduled_arrival_by_outcome_and_audits_stand_apart() {
    let run = run(
        TwoPhase,
        "10 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         20 k1 began c1-k1-2 transfer 1:p1/a:-5 2:p2/b:+5
         25 k1 told c1-k1-2 refused
         30 k1 told c1-k1-1 succeeded
         40 k1 began c1-k1-3 audit 1:p1/a:? total=0
         47 k1 told c1-k1-3 succeeded
         50 k1 began c1-k1-4 transfer 1:p1/a:-5 2:p2/b:+5
         80 k1 told c1-k1-4 aborted
         90 k1 began c1-k1-5 transfer 1:p1/a:-5 2:p2/b:+5
         95 k1 told c1-k1-5 unknown
         99 k1 began c1-k1-6 transfer 1:p1/a:-5 2:p2/b:+5
         100 lab end",
    );
    let latency = run.measures.latency_ms;
    let told = |s: indoubt_judge::summary::Spread| (s.count, s.max);
    assert_eq!(told(latency.succeeded), (1, 20.0));
    assert_eq!(told(latency.refused), (1, 5.0));
    assert_eq!(told(latency.audit), (1, 7.0));
    assert_eq!(told(latency.aborted), (1, 30.0));
    assert_eq!(told(latency.unknown), (1, 5.0));
    assert_eq!(latency.compensated.count, 0);
    // The one that was never told is `unknown` among the clients, and no sample of latency.
    let c = run.clients;
    assert_eq!((c.succeeded, c.aborted, c.compensated, c.refused, c.unknown), (2, 1, 0, 1, 2));
    assert_eq!(run.series.latency_ms["succeeded"], [(20.0, 1.0)]);
    assert!(!run.series.latency_ms.contains_key("compensated"));
}

#[test]
fn throughput_counts_successes_under_load_and_the_longest_gap_counts_the_edges() {
    let run = run(
        TwoPhase,
        "1000 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         3000 k1 told c1-k1-1 succeeded
         3000 k1 began c1-k1-2 transfer 1:p1/a:-5 2:p2/b:+5
         3500 k1 told c1-k1-2 succeeded
         3600 k1 began c1-k1-3 transfer 1:p1/a:-5 2:p2/b:+5
         7000 k1 told c1-k1-3 aborted
         9000 k1 began c1-k1-4 transfer 1:p1/a:-5 2:p2/b:+5
         12000 k1 told c1-k1-4 succeeded
         13000 lab end",
    );
    // Load lasts 10 s: two successes within it, the third is told while it settles.
    assert_eq!(run.measures.throughput_tps, 0.2);
    assert_eq!(run.measures.unavailable_ms, 6_500.0);
    let total: f64 = run.series.throughput_tps.iter().map(|p| p.tps * p.interval_ms / 1_000.0).sum();
    assert!((total - 3.0).abs() < 1e-9, "{total}");
}

#[test]
fn without_any_success_the_whole_of_load_is_unavailable() {
    assert_eq!(run(TwoPhase, "0 lab end").measures.unavailable_ms, 10_000.0);
}

#[test]
fn costs_are_counted_over_transactions_begun_that_are_no_audits() {
    let m = run(
        TwoPhase,
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         0 k1 sent c1 submit c1-k1-1
         1 c1 reached c1-k1-1 begun
         2 c1 sent p1 work c1-k1-1
         2 c1 sent p2 work c1-k1-1
         3 p1 sent c1 work-done c1-k1-1
         4 c1 sent p1 prepare c1-k1-1
         4 c1 sent p1 prepare c1-k1-1 copy
         5 p1 appended c1-k1-1 forced
         5 p1 sent c1 vote c1-k1-1
         6 c1 sent p1 decision c1-k1-1
         7 c1 sent p1 decision c1-k1-1
         8 c1 appended c1-k1-1 forced
         8 c1 appended c1-k1-1 lazy
         8 c1 appended - lazy
         9 c1 sent k1 outcome c1-k1-1
         # An audit, a refusal and a second transaction that cost nothing.
         10 k1 began c1-k1-2 audit 1:p1/a:? total=0
         11 c1 sent p1 work c1-k1-2
         11 c1 sent p1 prepare c1-k1-2
         11 p1 appended c1-k1-2 lazy
         12 k1 began c1-k1-3 transfer 1:p1/a:-5 2:p2/b:+5
         12 c1 sent k1 outcome c1-k1-3
         12 k1 told c1-k1-3 refused
         13 k1 began c1-k1-4 transfer 1:p1/a:-5 2:p2/b:+5
         13 c1 reached c1-k1-4 begun
         # The operator's hand is no node.
         14 lab sent p1 resolve c1-k1-1
         20 lab end",
    )
    .measures;
    // Two transactions begun: prepare, vote, two decisions; work twice and work-done once; forced twice, lazy once.
    assert_eq!(m.messages_per_txn, 4.0 / 2.0);
    assert_eq!(m.work_messages_per_txn, 3.0 / 2.0);
    assert_eq!(m.forced_writes_per_txn, 2.0 / 2.0);
    assert_eq!(m.lazy_writes_per_txn, 1.0 / 2.0);
}

#[test]
fn every_kind_of_message_between_nodes_counts() {
    let kinds = ["prepare", "vote", "decision", "ack", "inquire", "answer", "step", "settle", "compensate"];
    for kind in kinds {
        let story = "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5\n1 c1 reached c1-k1-1 begun";
        let sent = format!("{story}\n2 p1 sent p2 {kind} c1-k1-1\n3 c1 sent p1 {kind} c1-k1-1\n9 lab end");
        assert_eq!(run(TwoPhase, &sent).measures.messages_per_txn, 2.0, "{kind}");
    }
}

#[test]
fn every_message_of_a_saga_counts_as_its_own_and_none_as_a_work_round() {
    let m = run(
        Saga,
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         2 c1 sent p1 step c1-k1-1
         3 p1 sent c1 step-result c1-k1-1
         4 c1 sent p2 compensate c1-k1-1
         9 lab end",
    )
    .measures;
    assert_eq!((m.messages_per_txn, m.work_messages_per_txn), (3.0, 0.0));
}

#[test]
fn a_client_that_gave_up_knows_nothing_until_it_asks() {
    let story = "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         9 c1 decided c1-k1-1 abort
         500 k1 gave-up c1-k1-1
         # One that died asks, one gave up and never asks, one is told `unknown`, and one waits until the end.
         600 k1 began c1-k1-2 transfer 1:p1/a:-5 2:p2/b:+5
         600 k1 gave-up c1-k1-2 died
         700 k1 began c1-k1-3 transfer 1:p1/a:-5 2:p2/b:+5
         710 k1 told c1-k1-3 unknown
         800 k1 began c1-k1-4 transfer 1:p1/a:-5 2:p2/b:+5
         1500 k1 told c1-k1-1 aborted a constraint does not hold
         9000 lab end";
    let run = run(TwoPhase, story);
    assert_eq!((run.clients.unknown, run.clients.aborted), (4, 0), "what it was told first counts");
    assert_eq!((run.measures.client_unknown, run.measures.client_wrong), (3, 0), "the first one has learned it");
    assert_eq!((run.measures.latency_ms.unknown.count, run.measures.latency_ms.unknown.max), (2, 500.0));
    assert_eq!((run.measures.latency_ms.aborted.count, run.measures.aborted_by.constraint), (0, 0));
    // That a client gave up says nothing of the transaction: the second and the fourth may still run.
    assert_eq!((run.transactions.aborted, run.transactions.refused), (1, 3));
}

#[test]
fn a_client_is_wrong_if_what_it_was_told_is_not_so_at_the_end() {
    let told = |outcome: &str| {
        let story = format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
             1 c1 reached c1-k1-1 begun
             2 p1 step-applied c1-k1-1 1 p1/a:-5 @1
             3 p2 step-applied c1-k1-1 2 p2/b:+5 @1
             9 c1 reached c1-k1-1 ended
             10 k1 told c1-k1-1 {outcome}
             90 lab end"
        );
        let measures = run(Saga, &story).measures;
        (measures.client_wrong, measures.client_unknown)
    };
    assert_eq!(["succeeded", "compensated", "unknown"].map(told), [(0, 0), (1, 0), (0, 1)]);
}

#[test]
fn a_transaction_is_over_when_its_home_has_ended_it_whatever_its_client_was_told() {
    let m = run(
        Saga,
        "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
         1 c1 reached c1-k1-1 begun
         9 k1 told c1-k1-1 succeeded
         20 c1 reached c1-k1-1 ended
         # A restart observes the end again.
         25 c1 reached c1-k1-1 ended
         30 k1 began c1-k1-2 transfer 1:p1/a:-5 2:p2/b:+5
         31 c1 reached c1-k1-2 begun
         # An audit, and one that was refused, have no end.
         40 k1 began c1-k1-3 audit 1:p1/a:? total=0
         41 c1 reached c1-k1-3 begun
         50 k1 began c1-k1-4 transfer 1:p1/a:-5 2:p2/b:+5
         51 k1 told c1-k1-4 refused
         100 lab end",
    )
    .measures;
    let ended = m.ended_ms;
    assert_eq!((ended.count, ended.sum, ended.max, ended.censored), (2, 20.0 + 70.0, 70.0, 1));
}
