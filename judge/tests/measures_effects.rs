//! Tests of final states, torn transactions, exposure, duplicate and lost effects, and isolation anomalies, on small hand-written
//! traces with numbers computed by hand.

mod tape;

use indoubt_judge::summary::{Measures, Transactions};
use indoubt_scenario::protocol::Protocol::{self, None as Bare, PresumedCommit, Saga, TwoPhase};
use tape::run;

fn measured(protocol: Protocol, story: &str) -> Measures {
    run(protocol, story).measures
}

fn states(protocol: Protocol, story: &str) -> Transactions {
    let found = run(protocol, story);
    let t = found.transactions;
    let sum = t.succeeded + t.aborted + t.compensated + t.partial + t.refused + t.unresolved + t.stuck;
    assert_eq!(sum, t.submitted, "every transaction has one state");
    let c = found.clients;
    assert_eq!(c.succeeded + c.aborted + c.compensated + c.refused + c.unknown, t.submitted);
    t
}

/// A transfer of five from p1/a to p2/b.
const BEGAN: &str = "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5\n1 c1 reached c1-k1-1 begun\n";

#[test]
fn a_2pc_transaction_ends_by_what_is_applied() {
    let state = |rest: &str| states(TwoPhase, &format!("{BEGAN}{rest}\n99 lab end"));
    assert_eq!(
        state("9 c1 decided c1-k1-1 commit\n10 p1 applied c1-k1-1 p1/a:-5 @1\n10 p2 applied c1-k1-1 p2/b:+5 @1")
            .succeeded,
        1
    );
    // Commit learned, its lazy record not durable yet.
    assert_eq!(
        state("9 c1 decided c1-k1-1 commit\n10 p1 applied c1-k1-1 p1/a:-5 @1\n10 p2 decided c1-k1-1 commit").succeeded,
        1
    );
    assert_eq!(state("9 c1 decided c1-k1-1 abort").aborted, 1);
    assert_eq!(state("9 c1 crashed").aborted, 1, "nothing is in doubt, and a crashed coordinator commits nothing");
    assert_eq!(state("9 p1 gets c1-k1-1 p1/a").unresolved, 1);
    assert_eq!(state("9 p1 in-doubt c1-k1-1\n10 c1 decided c1-k1-1 abort").unresolved, 1);
    assert_eq!(state("9 c1 decided c1-k1-1 commit\n10 p1 applied c1-k1-1 p1/a:-5 @1").unresolved, 1);
    let torn = "9 c1 decided c1-k1-1 commit\n10 p1 applied c1-k1-1 p1/a:-5 @1\n10 p2 decided c1-k1-1 abort";
    assert_eq!(state(torn).partial, 1);
    let lost = "9 c1 decided c1-k1-1 commit\n10 p1 applied c1-k1-1 p1/a:-5 @1\n20 c1 lost-log c1-k1-1 p2";
    assert_eq!(state(lost).partial, 1);
}

