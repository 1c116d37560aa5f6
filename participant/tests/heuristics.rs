//! What operators do to branches in doubt (docs/rules.md, 21 to 23), and what peers and coordinators learn of it.

mod common;

use common::{Bench, P2, decision, heuristic, inquire, prepare, ticket, txn, words, work};
use indoubt_participant::Timer;
use indoubt_proto::{
    ids::LogId,
    message::{Answer, Decision, Message},
};

fn resolve(p: &mut Bench, number: u64, decision: Decision) -> Vec<Message> {
    let mut sent = p.tell(Message::Resolve { txn: Some(txn(number)), decision });
    sent.extend(p.force());
    sent
}

fn forget(p: &mut Bench, number: u64) -> u32 {
    let mut sent = p.tell(Message::Forget { txn: txn(number) });
    sent.extend(p.force());
    let done = sent.iter().find_map(|m| if let Message::Done { count, .. } = m { Some(*count) } else { None });
    done.expect("an operator is always answered")
}

fn in_doubt(number: u64) -> Bench {
    let mut p = Bench::new();
    p.bring_into_doubt(number, "a", -1);
    p
}

fn acks(sent: &[Message]) -> Vec<Option<Decision>> {
    sent.iter().filter_map(heuristic).collect()
}

#[test]
fn rule_21_the_coordinator_hears_at_once_how_an_operator_ended_a_branch() {
    for by_operator in [Decision::Commit, Decision::Abort] {
        let mut p = in_doubt(1);
        assert_eq!(acks(&resolve(&mut p, 1, by_operator)), [Some(by_operator)]);
        assert!(p.view().locks.is_empty(), "the operator acts so that others can go on");
        assert_eq!(p.value("a"), if by_operator == Decision::Commit { 99 } else { 100 });
    }
}

#[test]
fn rule_22_a_decision_that_the_operator_contradicted_is_acknowledged_as_such() {
    for (by_operator, decided) in [(Decision::Abort, Decision::Commit), (Decision::Commit, Decision::Abort)] {
        // If no ACK is due, the coordinator is told too.
        for ack in [true, false] {
            let mut p = in_doubt(1);
            resolve(&mut p, 1, by_operator);
            let value = p.value("a");
            assert_eq!(p.tell(decision(1, decided, ack)), [], "its record is forced first");
            assert_eq!(acks(&p.force()), [Some(by_operator)]);
            assert_eq!(acks(&p.tell(decision(1, decided, ack))), [Some(by_operator)], "and again for a copy");
            assert_eq!(p.value("a"), value, "a finished branch does not change");
        }
    }
}

#[test]
fn rule_22_a_decision_that_agrees_with_the_operator_ends_the_branch_like_any_other() {
    for outcome in [Decision::Commit, Decision::Abort] {
        let mut p = in_doubt(1);
        resolve(&mut p, 1, outcome);
        let value = p.value("a");
        p.tell(decision(1, outcome, true));
        assert_eq!(acks(&p.force()), [None]);
        assert_eq!(p.state(1), None);
        assert_eq!(p.value("a"), value, "its effects are not applied twice");
        assert_eq!(forget(&mut p, 1), 0, "nothing is left to forget");
        p.crash(0);
        assert_eq!((p.value("a"), p.state(1)), (value, None));
    }
}

#[test]
fn rule_23_only_an_operator_makes_it_forget_a_branch_that_an_operator_ended() {
    let mut p = in_doubt(1);
    assert_eq!(forget(&mut p, 1), 0, "a branch in doubt cannot be forgotten");
    resolve(&mut p, 1, Decision::Abort);
    p.tell(decision(1, Decision::Commit, true));
    p.force();
    for round in 0..2 {
        let state = p.state(1);
        assert_eq!(state.as_deref(), Some("aborted by an operator, but the decision was commit"), "round {round}");
        match round {
            0 => drop(p.crash(0)),
            _ => {
                p.compact();
                p.crash(0);
            }
        }
    }
    assert_eq!(forget(&mut p, 1), 1);
    assert_eq!(p.state(1), None);
    p.crash(0);
    assert_eq!(p.state(1), None);
    assert_eq!(
        acks(&p.tell(decision(1, Decision::Commit, true))),
        [Some(Decision::Abort)],
        "it still answers with the truth"
    );
}

#[test]
fn rule_22_it_asks_what_was_decided_until_it_knows() {
    let mut p = in_doubt(1);
    resolve(&mut p, 1, Decision::Commit);
    assert_eq!(words(&p.fire(Timer::Inquire(txn(1)))), ["inquire"], "its coordinator alone");
    assert_eq!(words(&p.crash(0)), ["inquire"], "after a restart too");
    p.tell(decision(1, Decision::Abort, false));
    p.force();
    assert!(!p.timers.contains_key(&Timer::Inquire(txn(1))));
    assert_eq!(words(&p.crash(0)), Vec::<String>::new());
}

#[test]
fn rule_7_how_an_operator_ended_a_branch_is_no_knowledge_of_the_decision() {
    for by_operator in [Decision::Commit, Decision::Abort] {
        let unknown = [Message::Answer { txn: txn(1), answer: Answer::Unknown }];
        let mut p = in_doubt(1);
        p.tell(Message::Resolve { txn: Some(txn(1)), decision: by_operator });
        assert_eq!(p.tell_from(P2, inquire(1)), unknown, "while its record is forced");
        p.force();
        assert_eq!(p.tell_from(P2, inquire(1)), unknown);
        p.crash(0);
        assert_eq!(p.tell_from(P2, inquire(1)), unknown, "after a restart");
        let mut forgotten = p.clone();
        forget(&mut forgotten, 1);
        assert_eq!(forgotten.tell_from(P2, inquire(1)), unknown, "after it was forgotten");
        // A decision that the coordinator sends afterwards is known.
        let decided = if by_operator == Decision::Commit { Decision::Abort } else { Decision::Commit };
        p.tell(decision(1, decided, false));
        p.force();
        let told = p.tell_from(P2, inquire(1));
        assert!(matches!(told[..], [Message::Decision { decision, .. }] if decision == decided), "{told:?}");
    }
}

#[test]
fn a_branch_is_never_asked_for_another_transaction_of_its_name() {
    let mut p = in_doubt(1);
    let later = |message: Message| match message {
        Message::Work { txn, mut ticket, steps } => {
            ticket.log = LogId(78);
            Message::Work { txn, ticket, steps }
        }
        Message::Prepare { txn, mut ticket, steps, peers, read_vote } => {
            ticket.log = LogId(78);
            Message::Prepare { txn, ticket, steps, peers, read_vote }
        }
        other => other,
    };
    assert_eq!(words(&p.tell(later(work(1, &[common::add("b", -5)])))), ["work-done:failed"]);
    assert_eq!(words(&p.tell(later(prepare(1)))), ["vote:no"]);
    let mut other = ticket(1);
    other.log = LogId(78);
    let asked = p.tell_from(P2, Message::Inquire { txn: txn(1), ticket: other });
    p.force();
    assert!(!asked.iter().any(|m| matches!(m, Message::Answer { answer: Answer::InDoubt, .. })), "{asked:?}");
    assert_eq!(p.state(1).as_deref(), Some("in doubt"), "the old branch waits on");
    assert_eq!(words(&p.tell(prepare(1))), ["vote:yes"], "and still answers for itself");
}
