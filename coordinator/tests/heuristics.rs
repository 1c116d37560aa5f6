//! How a coordinator handles branches that operators ended (docs/rules.md, 21 to 23), and journals that have lost records
//! (rule 17).

mod common;

use common::{Bench, CLIENT, PLACE, plan, txn};
use indoubt_coordinator::{CoordinatorTimer, Presumption};
use indoubt_proto::{
    heuristic::HeuristicOutcome,
    ids::{Lsn, NodeId},
    message::{Decision, Message, Outcome, OutcomeWord, Status, Vote},
    observation::Observation,
    settings::{AnswerWhen, Settings},
};

fn acknowledged() -> Settings {
    let mut settings = Settings::default();
    settings.options.answer = AnswerWhen::Acknowledged;
    settings
}

/// Two participants have done their work and voted YES.
fn voted(presumption: Presumption, settings: Settings) -> Bench {
    let mut c = Bench::with(presumption, settings, false);
    c.submit(plan(1, 2));
    c.force();
    for node in [1, 2] {
        c.work_done(common::p(node), 1);
    }
    for node in [1, 2] {
        c.vote(common::p(node), 1, Vote::Yes);
    }
    c
}

/// The outcomes that the client was told, in order.
fn told(c: &Bench) -> Vec<OutcomeWord> {
    let told = |(to, message): &(_, Message)| match message {
        Message::Outcome { outcome, .. } if *to == CLIENT => Some(outcome.word()),
        _ => None,
    };
    c.sent.iter().filter_map(told).collect()
}

fn heuristics(c: &Bench) -> Vec<HeuristicOutcome> {
    let seen = |o: &Observation| match o {
        Observation::HeuristicOutcome { outcome, .. } => Some(*outcome),
        _ => None,
    };
    c.observed.iter().filter_map(seen).collect()
}

fn remembered(c: &mut Bench) -> Outcome {
    match c.status(1) {
        Status::Ended(outcome) => outcome,
        Status::Running(state) => panic!("{state}"),
    }
}

#[test]
fn rule_22_a_commit_that_an_operator_rolled_back_at_one_participant_is_mixed() {
    for presumption in [Presumption::Nothing, Presumption::Abort] {
        let mut c = voted(presumption, acknowledged());
        c.force();
        assert_eq!(told(&c), [], "the client waits for the ACKs");
        c.ack(common::p(2), 1, common::log_of(common::p(2)), true);
        c.ack_by_operator(common::p(1), 1, Decision::Abort);
        assert_eq!(told(&c), [OutcomeWord::Mixed]);
        assert_eq!(heuristics(&c), [HeuristicOutcome::Mixed]);
        let Outcome::Heuristic { decision: Decision::Commit, reason, .. } = remembered(&mut c) else { panic!() };
        assert!(reason.detail.contains("p1"), "{reason}");
        c.restart();
        assert_eq!(remembered(&mut c).word(), OutcomeWord::Mixed, "a restart does not forget it");
    }
}

#[test]
fn a_client_that_waits_for_the_acks_is_not_told_earlier_after_a_restart() {
    let mut c = voted(Presumption::Abort, acknowledged());
    c.force();
    c.restart();
    c.submit(plan(1, 2));
    assert!(matches!(c.status(1), Status::Running(_)));
    for node in [1, 2] {
        c.ack_by_operator(common::p(node), 1, Decision::Abort);
    }
    assert_eq!(told(&c), [OutcomeWord::Aborted], "all branches were rolled back by operators");
}

#[test]
fn rule_22_a_client_that_was_told_at_the_decision_learns_it_when_it_asks_again() {
    let mut c = voted(Presumption::Abort, Settings::default());
    c.force();
    assert_eq!(told(&c), [OutcomeWord::Succeeded]);
    c.ack(common::p(2), 1, common::log_of(common::p(2)), true);
    c.ack_by_operator(common::p(1), 1, Decision::Abort);
    assert_eq!(remembered(&mut c).word(), OutcomeWord::Mixed);
}

