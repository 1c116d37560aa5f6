//! A cluster of real processes: their folders, ports and command lines; starting, killing, freezing and ending them.

use crate::processes::{Folder, Process};
use anyhow::{Context, Result, bail};
use indoubt_driver::random::stream;
use indoubt_node::{Ready, client::NodeClient, journal};
use indoubt_proto::{
    ids::{NodeId, Role},
    operation::Key,
    settings::Settings,
};
use indoubt_scenario::protocol::Protocol;
use rand::Rng;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::TcpSocket, task, time::timeout};

/// How long all links may take to come up.
const UP_WITHIN: Duration = Duration::from_secs(10);

/// What a cluster is started with.
pub struct Launch {
    /// What is run.
    pub protocol: Protocol,
    /// How many coordinating nodes.
    pub coordinating: u16,
    /// How many participants.
    pub participants: u16,
    /// What every machine is told.
    pub settings: Settings,
    /// The opening balances of each participant.
    pub opening: BTreeMap<NodeId, BTreeMap<Key, i64>>,
    /// The master seed.
    pub seed: u64,
    /// Write traces.
    pub trace: bool,
    /// Serve the control service, and wait for orders before recovery.
    pub lab: bool,
    /// Floor machines instead of the protocol's.
    pub floor: bool,
}

/// A cluster.
pub struct Cluster {
    launch: Launch,
    program: PathBuf,
    folder: Folder,
    nodes: BTreeMap<NodeId, Endpoint>,
}

/// Where a node is reached, and what else outlives its processes.
struct Endpoint {
    address: SocketAddr,
    /// Bound, never listening: keeps the port ours while the node is down, and lets the node bind it again.
    _port: TcpSocket,
    process: Option<Process>,
    incarnation: u32,
    kills: u64,
}