/// Under presumed commit a participant logs COMMIT lazily. If the node crashes before that is durable, and stays down, its journal may
/// end with the prepared record.
#[test]
fn a_branch_whose_node_dies_with_what_it_learned_is_not_over() {
    let state = |rest: &str| states(PresumedCommit, &format!("{BEGAN}{rest}\n99 lab end"));
    let learned = |outcome: &str| {
        format!(
            "3 p1 appended c1-k1-1 forced
             4 p1 durable 3
             4 p1 in-doubt c1-k1-1
             5 p2 in-doubt c1-k1-1
             9 c1 decided c1-k1-1 {outcome}
             10 p2 decided c1-k1-1 {outcome}
             10 p1 decided c1-k1-1 {outcome}
             11 p1 appended c1-k1-1 lazy"
        )
    };
    let applied = "12 p2 applied c1-k1-1 p2/b:+5 @1";
    let (commit, abort) = (format!("{}\n{applied}", learned("commit")), learned("abort"));
    assert_eq!(state(&commit).succeeded, 1);
    assert_eq!(state(&format!("{commit}\n20 p1 crashed")).unresolved, 1);
    assert_eq!(state(&format!("{commit}\n15 p1 applied c1-k1-1 p1/a:-5 @1\n20 p1 crashed")).succeeded, 1);
    // Prepared is record 3 of the tape, what ended it is record 10.
    let (back, bare) = ("20 p1 crashed\n30 p1 restarted 10", "20 p1 crashed\n30 p1 restarted 3");
    assert_eq!(state(&format!("{commit}\n{back}\n30 p1 applied c1-k1-1 p1/a:-5 @10")).succeeded, 1, "it survived");
    assert_eq!(state(&format!("{commit}\n{bare}\n30 p1 in-doubt c1-k1-1")).unresolved, 1, "it did not");
    assert_eq!(state(&format!("{commit}\n{bare}\n30 p1 crashed")).unresolved, 1, "and died before it could say so");
    assert_eq!(state(&abort).aborted, 1);
    // It may be durable and not yet told as applied.
    let durable = format!("{commit}\n15 p1 durable 10\n20 p1 crashed");
    assert_eq!(state(&durable).succeeded, 1);
    assert_eq!(measured(PresumedCommit, &format!("{BEGAN}{durable}\n99 lab end")).exposed_ms.count, 0);
    assert_eq!(state(&format!("{abort}\n20 p1 crashed")).unresolved, 1);
    assert_eq!(state(&format!("{abort}\n12 p1 durable 10\n20 p1 crashed")).aborted, 1, "its record is durable");
    assert_eq!(state(&format!("{abort}\n{back}")).aborted, 1);
}

#[test]
fn refused_is_what_was_never_accepted_lost_submissions_included() {
    let state = |rest: &str| {
        states(
            TwoPhase,
            &format!("0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5\n0 k1 sent c1 submit c1-k1-1\n{rest}\n9 lab end"),
        )
    };
    assert_eq!(state("").refused, 1);
    assert_eq!(
        state("1 c1 received k1 submit c1-k1-1\n2 c1 sent k1 outcome c1-k1-1\n2 k1 told c1-k1-1 refused").refused,
        1
    );
    assert_eq!(state("1 c1 sent p1 work c1-k1-1\n2 c1 crashed").aborted, 1);
}

#[test]
fn a_transaction_that_only_reads_ends_by_what_was_decided_or_told() {
    let state = |protocol, rest: &str| {
        states(
            protocol,
            &format!(
                "0 k1 began c1-k1-1 audit 1:p1/a:? 2:p2/b:? total=0\n1 c1 sent p1 work c1-k1-1\n{rest}\n9 lab end"
            ),
        )
    };
    for protocol in [TwoPhase, Saga, Bare] {
        assert_eq!(state(protocol, "5 k1 told c1-k1-1 succeeded").succeeded, 1);
        assert_eq!(state(protocol, "5 k1 told c1-k1-1 aborted").aborted, 1);
        assert_eq!(state(protocol, "").unresolved, 1);
    }
    assert_eq!(state(TwoPhase, "5 c1 decided c1-k1-1 commit").succeeded, 1);
}