#[test]
fn rule_22_all_branches_ended_otherwise_is_a_heuristic_rollback_or_commit() {
    let mut c = voted(Presumption::Abort, acknowledged());
    c.force();
    for node in [1, 2] {
        c.ack_by_operator(common::p(node), 1, Decision::Abort);
    }
    assert_eq!((told(&c), heuristics(&c)), (vec![OutcomeWord::Aborted], vec![HeuristicOutcome::Rollback]));

    let mut c = Bench::with(Presumption::Nothing, acknowledged(), false);
    c.submit(plan(1, 1));
    c.work_done(common::p(1), 1);
    c.fire(CoordinatorTimer::Vote(txn(1)));
    c.force();
    c.ack_by_operator(common::p(1), 1, Decision::Commit);
    assert_eq!((told(&c), heuristics(&c)), (vec![OutcomeWord::Succeeded], vec![HeuristicOutcome::Commit]));
}

#[test]
fn rule_22_an_operator_who_agrees_with_the_decision_did_no_harm() {
    let mut c = voted(Presumption::Abort, acknowledged());
    c.force();
    for node in [1, 2] {
        c.ack_by_operator(common::p(node), 1, Decision::Commit);
    }
    assert_eq!((told(&c), heuristics(&c)), (vec![OutcomeWord::Succeeded], vec![]));
}

#[test]
fn rule_22_a_branch_aborted_by_an_operator_before_the_decision_aborts_the_transaction() {
    for presumption in Presumption::ALL {
        let mut c = Bench::new(presumption);
        c.submit(plan(1, 2));
        c.force();
        for node in [1, 2] {
            c.work_done(common::p(node), 1);
        }
        c.vote(common::p(1), 1, Vote::Yes);
        c.ack_by_operator(common::p(1), 1, Decision::Abort);
        c.vote(common::p(2), 1, Vote::Yes);
        c.force();
        assert_eq!((told(&c), heuristics(&c)), (vec![OutcomeWord::Aborted], vec![]), "{presumption:?}");
    }
}

#[test]
fn rule_22_an_operator_before_a_decision_that_nobody_acknowledges_is_not_forgotten() {
    // Presumed abort asks for no ACK of an abort, and presumed commit for none of a commit.
    let mut c = Bench::new(Presumption::Abort);
    c.submit(plan(1, 2));
    for node in [1, 2] {
        c.work_done(common::p(node), 1);
    }
    c.vote(common::p(1), 1, Vote::Yes);
    c.ack_by_operator(common::p(1), 1, Decision::Commit);
    c.vote(common::p(2), 1, Vote::No);
    assert_eq!((told(&c), heuristics(&c)), (vec![OutcomeWord::Mixed], vec![HeuristicOutcome::Mixed]));

    let mut c = voted(Presumption::Commit, Settings::default());
    c.force();
    assert_eq!(told(&c), [OutcomeWord::Succeeded]);
    c.ack_by_operator(common::p(2), 1, Decision::Abort);
    assert_eq!((remembered(&mut c).word(), heuristics(&c)), (OutcomeWord::Mixed, vec![HeuristicOutcome::Mixed]));
    c.force();
    c.restart();
    assert_eq!(remembered(&mut c).word(), OutcomeWord::Mixed);
}

#[test]
fn rule_22_an_operator_who_gives_up_on_an_ack_leaves_a_hazard() {
    let mut c = voted(Presumption::Abort, acknowledged());
    c.force();
    c.ack(common::p(2), 1, common::log_of(common::p(2)), true);
    c.message(NodeId::LAB, Message::Forget { txn: txn(1) });
    assert_eq!((told(&c), heuristics(&c)), (vec![OutcomeWord::Hazard], vec![HeuristicOutcome::Hazard]));
    let resend = c.timers.keys().any(|timer| matches!(timer, CoordinatorTimer::Resend(_)));
    assert!(!resend, "it does not tell p1 any more");
    assert_eq!(c.told(common::p(1), 1), Some(Decision::Commit), "but still answers what it decided");
}

#[test]
fn rule_17_a_journal_that_ends_before_its_vote_was_restored_and_acknowledges_nothing() {
    let mut c = voted(Presumption::Abort, acknowledged());
    c.force();
    c.ack(common::p(2), 1, common::log_of(common::p(2)), true);
    for _ in 0..2 {
        c.ack_from_end(common::p(1), 1, Lsn(PLACE.0 - 1));
    }
    let lost: Vec<_> = c.observed.iter().filter(|o| matches!(o, Observation::LostLog { .. })).collect();
    assert_eq!(lost, [&Observation::LostLog { txn: txn(1), participant: common::p(1) }], "reported once");
    assert_eq!(told(&c), [], "and not taken for an ACK");
    c.ack(common::p(1), 1, common::log_of(common::p(1)), true);
    assert_eq!(told(&c), [OutcomeWord::Succeeded], "a journal that holds the vote");
}
