//! For each thing that excuses a finding, and for each thing that is a witness of one: a case that needs it, beside one that must not
//! get it. A judge that excuses too much, or does not see a witness, fails here.

mod tape;

use indoubt_judge::summary::Run;
use indoubt_proto::ids::NodeId;
use indoubt_scenario::{
    faults::{FaultAction, LoseDisk, LoseLog, RestoreLog, act::OlderCopy},
    protocol::{
        Protocol,
        Protocol::{Cooperative, Saga, TwoPhase},
    },
};
use tape::{
    book::{BEGAN, COMMIT, UNDONE},
    check, fault, judged, run,
};

/// Whether a run broke this promise. Its check must have found something.
fn is_broken(run: &Run, name: &str) -> bool {
    let check = check(run, name);
    assert!(!check.held, "{name} found nothing");
    check.promised
}

/// A two-phase commit whose votes are all YES and arrive in time, and whose coordinator aborts at 600 ms after `meanwhile`.
fn aborted_after_every_yes(meanwhile: &str) -> Run {
    run(
        TwoPhase,
        &format!(
            "{BEGAN}
            4 c1 sent p1 prepare c1-k1-1
            4 c1 sent p2 prepare c1-k1-1
            6 p1 voted c1-k1-1 yes
            6 p2 voted c1-k1-1 yes
            7 c1 received p1 vote c1-k1-1
            7 c1 received p2 vote c1-k1-1
            {meanwhile}
            600 c1 decided c1-k1-1 abort
            601 k1 told c1-k1-1 aborted
            999 lab end"
        ),
    )
}

#[test]
fn an_abort_after_every_yes_is_excused_by_failures_of_the_coordinator_alone() {
    let failures = ["crashed\n590 c1 restarted 0", "paused\n590 c1 resumed", "clock-jumped 400"];
    for failure in failures {
        let excused = aborted_after_every_yes(&format!("580 c1 {failure}"));
        assert!(check(&excused, "non-triviality").held, "{failure}");
        for other in ["c2", "p1", "p3"] {
            let elsewhere = format!("580 {other} {}", failure.replace("c1", other));
            assert!(is_broken(&aborted_after_every_yes(&elsewhere), "non-triviality"), "{elsewhere}");
        }
    }
    let before = run(
        TwoPhase,
        "0 c1 crashed
        1 c1 restarted 0
        2 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5
        3 c1 reached c1-k1-1 begun
        4 c1 sent p1 prepare c1-k1-1
        4 c1 sent p2 prepare c1-k1-1
        6 p1 voted c1-k1-1 yes
        6 p2 voted c1-k1-1 yes
        7 c1 received p1 vote c1-k1-1
        7 c1 received p2 vote c1-k1-1
        8 c1 decided c1-k1-1 abort
        9 lab end",
    );
    assert!(is_broken(&before, "non-triviality"), "a crash before the transaction began is no failure of it");
}

#[test]
fn an_abort_after_every_yes_is_excused_by_an_operator_at_one_of_its_own_branches() {
    let acted = aborted_after_every_yes("580 p1 heuristic c1-k1-1 abort\n580 p1 decided c1-k1-1 abort");
    assert!(!is_broken(&acted, "non-triviality"));
    let elsewhere = "10 k1 began c1-k1-2 transfer 1:p1/z:-5 2:p2/y:+5
        580 p1 heuristic c1-k1-2 abort
        580 p1 decided c1-k1-2 abort";
    assert!(is_broken(&aborted_after_every_yes(elsewhere), "non-triviality"));
}

/// An audit over p1 and p2 that finds 95 instead of 100 at p2 and whose client is told so, with some lines before and after.
fn wrong_audit(before: &str, after: &str) -> String {
    format!(
        "{before}
        50 k1 began c1-k1-9 audit 1:p1/a:? 2:p2/b:? total=200
        51 c1 sent p1 prepare c1-k1-9
        53 p1 reads c1-k1-9 p1/a 100 1
        53 p2 reads c1-k1-9 p2/b 95 2
        55 p1 voted c1-k1-9 read-only
        55 p2 voted c1-k1-9 read-only
        59 k1 told c1-k1-9 succeeded
        {after}
        99 lab end"
    )
}

#[test]
fn a_wrong_audit_is_wrong_although_nodes_of_it_restarted() {
    for node in ["c1", "p1", "p2"] {
        let restarted = |t: u32| format!("{t} {node} crashed\n{} {node} restarted 0", t + 2);
        for story in [wrong_audit(&restarted(10), ""), wrong_audit("", &restarted(70))] {
            assert!(is_broken(&run(TwoPhase, &story), "audits"), "{story}");
        }
    }
}

