//! Branches of two-phase commit: work, votes and decisions, and which requests are never carried out twice (rules 1 to 3,
//! 6, 12, 17, 17b).

mod common;

use common::*;
use indoubt_participant::{Owner, Part, Timer};
use indoubt_proto::{
    ids::{LogId, Lsn},
    inspect::LockMode,
    machine::Write,
    message::{Answer, Decision, Message, ReadVote, ReasonKind, Vote, WorkResult},
    observation::Observation,
};

fn lock_timer(number: u64) -> Timer {
    Timer::Lock(Owner { txn: txn(number), part: Part::Branch })
}

fn refusal(messages: &[Message]) -> Option<ReasonKind> {
    messages.iter().find_map(|m| match m {
        Message::Vote { vote: Vote::No, reason, .. } => reason.as_ref().map(|r| r.kind),
        Message::WorkDone { result: WorkResult::Failed(reason), .. } => Some(reason.kind),
        _ => None,
    })
}

#[test]
fn a_branch_commits_once_and_its_locks_go_when_its_outcome_is_durable() {
    let mut p = Bench::new();
    assert_eq!(words(&p.tell(work(1, &[add("a", -30), get("a")]))), ["work-done:done"]);
    assert!(p.holds(1, "a", LockMode::Exclusive), "one lock, in the stronger mode");
    assert!(p.tell(prepare(1)).is_empty(), "no vote before the prepared record is durable");
    assert_eq!(words(&p.force()), ["vote:yes"]);
    assert_eq!(p.value("a"), 100, "a vote changes nothing");
    assert!(p.tell(decision(1, Decision::Commit, true)).is_empty(), "no ACK before the outcome is durable");
    assert!(p.holds(1, "a", LockMode::Exclusive));
    let end = Lsn(p.last().0 - 1);
    let ack = Message::Ack { txn: txn(1), log: p.log, known: true, end, heuristic: None };
    assert_eq!(p.force(), [ack]);
    assert_eq!(p.value("a"), 70);
    assert!(p.is_idle() && p.timers.is_empty());
    assert_eq!(p.story(1), ["read", "in-doubt", "voted", "decided", "applied"]);
    let of_branch: Vec<_> = p.written.iter().filter(|(word, _)| *word != "booted").copied().collect();
    assert_eq!(of_branch, [("prepared", Write::Forced), ("committed", Write::Forced)], "the papers' 2 per participant");
}

#[test]
fn the_outcome_is_forced_exactly_when_an_ack_is_due() {
    for (verdict, word) in [(Decision::Commit, "committed"), (Decision::Abort, "aborted")] {
        for (ack, write) in [(true, Write::Forced), (false, Write::Lazy)] {
            let mut p = Bench::new();
            p.bring_into_doubt(1, "a", -1);
            p.tell(decision(1, verdict, ack));
            assert_eq!(p.written.last(), Some(&(word, write)));
            assert_eq!(p.is_idle(), !ack, "a lazy outcome lets go at once");
            assert_eq!(words(&p.force()), if ack { vec!["ack"] } else { vec![] });
            assert!(p.is_idle());
        }
    }
}

#[test]
fn reads_see_what_their_own_branch_staged() {
    let mut p = Bench::new();
    let sent = p.tell(work(1, &[get("a"), add("a", -30), get("a"), get("b")]));
    let Message::WorkDone { result: WorkResult::Done { reads }, .. } = &sent[0] else { panic!("{sent:?}") };
    assert_eq!(reads.iter().map(|r| r.value).collect::<Vec<_>>(), [100, 70, 100]);
}

#[test]
fn a_constraint_that_does_not_hold_is_an_honest_no_at_prepare() {
    let mut p = Bench::new();
    assert_eq!(words(&p.tell(work(1, &[add("a", -101)]))), ["work-done:done"]);
    let sent = p.tell(prepare(1));
    assert_eq!((words(&sent), refusal(&sent)), (vec!["vote:no".into()], Some(ReasonKind::Constraint)));
    assert_eq!(p.written.last(), Some(&("aborted", Write::Lazy)), "a NO voter's record is not forced");
    assert!(p.is_idle() && p.timers.is_empty());
}

