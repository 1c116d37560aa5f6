//! Tests of nodes as tasks with real sockets, as people, clients and operators see them.

mod common;

use common::{C1, Cluster, P1, Running, config, eventually, node_message, request, steps};
use indoubt_node::{
    Node, NodeError,
    client::{ClientEvent, ClientSession},
    journal::JournalError,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    message::{Decision, Message, Outcome, Status},
    observation::Observation,
    operation::{Key, Operation},
    plan::{PlanStep, StepKind, Submission},
    time::Micros,
    wire::{Batch, Frame, SubmissionName, SubmitRequest, v1},
};
use tonic::Code;

fn committed() -> Outcome {
    Outcome::Committed { reads: Vec::new() }
}

fn submit(client: NodeId, number: u64) -> Message {
    let txn = TxnId { home: C1, client, number };
    Message::Submit(Submission { txn, epoch: 1, log: LogId(0), audit: false, steps: steps() })
}

#[tokio::test]
async fn a_unary_submit_waits_for_the_outcome_and_everything_is_seen_afterwards() {
    let cluster = Cluster::start().await;
    let people = cluster.c1.client().await;
    let (txn, outcome) = people.submit(request()).await.unwrap();
    assert_eq!(outcome, committed());
    assert_eq!((txn.home, txn.client), (C1, NodeId::client(0)));
    assert_eq!(txn.number >> 48, cluster.c1.ready.log.0 & 0xffff, "another journal gives other names");
    let (next, _) = people.submit(request()).await.unwrap();
    assert_eq!(next.number, txn.number + 1);
    assert_eq!(people.status(txn).await.unwrap(), Status::Ended(committed()));

    let state = cluster.p1.client().await.state(true).await.unwrap();
    assert_eq!((state.node, state.incarnation, state.log), (P1, 1, cluster.p1.ready.log));
    assert_eq!(state.inspection.accounts[0], (Key::new("done"), 2));
    assert_eq!((state.stats.records, state.stats.forced_records), (2, 2));
    assert_eq!((state.stats.last, state.stats.durable), (Lsn(2), Lsn(2)), "it answered, so its record is durable");
    assert!(state.stats.received >= 1 && state.stats.sent >= 1);
}

#[tokio::test]
async fn a_submission_under_a_name_of_the_callers_own_gets_the_same_outcome_again() {
    let cluster = Cluster::start().await;
    let people = cluster.c1.client().await;
    let txn: TxnId = "c1-k7-1".parse().unwrap();
    let log = cluster.c1.ready.log;
    let request = |txn| SubmitRequest { name: Some(SubmissionName { txn, epoch: 1, log }), ..request() };
    let named = || request(txn);
    assert_eq!(people.submit(named()).await.unwrap(), (txn, committed()));
    assert_eq!(people.submit(named()).await.unwrap(), (txn, committed()));
    let status = people.submit(request("c2-k7-1".parse().unwrap())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("the home of c2-k7-1 is c2, and this is c1"), "{status}");
    let status = people.submit(request("c1-k0-1".parse().unwrap())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("names of k0 are given by the node"), "{status}");
}

#[tokio::test]
async fn a_node_of_the_wrong_role_says_where_to_go() {
    let cluster = Cluster::start().await;
    let participant = cluster.p1.client().await;
    let status = participant.submit(request()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("submit to a coordinating node"), "{status}");
    assert_eq!(participant.resolve(None, Decision::Abort).await.unwrap().detail, "nothing is in doubt");
    let status = cluster.c1.client().await.resolve(None, Decision::Abort).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("ask a participant"), "{status}");
}

#[tokio::test]
async fn a_client_with_a_session_gets_every_outcome_of_a_batch() {
    let cluster = Cluster::start().await;
    let k1 = NodeId::client(1);
    let (mut client, mut events) = ClientSession::open(k1, 1, C1, cluster.c1.address(), 1);
    assert!(matches!(events.recv().await, Some(ClientEvent::Up { incarnation: 1, .. })));
    assert_eq!(client.up(), Some(1));
    for number in 1..=500 {
        client.send(submit(k1, number), Micros::ZERO).expect("the session is up");
    }
    assert_eq!(client.flush(), 0);
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 500 {
        let Some(ClientEvent::Messages(batch)) = events.recv().await else { panic!("the session broke") };
        for envelope in batch {
            let Message::Outcome { txn, outcome } = envelope.message else { panic!("no outcome") };
            assert_eq!(outcome, committed());
            assert!(told.insert(txn.number), "{txn} was told twice");
        }
    }
}