#[test]
fn a_wrong_audit_is_excused_by_a_log_lost_before_it_at_one_of_its_nodes() {
    let lost = |node: u16, t: u64| {
        let restarted = format!("{t} p{node} crashed\n{} p{node} restarted 0 77", t + 2);
        let story = if t < 50 { wrong_audit(&restarted, "") } else { wrong_audit("", &restarted) };
        let node = NodeId::participant(node);
        judged(TwoPhase, vec![fault(t, LoseLog { node, restart_after: None })], vec![], &story)
    };
    assert!(!is_broken(&lost(2, 10), "audits"));
    assert!(is_broken(&lost(2, 70), "audits"), "nothing was missing when it read");
    assert!(is_broken(&lost(3, 10), "audits"), "it reads nothing there");
}

#[test]
fn a_wrong_audit_is_excused_by_an_operator_who_ended_a_branch_that_changes_its_records() {
    let by_hand = |key: &str, t: u32| {
        format!(
            "1 k1 began c1-k1-1 transfer 1:p1/x:-5 2:p2/{key}:+5
            2 p2 in-doubt c1-k1-1
            {t} p2 heuristic c1-k1-1 commit
            {t} p2 decided c1-k1-1 commit"
        )
    };
    assert!(!is_broken(&run(TwoPhase, &wrong_audit(&by_hand("b", 20), "")), "audits"));
    assert!(is_broken(&run(TwoPhase, &wrong_audit(&by_hand("z", 20), "")), "audits"), "another record");
    assert!(is_broken(&run(TwoPhase, &wrong_audit("", &by_hand("b", 70))), "audits"), "after it read");
}

#[test]
fn effects_are_a_witness_of_a_commit_that_nobody_is_seen_to_decide() {
    let story = |p1: &str| {
        format!(
            "{BEGAN}
            6 p1 in-doubt c1-k1-1
            6 p2 in-doubt c1-k1-1
            12 p1 {p1}
            13 p2 decided c1-k1-1 abort
            99 lab end"
        )
    };
    let applied = run(TwoPhase, &story("applied c1-k1-1 p1/a:-5 @2"));
    assert!(is_broken(&applied, "agreement"));
    assert!(check(&applied, "agreement").detail.contains("commit at p1 at 12.0 ms, but abort at p2 at 13.0 ms"));
    assert!(check(&run(TwoPhase, &story("decided c1-k1-1 abort")), "agreement").held);
}

/// What an operator's word excuses: everything that follows from a transaction that he tore, and nothing else. `torn` is a transfer of
/// which p1 committed and p2 aborted; the client was told that it succeeded.
fn torn(by_hand: &str) -> Run {
    let story = COMMIT
        .replace("12 p2 applied c1-k1-1 p2/b:+5 @2\n", "")
        .replace("11 p2 decided c1-k1-1 commit", &format!("{by_hand}\n11 p2 decided c1-k1-1 abort"));
    run(TwoPhase, &format!("{BEGAN}{story}"))
}

#[test]
fn an_operator_excuses_what_follows_from_the_transaction_that_he_tore() {
    let follows = ["agreement", "durability", "conservation", "completeness", "told-truth"];
    let (by_hand, alone) = (torn("11 p2 heuristic c1-k1-1 abort"), torn(""));
    // The operator of another transaction, and one who did as was decided.
    let other = torn(
        "8 k1 began c1-k1-2 transfer 1:p1/z:-1 2:p2/y:+1\n11 p2 heuristic c1-k1-2 abort\n11 p2 decided c1-k1-2 abort",
    );
    let agreed = torn("11 p1 heuristic c1-k1-1 commit\n11 p1 decided c1-k1-1 commit");
    for name in follows {
        assert!(!is_broken(&by_hand, name), "{name}");
        for (run, who) in [(&alone, "nobody"), (&other, "another's operator"), (&agreed, "an operator who agreed")] {
            assert!(is_broken(run, name), "{name}: {who}");
        }
    }
}

