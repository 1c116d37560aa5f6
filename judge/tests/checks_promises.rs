//! Tests of promises and of what faults waive, and of the verdict, the expectations and the faults of a run.

mod tape;

use indoubt_judge::{promises::promises, summary::Verdict};
use indoubt_proto::{ids::NodeId, time::Micros};
use indoubt_scenario::{
    checks::CheckName,
    faults::{Kill, LoseLog, RestoreLog, act::OlderCopy},
    protocol::{
        Family,
        Protocol::{Saga, TwoPhase},
    },
    scenario::{Claim, Expect, Seeds},
};
use std::collections::BTreeSet;
use tape::{
    book::{BEGAN, COMMIT, broken, but},
    check, fault, judged, run,
};

#[test]
fn the_families_promise_what_the_design_says() {
    let promised = |family| CheckName::ALL.into_iter().filter(|name| promises(family, *name)).collect::<BTreeSet<_>>();
    assert_eq!(promised(Family::TwoPhase).len(), CheckName::ALL.len());
    assert!(promised(Family::Unprotected).is_empty());
    let saga = promised(Family::Saga);
    let kept = [CheckName::Completeness, CheckName::Durability, CheckName::NoEffectTwice, CheckName::Termination];
    assert!(kept.iter().all(|name| saga.contains(name)));
    let given_up = [CheckName::Agreement, CheckName::Isolation, CheckName::Audits];
    assert!(given_up.iter().all(|name| !saga.contains(name)));
}

#[test]
fn termination_is_waived_where_nothing_was_healed() {
    let open = |end: &str| {
        let story = "6 p1 in-doubt c1-k1-1\n6 p2 in-doubt c1-k1-1\n";
        run(TwoPhase, &format!("{BEGAN}{story}{end}\n99 lab end"))
    };
    for (end, why) in [
        ("20 c1 crashed", "c1 is not running"),
        ("20 p2 paused", "p2 is not running"),
        ("20 lab link-cut c1 p1", "c1 is still cut off from p1"),
        ("20 p1 session-refused c1", "c1 is still cut off from p1"),
    ] {
        let run = open(end);
        let termination = check(&run, "termination");
        assert!(!termination.held && !termination.promised && termination.detail.contains(why), "{termination:?}");
        assert_eq!(run.verdict, Verdict::Unknown, "unresolved, and nobody can be blamed");
    }
    // Another node that is down excuses nothing.
    assert_eq!(open("20 c2 crashed").verdict, Verdict::Violated);
    assert_eq!(open("20 lab link-cut c2 p1").verdict, Verdict::Violated);
}

/// What the log of p2 holds of the first transaction: only such a transaction is excused when the log is lost.
const PREPARED_AT_P2: &str = "1 p2 appended c1-k1-1 forced";

#[test]
fn a_log_lost_by_a_fault_waives_that_nodes_durability_and_what_follows_but_not_agreement() {
    let lose = |node| vec![fault(20, LoseLog { node, restart_after: None })];
    let lost = COMMIT.replace("99 lab end", "20 p2 crashed\n30 p2 restarted 0 77\n99 lab end");
    let story = format!("{BEGAN}{PREPARED_AT_P2}{lost}");
    let excused = judged(TwoPhase, lose(NodeId::participant(2)), vec![], &story);
    let durability = check(&excused, "durability");
    assert!(!durability.held && !durability.promised && durability.detail.contains("waived: p2 lost its log"));
    broken(&excused, &[], &[]);
    // Another node's lost log excuses nothing.
    let durability = judged(TwoPhase, lose(NodeId::participant(3)), vec![], &story);
    assert!(check(&durability, "durability").promised);
    let torn = story.replace("11 p1 decided c1-k1-1 commit", "11 p1 decided c1-k1-1 abort");
    assert!(check(&judged(TwoPhase, lose(NodeId::participant(2)), vec![], &torn), "agreement").promised);
}

#[test]
fn an_older_copy_of_a_log_waives_agreement_and_stability_where_it_misses_durable_records() {
    let node = NodeId::participant(2);
    let put_back = || vec![fault(20, RestoreLog { node, to: OlderCopy::Records(0), restart_after: None })];
    let torn = COMMIT.replace("11 p1 decided c1-k1-1 commit", "11 p1 decided c1-k1-1 abort");
    for (promise, then) in [("agreement", ""), ("stability", "31 p2 decided c1-k1-1 abort\n")] {
        let found = |upto: u32| {
            let back = format!("20 p2 crashed\n21 p2 log-restored {upto}\n30 p2 restarted {upto}\n{then}99 lab end");
            let story = format!("{BEGAN}{PREPARED_AT_P2}\n2 p2 durable 1\n{}", torn.replace("99 lab end", &back));
            check(&judged(TwoPhase, put_back(), vec![], &story), promise).clone()
        };
        let missing = found(0);
        assert!(!missing.held && !missing.promised, "{missing:?}");
        assert!(missing.detail.contains("waived: an older copy of p2's log was put back"), "{missing:?}");
        assert!(found(1).promised, "{promise}: nothing durable is missing");
    }
}