#[test]
fn a_saga_ends_by_what_stands_of_it() {
    let state = |rest: &str| states(Saga, &format!("{BEGAN}{rest}\n99 lab end"));
    let (one, two) = ("5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n", "6 p2 step-applied c1-k1-1 2 p2/b:+5 @1\n");
    let undo = "8 p1 compensated c1-k1-1 1 p1/a:+5 @2\n";
    assert_eq!(state(&format!("{one}{two}9 c1 reached c1-k1-1 ended")).succeeded, 1);
    assert_eq!(state(&format!("{one}{two}")).unresolved, 1, "its end is not durable");
    assert_eq!(state(&format!("{one}{undo}9 k1 told c1-k1-1 compensated")).compensated, 1);
    assert_eq!(state("5 p1 step-refused c1-k1-1 1 @1\n9 c1 reached c1-k1-1 ended").aborted, 1);
    assert_eq!(state(&format!("{one}9 c1 reached c1-k1-1 ended")).partial, 1);
    assert_eq!(state(&format!("{one}9 c1 stuck c1-k1-1 1")).stuck, 1);
    assert_eq!(state(&format!("{one}9 c1 stuck c1-k1-1 1\n10 c1 stuck c1-k1-1 1 resumed")).unresolved, 1);
    // An empty compensation undoes nothing.
    assert_eq!(state(&format!("{one}8 p1 compensated c1-k1-1 1 @2\n9 c1 reached c1-k1-1 ended")).partial, 1);
    // Its orchestrator forgot it with its journal.
    assert_eq!(state(&format!("3 c1 durable 4\n{one}9 c1 crashed\n10 c1 restarted 0 77")).partial, 1);
}

#[test]
fn an_unprotected_sequence_is_over_when_answered_or_when_its_home_dies() {
    let state = |rest: &str| states(Bare, &format!("{BEGAN}{rest}\n99 lab end"));
    let one = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n";
    assert_eq!(state(one).unresolved, 1);
    assert_eq!(state(&format!("{one}9 c1 crashed")).partial, 1);
    assert_eq!(state(&format!("{one}9 k1 told c1-k1-1 unknown")).partial, 1);
    assert_eq!(state("9 c1 crashed").aborted, 1);
    assert_eq!(state(&format!("{one}6 p2 step-applied c1-k1-1 2 p2/b:+5 @1\n7 c1 reached c1-k1-1 ended")).succeeded, 1);
}

#[test]
fn torn_transactions_are_atomicity_violations() {
    let torn = |protocol, rest: &str| measured(protocol, &format!("{BEGAN}{rest}\n99 lab end")).atomicity_violations;
    let one = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n";
    assert_eq!(torn(Bare, &format!("{one}9 k1 told c1-k1-1 aborted")), 1);
    assert_eq!(torn(Bare, one), 0, "still running");
    assert_eq!(torn(Saga, one), 1, "neither whole nor compensated at the end");
    assert_eq!(torn(Saga, &format!("{one}6 p1 compensated c1-k1-1 1 p1/a:+5 @2")), 0);
    let decided = "9 p1 decided c1-k1-1 commit\n9 p2 decided c1-k1-1";
    assert_eq!(torn(TwoPhase, &format!("{decided} abort")), 1);
    assert_eq!(torn(TwoPhase, &format!("{decided} commit")), 0);
    assert_eq!(torn(TwoPhase, "9 p1 decided c1-k1-1 commit\n9 p2 in-doubt c1-k1-1"), 0, "in doubt is not aborted");
}

#[test]
fn two_phase_commit_exposes_nothing_while_the_other_branch_is_locked_or_committed() {
    let m = measured(
        TwoPhase,
        &format!(
            "{BEGAN}
            3 p1 gets c1-k1-1 p1/a
            4 p2 gets c1-k1-1 p2/b
            10 p1 decided c1-k1-1 commit
            12 p1 applied c1-k1-1 p1/a:-5 @1
            12 p1 frees c1-k1-1 p1/a
            20 p2 decided c1-k1-1 commit
            20 p2 frees c1-k1-1 p2/b
            60 p2 applied c1-k1-1 p2/b:+5 @1
            99 lab end"
        ),
    );
    assert_eq!(m.exposed_ms.count, 0, "a lazy record that is durable later exposes nothing");
}

#[test]
fn a_guess_in_doubt_exposes_until_the_end() {
    let m = measured(
        TwoPhase,
        &format!(
            "{BEGAN}
            3 p1 gets c1-k1-1 p1/a
            4 p2 gets c1-k1-1 p2/b
            10 p1 decided c1-k1-1 commit
            12 p1 applied c1-k1-1 p1/a:-5 @1
            12 p1 frees c1-k1-1 p1/a
            20 p2 decided c1-k1-1 abort
            30 p2 frees c1-k1-1 p2/b
            99 lab end"
        ),
    );
    let exposed = m.exposed_ms;
    assert_eq!((exposed.count, exposed.max, exposed.censored), (1, 69.0, 1));
}

