//! Tests that every check can hold and can fail, each on a small hand-written trace.

mod tape;

use indoubt_judge::summary::Verdict;
use indoubt_scenario::{
    checks::CheckName,
    protocol::Protocol::{None as Bare, Saga, SagaParallel, TwoPhase},
};
use tape::{
    book::{BEGAN, COMMIT, UNDONE, broken, but},
    check, run,
};

#[test]
fn by_the_book_every_check_holds() {
    for (protocol, book) in [(TwoPhase, COMMIT), (Saga, UNDONE)] {
        let run = run(protocol, &format!("{BEGAN}{book}"));
        for check in &run.checks {
            assert!(check.held && check.detail.is_empty(), "{check:?}");
        }
        assert_eq!(run.verdict, Verdict::Ok);
        assert_eq!(run.checks.iter().map(|c| c.name).collect::<Vec<_>>(), CheckName::ALL);
    }
}

#[test]
fn agreement_fails_where_two_processes_decide_differently() {
    let torn = COMMIT.replace("12 p2 applied c1-k1-1 p2/b:+5 @2", "");
    let run = but(TwoPhase, &torn, "11 p2 decided c1-k1-1 commit", "11 p2 decided c1-k1-1 abort");
    assert!(
        check(&run, "agreement")
            .detail
            .contains("c1-k1-1: commit at c1 at 9.0 ms, p1 at 11.0 ms, but abort at p2 at 11.0 ms")
    );
    // For a baseline: some effects are there and others never will be.
    let torn = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n9 k1 told c1-k1-1 aborted\n99 lab end";
    let run = tape::run(Bare, &format!("{BEGAN}{torn}"));
    let check = check(&run, "agreement");
    assert!(!check.held && !check.promised);
    assert!(
        check.detail.contains("step 1 at p1 applied, the first at 5.0 ms, but not step 2 at p2"),
        "{}",
        check.detail
    );
    assert_eq!(run.verdict, Verdict::Ok, "a baseline promises nothing");
}

#[test]
fn stability_fails_where_a_decision_is_reversed() {
    let twice = "11 p2 decided c1-k1-1 abort\n11.5 p2 decided c1-k1-1 commit";
    let run = but(TwoPhase, COMMIT, "11 p2 decided c1-k1-1 commit", twice);
    assert!(check(&run, "stability").detail.contains("p2 decided abort at 11.0 ms and commit at 11.5 ms"));
    let home = "9 c1 decided c1-k1-1 commit\n13 c1 decided c1-k1-1 abort";
    assert!(!check(&but(TwoPhase, COMMIT, "9 c1 decided c1-k1-1 commit", home), "stability").held);
    // A saga's step that was refused, and runs after all.
    let late = "6 p2 step-refused c1-k1-1 2 @1\n7 p2 step-applied c1-k1-1 2 p2/b:+5 @3";
    let run = but(Saga, UNDONE, "6 p2 step-refused c1-k1-1 2 @1", late);
    let stability = check(&run, "stability");
    assert!(stability.promised && stability.detail.contains("p2 refused step 2 at 6.0 ms and applied it at 7.0 ms"));
}

#[test]
fn commit_validity_fails_without_every_yes() {
    broken(
        &but(TwoPhase, COMMIT, "6 p2 voted c1-k1-1 yes", ""),
        &["commit-validity"],
        &["c1-k1-1", "without a YES vote of p2"],
    );
    broken(&but(TwoPhase, COMMIT, "6 p2 voted c1-k1-1 yes", "6 p2 voted c1-k1-1 no"), &["commit-validity"], &["p2"]);
    broken(&but(TwoPhase, COMMIT, "6 p2 voted c1-k1-1 yes", "6 p2 voted c1-k1-1 read-only"), &[], &[]);
    // A vote that came only after the decision is none.
    let late = COMMIT.replace("6 p2 voted c1-k1-1 yes", "").replace("14 c1", "13 p2 voted c1-k1-1 yes\n14 c1");
    broken(&run(TwoPhase, &format!("{BEGAN}{late}")), &["commit-validity"], &["p2"]);
}