#[test]
fn rule_03_a_branch_that_did_not_vote_yes_never_commits() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    assert!(p.tell(decision(1, Decision::Commit, true)).is_empty());
    p.tell(prepare(1));
    assert!(p.tell(decision(1, Decision::Commit, true)).is_empty(), "not even while it prepares");
    assert_eq!((p.value("a"), p.state(1).as_deref()), (100, Some("preparing")));
}

#[test]
fn rule_02_a_decision_is_never_reversed() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell(decision(1, Decision::Commit, false));
    p.tell(decision(1, Decision::Abort, true));
    p.force();
    assert_eq!(p.value("a"), 99);
    p.bring_into_doubt(2, "a", -1);
    p.tell(decision(2, Decision::Abort, true));
    p.tell(decision(2, Decision::Commit, true));
    p.force();
    assert_eq!(p.value("a"), 99);
    assert!(p.is_idle());
}

#[test]
fn rule_06_a_timeout_while_in_doubt_never_decides() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    for _ in 0..50 {
        assert_eq!(words(&p.fire(Timer::Inquire(txn(1)))), ["inquire", "inquire", "inquire"]);
        p.fire(Timer::GiveUp(txn(1)));
        p.fire(lock_timer(1));
        p.tell(Message::Answer { txn: txn(1), answer: Answer::Unknown });
    }
    assert_eq!(p.state(1).as_deref(), Some("in doubt"));
    assert!(p.holds(1, "a", LockMode::Exclusive));
    let longest = p.timers[&Timer::Inquire(txn(1))];
    assert_eq!(longest.0, 1_000_000, "backoff is capped at ten times retry");
}

#[test]
fn rule_06_before_its_vote_a_branch_gives_up_alone_and_votes_no_afterwards() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    assert_eq!(p.timers[&Timer::GiveUp(txn(1))].0, 3_000_000, "2 x (lock + vote)");
    p.fire(Timer::GiveUp(txn(1)));
    assert!(p.is_idle());
    let sent = p.tell(prepare(1));
    assert_eq!((votes(&sent), refusal(&sent)), (vec![Vote::No], Some(ReasonKind::GaveUp)));
    assert_eq!(p.written.last(), Some(&("aborted", Write::Lazy)));
}

#[test]
fn an_abort_overtakes_the_forced_prepared_record_and_no_vote_leaves() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    p.tell(prepare(1));
    p.tell(decision(1, Decision::Abort, false));
    assert!(p.force().is_empty());
    assert_eq!(p.story(1), ["decided"]);
}

#[test]
fn rule_12_a_read_voter_lets_go_at_once_only_after_a_work_round() {
    let mut p = Bench::new();
    p.tell(work(1, &[get("a")]));
    assert_eq!(votes(&p.tell(prepare_with(1, &[], ReadVote::Release))), [Vote::ReadOnly]);
    assert!(p.is_idle() && p.timers.is_empty());

    assert_eq!(votes(&p.tell(prepare_with(2, &[get("a")], ReadVote::Keep))), [Vote::ReadOnly]);
    assert!(p.holds(2, "a", LockMode::Shared), "kept until the decision");
    assert!(!p.view().open[0].in_doubt, "but not in doubt");
    assert_eq!(words(&p.fire(Timer::Inquire(txn(2)))), ["inquire", "inquire", "inquire"]);
    p.tell(decision(2, Decision::Commit, false));
    assert!(p.is_idle() && p.timers.is_empty());

    p.tell(work(3, &[get("a")]));
    p.tell(prepare_with(3, &[], ReadVote::Never));
    assert_eq!(votes(&p.force()), [Vote::Yes]);
    let logged: Vec<_> = p.written.iter().map(|(word, _)| *word).collect();
    assert_eq!(logged, ["booted", "prepared"], "READ is not logged");
}

#[test]
fn work_inside_prepare_is_answered_by_the_vote_with_its_reads() {
    let mut p = Bench::new();
    assert!(p.tell(prepare_with(1, &[get("a"), add("a", -1)], ReadVote::Keep)).is_empty());
    let sent = p.force();
    let Message::Vote { vote: Vote::Yes, reads, log, .. } = &sent[0] else { panic!("{sent:?}") };
    assert_eq!((reads.len(), reads[0].value, *log), (1, 100, p.log));
    let again = p.tell(prepare_with(1, &[get("a"), add("a", -1)], ReadVote::Keep));
    assert_eq!(again, sent, "a duplicate gets the very same vote");
}

