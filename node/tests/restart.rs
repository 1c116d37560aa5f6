//! Restarts: as tasks, told to stop; and as processes, killed. The test binary is its own node: started with a variable in
//! its environment, `a_process_of_its_own` becomes one.

mod common;

use common::{C1, Cluster, P1, P2, Running, config, eventually, received, request, steps, toy::Toy};
use indoubt_node::{
    NodeConfig, Ready,
    client::{ClientEvent, ClientSession, NodeClient},
    read_trace,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Message, Outcome, Status},
    observation::Observation,
    plan::Submission,
    time::Micros,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
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
    assert_eq!((id.incarnation, id.count <= 2), (2, true), "the first that it sent at boot waited for the link");
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
    let message = || Message::Submit(Submission { txn, epoch: 1, audit: false, steps: steps() });
    assert_eq!(client.send(message(), Micros::ZERO), None, "nothing is sent into nowhere");
    let _c1 = Running::start(config).await;
    assert!(matches!(events.recv().await, Some(ClientEvent::Up { incarnation: 2, .. })));
    client.send(message(), Micros::ZERO).unwrap();
    client.flush();
    let Some(ClientEvent::Messages(batch)) = events.recv().await else { panic!("no outcome") };
    assert_eq!(batch[0].message, Message::Outcome { txn, outcome: committed() });
}

/// A node as a process; it ends with its handle.
struct Process {
    child: Child,
    ready: Ready,
    /// Open for as long as the process runs: it would not survive writing into nowhere.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(dir: &Path, id: NodeId, listen: &str, peers: &[(NodeId, SocketAddr)]) -> Process {
        let peers: Vec<String> = peers.iter().map(|(peer, address)| format!("{peer}={address}")).collect();
        let mut child = Command::new(std::env::current_exe().expect("this test runs"))
            .args(["--exact", "a_process_of_its_own", "--nocapture"])
            .env("TOY_NODE", format!("{id} {listen} {} {}", dir.display(), peers.join(" ")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let ready = stdout.by_ref().lines().map_while(Result::ok).find_map(|line| {
            // The test harness writes the name of the test on the same line.
            line.find("ready ").and_then(|at| line[at..].parse().ok())
        });
        Process { child, ready: ready.expect("a readiness line"), _stdout: stdout }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it is our child");
    }

    async fn client(&self) -> NodeClient {
        NodeClient::connect(&self.ready.address.to_string()).await.expect("it listens")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_process_of_its_own() {
    let Ok(words) = std::env::var("TOY_NODE") else { return };
    let words: Vec<&str> = words.split_whitespace().collect();
    let [id, listen, dir, peers @ ..] = &words[..] else { panic!("{words:?}") };
    let id: NodeId = id.parse().unwrap();
    let peers = peers.iter().map(|peer| indoubt_node::parse_peer(peer).unwrap()).collect();
    let trace = Some(Path::new(dir).join(format!("{id}.trace")));
    let listen = listen.parse().unwrap();
    let config = NodeConfig { peers, trace, listen, ..NodeConfig::new(id, "toy", Path::new(dir).join(id.to_string())) };
    indoubt_node::run(Toy::new(id), config).unwrap();
}

#[tokio::test]
async fn a_killed_process_comes_back_from_its_journal_and_keeps_its_trace() {
    let dir = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0";
    let p2 = Process::start(dir.path(), P2, any, &[]);
    let p1 = Process::start(dir.path(), P1, any, &[(P2, p2.ready.address)]);
    let peers = [(P1, p1.ready.address), (P2, p2.ready.address)];
    let c1 = Process::start(dir.path(), C1, any, &peers);
    assert_eq!(c1.client().await.submit(request()).await.unwrap().1, committed());

    p1.signal(Signal::KILL);
    let address = p1.ready.address.to_string();
    drop(p1);
    let people = c1.client().await;
    let submitted = tokio::spawn(async move { people.submit(request()).await });
    let p1 = Process::start(dir.path(), P1, &address, &[(P2, p2.ready.address)]);
    assert_eq!(p1.ready.incarnation, 2);
    assert_eq!(submitted.await.unwrap().unwrap().1, committed());
    assert_eq!(p1.client().await.state(true).await.unwrap().inspection.accounts[0].1, 2);

    let trace = read_trace(&dir.path().join("p1.trace")).unwrap();
    let restarted = trace.iter().position(|s| matches!(s.what, Observation::Restarted { incarnation: 2, .. }));
    let before = &trace[..restarted.expect("it was observed")];
    assert!(before.iter().any(|s| received(&s.what, "work")), "the first incarnation's observations survived the kill");
}

#[tokio::test]
async fn sigterm_ends_a_process_well_even_while_its_sessions_are_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut p1 = Process::start(dir.path(), P1, "127.0.0.1:0", &[]);
    let in_process = Running::start(config(&dir, C1, vec![(P1, p1.ready.address.to_string())])).await;
    let only_p1 = indoubt_proto::wire::SubmitRequest { steps: steps()[..1].to_vec(), ..request() };
    assert_eq!(in_process.client().await.submit(only_p1).await.unwrap().1, committed());
    p1.signal(Signal::TERM);
    let status = eventually(async || p1.child.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
    let trace = read_trace(&dir.path().join("p1.trace")).unwrap();
    assert!(trace.iter().any(|s| matches!(s.what, Observation::Durable { .. })));
}
