//! Tests of restarts, with nodes as tasks that are told to stop: sessions, incarnations, and messages at boot.

mod common;

use common::{C1, Cluster, P1, Running, eventually, received, request, steps};
use indoubt_node::{
    client::{ClientEvent, ClientSession},
    monotonic_now,
};
use indoubt_proto::{
    ids::{LogId, NodeId, TxnId},
    message::{Message, Outcome, Status},
    observation::Observation,
    plan::Submission,
    time::Micros,
};

fn committed() -> Outcome {
    Outcome::Committed { reads: Vec::new() }
}

#[tokio::test]
async fn a_restarted_participant_is_a_new_incarnation_and_the_link_comes_back() {
    let cluster = Cluster::start().await;
    let people = cluster.c1.client().await;
    people.submit(request()).await.unwrap();
    let log = cluster.p1.ready.log;
    let config = cluster.p1.stop().await;
    let submitted = tokio::spawn(async move { people.submit(request()).await });
    let lost = |o: &Observation| matches!(o, Observation::Dropped { to: P1, .. });
    cluster.c1.observed(lost).await;
    let p1 = Running::start(config).await;
    assert_eq!((p1.ready.incarnation, p1.ready.log), (2, log));
    assert_eq!(submitted.await.unwrap().unwrap().1, committed());
    let state = p1.client().await.state(true).await.unwrap();
    assert_eq!(state.inspection.accounts[0].1, 2, "what the first incarnation did was kept");
    p1.observed(|o| matches!(o, Observation::Restarted { incarnation: 2, .. })).await;
}

#[tokio::test]
async fn a_restarted_coordinator_goes_on_from_its_log_and_loses_no_resend_at_boot() {
    let cluster = Cluster::start().await;
    let config = cluster.p2.stop().await;
    let people = cluster.c1.client().await;
    tokio::spawn(async move { people.submit(request()).await });
    let Observation::Sent { txn: Some(txn), .. } = cluster.c1.observed(|o| common::sent(o, "work")).await.what else {
        panic!("no work")
    };
    let c1 = cluster.c1.stop().await;
    let p2 = Running::start(config).await;
    let c1 = Running::start(c1).await;
    let people = c1.client().await;
    eventually(async || (people.status(txn).await.unwrap() == Status::Ended(committed())).then_some(())).await;
    let taken = p2.observed(|o| received(o, "work")).await;
    let Observation::Received { id, .. } = taken.what else { panic!("not taken") };
    assert_eq!((id.start, id.count <= 2), (2, true), "the first that it sent at boot waited for the link");
}

/// The age of what is open counts from its first record, and not from the restart.
#[tokio::test]
async fn a_restarted_node_knows_for_how_long_something_has_been_open() {
    let cluster = Cluster::start().await;
    let _p2 = cluster.p2.stop().await;
    let people = cluster.c1.client().await;
    tokio::spawn(async move { people.submit(request()).await });
    let began = cluster.c1.observed(|o| common::sent(o, "work")).await.t_us;
    let c1 = Running::start(cluster.c1.stop().await).await;
    let restarted = c1.observed(|o| matches!(o, Observation::Restarted { .. })).await.t_us;
    let people = c1.client().await;
    let before = monotonic_now().0 as i64;
    let [open] = &people.state(false).await.unwrap().inspection.open[..] else { panic!("one transaction is open") };
    let age = open.since_us.expect("it has an age") as i64;
    // The wall clock may have been adjusted a little meanwhile.
    assert!(age + (restarted - began) / 2 >= before - began, "{age} us, but it began {} us ago", before - began);
}

#[tokio::test]
async fn a_client_notices_the_end_of_a_session_and_the_next_incarnation() {
    let cluster = Cluster::start().await;
    let k1 = NodeId::client(1);
    let (mut client, mut events) = ClientSession::open(k1, 1, C1, cluster.c1.address(), 1);
    assert!(matches!(events.recv().await, Some(ClientEvent::Up { incarnation: 1, .. })));
    let config = cluster.c1.stop().await;
    assert!(matches!(events.recv().await, Some(ClientEvent::Down)));
    let txn = TxnId { home: C1, client: k1, number: 1 };
    let message = || Message::Submit(Submission { txn, epoch: 1, log: LogId(0), audit: false, steps: steps() });
    assert_eq!(client.send(message(), Micros::ZERO), None, "nothing is sent into nowhere");
    let _c1 = Running::start(config).await;
    assert!(matches!(events.recv().await, Some(ClientEvent::Up { incarnation: 2, .. })));
    client.send(message(), Micros::ZERO).unwrap();
    client.flush();
    let Some(ClientEvent::Messages(batch)) = events.recv().await else { panic!("no outcome") };
    assert_eq!(batch[0].message, Message::Outcome { txn, outcome: committed() });
}
