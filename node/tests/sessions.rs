//! Whom a node lets in: hellos that are raw frames, against nodes that run.

mod common;

use common::{C1, Cluster, P1, P2, Running, config, request};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId},
    message::Outcome,
    observation::Observation,
    wire::{Frame, Hello, Receiver, v1::link_client::LinkClient},
};
use std::path::Path;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming, transport::Endpoint};

const C5: NodeId = NodeId::coordinating(5);

fn hello(node: NodeId, incarnation: u32) -> Hello {
    Hello { node, incarnation, start: incarnation, log: LogId(7), end: Lsn(0), receiver: None }
}

/// A session, which ends when this is dropped.
#[derive(Debug)]
struct Greeted {
    hello: Hello,
    _frames: UnboundedSender<Frame>,
    _answers: Streaming<Frame>,
}

/// Says hello at `node`.
async fn greet(node: &Running, hello: Hello) -> Result<Greeted, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{}", node.address())).expect("an address");
    let mut links = LinkClient::new(endpoint.connect().await.expect("it listens"));
    let (frames, outgoing) = unbounded_channel();
    frames.send(Frame::Hello(hello)).expect("the stream is open");
    let mut answers = links.connect(UnboundedReceiverStream::new(outgoing)).await?.into_inner();
    match answers.message().await? {
        Some(Frame::Hello(hello)) => Ok(Greeted { hello, _frames: frames, _answers: answers }),
        other => panic!("{other:?} instead of a hello"),
    }
}

async fn refused(node: &Running, hello: Hello) -> (Code, String) {
    let status = greet(node, hello).await.expect_err("refused");
    (status.code(), status.message().to_owned())
}

/// Copies a data folder, which has no folders in it.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a file");
    }
}

#[tokio::test]
async fn nobody_comes_in_under_the_name_of_a_node_that_is_dialed() {
    let cluster = Cluster::start().await;
    for (node, name) in [(&cluster.c1, P1), (&cluster.c1, C5), (&cluster.p1, P2)] {
        let (code, why) = refused(node, hello(name, 1)).await;
        assert_eq!(code, Code::PermissionDenied, "{name}: {why}");
    }
    let (_, outcome) = cluster.c1.client().await.submit(request()).await.unwrap();
    assert_eq!(outcome, Outcome::Committed { reads: Vec::new() });
}

#[tokio::test]
async fn a_second_coordinator_of_one_name_is_refused_until_the_first_one_is_gone() {
    let cluster = Cluster::start().await;
    cluster.c1.client().await.submit(request()).await.unwrap();
    let (code, why) = refused(&cluster.p1, hello(C1, 9)).await;
    assert_eq!(code, Code::AlreadyExists, "{why}");
    assert!(why.contains("c1 has a session already, in incarnation 1"), "{why}");
    let first = greet(&cluster.p1, hello(C5, 2)).await.expect("nobody has this name");
    assert_eq!(refused(&cluster.p1, hello(C5, 2)).await.0, Code::AlreadyExists);
    drop(first);
    common::eventually(async || greet(&cluster.p1, hello(C5, 2)).await.ok()).await;
    assert_eq!(refused(&cluster.p1, hello(C5, 1)).await.0, Code::DataLoss, "an incarnation that is over");
}

#[tokio::test]
async fn who_was_dialed_by_mistake_says_so() {
    let cluster = Cluster::start().await;
    let receiver = Some(Receiver { node: P2, log: LogId(0), incarnation: 0, end: Lsn(0) });
    let (code, why) = refused(&cluster.p1, Hello { receiver, ..hello(C5, 1) }).await;
    assert_eq!((code, why.contains("p1 answers where p2 is expected")), (Code::FailedPrecondition, true), "{why}");
}

#[tokio::test]
async fn a_participant_with_an_older_copy_of_its_folder_finds_out_from_its_peers() {
    let dir = tempfile::tempdir().unwrap();
    let backup = dir.path().join("backup");
    let cluster = Cluster::start().await;
    let before = cluster.p1.stop().await;
    copy(&before.data_dir, &backup);
    let p1 = Running::start(before.clone()).await;
    let client = cluster.c1.client().await;
    common::eventually(async || (client.state(false).await.unwrap().stats.sessions == 2).then_some(())).await;
    client.submit(request()).await.unwrap();
    let now = greet(&p1, hello(C5, 1)).await.unwrap().hello;
    assert_eq!((now.incarnation, now.end), (2, Lsn(1)), "its work is durable");
    let config = p1.stop().await;
    copy(&backup, &config.data_dir);
    let restored = Running::start(config).await;
    assert_eq!(restored.ready.log, now.log);
    let receiver = Some(Receiver { node: P1, log: now.log, incarnation: now.incarnation, end: now.end });
    let (code, why) = refused(&restored, Hello { receiver, ..hello(C5, 1) }).await;
    assert_eq!(code, Code::DataLoss);
    assert!(why.contains("p1 comes with record 0 as the last one") && why.contains("it had record 1 before"), "{why}");
    restored.observed(|what| *what == Observation::SessionRefused { peer: C5 }).await;
    assert!(greet(&restored, hello(C5, 1)).await.is_ok(), "whoever remembers nothing cannot know");
}

#[tokio::test]
async fn a_participant_that_names_its_coordinators_accepts_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let p1 = Running::start(config(&dir, P1, vec![(C1, "127.0.0.1:1".into())])).await;
    assert_eq!(refused(&p1, hello(C5, 1)).await.0, Code::PermissionDenied);
    assert!(greet(&p1, hello(C1, 1)).await.is_ok());
}