#[test]
fn non_triviality_fails_where_all_voted_yes_in_time_and_the_coordinator_aborts() {
    let aborted = |received: u32, crash: &str| {
        format!(
            "{BEGAN}
            4 c1 sent p1 prepare c1-k1-1
            4 c1 sent p2 prepare c1-k1-1
            6 p1 voted c1-k1-1 yes
            6 p2 voted c1-k1-1 yes
            7 c1 received p1 vote c1-k1-1
            {received} c1 received p2 vote c1-k1-1
            {crash}
            600 c1 decided c1-k1-1 abort
            601 k1 told c1-k1-1 aborted
            999 lab end"
        )
    };
    broken(&run(TwoPhase, &aborted(503, "")), &["non-triviality"], &["c1-k1-1", "c1 aborted at 600.0 ms"]);
    // The vote timeout is 500 ms: this vote came too late, and an abort is right.
    broken(&run(TwoPhase, &aborted(504, "")), &[], &[]);
    for failure in ["590 c1 crashed", "590 c1 clock-jumped 400"] {
        broken(&run(TwoPhase, &aborted(503, failure)), &[], &[]);
    }
    // Another node's clock is no excuse.
    let elsewhere = aborted(503, "590 p1 clock-jumped 400");
    broken(&run(TwoPhase, &elsewhere), &["non-triviality"], &["c1-k1-1"]);
}

#[test]
fn termination_fails_where_a_branch_stays_in_doubt_though_everything_runs() {
    let run = but(TwoPhase, COMMIT, "11 p2 decided c1-k1-1 commit\n", "");
    // Not applied either.
    let open = COMMIT.replace("11 p2 decided c1-k1-1 commit", "").replace("12 p2 applied c1-k1-1 p2/b:+5 @2", "");
    let open = open.replace("12 p2 frees c1-k1-1 p2/b", "");
    let stays = tape::run(TwoPhase, &format!("{BEGAN}{open}"));
    broken(&stays, &["termination", "nothing-unresolved"], &["c1-k1-1", "in doubt at p2 since 6.0 ms"]);
    assert!(!check(&run, "termination").held);
    let saga = UNDONE.replace("9 c1 reached c1-k1-1 ended", "").replace("9 k1 told c1-k1-1 compensated", "");
    broken(
        &tape::run(Saga, &format!("{BEGAN}{saga}")),
        &["termination", "nothing-unresolved"],
        &["c1 has not ended it"],
    );
}

#[test]
fn durability_fails_where_an_acknowledged_commit_is_gone() {
    let lost = COMMIT.replace("99 lab end", "20 p2 crashed\n30 p2 restarted 1\n99 lab end");
    let run = run(TwoPhase, &format!("{BEGAN}{lost}"));
    let durability = check(&run, "durability");
    let detail = "c1-k1-1: its client was told succeeded at 10.0 ms, but its branch at p2, applied at 12.0 ms, is gone since 30.0 ms";
    assert!(durability.promised && !durability.held && durability.detail.contains(detail), "{durability:?}");
    let step = UNDONE.replace("8 p1 compensated", "7 p1 crashed\n7.5 p1 restarted 0\n8 p1 compensated");
    let step = step.replace("1 p1/a:+5 @2", "1 @1");
    assert!(!check(&tape::run(Saga, &format!("{BEGAN}{step}")), "durability").held);
}

#[test]
fn conservation_fails_where_money_is_made_or_lost() {
    let run = but(Saga, UNDONE, "1 p1/a:+5 @2", "1 p1/a:+4 @2");
    broken(&run, &["conservation"], &["p1/a, p2/b is off by -1", "c1-k1-1 (compensated, -1)"]);
    // Not while something of the group is open: then the total is not quiet.
    let open = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n99 lab end";
    assert!(check(&tape::run(Saga, &format!("{BEGAN}{open}")), "conservation").held);
    // An unprotected debit without its credit.
    let torn = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n9 k1 told c1-k1-1 aborted\n99 lab end";
    let run = tape::run(Bare, &format!("{BEGAN}{torn}"));
    assert!(check(&run, "conservation").detail.contains("(partial, -5)"));
}