#[test]
fn an_operator_excuses_no_disagreement_among_the_others() {
    let three = |p3: &str| {
        format!(
            "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+3 3:p3/c:+2
            1 c1 reached c1-k1-1 begun
            9 c1 decided c1-k1-1 commit
            11 p1 decided c1-k1-1 commit
            12 p1 applied c1-k1-1 p1/a:-5 @2
            20 p2 heuristic c1-k1-1 abort
            20 p2 decided c1-k1-1 abort
            21 p3 decided c1-k1-1 {p3}
            99 lab end"
        )
    };
    assert!(!is_broken(&run(TwoPhase, &three("commit")), "agreement"));
    let spread = run(TwoPhase, &three("abort"));
    assert!(is_broken(&spread, "agreement"), "p3 follows the operator of p2");
}

#[test]
fn an_operators_commit_is_no_decision_without_votes_but_another_nodes_is() {
    let without_p2 = |who: &str, by_hand: &str| {
        let story = COMMIT.replace("6 p2 voted c1-k1-1 yes", "").replace("9 c1 decided c1-k1-1 commit", "");
        let story = story.replace("11 p1 decided c1-k1-1 commit", "").replace("12 p1 applied c1-k1-1 p1/a:-5 @2", "");
        let story =
            story.replace("11 p2 decided c1-k1-1 commit", &format!("{by_hand}\n11 {who} decided c1-k1-1 commit"));
        run(TwoPhase, &format!("{BEGAN}{story}"))
    };
    assert!(check(&without_p2("p2", "11 p2 heuristic c1-k1-1 commit"), "commit-validity").held);
    assert!(is_broken(&without_p2("p2", ""), "commit-validity"));
}

#[test]
fn a_reversed_decision_is_excused_by_the_operator_of_this_transaction() {
    let reversed = |by_hand: &str| {
        let twice = format!("11 p2 decided c1-k1-1 commit\n{by_hand}\n12 p2 decided c1-k1-1 abort");
        run(TwoPhase, &format!("{BEGAN}{}", COMMIT.replace("11 p2 decided c1-k1-1 commit", &twice)))
    };
    assert!(!is_broken(&reversed("12 p2 heuristic c1-k1-1 abort"), "stability"));
    assert!(is_broken(&reversed(""), "stability"));
}

#[test]
fn an_anomaly_is_excused_if_each_of_its_transactions_is() {
    let dirty = |by_hand: &str| {
        run(
            TwoPhase,
            &format!(
                "{BEGAN}
                2 k1 began c2-k2-1 transfer 1:p1/a:-1 2:p2/b:+1
                {by_hand}
                5 p1 applied c2-k2-1 p1/a:-1 @1
                6 p1 reads c1-k1-1 p1/a 99
                99 lab end"
            ),
        )
    };
    let acted = |txn: &str| format!("4 p1 heuristic {txn} commit\n4 p1 decided {txn} commit");
    assert!(!is_broken(&dirty(&acted("c2-k2-1")), "isolation"), "who wrote it was ended by hand");
    assert!(!is_broken(&dirty(&acted("c1-k1-1")), "isolation"), "who read it was ended by hand");
    assert!(is_broken(&dirty(""), "isolation"));
    assert!(is_broken(
        &dirty(
            "3 k1 began c1-k1-7 transfer 1:p1/q:-1 2:p2/r:+1\n4 p1 heuristic c1-k1-7 commit\n4 p1 decided c1-k1-7 commit"
        ),
        "isolation"
    ));
}

#[test]
fn a_dirty_read_is_seen_whoever_else_changed_the_record_before_or_after() {
    let first = "3 p1 applied c2-k2-1 p1/a:-1 @1\n";
    let done = "2 c2 decided c2-k2-2 commit\n";
    let finished = format!("{done}3 p1 applied c2-k2-2 p1/a:-1 @2\n");
    let read = "7 p1 reads c1-k1-1 p1/a 99\n";
    let dirty = |changes: &str| run(TwoPhase, &format!("{BEGAN}{changes}{read}99 lab end")).measures.dirty_reads;
    assert_eq!(dirty(first), 1);
    assert_eq!(dirty(&finished), 0);
    assert_eq!(dirty(&format!("{finished}{first}")), 1, "one that is over changed it before");
    assert_eq!(dirty(&format!("{first}{finished}")), 1, "one that is over changed it after");
    let another = "4 p1 applied c2-k2-3 p1/a:-1 @3\n";
    assert_eq!(dirty(&format!("{first}{another}")), 1, "one read is one dirty read");
    assert_eq!(dirty(&format!("{first}{another}5 c2 decided c2-k2-3 commit\n")), 1, "one of both is over");
}

