//! Tests of the gate on real nodes: every effect is a crash point, and faults can touch every message.

mod common;

use common::{C1, Cluster, P1, P2, asked, copied, count, dropped, eventually, orders, received, request, sent};
use indoubt_driver::{
    clock::{ClockJump, ClockRate},
    conditions::{Conditions, Latency},
    gate::{Action, Disposition, Edge, FaultPlan, RuleId, Verb},
    wire::Reported,
};
use indoubt_node::client::LabReport;
use indoubt_proto::{
    ids::TxnId,
    message::{MessageKind, Outcome},
    observation::Observation,
    operation::Key,
    time::Micros,
};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Submits at c1 in the background.
async fn submit(cluster: &Cluster) -> JoinHandle<(TxnId, Outcome)> {
    let people = cluster.c1.client().await;
    tokio::spawn(async move { people.submit(request()).await.expect("it is answered") })
}

async fn committed(submitted: JoinHandle<(TxnId, Outcome)>) -> TxnId {
    let (txn, outcome) = submitted.await.expect("no panic");
    assert_eq!(outcome, Outcome::Committed { reads: Vec::new() });
    txn
}

/// Whether the journal file of c1 holds the submission.
fn written(cluster: &Cluster) -> bool {
    let journal = std::fs::read(cluster.c1.config.data_dir.join("journal")).expect("it is there");
    journal.windows(4).any(|bytes| bytes == b"p1/a")
}

fn appended(what: &Observation) -> bool {
    matches!(what, Observation::Appended { .. })
}

fn durable(what: &Observation) -> bool {
    matches!(what, Observation::Durable { .. })
}

#[tokio::test]
async fn before_an_append_nothing_of_it_is_anywhere_and_a_release_lets_it_happen() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Append, "begun", Edge::Before, Action::Ask)).await.unwrap();
    let submitted = submit(&cluster).await;
    let question = asked(&mut reports).await;
    assert_eq!((&question.rules[..], question.sent.len()), (&[RuleId(1)][..], 0));
    let trace = cluster.c1.trace();
    assert_eq!(count(&trace, |o| received(o, "submit")), 1, "what happened before the halt is in the trace");
    assert_eq!(count(&trace, appended), 0);
    assert!(!written(&cluster));
    lab.release(question.ask, Disposition::default());
    assert_eq!(Some(committed(submitted).await), question.txn);
}

#[tokio::test]
async fn after_an_append_the_record_is_in_the_file_and_not_forced() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Append, "begun", Edge::After, Action::Ask)).await.unwrap();
    let submitted = submit(&cluster).await;
    let question = asked(&mut reports).await;
    assert!(written(&cluster));
    let trace = cluster.c1.trace();
    assert_eq!((count(&trace, appended), count(&trace, durable)), (1, 0));
    lab.release(question.ask, Disposition::default());
    committed(submitted).await;
    assert!(count(&cluster.c1.trace(), durable) >= 1, "the force that the record asked for is not forgotten");
}

#[tokio::test]
async fn a_halted_node_obeys_orders_and_a_release_decides_the_fate_of_the_message() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Send, "work", Edge::Before, Action::Ask)).await.unwrap();
    let submitted = submit(&cluster).await;
    let first = asked(&mut reports).await;
    lab.release(first.ask, Disposition { drop: true, ..Disposition::default() });
    let second = asked(&mut reports).await;
    assert_eq!(second.sent.iter().map(|s| (s.to, s.lost)).collect::<Vec<_>>(), [(P1, true)]);
    // Still halted: the orders hold nevertheless.
    lab.set_faults(FaultPlan::default()).await.unwrap();
    lab.release(second.ask, Disposition::default());
    committed(submitted).await;
    let trace = cluster.c1.trace();
    assert_eq!(count(&trace, |o| dropped(o, "work")), 1);
    assert!(count(&trace, |o| sent(o, "work")) >= 3, "the timer fired, and the work was sent again");
}