#[test]
fn what_a_transaction_was_to_bring_in_is_conserved_too() {
    let story = |stock: i64| {
        format!(
            "0 k1 began c1-k1-1 order 1:p1/row:=1 2:p2/stock:-3 3:p3/credit:-30 3:p3/billed:+3 4:p1/row:=2
            1 c1 reached c1-k1-1 begun
            2 p1 step-applied c1-k1-1 1 p1/row:=1 @1
            3 p2 step-applied c1-k1-1 2 p2/stock:{stock} @1
            4 p3 step-applied c1-k1-1 3 p3/credit:-30 p3/billed:+3 @1
            5 p1 step-applied c1-k1-1 4 p1/row:=2 @2
            6 c1 reached c1-k1-1 ended
            6 k1 told c1-k1-1 succeeded
            9 lab end"
        )
    };
    broken(&run(Saga, &story(-3)), &[], &[]);
    broken(&run(Saga, &story(-2)), &["conservation"], &["off by +1"]);
}

#[test]
fn rule_44_debit_first_is_never_above_and_credit_first_never_below() {
    let story = |began: &str, first: &str, then: &str| {
        format!(
            "0 k1 began c1-k1-1 transfer {began}
            1 c1 reached c1-k1-1 begun
            5 {first}
            6 {then}
            7 c1 reached c1-k1-1 ended
            7 k1 told c1-k1-1 succeeded
            9 lab end"
        )
    };
    let (debit, credit) = ("p1 step-applied c1-k1-1 1 p1/a:-5 @1", "p2 step-applied c1-k1-1 2 p2/b:+5 @1");
    let (debit_first, credit_first) = ("1:p1/a:-5 2:p2/b:+5", "1:p1/a:+5 2:p2/b:-5");
    broken(&run(Saga, &story(debit_first, debit, credit)), &[], &[]);
    let above = run(Saga, &story(debit_first, credit, debit));
    // A step before its predecessor breaks rule 24 too.
    broken(&above, &["conservation", "completeness"], &["c1-k1-1 at p2", "+5 at 5.0 ms", "rule 44"]);
    let (credit, debit) = (debit.replace(":-5", ":+5"), credit.replace(":+5", ":-5"));
    broken(&run(Saga, &story(credit_first, &credit, &debit)), &[], &[]);
    broken(&run(Saga, &story(credit_first, &debit, &credit)), &["conservation", "completeness"], &["-5 at 5.0 ms"]);
    // 2PC commits its branches in any order.
    let any = COMMIT.replace("12 p1 applied", "13 p1 applied");
    assert!(check(&run(TwoPhase, &format!("{BEGAN}{any}")), "conservation").held);
}

#[test]
fn audits_fail_where_a_committed_audit_is_wrong() {
    let audit = |found: i64| {
        format!(
            "0 k1 began c1-k1-1 audit 1:p1/a:? 2:p2/b:? total=200
            1 c1 sent p1 work c1-k1-1
            3 p1 reads c1-k1-1 p1/a 100 1
            3 p2 reads c1-k1-1 p2/b {found} 2
            5 p1 voted c1-k1-1 read-only
            5 p2 voted c1-k1-1 read-only
            9 k1 told c1-k1-1 succeeded
            10 lab end"
        )
    };
    broken(&run(TwoPhase, &audit(100)), &[], &[]);
    broken(
        &run(TwoPhase, &audit(95)),
        &["audits"],
        &["c1-k1-1 found 195 instead of 200; its client was told so at 9.0 ms"],
    );
    let saga = run(Saga, &audit(95));
    assert!(!check(&saga, "audits").held && !check(&saga, "audits").promised);
}

#[test]
fn isolation_fails_on_each_anomaly() {
    let story = |rest: &str| format!("{BEGAN}{rest}\n8 c1 decided c1-k1-1 abort\n9 lab end");
    for (rest, text) in [
        (
            "3 p1 applied c2-k2-1 p1/a:-1 @1\n4 p1 reads c1-k1-1 p1/a 99",
            "c1-k1-1 read p1/a at 4.0 ms, changed by the unfinished c2-k2-1",
        ),
        (
            "3 p1 reads c1-k1-1 p1/a 100\n4 p1 applied c2-k2-1 p1/a:-1 @1\n5 p1 applied c1-k1-1 p1/a:=7 @2",
            "c1-k1-1 overwrote p1/a at 5.0 ms without reading the change by c2-k2-1",
        ),
        (
            "3 p3 reads c1-k1-1 p3/z 100 1\n4 p3 reads c1-k1-1 p3/z 99 2",
            "c1-k1-1 read p3/z again at 4.0 ms and found another value",
        ),
    ] {
        let run = run(TwoPhase, &story(rest));
        let isolation = check(&run, "isolation");
        assert!(isolation.promised && !isolation.held && isolation.detail.contains(text), "{isolation:?}");
    }
    let saga = run(Saga, &story("3 p1 step-applied c2-k2-1 1 p1/a:-1 @1\n4 p1 reads c1-k1-1 p1/a 99"));
    assert!(!check(&saga, "isolation").held && !check(&saga, "isolation").promised);
}