#[test]
fn a_saga_is_exposed_between_its_steps_and_the_union_of_intervals_counts() {
    let m = measured(
        Saga,
        &format!(
            "{BEGAN}
            3 p1 gets c1-k1-1 p1/a
            5 p1 step-applied c1-k1-1 1 p1/a:-5 @1
            6 p1 frees c1-k1-1 p1/a
            10 p2 gets c1-k1-1 p2/b
            14 p2 frees c1-k1-1 p2/b
            20 p1 gets c1-k1-1 p1/a
            24 p1 compensated c1-k1-1 1 p1/a:+5 @2
            25 p1 frees c1-k1-1 p1/a
            99 lab end"
        ),
    );
    // 6 to 10 and 14 to 20: while p2/b or p1/a is locked, nobody sees half of it.
    let exposed = m.exposed_ms;
    assert_eq!((exposed.count, exposed.sum, exposed.censored), (1, 10.0, 0));
}

#[test]
fn a_crash_frees_the_locks_of_what_is_not_in_doubt_and_so_exposes() {
    let story = |doubt: &str| {
        format!(
            "{BEGAN}
            3 p1 gets c1-k1-1 p1/a
            4 p2 gets c1-k1-1 p2/b
            {doubt}
            10 p1 decided c1-k1-1 commit
            10 p1 frees c1-k1-1 p1/a
            30 p2 crashed
            99 lab end"
        )
    };
    assert_eq!(measured(TwoPhase, &story("5 p2 in-doubt c1-k1-1")).exposed_ms.count, 0);
    assert_eq!(measured(TwoPhase, &story("")).exposed_ms.sum, 69.0);
}

#[test]
fn what_is_gone_with_a_journal_no_longer_exposes() {
    let story = |back: &str| {
        format!(
            "{BEGAN}
            5 p1 step-applied c1-k1-1 1 p1/a:-5 @1
            30 p1 crashed
            40 p1 restarted {back}
            99 lab end"
        )
    };
    let exposed = |back: &str| measured(Saga, &story(back)).exposed_ms;
    assert_eq!((exposed("1").sum, exposed("1").censored), (94.0, 1));
    // The first step is gone at 40, and so nothing is seen by halves.
    assert_eq!((exposed("0 77").sum, exposed("0 77").censored), (35.0, 0));
}

#[test]
fn one_place_in_a_journal_is_one_effect() {
    let duplicates = |rest: &str| measured(Saga, &format!("{BEGAN}{rest}\n99 lab end")).duplicate_effects;
    let one = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n";
    assert_eq!(duplicates(&format!("{one}9 p1 step-applied c1-k1-1 1 p1/a:-5 @1")), 0, "seen again in recovery");
    assert_eq!(duplicates(&format!("{one}9 p1 step-applied c1-k1-1 1 p1/a:-5 @2")), 1);
    let undone = "9 p1 compensated c1-k1-1 1 p1/a:+5 @3\n";
    assert_eq!(duplicates(&format!("{one}{undone}9 p1 compensated c1-k1-1 1 p1/a:+5 @4")), 1);
    assert_eq!(duplicates(&format!("{one}{undone}9 p1 compensated c1-k1-1 1 @4")), 0, "an empty one has no effect");
    // What was lost with a journal and applied again is there once.
    assert_eq!(
        duplicates(&format!("{one}6 p1 crashed\n7 p1 restarted 0 77\n9 p1 step-applied c1-k1-1 1 p1/a:-5 @1/77")),
        0
    );
    let branch = "5 p1 applied c1-k1-1 p1/a:-5 @1\n6 p1 applied c1-k1-1 p1/a:-5 @2";
    assert_eq!(measured(TwoPhase, &format!("{BEGAN}{branch}\n9 lab end")).duplicate_effects, 1);
}

