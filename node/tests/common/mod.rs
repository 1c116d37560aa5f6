//! A toy protocol and a harness that runs its nodes as tasks, with real sockets on loopback.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod toy;

use indoubt_driver::{
    gate::{Action, Edge, FaultPlan, Rule, RuleId, Selector, Verb},
    wire::Asked,
};
use indoubt_node::{
    Node, NodeConfig, NodeError, Ready,
    client::{LabControl, LabReport, NodeClient},
};
use indoubt_proto::{
    ids::NodeId,
    message::Message,
    observation::{Observation, Stamped},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
    wire::SubmitRequest,
};
use std::{path::PathBuf, time::Duration};
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::JoinHandle,
};
use toy::Toy;

pub const C1: NodeId = NodeId::coordinating(1);
pub const P1: NodeId = NodeId::participant(1);
pub const P2: NodeId = NodeId::participant(2);

/// A node that runs as a task.
pub struct Running {
    pub ready: Ready,
    pub config: NodeConfig,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), NodeError>>,
}

impl Running {
    pub async fn start(config: NodeConfig) -> Running {
        let node = Node::start(Toy::new(config.id), config.clone()).await.expect("the node starts");
        let ready = node.ready();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(node.run(async {
            let _ = stopped.await;
        }));
        Running { ready, config, stop, task }
    }

    pub fn address(&self) -> String {
        self.ready.address.to_string()
    }

    pub async fn client(&self) -> NodeClient {
        NodeClient::connect(&self.address()).await.expect("it listens")
    }

    pub async fn lab(&self) -> (LabControl, UnboundedReceiver<LabReport>) {
        LabControl::connect(&self.address()).await.expect("it obeys a lab")
    }

    /// Stops it, and returns the configuration with which it can be started again at the same address.
    pub async fn stop(self) -> NodeConfig {
        self.stop.send(()).expect("it still runs");
        self.task.await.expect("it does not panic").expect("it stops well");
        NodeConfig { listen: self.ready.address, ..self.config }
    }

    /// Waits until it ends by itself, and returns the reason.
    pub async fn ended(self) -> NodeError {
        self.task.await.expect("it does not panic").expect_err("nobody stopped it")
    }

    pub fn trace(&self) -> Vec<Stamped> {
        indoubt_node::read_trace(self.config.trace.as_ref().expect("it has one")).expect("it can be read")
    }

    /// Waits until the trace holds something.
    pub async fn observed(&self, what: impl Fn(&Observation) -> bool) -> Stamped {
        eventually(async || self.trace().into_iter().find(|stamped| what(&stamped.what))).await
    }
}

/// A cluster of c1, p1, p2, with traces.
pub struct Cluster {
    pub dir: tempfile::TempDir,
    pub c1: Running,
    pub p1: Running,
    pub p2: Running,
}

impl Cluster {
    pub async fn start() -> Cluster {
        Cluster::with(|config| config).await
    }

    /// One node obeys a lab, and does nothing before its first orders.
    pub async fn under_lab(node: NodeId) -> Cluster {
        Cluster::with(|config| NodeConfig { lab: config.id == node, ..config }).await
    }

    async fn with(change: impl Fn(NodeConfig) -> NodeConfig) -> Cluster {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let p2 = Running::start(change(config(&dir, P2, Vec::new()))).await;
        let p1 = Running::start(change(config(&dir, P1, vec![(P2, p2.address())]))).await;
        let peers = vec![(P1, p1.address()), (P2, p2.address())];
        let c1 = Running::start(change(config(&dir, C1, peers))).await;
        Cluster { dir, c1, p1, p2 }
    }
}

/// A node with a trace.
pub fn config(dir: &tempfile::TempDir, id: NodeId, peers: Vec<(NodeId, String)>) -> NodeConfig {
    let path = |name: String| -> PathBuf { dir.path().join(name) };
    NodeConfig { peers, trace: Some(path(format!("{id}.trace"))), ..NodeConfig::new(id, "toy", path(id.to_string())) }
}

/// A transaction at p1 and p2.
pub fn request() -> SubmitRequest {
    SubmitRequest { name: None, audit: false, steps: steps() }
}

pub fn steps() -> Vec<PlanStep> {
    let step = |node: NodeId| {
        let key = Key::new(format!("{node}/a"));
        let op = |delta| Operation::Add { key: key.clone(), delta, min: None };
        PlanStep { node, ops: vec![op(1)], undo: vec![op(-1)], kind: StepKind::Compensatable }
    };
    vec![step(P1), step(P2)]
}

/// FaultPlan of one rule.
pub fn orders(verb: Verb, word: &str, edge: Edge, action: Action) -> FaultPlan {
    let selector = Selector { word: Some(word.into()), edge, ..Selector::any(verb) };
    FaultPlan { rules: vec![Rule { id: RuleId(1), selector, share: None, action }], ..FaultPlan::default() }
}

/// The next question.
pub async fn asked(reports: &mut UnboundedReceiver<LabReport>) -> Asked {
    match reports.recv().await.expect("the stream is open") {
        LabReport::Asked(asked) => asked,
        LabReport::Reported(reported) => panic!("reported {reported:?} instead of asking"),
    }
}

/// Looks again and again until there is something to see.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether this is a message of this kind, sent, taken or lost.
pub fn sent(what: &Observation, word: &str) -> bool {
    matches!(what, Observation::Sent { message, copy: false, .. } if message.word() == word)
}
pub fn copied(what: &Observation, word: &str) -> bool {
    matches!(what, Observation::Sent { message, copy: true, .. } if message.word() == word)
}
pub fn received(what: &Observation, word: &str) -> bool {
    matches!(what, Observation::Received { message, .. } if message.word() == word)
}
pub fn dropped(what: &Observation, word: &str) -> bool {
    matches!(what, Observation::Dropped { message, .. } if message.word() == word)
}

/// How often the trace of a node says so.
pub fn count(trace: &[Stamped], what: impl Fn(&Observation) -> bool) -> usize {
    trace.iter().filter(|stamped| what(&stamped.what)).count()
}

/// A message that only a node may send.
pub fn node_message() -> Message {
    Message::Done { count: 0, detail: String::new() }
}