#[test]
fn rule_24_a_saga_is_whole_or_each_applied_step_has_one_effective_compensation() {
    let bare = |line: &str, by: &str| but(Saga, UNDONE, line, by);
    let missing = bare("8 p1 compensated c1-k1-1 1 p1/a:+5 @2", "");
    broken(&missing, &["conservation", "completeness", "told-truth"], &["off by -5"]);
    assert!(check(&missing, "completeness").detail.contains("step 1 applied at p1 at 5.0 ms has no compensation"));
    let twice = bare("9 c1", "8.5 p1 compensated c1-k1-1 1 p1/a:+5 @3\n9 c1");
    assert!(
        check(&twice, "completeness").detail.contains("compensated 2 times at p1"),
        "{:?}",
        check(&twice, "completeness")
    );
    let never = bare("5 p1 step-applied c1-k1-1 1 p1/a:-5 @1", "");
    assert!(check(&never, "completeness").detail.contains("compensated at p1 at 8.0 ms and never applied"));
    // Rule 40: a step that arrives after its compensation must not run.
    let applied = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1";
    let late = UNDONE.replace(applied, "").replace("9 c1 reached", &format!("8.{applied}\n9 c1 reached"));
    let late = run(Saga, &format!("{BEGAN}{late}"));
    assert!(
        check(&late, "completeness").detail.contains("step 1 was compensated at p1 at 8.0 ms before it was applied")
    );
}

#[test]
fn rule_24_the_later_step_is_undone_first() {
    let story = |one: u32, two: u32| {
        format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+3 3:p3/c:+2
            1 c1 reached c1-k1-1 begun
            5 p1 step-applied c1-k1-1 1 p1/a:-5 @1
            6 p2 step-applied c1-k1-1 2 p2/b:+3 @1
            7 p{one} compensated c1-k1-1 {one} p{one}/{} @2
            8 p{two} compensated c1-k1-1 {two} p{two}/{} @2
            9 c1 reached c1-k1-1 ended
            99 lab end",
            if one == 1 { "a:+5" } else { "b:-3" },
            if two == 1 { "a:+5" } else { "b:-3" },
        )
    };
    broken(&run(Saga, &story(2, 1)), &[], &[]);
    let wrong = run(Saga, &story(1, 2));
    let completeness = check(&wrong, "completeness");
    assert!(
        completeness.detail.contains("step 1 was compensated at 7.0 ms before step 2 at 8.0 ms"),
        "{completeness:?}"
    );
}

