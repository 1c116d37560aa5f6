//! Tests of nodes as processes that are stopped and killed. The test binary itself is the node: with a variable in its environment,
//! the test `a_process_of_its_own` runs one. (These tests are not in restart.rs, because a process that is being started shares the
//! locks of its parent.)

mod common;

use common::{C1, P1, P2, Running, config, eventually, received, request, steps, toy::Toy};
use indoubt_node::{NodeConfig, Ready, client::NodeClient, read_trace};
use indoubt_proto::{ids::NodeId, message::Outcome, observation::Observation};
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