#[test]
fn rule_17b_duplicates_of_work_and_prepare_change_nothing() {
    let mut p = Bench::new();
    let first = p.tell(work(1, &[add("a", -1)]));
    assert_eq!(p.tell(work(1, &[add("a", -1)])), first);
    p.tell(prepare(1));
    assert!(p.tell(prepare(1)).is_empty(), "still preparing");
    assert!(p.tell(work(1, &[add("a", -1)])).is_empty());
    let vote = p.force();
    assert_eq!(p.tell(prepare(1)), vote, "in doubt: the same vote again");
    let yes = |o: &&Observation| matches!(o, Observation::Voted { vote: Vote::Yes, .. });
    assert_eq!(p.observed.iter().filter(yes).count(), 1, "it voted once");
    p.tell(decision(1, Decision::Commit, true));
    p.force();
    assert!(votes(&p.tell(prepare(1))).is_empty());
    assert_eq!(refusal(&p.tell(work(1, &[add("a", -1)]))), Some(ReasonKind::Finished));
    assert!(p.is_idle());
    assert_eq!(p.value("a"), 99);
}

#[test]
fn rule_17b_a_finished_branch_never_votes_yes_afresh() {
    type Ending = fn(&mut Bench);
    let endings: [(&str, Ending); 5] = [
        ("no", |p| {
            p.tell(work(1, &[add("a", -101)]));
            p.tell(prepare(1));
        }),
        ("aborted in doubt", |p| {
            p.bring_into_doubt(1, "a", -1);
            p.tell(decision(1, Decision::Abort, false));
        }),
        ("abort before the work", |p| {
            p.tell(decision(1, Decision::Abort, false));
        }),
        ("given up", |p| {
            p.tell(work(1, &[add("a", -1)]));
            p.fire(Timer::GiveUp(txn(1)));
        }),
        ("committed", |p| {
            p.bring_into_doubt(1, "a", -1);
            p.tell(decision(1, Decision::Commit, false));
        }),
    ];
    for (name, end) in endings {
        for restart in ["no", "restart", "compaction"] {
            let mut p = Bench::new();
            end(&mut p);
            p.force();
            match restart {
                "restart" => drop(p.crash(0)),
                "compaction" => {
                    p.compact();
                    p.crash(0);
                }
                _ => {}
            }
            let before = p.journal.len();
            let mut sent = p.tell(work(1, &[add("a", -1)]));
            assert_eq!(words(&sent), ["work-done:failed"], "{name}, {restart}");
            sent.extend(p.tell(prepare(1)));
            sent.extend(p.tell(prepare_with(1, &[add("a", -1)], ReadVote::Never)));
            sent.extend(p.force());
            assert!(!votes(&sent).contains(&Vote::Yes), "{name}, {restart}");
            assert_eq!(p.journal.len(), before, "{name}, {restart}: nothing is logged again");
            assert!(p.is_idle());
        }
    }
}

#[test]
fn rule_17b_below_the_mark_everything_is_refused_and_forgotten() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell(decision(1, Decision::Commit, true));
    p.force();
    let mut later = work(9, &[get("b")]);
    if let Message::Work { ticket, .. } = &mut later {
        *ticket = marked(9, 5);
    }
    p.tell(later);
    for number in [1, 4] {
        assert_eq!(refusal(&p.tell(work(number, &[add("a", -1)]))), Some(ReasonKind::Finished));
        assert_eq!(refusal(&p.tell(prepare(number))), Some(ReasonKind::Finished));
        let ack = p.tell(decision(number, Decision::Commit, true));
        assert_eq!(ack, [p.ack(number, true)], "it is finished");
    }
    assert_eq!(words(&p.tell(work(5, &[add("a", -1)]))), ["work-done:done"], "at the mark is not below it");
}

#[test]
fn a_branch_in_doubt_below_the_mark_still_listens() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    let late = Message::Decision { txn: txn(1), ticket: marked(1, 8), decision: Decision::Abort, ack: false };
    p.tell(late);
    assert!(p.is_idle());
    assert_eq!(p.value("a"), 100);
}