#[test]
fn rule_24_only_steps_that_depend_on_each_other_have_an_order() {
    // Steps 1 and 3 at p1, step 2 at p2, step 4 refused.
    let story = |lines: [&str; 6]| {
        let began = "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+3 3:p1/c:+1 4:p3/d:+1\n1 c1 reached c1-k1-1 begun";
        let seen: Vec<String> = lines.iter().enumerate().map(|(at, line)| format!("{} {line}", at + 2)).collect();
        format!("{began}\n{}\n20 c1 reached c1-k1-1 ended\n99 lab end", seen.join("\n"))
    };
    let (first, second) = ("p1 step-applied c1-k1-1 1 p1/a:-5 @1", "p2 step-applied c1-k1-1 2 p2/b:+3 @1");
    let (third, third_undone) = ("p1 step-applied c1-k1-1 3 p1/c:+1 @2", "p1 compensated c1-k1-1 3 p1/c:-1 @3");
    let (first_undone, second_undone) = ("p1 compensated c1-k1-1 1 p1/a:+5 @4", "p2 compensated c1-k1-1 2 p2/b:-3 @2");
    let by_the_book = [second, first, third, second_undone, third_undone, first_undone];
    broken(&run(SagaParallel, &story(by_the_book)), &[], &[]);
    let one_by_one = run(Saga, &story(by_the_book));
    let detail = &check(&one_by_one, "completeness").detail;
    assert!(detail.contains("step 2 was compensated at 5.0 ms before step 3 at 6.0 ms"), "{detail}");
    assert!(detail.contains("step 2 was applied at 2.0 ms before step 1 at 3.0 ms"), "{detail}");
    for (wrong, text) in [
        (
            [second, first, third, second_undone, first_undone, third_undone],
            "step 1 was compensated at 6.0 ms before step 3 at 7.0 ms",
        ),
        (
            [third, first, second, second_undone, third_undone, first_undone],
            "step 3 was applied at 2.0 ms before step 1 at 3.0 ms",
        ),
    ] {
        let wrong = run(SagaParallel, &story(wrong));
        assert!(check(&wrong, "completeness").detail.contains(text), "{:?}", check(&wrong, "completeness"));
    }
}

#[test]
fn rule_44_a_parallel_saga_debits_first_if_it_does_in_every_order() {
    let story = |credit: &str| {
        format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:{credit}:+5
            1 c1 reached c1-k1-1 begun
            5 {node} step-applied c1-k1-1 2 {credit}:+5 @1
            6 p1 step-applied c1-k1-1 1 p1/a:-5 @2
            9 c1 reached c1-k1-1 ended
            9 k1 told c1-k1-1 succeeded
            99 lab end",
            node = &credit[..2]
        )
    };
    broken(&run(SagaParallel, &story("p2/b")), &[], &[]);
    assert!(check(&run(Saga, &story("p2/b")), "conservation").detail.contains("took the running total to +5"));
    // At one participant the debit comes first.
    assert!(check(&run(SagaParallel, &story("p1/b")), "conservation").detail.contains("took the running total to +5"));
}

#[test]
fn completeness_of_the_others_is_whole_or_nothing() {
    let torn = COMMIT.replace("11 p2 decided c1-k1-1 commit", "11 p2 decided c1-k1-1 abort");
    let torn = torn.replace("12 p2 applied c1-k1-1 p2/b:+5 @2", "");
    let run = run(TwoPhase, &format!("{BEGAN}{torn}"));
    assert!(check(&run, "completeness").detail.contains("c1-k1-1: not applied at p2"));
    let torn = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n9 c1 crashed\n99 lab end";
    assert!(!check(&tape::run(Bare, &format!("{BEGAN}{torn}")), "completeness").held);
}

#[test]
fn no_effect_twice_fails_on_a_second_place_in_the_journal() {
    let twice = "12 p2 applied c1-k1-1 p2/b:+5 @2\n13 p2 applied c1-k1-1 p2/b:+5 @3";
    let run = but(TwoPhase, COMMIT, "12 p2 applied c1-k1-1 p2/b:+5 @2", twice);
    broken(&run, &["conservation", "no-effect-twice"], &["off by +5"]);
    let detail = "c1-k1-1: its branch at p2 is applied 2 times, at 12.0 ms and 13.0 ms";
    assert!(check(&run, "no-effect-twice").detail.contains(detail));
    let again = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n7 p1 step-applied c1-k1-1 1 p1/a:-5 @9";
    let run = but(Saga, UNDONE, "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1", again);
    assert!(check(&run, "no-effect-twice").detail.contains("its step 1 at p1"));
}

#[test]
fn nothing_unresolved_fails_on_a_forgotten_lock_and_tells_of_stuck_sagas() {
    let held = but(TwoPhase, COMMIT, "12 p2 frees c1-k1-1 p2/b", "");
    broken(&held, &["nothing-unresolved"], &["c1-k1-1 has ended and still holds or waits for the lock on p2/b at p2"]);
    let stuck = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n9 c1 stuck c1-k1-1 1\n99 lab end";
    let run = run(Saga, &format!("{BEGAN}{stuck}"));
    let unresolved = check(&run, "nothing-unresolved");
    assert!(!unresolved.held && !unresolved.promised, "a stuck saga breaks no promise: {unresolved:?}");
    assert!(unresolved.detail.contains("the compensation of step 1 waits for an operator"));
    assert!(check(&run, "termination").held);
    assert_eq!(run.verdict, Verdict::Unknown);
}

