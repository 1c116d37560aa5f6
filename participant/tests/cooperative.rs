//! One participant under cooperative termination: which nodes it asks, and how it answers (rules 7 to 9).

mod common;

use common::*;
use indoubt_participant::Timer;
use indoubt_proto::{
    machine::Write,
    message::{Answer, Decision, Message, ReadVote, Vote},
    settings::Settings,
};

fn answer(number: u64, answer: Answer) -> Vec<Message> {
    vec![Message::Answer { txn: txn(number), answer }]
}

#[test]
fn rule_07_a_branch_in_doubt_asks_its_coordinator_and_its_peers_but_not_itself() {
    let mut p = Bench::new();
    p.bring_into_doubt(1, "a", -1);
    p.fire(Timer::Inquire(txn(1)));
    let asked: Vec<_> = p.sent.iter().filter(|(_, m)| *m == inquire(1)).map(|(to, _)| *to).collect();
    assert_eq!(asked, [C1, P2, P3]);
}

#[test]
fn rule_07_an_informed_peer_passes_the_decision_on_and_it_is_adopted() {
    for verdict in [Decision::Commit, Decision::Abort] {
        let mut p = Bench::new();
        p.bring_into_doubt(1, "a", -1);
        p.tell(decision(1, verdict, true));
        p.force();
        let told = p.tell_from(P2, inquire(1));
        assert_eq!(told, [decision(1, verdict, false)]);

        let mut q = Bench::new();
        q.bring_into_doubt(1, "a", -1);
        q.tell_from(P2, told[0].clone());
        assert_eq!(q.value("a"), if verdict == Decision::Commit { 99 } else { 100 });
        assert!(q.is_idle());
    }
}

#[test]
fn rule_08_a_peer_that_has_not_voted_forces_an_abort_and_says_so_only_then() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    assert!(p.tell_from(P2, inquire(1)).is_empty());
    assert!(p.tell_from(P3, inquire(1)).is_empty());
    assert_eq!(p.writes.last(), Some(&("aborted", Write::Forced)));
    assert!(p.tell(prepare(1)).is_empty());
    let sent = p.force();
    assert_eq!(words(&sent), ["decision:abort", "decision:abort", "vote:no"]);
    assert!(p.is_idle());
}

#[test]
fn rule_08_a_peer_that_never_heard_of_the_transaction_bars_it_first() {
    let mut p = Bench::new();
    assert!(p.tell_from(P2, inquire(1)).is_empty());
    assert!(p.tell_from(P3, inquire(1)).is_empty(), "nor is the second one told before it is durable");
    assert_eq!(words(&p.force()), ["decision:abort", "decision:abort"]);
    p.crash(0);
    p.tell(prepare_with(1, &[add("a", -1)], ReadVote::Never));
    p.force();
    let (_, last) = p.sent.last().unwrap();
    assert_eq!(votes(std::slice::from_ref(last)), [Vote::No], "what it told its peers still binds it");
}

#[test]
fn rule_07_an_abort_that_was_only_noted_is_forced_before_a_peer_is_told() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    p.fire(Timer::GiveUp(txn(1)));
    assert!(p.tell_from(P2, inquire(1)).is_empty());
    assert_eq!(p.writes.last(), Some(&("aborted", Write::Forced)));
    assert_eq!(words(&p.force()), ["decision:abort"]);
    assert_eq!(words(&p.tell_from(P2, inquire(1))), ["decision:abort"]);
}

#[test]
fn rule_09_peers_in_doubt_cannot_help_each_other() {
    let mut p = Bench::new();
    p.tell(work(1, &[add("a", -1)]));
    p.tell(prepare(1));
    assert_eq!(p.tell_from(P2, inquire(1)), answer(1, Answer::InDoubt), "its vote may leave any moment");
    p.force();
    assert_eq!(p.tell_from(P2, inquire(1)), answer(1, Answer::InDoubt));
    p.tell_from(P2, answer(1, Answer::InDoubt).remove(0));
    p.tell_from(P2, answer(1, Answer::Unknown).remove(0));
    assert_eq!(p.state(1).as_deref(), Some("in doubt"), "blocked, and no guess");
}

#[test]
fn rule_07_a_node_that_may_have_forgotten_answers_unknown_never_abort() {
    let mut below = Bench::new();
    below.tell(Message::Work { txn: txn(9), ticket: marked(9, 5), steps: Vec::new() });
    assert_eq!(below.tell_from(P2, inquire(1)), answer(1, Answer::Unknown), "below the mark");

    let mut lost = Bench::new();
    lost.bring_into_doubt(1, "a", -1);
    lost.lose_log();
    assert_eq!(lost.tell_from(P2, inquire(1)), answer(1, Answer::Unknown), "the vote was in the lost journal");
    lost.force();
    lost.compact();
    lost.crash(0);
    assert_eq!(lost.tell_from(P2, inquire(1)), answer(1, Answer::Unknown), "a compaction keeps that in mind");

    let mut reader = Bench::new();
    reader.tell(work(1, &[get("a")]));
    assert_eq!(votes(&reader.tell(prepare(1))), [Vote::ReadOnly]);
    assert_eq!(reader.tell_from(P2, inquire(1)), answer(1, Answer::Unknown), "a READ voter is not told");
    reader.force();
    reader.crash(0);
    let told = reader.tell_from(P2, inquire(1));
    assert_eq!(told, answer(1, Answer::Unknown), "its READ left no record: the others may have committed");
}

#[test]
fn rule_08_where_every_vote_leaves_a_record_no_trace_means_no_vote_even_after_a_restart() {
    let mut settings = Settings::default();
    settings.options.read_only = false;
    let mut p = Bench::with(settings);
    p.force();
    p.crash(0);
    assert!(p.tell_from(P2, inquire(1)).is_empty());
    assert_eq!(words(&p.force()), ["decision:abort"]);
}

#[test]
fn a_reader_that_keeps_its_locks_lets_go_when_its_coordinator_has_lost_the_transaction() {
    let mut p = Bench::new();
    p.tell(prepare_with(1, &[get("a")], ReadVote::Keep));
    p.tell_from(P2, answer(1, Answer::Unknown).remove(0));
    assert!(!p.is_idle(), "a peer's answer is not enough");
    p.tell(answer(1, Answer::InDoubt).remove(0));
    assert!(!p.is_idle());
    p.tell(answer(1, Answer::Unknown).remove(0));
    assert!(p.is_idle() && p.timers.is_empty());
}