#[tokio::test]
async fn after_a_send_the_message_has_left_and_can_be_waited_for() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Send, "work", Edge::After, Action::Ask)).await.unwrap();
    let submitted = submit(&cluster).await;
    let question = asked(&mut reports).await;
    let [message] = question.sent[..] else { panic!("{question:?}") };
    assert_eq!((message.to, message.lost), (P1, false));
    let taken = cluster.p1.observed(|o| received(o, "work")).await;
    assert!(matches!(taken.what, Observation::Received { id, .. } if id == message.id));
    lab.set_faults(FaultPlan::default()).await.unwrap();
    lab.release(question.ask, Disposition::default());
    committed(submitted).await;
}

#[tokio::test]
async fn a_refused_request_is_answered_in_the_receivers_name_and_never_taken() {
    let cluster = Cluster::under_lab(P1).await;
    let (lab, _reports) = cluster.p1.lab().await;
    lab.set_faults(orders(Verb::Deliver, "work", Edge::Before, Action::Refuse)).await.unwrap();
    let submitted = submit(&cluster).await;
    let c1 = cluster.c1.client().await;
    let failures = Key::new("failures");
    eventually(async || {
        let accounts = c1.state(true).await.unwrap().inspection.accounts;
        accounts.into_iter().find(|(key, count)| *key == failures && *count > 0)
    })
    .await;
    let trace = cluster.p1.trace();
    assert_eq!(count(&trace, |o| received(o, "work")), 0);
    assert!(count(&trace, |o| dropped(o, "work")) >= 1 && count(&trace, |o| sent(o, "work-done")) >= 1);
    lab.set_faults(FaultPlan::default()).await.unwrap();
    committed(submitted).await;
}

#[tokio::test]
async fn a_delayed_delivery_happens_once_and_later() {
    let cluster = Cluster::under_lab(P1).await;
    let (lab, _reports) = cluster.p1.lab().await;
    let delay = Micros::from_millis(5);
    lab.set_faults(orders(Verb::Deliver, "work", Edge::Before, Action::Delay(delay))).await.unwrap();
    committed(submit(&cluster).await).await;
    let left = cluster.c1.observed(|o| matches!(o, Observation::Sent { to: P1, .. })).await;
    let taken = cluster.p1.observed(|o| received(o, "work")).await;
    assert!(taken.t_us - left.t_us >= delay.0 as i64, "a delay is a lower bound");
}

#[tokio::test]
async fn a_duplicated_message_arrives_twice_under_one_id_and_the_copy_says_so() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, _reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Send, "work", Edge::Before, Action::Duplicate)).await.unwrap();
    committed(submit(&cluster).await).await;
    assert!(count(&cluster.c1.trace(), |o| copied(o, "work")) >= 2);
    let copy = cluster.p1.observed(|o| matches!(o, Observation::Received { copy: true, .. })).await;
    let Observation::Received { id: of_copy, .. } = copy.what else { panic!("no copy") };
    let original = |o: &Observation| matches!(o, Observation::Received { id, copy: false, .. } if *id == of_copy);
    cluster.p1.observed(original).await;
    let state = cluster.p1.client().await.state(true).await.unwrap();
    assert_eq!(state.inspection.accounts[0].1, 1, "the machine knows its duplicates");
}

#[tokio::test]
async fn a_report_names_the_message_and_says_whether_it_was_taken_or_lost() {
    let cluster = Cluster::under_lab(P2).await;
    let (lab, mut reports) = cluster.p2.lab().await;
    let mut both = orders(Verb::Deliver, "work", Edge::After, Action::Report);
    lab.set_faults(both.clone()).await.unwrap();
    let txn = committed(submit(&cluster).await).await;
    let to_p2 = |o: &Observation| matches!(o, Observation::Sent { to: P2, txn: Some(of), .. } if *of == txn);
    let Observation::Sent { id, .. } = cluster.c1.observed(to_p2).await.what else { panic!("not sent") };
    let taken = Reported { rule: RuleId(1), message: Some(id), lost: false };
    assert_eq!(reports.recv().await, Some(LabReport::Reported(taken)));

    both.rules.extend(orders(Verb::Deliver, "work", Edge::Before, Action::Drop).rules);
    lab.set_faults(both).await.unwrap();
    let submitted = submit(&cluster).await;
    let lost = eventually(async || match reports.recv().await {
        Some(LabReport::Reported(reported)) if reported.lost => Some(reported),
        _ => None,
    })
    .await;
    assert_eq!(lost.rule, RuleId(1));
    lab.set_faults(FaultPlan::default()).await.unwrap();
    committed(submitted).await;
}