#[test]
fn told_truth_fails_where_a_client_was_told_otherwise() {
    let lie = but(Saga, UNDONE, "told c1-k1-1 compensated", "told c1-k1-1 succeeded");
    let told = check(&lie, "told-truth");
    assert!(
        told.promised && told.detail.contains("c1-k1-1 was told succeeded at 9.0 ms, but is compensated"),
        "{told:?}"
    );
    for word in ["aborted", "compensated"] {
        let lie = but(TwoPhase, COMMIT, "told c1-k1-1 succeeded", &format!("told c1-k1-1 {word}"));
        assert!(!check(&lie, "told-truth").held, "{word}");
    }
    assert!(!check(&but(TwoPhase, COMMIT, "told c1-k1-1 succeeded", "told c1-k1-1 refused"), "told-truth").held);
    assert!(check(&but(TwoPhase, COMMIT, "told c1-k1-1 succeeded", "told c1-k1-1 unknown"), "told-truth").held);
    let twice = but(Saga, UNDONE, "99 lab", "10 k1 told c1-k1-1 aborted\n99 lab");
    assert!(check(&twice, "told-truth").detail.contains("told compensated, then aborted"));
    // Told aborted while one branch is committed and the other still in doubt: no truth, whatever comes.
    let half = "6 p2 in-doubt c1-k1-1\n7 p1 applied c1-k1-1 p1/a:-5 @1\n8 k1 told c1-k1-1 aborted\n9 lab end";
    assert!(!check(&run(TwoPhase, &format!("{BEGAN}{half}")), "told-truth").held);
}

#[test]
fn world_contract_fails_where_a_journal_does_what_no_journal_may() {
    let detail =
        |journal: &str| check(&tape::run(TwoPhase, &format!("{journal}\n99 lab end")), "world-contract").clone();
    let kept = detail("1 p1 appended c1-k1-1 forced\n2 p1 durable 1\n3 p1 crashed\n9 p1 restarted 1");
    assert!(kept.held && kept.promised, "{}", kept.detail);
    let lost = detail("1 p1 appended c1-k1-1 forced\n2 p1 durable 1\n3 p1 crashed\n9 p1 restarted 0 77");
    assert!(lost.held, "a log that is said to be lost is a fault, and no breach: {}", lost.detail);
    let restored =
        detail("1 p1 appended c1-k1-1 forced\n2 p1 durable 1\n3 p1 crashed\n3 p1 log-restored 0\n9 p1 restarted 0");
    assert!(restored.held, "an older copy that the trace tells of is a fault, too: {}", restored.detail);
    for (journal, wrong) in [
        ("1 p1 appended c1-k1-1 forced\n2 p1 durable 9", "p1 called record 9 durable, but appended only 1"),
        ("1 p1 appended c1-k1-1 forced\n2 p1 durable 1\n3 p1 crashed\n9 p1 restarted 0", "1 were durable"),
        ("3 p1 crashed\n9 p1 restarted 7\n10 p1 appended c1-k1-1 lazy", "p1 appended record 3 after record 7"),
    ] {
        let found = detail(journal);
        assert!(found.promised && !found.held && found.detail.contains(wrong), "{}", found.detail);
    }
}

#[test]
fn heuristics_told_fails_where_a_coordinator_takes_an_operators_abort_for_a_commit() {
    let ended = COMMIT.replace(
        "11 p2 decided c1-k1-1 commit",
        "11 p2 heuristic c1-k1-1 abort\n11 p2 decided c1-k1-1 abort\n15 c1 reached c1-k1-1 ended",
    );
    let ended = ended.replace("12 p2 applied c1-k1-1 p2/b:+5 @2", "");
    let run = tape::run(TwoPhase, &format!("{BEGAN}{ended}"));
    let told = check(&run, "heuristics-told");
    assert!(told.promised && !told.held && told.detail.contains("an operator aborted it at p2 at 11.0 ms"), "{told:?}");
}