impl Cluster {
    /// Makes folders and ports for a cluster; nothing runs yet.
    pub fn prepare(launch: Launch) -> Result<Cluster> {
        let program = std::env::current_exe().context("the path of this executable is not known")?;
        let folder = Folder::make()?;
        let ids = (1..=launch.coordinating)
            .map(NodeId::coordinating)
            .chain((1..=launch.participants).map(NodeId::participant));
        let mut nodes = BTreeMap::new();
        for id in ids {
            let port = TcpSocket::new_v4().context("no socket")?;
            port.set_reuseaddr(true)?;
            port.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).context("no free port on the loopback interface")?;
            let address = port.local_addr()?;
            nodes.insert(id, Endpoint { address, _port: port, process: None, incarnation: 0, kills: 0 });
        }
        let cluster = Cluster { launch, program, folder, nodes };
        let settings = serde_json::to_string(&cluster.launch.settings)?;
        std::fs::write(cluster.path("settings.json"), settings).context("cannot write the cluster's settings")?;
        for (node, accounts) in &cluster.launch.opening {
            let file = cluster.path(&format!("{node}.accounts.json"));
            std::fs::write(file, serde_json::to_vec(accounts)?)
                .with_context(|| format!("cannot write the accounts of {node}"))?;
        }
        Ok(cluster)
    }

    /// All nodes: coordinating ones first.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// Where a node listens.
    pub fn address(&self, node: NodeId) -> String {
        self.nodes[&node].address.to_string()
    }

    /// The incarnation of the process that runs, or ran last; 0 before the first.
    pub(crate) fn incarnation(&self, node: NodeId) -> u32 {
        self.nodes[&node].incarnation
    }

    /// Whether a process runs for this node.
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|endpoint| endpoint.process.is_some())
    }

    /// The process of a node that is up.
    pub(crate) fn process(&mut self, node: NodeId) -> Option<&mut Process> {
        self.nodes.get_mut(&node)?.process.as_mut()
    }

    /// The memory that a node's process occupies at present, in bytes (resident set).
    pub fn memory(&self, node: NodeId) -> Option<u64> {
        self.nodes.get(&node)?.process.as_ref()?.memory()
    }

    /// Where a node keeps its journal.
    fn data_dir(&self, node: NodeId) -> PathBuf {
        self.path(&format!("{node}.data"))
    }

    /// Where a node writes its trace.
    pub(crate) fn trace_file(&self, node: NodeId) -> PathBuf {
        self.path(&format!("{node}.trace"))
    }

    /// Where a node's standard error goes.
    fn log_file(&self, node: NodeId) -> PathBuf {
        self.path(&format!("{node}.log"))
    }

    /// Starts a node, off this thread, until it is ready; [`Cluster::started`] takes what it answers.
    pub(crate) fn start(&self, node: NodeId) -> task::JoinHandle<Result<(Process, Ready)>> {
        let (program, args, log) = (self.program.clone(), self.args(node), self.log_file(node));
        task::spawn_blocking(move || Process::start(&program, &args, &log))
    }

    /// A node has started.
    pub(crate) fn started(&mut self, node: NodeId, (process, ready): (Process, Ready)) -> Result<()> {
        let endpoint = self.nodes.get_mut(&node).context("no such node")?;
        if ready.address != endpoint.address {
            bail!("{node} listens on {} instead of {}", ready.address, endpoint.address);
        }
        endpoint.incarnation = ready.incarnation;
        endpoint.process = Some(process);
        Ok(())
    }

    /// Starts all nodes, participants first.
    pub async fn start_all(&mut self) -> Result<()> {
        let mut order = self.nodes();
        order.sort_by_key(|node| node.role == Role::Coordinating);
        let starting: Vec<_> = order.into_iter().map(|node| (node, self.start(node))).collect();
        for (node, handle) in starting {
            let ready = handle.await.context("a start was cut off")??;
            self.started(node, ready)?;
        }
        Ok(())
    }

    /// Starts one node and waits until it is ready.
    pub async fn start_one(&mut self, node: NodeId) -> Result<()> {
        let ready = self.start(node).await.context("a start was cut off")??;
        self.started(node, ready)
    }

    /// Waits until every link between nodes has a session: the first transactions must not be lost on links that are not up.
    pub async fn wait_for_links(&self) -> Result<()> {
        for node in self.nodes() {
            let speaks_to = |other: &NodeId| self.peers(*other).any(|(peer, _)| *peer == node);
            let dialed = self.peers(node).map(|(peer, _)| *peer);
            let links = dialed.chain(self.nodes().into_iter().filter(speaks_to)).collect::<BTreeSet<_>>().len() as u64;
            let client = NodeClient::connect(&self.address(node)).await?;
            let linked = async {
                while client.state(false).await?.stats.sessions < links {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Ok::<_, tonic::Status>(())
            };
            timeout(UP_WITHIN, linked).await.with_context(|| format!("{node} found no sessions with its peers"))??;
        }
        Ok(())
    }

    /// SIGKILL; then its journal is cut to a prefix of what no force covered, as after a loss of power: of so many records,
    /// or a seeded one.
    pub fn kill(&mut self, node: NodeId, keep: Option<u64>) -> Result<bool> {
        let Some(endpoint) = self.nodes.get_mut(&node) else { return Ok(false) };
        let Some(mut process) = endpoint.process.take() else { return Ok(false) };
        process.kill()?;
        endpoint.kills += 1;
        let seed = stream(self.launch.seed, &format!("cut {node} {}", endpoint.kills)).next_u64();
        journal::cut_tail(&self.data_dir(node), seed, keep)
            .with_context(|| format!("cannot cut the journal of {node}"))?;
        Ok(true)
    }

    /// The journal of a node that is down is gone.
    pub(crate) fn lose_log(&self, node: NodeId) -> Result<()> {
        journal::lose(&self.data_dir(node)).with_context(|| format!("cannot lose the journal of {node}"))
    }

    /// Ends all nodes and waits; traces are complete then.
    pub fn end(&mut self) -> Result<()> {
        for (node, endpoint) in &mut self.nodes {
            if let Some(mut process) = endpoint.process.take() {
                process.end().with_context(|| format!("cannot end {node}"))?;
            }
        }
        Ok(())
    }

    /// A node that ended by itself: its name, its exit status and the last line of its log.
    pub(crate) fn casualty(&mut self) -> Option<String> {
        let (node, status) =
            self.nodes.iter_mut().find_map(|(node, endpoint)| Some((*node, endpoint.process.as_mut()?.ended()?)))?;
        let said = std::fs::read_to_string(self.log_file(node)).unwrap_or_default();
        let last = said.lines().next_back().unwrap_or("it said nothing").to_owned();
        Some(format!("{node} ended by itself ({status}): {last}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command line of a node.
    fn args(&self, node: NodeId) -> Vec<String> {
        let endpoint = &self.nodes[&node];
        let launch = &self.launch;
        let word = match (node.role, launch.floor) {
            (Role::Participant, _) => "participant",
            (_, true) => "coordinator",
            (_, false) => launch.protocol.family().entry().command,
        };
        let mut args = vec![word.to_owned()];
        let mut say = |name: &str, value: String| args.extend([name.to_owned(), value]);
        say("--id", node.to_string());
        say("--listen", endpoint.address.to_string());
        say("--data-dir", text(&self.data_dir(node)));
        say("--settings", text(&self.path("settings.json")));
        say("--seed", launch.seed.to_string());
        if launch.trace {
            say("--trace", text(&self.trace_file(node)));
        }
        if launch.opening.contains_key(&node) {
            say("--accounts", text(&self.path(&format!("{node}.accounts.json"))));
        }
        let peers: Vec<String> = self.peers(node).map(|(id, endpoint)| format!("{id}={}", endpoint.address)).collect();
        if !peers.is_empty() {
            say("--peers", peers.join(","));
        }
        if node.role == Role::Coordinating {
            say("--protocol", launch.protocol.name().into());
        }
        if launch.lab {
            args.push("--lab".into());
        }
        if launch.floor {
            args.push("--floor".into());
        }
        args
    }

    /// The nodes to which a node opens links: a coordinating node to all participants; participants to each other where they
    /// cooperate.
    fn peers(&self, node: NodeId) -> impl Iterator<Item = (&NodeId, &Endpoint)> {
        let cooperate = self.launch.protocol.entry().cooperates;
        let speaks = node.role == Role::Coordinating || cooperate;
        self.nodes.iter().filter(move |(id, _)| speaks && **id != node && id.role == Role::Participant)
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