#[test]
fn a_refusal_that_is_followed_by_the_step_is_excused_by_the_lost_log_that_held_it() {
    let reversed = |node: Option<u16>| {
        let twice = "5 p2 appended c1-k1-1 forced\n6 p2 step-refused c1-k1-1 2 @1\n6.5 p2 crashed\n6.6 p2 restarted 0 77\n7 p2 step-applied c1-k1-1 2 p2/b:+5 @3/77";
        let story = format!("{BEGAN}{}", UNDONE.replace("6 p2 step-refused c1-k1-1 2 @1", twice));
        let lost = node.map(|node| fault(6, LoseLog { node: NodeId::participant(node), restart_after: None }));
        judged(Saga, lost.into_iter().collect(), vec![], &story)
    };
    assert!(!is_broken(&reversed(Some(2)), "stability"));
    assert!(is_broken(&reversed(Some(1)), "stability"), "another node's log");
    assert!(is_broken(&reversed(None), "stability"), "no fault lost it");
    let twice = "11 p2 decided c1-k1-1 commit\n11.1 p2 appended c1-k1-1 forced\n11.2 p2 crashed\n11.3 p2 restarted 0 77\n11.5 p2 decided c1-k1-1 abort";
    let story = format!("{BEGAN}{}", COMMIT.replace("11 p2 decided c1-k1-1 commit", twice));
    let lost = fault(11, LoseLog { node: NodeId::participant(2), restart_after: None });
    assert!(
        is_broken(&judged(TwoPhase, vec![lost], vec![], &story), "stability"),
        "no decision is reversed, journal or not"
    );
}

/// What a lost log excuses: what its node held of the transaction.
#[test]
fn a_lost_log_excuses_the_open_branch_that_it_held() {
    let open = COMMIT.replace("11 p2 decided c1-k1-1 commit\n", "").replace("12 p2 applied c1-k1-1 p2/b:+5 @2\n", "");
    let open = open.replace("12 p2 frees c1-k1-1 p2/b\n", "").replace("10 k1 told c1-k1-1 succeeded\n", "");
    let open = open.replace("14 c1 reached c1-k1-1 ended\n", "");
    let lost = |node: u16, held: &str| {
        let end = format!("{held}\n20 p{node} crashed\n30 p{node} restarted 0 77\n31 p2 in-doubt c1-k1-1\n99 lab end");
        let story = format!("{BEGAN}{}", open.replace("99 lab end", &end));
        let node = NodeId::participant(node);
        judged(TwoPhase, vec![fault(20, LoseLog { node, restart_after: None })], vec![], &story)
    };
    assert!(!is_broken(&lost(1, "15 p1 appended c1-k1-1 forced"), "termination"));
    assert!(is_broken(&lost(1, ""), "termination"), "its journal had nothing of the transaction");
    assert!(is_broken(&lost(3, "15 p3 appended c1-k1-7 forced"), "termination"), "another node's log");
}

#[test]
fn a_lost_log_excuses_the_half_that_is_gone_but_not_an_early_end_of_a_saga() {
    let gone = |held: &str, lost: bool| {
        let crash = format!("{held}\n7 p1 crashed\n7.5 p1 restarted 0 77");
        let story = UNDONE.replace("8 p1 compensated c1-k1-1 1 p1/a:+5 @2", "8 p1 compensated c1-k1-1 1 @1/77");
        let story = format!("{BEGAN}{}", story.replace("6 p2 step-refused", &format!("{crash}\n8 p2 step-refused")));
        let faults = lost.then(|| fault(7, LoseLog { node: NodeId::participant(1), restart_after: None }));
        judged(Saga, faults.into_iter().collect(), vec![], &story)
    };
    let held = "2 p1 appended c1-k1-1 forced";
    assert!(!is_broken(&gone(held, true), "durability"));
    assert!(is_broken(&gone(held, false), "durability"), "no fault lost it");
}

#[test]
fn a_request_below_a_mark_is_seen_of_sagas_and_branches_and_a_late_or_acknowledged_one_is_none() {
    let kept = |protocol, lines: &str| check(&run(protocol, &format!("{BEGAN}{lines}\n99 lab end")), "marks-kept").held;
    for (protocol, words) in [(TwoPhase, ["work", "prepare"]), (Saga, ["step", "compensate"])] {
        for word in words {
            assert!(kept(protocol, &format!("3 p1 received c1 {word} c1-k1-1 #5/5")), "{word}");
            assert!(!kept(protocol, &format!("3 p1 received c1 {word} c1-k1-1 #5/6")), "{word} below its own mark");
        }
    }
    assert!(kept(TwoPhase, "3 p1 received c1 decision c1-k1-1 #5/6"), "a decision is acknowledged all the same");
    assert!(kept(TwoPhase, "3 p1 received p2 inquire c1-k1-1 #5/6"), "a peer asks with the ticket of its branch");
}