#[tokio::test]
async fn a_client_that_speaks_out_of_turn_loses_its_session_and_nobody_else_does() {
    let cluster = Cluster::start().await;
    let (mut bad, mut events) = ClientSession::open(NodeId::client(1), 1, C1, cluster.c1.address(), 1);
    assert!(matches!(events.recv().await, Some(ClientEvent::Up { .. })));
    bad.send(node_message(), Micros::ZERO).unwrap();
    bad.flush();
    assert!(matches!(events.recv().await, Some(ClientEvent::Down)));
    assert_eq!(cluster.c1.client().await.submit(request()).await.unwrap().1, committed());
}

#[tokio::test]
async fn malformed_and_oversized_messages_are_refused_with_a_status_and_hurt_nobody() {
    let cluster = Cluster::start().await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", cluster.c1.address())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut raw = v1::transactions_client::TransactionsClient::new(channel.clone());
    let submit = |key: String| {
        let ops = vec![Operation::Add { key: Key::new(key), delta: 1, min: None }];
        let steps = vec![PlanStep { node: P1, ops, undo: Vec::new(), kind: StepKind::Pivot }];
        SubmitRequest { name: None, audit: false, steps }
    };

    let status = raw.submit(submit(String::new())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("steps[0].ops[0].add.key: missing"), "{status}");
    let status = raw.submit(submit("a".repeat(8 << 20))).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");

    let mut links = v1::link_client::LinkClient::new(channel);
    let batch = Frame::Batch(Batch::default());
    let status = links.connect(tokio_stream::once(batch)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("the first frame must be a hello"), "{status}");
    assert_eq!(cluster.c1.client().await.submit(request()).await.unwrap().1, committed());
}

#[tokio::test]
async fn a_vote_for_durability_leaves_only_after_it_and_is_observed_before_it_is_taken() {
    let cluster = Cluster::start().await;
    cluster.c1.client().await.submit(request()).await.unwrap();
    let trace = cluster.p1.trace();
    let place = |what: &dyn Fn(&Observation) -> bool| trace.iter().position(|s| what(&s.what)).expect("observed");
    let appended = place(&|o| matches!(o, Observation::Appended { record, .. } if record == "worked"));
    let durable = place(&|o| matches!(o, Observation::Durable { .. }));
    let answered = place(&|o| common::sent(o, "work-done"));
    assert!(appended < durable && durable < answered);
    let Observation::Sent { id: answer, .. } = trace[answered].what else { panic!("not sent") };
    let taken = |o: &Observation| matches!(o, Observation::Received { id, .. } if *id == answer);
    let taken = cluster.c1.observed(taken).await;
    assert!(trace[durable].t_us <= taken.t_us, "the nodes of a host share one axis");
}

#[tokio::test]
async fn what_is_open_says_since_when() {
    let cluster = Cluster::start().await;
    cluster.p2.stop().await;
    let people = cluster.c1.client().await;
    let waiting = tokio::spawn({
        let people = people.clone();
        async move { people.submit(request()).await }
    });
    let open = eventually(async || people.state(false).await.unwrap().inspection.open.pop()).await;
    assert!(open.since_us.is_some());
    assert_eq!(people.status(open.txn).await.unwrap(), Status::Running("working".into()));
    let mut config = cluster.c1.stop().await;
    let status = waiting.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "a caller of a stopping node is told so, not left alone: {status}");
    config.protocol = "2pc".into();
    let Err(error) = Node::start(common::toy::Toy::new(C1), config).await else { panic!("it starts") };
    assert!(matches!(error, NodeError::Journal(JournalError::Belongs { .. })));
    assert!(error.to_string().contains("belongs to c1 toy, not to c1 2pc"), "{error}");
}

#[tokio::test]
async fn a_node_whose_data_directory_is_replaced_ends_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let node = Running::start(config(&dir, P1, Vec::new())).await;
    let data = node.config.data_dir.clone();
    std::fs::rename(&data, dir.path().join("moved")).unwrap();
    std::fs::create_dir(&data).unwrap();
    let error = node.ended().await;
    assert!(error.to_string().ends_with("would miss its records, so it ends"), "{error}");
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let dir = tempfile::tempdir().unwrap();
    let config = indoubt_node::NodeConfig { lab: true, ..config(&dir, P1, Vec::new()) };
    let node = Running::start(config).await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", node.address())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let request = tonic_health::pb::HealthCheckRequest { service: String::new() };
    let serving = tonic_health::pb::health_check_response::ServingStatus::Serving;
    assert_eq!(health.check(request).await.unwrap().into_inner().status(), serving);

    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let mut answers = reflection.server_reflection_info(tokio_stream::once(list)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(services)) = answer else { panic!("no list") };
    let names: Vec<String> = services.service.into_iter().map(|service| service.name).collect();
    for name in ["Link", "Transactions", "Operator", "Lab"] {
        assert!(names.contains(&format!("indoubt.v1.{name}")), "{names:?}");
    }
    node.stop().await;
}