#[tokio::test]
async fn an_observation_is_in_the_trace_when_the_node_halts_at_it_and_both_edges_halt_once() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    let mut both = orders(Verb::Observe, "reached", Edge::Before, Action::Ask);
    both.rules.extend(orders(Verb::Observe, "reached", Edge::After, Action::Ask).rules);
    both.rules[1].id = RuleId(2);
    lab.set_faults(both).await.unwrap();
    let submitted = submit(&cluster).await;
    let question = asked(&mut reports).await;
    assert_eq!(question.rules, [RuleId(1), RuleId(2)]);
    let reached = |o: &Observation| matches!(o, Observation::Reached { .. });
    assert_eq!(count(&cluster.c1.trace(), reached), 1, "what the fault answers to was seen before it acts");
    lab.set_faults(FaultPlan::default()).await.unwrap();
    lab.release(question.ask, Disposition::default());
    committed(submitted).await;
}

#[tokio::test]
async fn a_node_whose_lab_is_gone_goes_on() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Observe, "reached", Edge::After, Action::Ask)).await.unwrap();
    let submitted = submit(&cluster).await;
    asked(&mut reports).await;
    drop(lab);
    committed(submitted).await;
    committed(submit(&cluster).await).await;
}

#[tokio::test]
async fn a_halted_node_that_is_told_to_stop_does_not_do_what_it_halted_at() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Append, "begun", Edge::Before, Action::Ask)).await.unwrap();
    let people = cluster.c1.client().await;
    let submitted = tokio::spawn(async move { people.submit(request()).await });
    asked(&mut reports).await;
    let config = cluster.c1.stop().await;
    assert!(submitted.await.unwrap().is_err());
    let c1 = common::Running::start(indoubt_node::NodeConfig { lab: false, ..config }).await;
    let state = c1.client().await.state(true).await.unwrap();
    assert_eq!((state.incarnation, state.stats.last.0, state.inspection.open.len()), (2, 0, 0));
}

#[tokio::test]
async fn conditions_of_a_link_are_drawn_at_the_sender_and_held_at_the_receiver() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, _reports) = cluster.c1.lab().await;
    let latency = Latency::Constant(Micros::from_millis(3));
    let slow = Conditions { latency, loss: 0.0, duplicate: 1.0 };
    let lossy = Conditions { loss: 1.0, ..Conditions::PERFECT };
    lab.set_faults(FaultPlan { links: vec![(P1, slow), (P2, lossy)], ..FaultPlan::default() }).await.unwrap();
    let submitted = submit(&cluster).await;
    let lost = cluster.c1.observed(|o| dropped(o, "work")).await;
    assert!(matches!(lost.what, Observation::Dropped { to: P2, message: MessageKind::Work, .. }));
    let left = cluster.c1.observed(|o| matches!(o, Observation::Sent { to: P1, .. })).await;
    let taken = cluster.p1.observed(|o| received(o, "work")).await;
    assert!(taken.t_us - left.t_us >= 3_000);
    cluster.p1.observed(|o| matches!(o, Observation::Received { copy: true, .. })).await;
    lab.set_faults(FaultPlan::default()).await.unwrap();
    committed(submitted).await;
}