#[test]
fn an_effect_is_lost_if_it_was_acknowledged_and_is_not_there() {
    let lost = |protocol, rest: &str| measured(protocol, &format!("{BEGAN}{rest}\n99 lab end")).lost_effects;
    let both = "5 p1 applied c1-k1-1 p1/a:-5 @4\n5 p2 applied c1-k1-1 p2/b:+5 @4\n";
    assert_eq!(lost(TwoPhase, &format!("{both}6 k1 told c1-k1-1 succeeded")), 0);
    assert_eq!(lost(TwoPhase, &format!("{both}9 p2 crashed\n10 p2 restarted 4")), 0);
    assert_eq!(lost(TwoPhase, &format!("{both}9 p2 crashed\n10 p2 restarted 3")), 1, "its journal was cut too short");
    assert_eq!(lost(TwoPhase, &format!("{both}9 p2 crashed\n10 p2 restarted 9 77")), 1, "its journal is another one");
    let told = "6 k1 told c1-k1-1 succeeded\n5 p1 applied c1-k1-1 p1/a:-5 @4\n";
    assert_eq!(lost(TwoPhase, &format!("{told}7 p2 in-doubt c1-k1-1")), 0, "in doubt is not lost");
    assert_eq!(lost(TwoPhase, told), 1);
    assert_eq!(lost(TwoPhase, "5 c1 decided c1-k1-1 commit\n6 c1 lost-log c1-k1-1 p2"), 1);
    assert_eq!(lost(TwoPhase, "5 c1 decided c1-k1-1 abort\n6 c1 lost-log c1-k1-1 p2"), 0, "an abort has no effect");
    let step = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @4\n";
    assert_eq!(lost(Saga, &format!("{step}9 p1 crashed\n10 p1 restarted 0 77")), 1);
    assert_eq!(lost(Saga, &format!("{step}9 p1 compensated c1-k1-1 1 p1/a:+5 @5")), 0);
}

#[test]
fn a_dirty_read_sees_the_change_of_an_unfinished_transaction() {
    let dirty = |protocol, rest: &str| measured(protocol, &format!("{BEGAN}{rest}\n99 lab end")).dirty_reads;
    let one = "5 p1 step-applied c1-k1-1 1 p1/a:-5 @1\n";
    let read = "7 p1 reads c2-k2-1 p1/a 95\n";
    assert_eq!(dirty(Saga, &format!("{one}{read}")), 1);
    assert_eq!(dirty(Saga, &format!("{one}7 p1 reads c1-k1-1 p1/a 95")), 0, "its own");
    assert_eq!(dirty(Saga, &format!("{one}7 p2 reads c2-k2-1 p2/b 5")), 0, "another record");
    assert_eq!(dirty(Saga, &format!("{one}6 c1 reached c1-k1-1 ended\n{read}")), 0, "finished");
    assert_eq!(dirty(Saga, &format!("{one}6 p1 compensated c1-k1-1 1 p1/a:+5 @2\n{read}")), 0, "compensated there");
    assert_eq!(dirty(Bare, &format!("{one}{read}8 p1 reads c2-k2-2 p1/a 95")), 2);
    let applied = "6 p1 applied c1-k1-1 p1/a:-5 @1\n";
    assert_eq!(dirty(TwoPhase, &format!("5 c1 decided c1-k1-1 commit\n{applied}{read}")), 0);
    assert_eq!(dirty(TwoPhase, &format!("{applied}{read}")), 1, "applied without a decision");
    let back = |with: &str| format!("{one}6 p1 crashed\n6 p1 restarted {with}\n{read}");
    assert_eq!(dirty(Saga, &back("1")), 1, "its journal has it");
    assert_eq!(dirty(Saga, &back("0 77")), 0, "gone with its journal");
    assert_eq!(
        dirty(Saga, &format!("{}8 p1 step-applied c1-k1-1 1 p1/a:-5 @1/77\n9 p1 reads c2-k2-2 p1/a 95", back("0 77"))),
        1
    );
}