#[test]
fn lazy_records_are_flushed_by_a_node_that_runs() {
    let kept = |lines: &str| check(&run(TwoPhase, &format!("{lines}\n99000 lab end")), "world-contract").held;
    assert!(!kept("1 p1 appended - lazy"));
    assert!(kept("1 p1 appended - lazy\n60 p1 durable 1"));
    assert!(!kept("1 p1 appended - lazy\n60 p1 durable 1\n70 p1 appended - lazy"), "the second one");
    assert!(kept("1 p1 appended - lazy\n60 p1 crashed"), "it does not run");
    assert!(kept("1 p1 appended - lazy\n60 p1 paused"), "it is frozen");
    assert!(!kept("1 p1 appended - lazy\n60 p1 paused\n70 p1 resumed"));
    assert!(kept("98000 p1 appended - lazy"), "not yet");
}

#[test]
fn a_request_leaves_after_it_is_written_that_the_transaction_was_accepted() {
    let kept = |what: &str, lines: &str| {
        let began = format!("0 k1 began c1-k1-1 {what} 1:p1/a:-5 2:p2/b:+5\n");
        check(&run(TwoPhase, &format!("{began}{lines}\n99 lab end")), "world-contract").held
    };
    assert!(kept("transfer", "1 c1 reached c1-k1-1 begun\n1 c1 sent p1 work c1-k1-1"));
    assert!(!kept("transfer", "1 c1 sent p1 work c1-k1-1\n1 c1 reached c1-k1-1 begun"));
    assert!(kept("audit", "1 c1 sent p1 work c1-k1-1"), "audits reach no phases");
}

#[test]
fn a_participant_with_a_new_disk_is_excused_from_agreement_where_peers_ask_it() {
    let node = NodeId::participant(2);
    let torn = COMMIT
        .replace("11 p2 decided c1-k1-1 commit", "")
        .replace("12 p2 applied c1-k1-1 p2/b:+5 @2", "")
        .replace("99 lab end", "20 p2 crashed\n30 p2 restarted 0 77\n31 p2 decided c1-k1-1 abort\n99 lab end");
    let story = format!("{BEGAN}1 p2 appended c1-k1-1 forced\n{torn}");
    let agreement =
        |protocol: Protocol, fault_of_p2: FaultAction| judged(protocol, vec![fault(20, fault_of_p2)], vec![], &story);
    let new_disk = || LoseDisk { node, restart_after: None }.into();
    let excused = agreement(Cooperative, new_disk());
    assert!(
        !is_broken(&excused, "agreement") && check(&excused, "agreement").detail.contains("waived: p2 lost its disk")
    );
    // Nobody asks it under the others, and with its count of incarnations it knows that it may have voted.
    assert!(is_broken(&agreement(TwoPhase, new_disk()), "agreement"));
    assert!(is_broken(&agreement(Cooperative, LoseLog { node, restart_after: None }.into()), "agreement"));
}

#[test]
fn a_forgotten_commit_is_excused_by_an_older_copy_at_its_coordinator_alone() {
    // c1 told of a commit, and p2 never applied it.
    let lost = COMMIT.replace("11 p2 decided c1-k1-1 commit", "").replace("12 p2 applied c1-k1-1 p2/b:+5 @2", "");
    let durability = |node: NodeId, upto: u32| {
        let back = format!("20 {node} crashed\n21 {node} log-restored {upto}\n30 {node} restarted {upto}\n");
        let end = format!("{back}31 p2 decided c1-k1-1 abort\n99 lab end");
        let records = format!("1 {node} appended c1-k1-1 forced\n2 {node} durable 1\n");
        let older = RestoreLog { node, to: OlderCopy::Records(upto.into()), restart_after: None };
        let story = format!("{BEGAN}{records}{}", lost.replace("99 lab end", &end));
        judged(TwoPhase, vec![fault(20, older)], vec![], &story)
    };
    let home = NodeId::coordinating(1);
    assert!(!is_broken(&durability(home, 0), "durability"));
    assert!(is_broken(&durability(home, 1), "durability"), "nothing durable is missing");
    assert!(
        is_broken(&durability(NodeId::participant(2), 0), "durability"),
        "c1 took p2's older copy for done (rule 17)"
    );
}