#[test]
fn a_lost_log_excuses_nothing_that_began_later_and_no_other_transactions_loss() {
    let lose = || {
        let node = NodeId::participant(2);
        vec![fault(20, LoseLog { node, restart_after: None })]
    };
    // A second transfer, whose commit at p2 is told and never applied.
    let later = COMMIT.replace("c1-k1-1", "c1-k1-2").replace("12 p2 applied c1-k1-2 p2/b:+5 @2", "");
    let later = later.replace("11 p2 decided c1-k1-2 commit", "11 p2 decided c1-k1-2 abort").replace("@2", "@4");
    let later: String = later
        .lines()
        .map(|line| line.trim().split_once(' ').unwrap_or_default())
        .filter(|(t, _)| !t.is_empty())
        .map(|(t, rest)| format!("{} {rest}\n", t.parse::<u32>().unwrap() + 100))
        .collect();
    let began = BEGAN.replace("c1-k1-1", "c1-k1-2").replace("0 k1", "100 k1").replace("1 c1 reached", "101 c1 reached");
    let first = COMMIT.replace("99 lab end", "20 p2 crashed\n30 p2 restarted 0 77");
    let story = format!("{BEGAN}{PREPARED_AT_P2}{first}\n{began}{later}");
    let run = judged(TwoPhase, lose(), vec![], &story);
    for name in ["durability", "conservation"] {
        let found = check(&run, name);
        assert!(!found.held && found.promised && found.detail.contains("c1-k1-2"), "{found:?}");
    }
    // What the first one lost is told there too, and is waived.
    assert!(check(&run, "durability").detail.contains("p2 lost its log"));
    assert_eq!(run.verdict, Verdict::Violated);
}

#[test]
fn heuristics_waive_agreement_for_what_the_operator_touched() {
    // c1 is gone; the operator aborts at p2 what p1 was told to commit.
    let story = |hand: &str| {
        format!(
            "{BEGAN}
            6 p1 in-doubt c1-k1-1
            6 p1 voted c1-k1-1 yes
            6 p2 in-doubt c1-k1-1
            6 p2 voted c1-k1-1 yes
            9 c1 decided c1-k1-1 commit
            10 k1 told c1-k1-1 succeeded
            11 p1 decided c1-k1-1 commit
            12 p1 applied c1-k1-1 p1/a:-5 @2
            {hand}
            20 p2 decided c1-k1-1 abort
            99 lab end"
        )
    };
    let run = tape::run(TwoPhase, &story("20 p2 heuristic c1-k1-1 abort"));
    let agreement = check(&run, "agreement");
    assert!(!agreement.held && !agreement.promised, "{agreement:?}");
    assert!(agreement.detail.contains("waived: an operator ended a branch of c1-k1-1"), "{}", agreement.detail);
    broken(&run, &[], &[]);
    assert!(check(&tape::run(TwoPhase, &story("")), "agreement").promised, "without the operator it is a violation");
    let gone = "18 p2 heuristic c1-k1-1 abort\n18 p2 crashed\n19 p2 restarted 9\n19 p2 in-doubt c1-k1-1";
    assert!(check(&tape::run(TwoPhase, &story(gone)), "agreement").promised, "it died before it had obeyed");
    let agreeing =
        story("20 p2 heuristic c1-k1-1 commit").replace("20 p2 decided c1-k1-1 abort", "20 p2 decided c1-k1-1 commit");
    let durability =
        check(&tape::run(TwoPhase, &format!("{agreeing}\n30 p2 crashed\n31 p2 restarted 0")), "durability").clone();
    assert!(durability.promised, "an operator who agrees does no harm, and excuses none (rule 22): {durability:?}");
}

#[test]
fn a_trace_without_its_last_line_is_not_known_to_be_right() {
    assert_eq!(but(TwoPhase, COMMIT, "99 lab end", "").verdict, Verdict::Unknown);
}

#[test]
fn claims_are_compared_by_path_and_a_quantile_of_nothing_satisfies_nothing() {
    let metric = |path: &str, min, max, equals| Claim::Metric { path: path.into(), min, max, equals };
    let claims = [
        (metric("in_doubt_ms.max", Some(5.0), None, None), true),
        (metric("in_doubt_ms.max", Some(5.1), None, None), false),
        (metric("in_doubt_ms.count", None, None, Some(2.0)), true),
        (metric("transactions.succeeded", Some(1.0), Some(1.0), None), true),
        (metric("clients.unknown", None, Some(-1.0), None), false),
        (metric("pending_ms.max", None, Some(99.0), None), false),
        (metric("pending_ms.count", None, None, Some(0.0)), true),
        (Claim::Check { name: CheckName::Agreement, holds: true }, true),
        (Claim::Check { name: CheckName::Agreement, holds: false }, false),
    ];
    let expects = claims.iter().map(|(claim, _)| Expect {
        protocol: TwoPhase,
        claim: claim.clone(),
        seeds: Seeds::Each,
        text: "claim".into(),
    });
    let claim = metric("throughput_tps", None, None, None);
    let other = Expect { protocol: Saga, claim, seeds: Seeds::Each, text: "another's".into() };
    let run = judged(TwoPhase, vec![], expects.chain([other]).collect(), &format!("{BEGAN}{COMMIT}"));
    assert_eq!(run.expectations.iter().map(|e| e.held).collect::<Vec<_>>(), claims.map(|(_, held)| held));
    assert_eq!(run.expectations[0].actual, 5.0);
    assert_eq!(run.expectations[5].actual, serde_json::Value::Null);
    assert_eq!(run.expectations[7].actual, true);
}

#[test]
fn faults_are_reported_with_when_they_fired_and_were_undone() {
    let (kill, mut record) = fault(20, Kill { node: NodeId::coordinating(1), restart_after: None, keep: None });
    record.until = vec![Some(Micros::from_millis(70))];
    let run = judged(TwoPhase, vec![(kill, record)], vec![], &format!("{BEGAN}{COMMIT}"));
    let fired = &run.faults[0];
    assert_eq!((fired.fired, &fired.at_ms[..], &fired.until_ms[..]), (1, &[20.0][..], &[Some(70.0)][..]));
}