#[test]
fn rule_17_a_lost_log_says_unknown_under_its_new_identity_however_often_it_is_told() {
    for verdict in [Decision::Commit, Decision::Abort] {
        let mut p = Bench::new();
        p.bring_into_doubt(1, "a", -1);
        let voted_under = p.log;
        p.lose_log();
        for _ in 0..3 {
            p.tell(decision(1, verdict, true));
            p.force();
            let (_, last) = p.sent.last().unwrap();
            assert_eq!(*last, p.ack(1, false));
        }
        assert_ne!(p.log, voted_under);
        assert_eq!(p.value("a"), 100);
    }
}

#[test]
fn rule_13_a_decision_under_another_journal_of_the_coordinator_is_not_about_this_branch() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    let mut other = ticket(1);
    other.log = LogId(78);
    p.tell(Message::Decision { txn: txn(1), ticket: other, decision: Decision::Commit, ack: false });
    assert_eq!(p.state(1).as_deref(), Some("in doubt"));
}

#[test]
fn a_lock_timeout_fails_the_work_and_the_branch_is_given_up_here() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "b", -1);
    assert!(p.tell(work(2, &[add("a", 1), add("b", 1)])).is_empty());
    assert!(p.holds(2, "a", LockMode::Exclusive) && p.waits(2, "b"));
    assert_eq!(refusal(&p.fire(lock_timer(2))), Some(ReasonKind::LockTimeout));
    assert!(!p.holds(2, "a", LockMode::Exclusive) && !p.waits(2, "b"));
    assert_eq!(refusal(&p.tell(prepare(2))), Some(ReasonKind::LockTimeout));
    let sent = p.tell(prepare_with(3, &[add("b", 1)], ReadVote::Keep));
    assert!(sent.is_empty() && p.waits(3, "b"));
    let sent = p.fire(lock_timer(3));
    assert_eq!((votes(&sent), refusal(&sent)), (vec![Vote::No], Some(ReasonKind::LockTimeout)));
}

#[test]
fn a_prepare_that_finds_the_branch_waiting_is_answered_once_the_locks_are_there() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell(work(2, &[add("a", -1)]));
    assert!(p.tell(prepare(2)).is_empty());
    p.tell(decision(1, Decision::Commit, false));
    assert_eq!(p.state(2).as_deref(), Some("preparing"));
    assert_eq!(votes(&p.force()), [Vote::Yes]);
    assert!(!p.timers.contains_key(&Timer::GiveUp(txn(2))));
}

#[test]
fn an_ack_after_a_peers_word_waits_until_the_outcome_is_forced() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.tell_from(P2, decision(1, Decision::Commit, false));
    assert_eq!(p.written.last(), Some(&("committed", Write::Lazy)));
    assert!(p.tell(decision(1, Decision::Commit, true)).is_empty(), "the coordinator would forget too early");
    assert_eq!(p.written.last(), Some(&("committed", Write::Forced)));
    assert_eq!(words(&p.force()), ["ack"]);
    p.crash(0);
    assert_eq!((p.value("a"), p.is_idle()), (99, true));
    assert_eq!(effects(&p.observed)[&key("a")], -1, "two records, one effect");
}

#[test]
fn the_operator_ends_branches_in_doubt_and_only_those() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.bring_into_doubt(2, "b", -1);
    p.tell(work(3, &[add("c", -1)]));
    let lab = indoubt_proto::ids::NodeId::LAB;
    let none = p.tell_from(lab, Message::Resolve { txn: Some(txn(3)), decision: Decision::Commit });
    assert!(matches!(&none[..], [Message::Done { count: 0, .. }]));
    assert!(p.tell_from(lab, Message::Resolve { txn: Some(txn(1)), decision: Decision::Abort }).is_empty());
    let done = p.force();
    assert_eq!(words(&done), ["ack", "done"], "only once it is durable, and its coordinator hears of it");
    p.tell_from(lab, Message::Resolve { txn: None, decision: Decision::Commit });
    assert_eq!(words(&p.force()), ["ack", "done"]);
    assert_eq!((p.value("a"), p.value("b")), (100, 99));
    p.tell(decision(1, Decision::Commit, true));
    assert_eq!(words(&p.force()), ["ack"], "the coordinator may stop asking");
    assert_eq!((p.value("a"), p.state(3).as_deref()), (100, Some("work done")));
}