#[test]
fn a_lost_update_puts_a_value_over_another_change_since_the_last_look() {
    let lost = |rest: &str| measured(Saga, &format!("{rest}\n99 lab end")).lost_updates;
    let (read, theirs, put) = (
        "5 p1 reads c1-k1-1 p1/a 100\n",
        "6 p1 step-applied c2-k2-1 1 p1/a:-5 @1\n",
        "7 p1 step-applied c1-k1-1 2 p1/a:=90 @2\n",
    );
    assert_eq!(lost(&format!("{read}{theirs}{put}")), 1);
    assert_eq!(lost(&format!("{theirs}{read}{put}")), 0, "read after the change");
    assert_eq!(lost(&format!("{theirs}{put}")), 0, "a blind write has seen nothing to lose");
    assert_eq!(lost(&format!("{read}{theirs}7 p1 step-applied c1-k1-1 2 p1/a:-1 @2")), 0, "adding commutes (rule 34)");
    // Rule 29: a compensation that restores the value of before.
    let own = "5 p1 step-applied c1-k1-1 1 p1/a:=90 @9\n";
    assert_eq!(lost(&format!("{own}{theirs}8 p1 compensated c1-k1-1 1 p1/a:=100 @10")), 1);
    assert_eq!(lost(&format!("{own}8 p1 compensated c1-k1-1 1 p1/a:=100 @10")), 0);
    // Its own change in between does not hide the other's.
    let also = "6.5 p1 step-applied c1-k1-2 1 p1/a:=1 @11\n";
    assert_eq!(lost(&format!("{read}{theirs}{also}{put}")), 1);
}

#[test]
fn a_fuzzy_read_finds_another_value_in_another_step() {
    let fuzzy = |began: &str, rest: &str| measured(Saga, &format!("{began}\n{rest}\n99 lab end")).fuzzy_reads;
    let plan = "0 k1 began c1-k1-1 transfer 1:p1/a:? 2:p1/a:?";
    let reads = |second: &str| format!("5 p1 reads c1-k1-1 p1/a 100 1\n9 p1 reads c1-k1-1 p1/a {second}");
    assert_eq!(fuzzy(plan, &reads("95 2")), 1);
    assert_eq!(fuzzy(plan, &reads("100 2")), 0);
    assert_eq!(fuzzy(plan, &reads("95 1")), 0, "a step that ran again");
    assert_eq!(fuzzy("0 k1 began c1-k1-1 transfer 1:p1/a:? 2:p1/a:-5 3:p1/a:?", &reads("95 3")), 0, "its own change");
}

#[test]
fn a_wrong_audit_succeeded_and_does_not_sum_to_its_total() {
    let wrong = |rest: &str| {
        let began = "0 k1 began c1-k1-1 audit 1:p1/a:? 2:p2/b:? total=200\n1 c1 sent p1 step c1-k1-1";
        measured(Saga, &format!("{began}\n{rest}\n99 lab end")).wrong_audits
    };
    let reads = |b: i64| format!("5 p1 reads c1-k1-1 p1/a 95 1\n6 p2 reads c1-k1-1 p2/b {b} 2\n");
    assert_eq!(wrong(&format!("{}7 k1 told c1-k1-1 succeeded", reads(100))), 1);
    assert_eq!(wrong(&format!("{}7 k1 told c1-k1-1 succeeded", reads(105))), 0);
    assert_eq!(wrong(&format!("{}7 k1 told c1-k1-1 aborted", reads(100))), 0, "nobody relies on it");
    assert_eq!(wrong(&format!("{}{}7 k1 told c1-k1-1 succeeded", reads(100), reads(105))), 0, "the last answer counts");
}