#[tokio::test]
async fn a_slow_clock_fires_late_and_a_slow_disk_forces_late() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    let asking = orders(Verb::Send, "work", Edge::Before, Action::Ask);
    let force = Latency::Uniform { min: Micros::from_millis(4), max: Micros::from_millis(6) };
    lab.set_faults(FaultPlan { clock: ClockRate::new(0.1).unwrap(), force, ..asking }).await.unwrap();
    let submitted = submit(&cluster).await;
    for _ in [P1, P2] {
        let question = asked(&mut reports).await;
        lab.release(question.ask, Disposition { drop: true, ..Disposition::default() });
    }
    let resent = asked(&mut reports).await;
    lab.set_faults(FaultPlan::default()).await.unwrap();
    lab.release(resent.ask, Disposition::default());
    committed(submitted).await;
    let trace = cluster.c1.trace();
    let at = |what: fn(&Observation) -> bool| trace.iter().filter(move |s| what(&s.what)).map(|s| s.t_us);
    let first = |what: fn(&Observation) -> bool| at(what).next().expect("it happened");
    assert!(first(durable) - first(appended) >= 4_000, "what was drawn is a lower bound");
    let to_p1: Vec<i64> = at(|o| sent(o, "work") && matches!(o, Observation::Sent { to: P1, .. })).collect();
    assert!(to_p1[1] - to_p1[0] >= 299_000, "the toy resends after 30 ms by its own clock: {to_p1:?}");
}

#[tokio::test]
async fn a_clock_that_jumps_back_puts_off_what_is_armed_and_forward_fires_it() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    let asking = orders(Verb::Send, "work", Edge::Before, Action::Ask);
    // By this clock the toy resends after 300 ms.
    lab.set_faults(FaultPlan { clock: ClockRate::new(0.1).unwrap(), ..asking }).await.unwrap();
    let submitted = submit(&cluster).await;
    for _ in [P1, P2] {
        let question = asked(&mut reports).await;
        lab.release(question.ask, Disposition { drop: true, ..Disposition::default() });
    }
    let an_hour = Micros::from_secs(3_600);
    lab.jump_clock(ClockJump::Back(an_hour));
    let resent = tokio::time::timeout(Duration::from_millis(600), reports.recv()).await;
    assert!(resent.is_err(), "it waits for an hour more: {resent:?}");
    lab.jump_clock(ClockJump::Forward(an_hour + Micros::from_secs(1)));
    let resent = asked(&mut reports).await;
    lab.set_faults(FaultPlan::default()).await.unwrap();
    lab.release(resent.ask, Disposition::default());
    committed(submitted).await;
}

#[tokio::test]
async fn a_node_without_a_lab_obeys_none() {
    let dir = tempfile::tempdir().unwrap();
    let node = common::Running::start(common::config(&dir, P1, Vec::new())).await;
    let refused = indoubt_node::client::LabControl::connect(&node.address()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn recovery_waits_for_the_first_orders_so_that_a_fault_may_concern_it() {
    let cluster = Cluster::start().await;
    let config = cluster.p1.stop().await;
    let people = cluster.c1.client().await;
    let txn = tokio::spawn(async move { people.submit(request()).await });
    cluster.c1.observed(|o| dropped(o, "work")).await;
    let c1 = cluster.c1.stop().await;
    assert!(txn.await.unwrap().is_err());
    let p1 = common::Running::start(config).await;
    let c1 = common::Running::start(indoubt_node::NodeConfig { lab: true, ..c1 }).await;
    let (lab, mut reports) = c1.lab().await;
    lab.set_faults(orders(Verb::Send, "work", Edge::Before, Action::Ask)).await.unwrap();
    let question = asked(&mut reports).await;
    assert_eq!(count(&p1.trace(), |o| received(o, "work")), 0, "recovery sends nothing before the lab says so");
    lab.set_faults(FaultPlan::default()).await.unwrap();
    lab.release(question.ask, Disposition::default());
    p1.observed(|o| received(o, "work")).await;
}

#[tokio::test]
async fn a_message_is_reported_as_taken_when_what_its_step_sends_has_left() {
    let cluster = Cluster::under_lab(C1).await;
    let (lab, mut reports) = cluster.c1.lab().await;
    lab.set_faults(orders(Verb::Deliver, "work-done", Edge::After, Action::Report)).await.unwrap();
    let submitted = submit(&cluster).await;
    for _ in [P1, P2] {
        assert!(matches!(reports.recv().await, Some(LabReport::Reported(_))));
    }
    let told = |o: &Observation| sent(o, "outcome");
    assert_eq!(count(&cluster.c1.trace(), told), 1, "a lab that kills it now finds the outcome on its way");
    committed(submitted).await;
}
