//! Clients that ask again, limits, and invalid plans: orchestrators and baselines give the same answers.

mod common;

use common::*;
use indoubt_proto::{
    ids::NodeId,
    machine::Machine,
    message::{Message, Outcome, Reason, ReasonKind},
    plan::{PlanStep, Submission},
    settings::Settings,
};
use indoubt_saga::{Orchestrator, ParallelOrchestrator, Unprotected};

/// Runs the same check on every machine of this crate.
fn everyone(settings: Settings, check: impl Fn(&mut dyn Asked)) {
    check(&mut Bench::new(Orchestrator::new(HOME, settings)));
    check(&mut Bench::new(ParallelOrchestrator::new(HOME, settings)));
    check(&mut Bench::new(Unprotected::new(HOME, settings, None)));
    check(&mut Bench::new(Unprotected::new(HOME, settings, Some(2))));
}

/// A bench as a client sees it.
trait Asked {
    fn ask(&mut self, client: NodeId, submission: Submission);
    /// Forces, and lets step 1 be refused, which is the shortest way to an outcome.
    fn refuse(&mut self, number: u64);
    fn heard(&mut self) -> Vec<(NodeId, Outcome)>;
    fn open(&self) -> usize;
}

impl<M: Machine + Clone> Asked for Bench<M> {
    fn ask(&mut self, client: NodeId, submission: Submission) {
        self.hear(client, Message::Submit(submission));
    }

    fn refuse(&mut self, number: u64) {
        self.force();
        self.answer(number, 1, 1, refused());
        self.force();
    }

    fn heard(&mut self) -> Vec<(NodeId, Outcome)> {
        let outcome = |(to, message)| match message {
            Message::Outcome { outcome, .. } => Some((to, outcome)),
            _ => None,
        };
        self.take_sent().into_iter().filter_map(outcome).collect()
    }

    fn open(&self) -> usize {
        self.machine().inspect(false).open.len()
    }
}

fn aborted() -> Outcome {
    Outcome::Aborted(reason(ReasonKind::Constraint))
}

fn one(number: u64) -> Submission {
    submission(number, 1, vec![writes(1)])
}

#[test]
fn a_submission_repeated_while_it_runs_is_run_once_and_told_to_all() {
    everyone(Settings::default(), |node| {
        let other = NodeId::client(2);
        for client in [CLIENT, CLIENT, other] {
            node.ask(client, one(1));
        }
        assert_eq!(node.open(), 1);
        node.refuse(1);
        assert_eq!(node.heard(), [(CLIENT, aborted()), (other, aborted())]);
    });
}

#[test]
fn a_submission_repeated_later_gets_the_same_outcome() {
    everyone(Settings::default(), |node| {
        node.ask(CLIENT, one(1));
        node.refuse(1);
        node.heard();
        node.ask(CLIENT, one(1));
        assert_eq!((node.heard(), node.open()), (vec![(CLIENT, aborted())], 0));
    });
}

#[test]
fn what_was_forgotten_is_unknown_and_never_run_again() {
    let mut settings = Settings::default();
    settings.options.remembered = 1;
    everyone(settings, |node| {
        for number in [1, 2] {
            node.ask(CLIENT, one(number));
            node.refuse(number);
        }
        node.heard();
        node.ask(CLIENT, one(1));
        let unknown = Outcome::Unknown(reason(ReasonKind::Forgotten));
        assert_eq!((node.heard(), node.open()), (vec![(CLIENT, unknown)], 0));
    });
}

#[test]
fn an_epoch_from_the_past_or_from_the_future_is_unknown() {
    everyone(Settings::default(), |node| {
        for epoch in [0, 2] {
            node.ask(CLIENT, Submission { epoch, ..one(1) });
            let unknown = Outcome::Unknown(reason(ReasonKind::Forgotten));
            assert_eq!((node.heard(), node.open()), (vec![(CLIENT, unknown)], 0));
        }
    });
}

#[test]
fn beyond_a_limit_a_submission_is_refused_and_may_come_again() {
    let mut settings = Settings::default();
    settings.limits.in_flight = 1;
    everyone(settings, |node| {
        node.ask(CLIENT, one(1));
        node.ask(CLIENT, one(2));
        let why = Reason::new(ReasonKind::Limit, "more than 1 transactions in flight");
        assert_eq!(node.heard(), [(CLIENT, Outcome::Refused(why))]);
        node.refuse(1);
        node.ask(CLIENT, one(2));
        assert_eq!((node.heard(), node.open()), (vec![(CLIENT, aborted())], 1), "it was not begun");
    });
}

#[test]
fn an_invalid_plan_is_refused_with_its_fault() {
    everyone(Settings::default(), |node| {
        node.ask(CLIENT, submission(1, 1, vec![]));
        let why = Reason::new(ReasonKind::BadPlan, "a transaction needs at least one step");
        assert_eq!(node.heard(), [(CLIENT, Outcome::Refused(why))]);
        node.ask(CLIENT, submission(2, 1, vec![PlanStep { ops: vec![], ..writes(1) }]));
        assert!(matches!(&node.heard()[..], [(CLIENT, Outcome::Refused(r))] if r.kind == ReasonKind::BadPlan));
    });
}
