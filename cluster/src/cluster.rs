//! A cluster of real processes: their folders, ports and command lines. Starts, kills, freezes and ends them.

use crate::{owner::Folder, processes::Process};
use anyhow::{Context, Error, Result, anyhow, bail};
use indoubt_driver::random::stream;
use indoubt_node::{Ready, client::NodeClient, journal};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    operation::Key,
    settings::Settings,
    time::Micros,
};
use indoubt_scenario::{faults::act::OlderCopy, protocol::Protocol};
use rand::Rng;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{net::TcpSocket, task, time::timeout};

/// How long to wait until all links are up.
const UP_WITHIN: Duration = Duration::from_secs(10);

/// The settings of a cluster.
pub struct Launch {
    /// The protocol to run.
    pub protocol: Protocol,
    /// The number of coordinating nodes.
    pub coordinating: u16,
    /// The number of participants.
    pub participants: u16,
    /// The settings of every machine.
    pub settings: Settings,
    /// The opening balances of each participant.
    pub opening: BTreeMap<NodeId, BTreeMap<Key, i64>>,
    /// The least number of records between two compactions of a journal.
    pub compact_every: u64,
    /// The master seed of all random streams.
    pub seed: u64,
    /// Whether nodes write traces.
    pub trace: bool,
    /// Whether nodes serve the control service and wait for their fault plan before recovery.
    pub lab: bool,
    /// Whether nodes run the machines of the floor instead of the protocol's.
    pub floor: bool,
}

/// A cluster of node processes, which end with this value.
pub struct Cluster {
    launch: Launch,
    program: PathBuf,
    nodes: BTreeMap<NodeId, Endpoint>,
    folder: Folder,
}

/// What belongs to a node through all its processes.
struct Endpoint {
    address: SocketAddr,
    /// A socket that is bound but never listens. It reserves the port while the node is down, and the node can still bind it.
    _port: TcpSocket,
    process: Option<Process>,
    incarnation: u32,
    /// The number of its processes so far.
    starts: u32,
    kills: u64,
}

impl Cluster {
    /// Creates the folders and ports of a cluster. No process runs yet.
    pub fn prepare(launch: Launch) -> Result<Cluster> {
        let program = std::env::current_exe().context("cannot find the path of this executable")?;
        let folder = Folder::make()?;
        let ids = (1..=launch.coordinating)
            .map(NodeId::coordinating)
            .chain((1..=launch.participants).map(NodeId::participant));
        let mut nodes = BTreeMap::new();
        for id in ids {
            let port = TcpSocket::new_v4().context("cannot create a socket")?;
            port.set_reuseaddr(true)?;
            port.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).context("no free port on the loopback interface")?;
            let address = port.local_addr()?;
            nodes.insert(id, Endpoint { address, _port: port, process: None, incarnation: 0, starts: 0, kills: 0 });
        }
        let cluster = Cluster { launch, program, nodes, folder };
        let settings = serde_json::to_string(&cluster.launch.settings)?;
        std::fs::write(cluster.path("settings.json"), settings).context("cannot write the cluster's settings")?;
        for (node, accounts) in &cluster.launch.opening {
            let file = cluster.path(&format!("{node}.accounts.json"));
            std::fs::write(file, serde_json::to_vec(accounts)?)
                .with_context(|| format!("cannot write the accounts of {node}"))?;
        }
        Ok(cluster)
    }

    /// All nodes, coordinating ones first.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// The address at which a node listens.
    pub fn address(&self, node: NodeId) -> String {
        self.nodes[&node].address.to_string()
    }

    /// The incarnation of the node's last process; 0 before the first.
    pub(crate) fn incarnation(&self, node: NodeId) -> u32 {
        self.nodes[&node].incarnation
    }

    /// The number of processes that the node has had. It tells the present one from earlier ones: the incarnation begins again if the
    /// data folder is lost.
    pub(crate) fn starts(&self, node: NodeId) -> u32 {
        self.nodes[&node].starts
    }

    /// Whether a process runs for this node.
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|endpoint| endpoint.process.is_some())
    }

    /// The process of a node that is up.
    pub(crate) fn process(&mut self, node: NodeId) -> Option<&mut Process> {
        self.nodes.get_mut(&node)?.process.as_mut()
    }

    /// The current memory of a node's process (resident set), in bytes. `None` if it is down or the system does not say.
    pub fn memory(&self, node: NodeId) -> Option<u64> {
        self.nodes.get(&node)?.process.as_ref()?.memory()
    }

    /// The folder of a node's journal.
    fn data_dir(&self, node: NodeId) -> PathBuf {
        self.path(&format!("{node}.data"))
    }

    /// The file to which a node writes its trace.
    pub(crate) fn trace_file(&self, node: NodeId) -> PathBuf {
        self.path(&format!("{node}.trace"))
    }

    /// Starts a node on another thread, which waits until the node is ready. Its result goes to [`Cluster::started`].
    pub(crate) fn start(&self, node: NodeId) -> task::JoinHandle<Result<(Process, Ready)>> {
        let (folder, program, args) = (self.folder.path().to_owned(), self.program.clone(), self.args(node));
        task::spawn_blocking(move || Process::start(&folder, &program, &args))
    }

    /// Takes the process of a node that has started.
    pub(crate) fn started(&mut self, node: NodeId, (process, ready): (Process, Ready)) -> Result<()> {
        let endpoint = self.nodes.get_mut(&node).context("no such node")?;
        if ready.address != endpoint.address {
            bail!("{node} listens on {} instead of {}", ready.address, endpoint.address);
        }
        endpoint.incarnation = ready.incarnation;
        endpoint.starts += 1;
        endpoint.process = Some(process);
        Ok(())
    }

    /// Starts all nodes, in the order of their roles.
    pub async fn start_all(&mut self) -> Result<()> {
        let mut order = self.nodes();
        order.sort_by_key(|node| node.role.entry().start);
        let starting: Vec<_> = order.into_iter().map(|node| (node, self.start(node))).collect();
        for (node, handle) in starting {
            let ready = handle.await.context("starting the node was interrupted")??;
            self.started(node, ready)?;
        }
        Ok(())
    }

    /// Starts one node and waits until it is ready.
    pub async fn start_one(&mut self, node: NodeId) -> Result<()> {
        let ready = self.start(node).await.context("starting the node was interrupted")??;
        self.started(node, ready)
    }

    /// Waits until every link between nodes has a session, so that the first transactions are not lost on links that are not up.
    pub async fn wait_for_links(&mut self) -> Result<()> {
        for node in self.nodes() {
            let speaks_to = |other: &NodeId| self.peers(*other).any(|(peer, _)| *peer == node);
            let dialed = self.peers(node).map(|(peer, _)| *peer);
            let links = dialed.chain(self.nodes().into_iter().filter(speaks_to)).collect::<BTreeSet<_>>().len() as u64;
            let client = NodeClient::connect(&self.address(node)).await?;
            let linked = async {
                while client.state(false).await?.stats.sessions < links {
                    if let Some(casualty) = self.casualty() {
                        bail!("{casualty}");
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Ok(())
            };
            timeout(UP_WITHIN, linked)
                .await
                .with_context(|| format!("{node} could not connect to its peers within {} s", UP_WITHIN.as_secs()))??;
        }
        Ok(())
    }

    /// Kills a node with SIGKILL. Then cuts its journal as after a loss of power: `keep` of the records that no forced write covered
    /// survive, or a number that the seed draws. Returns whether the node was up.
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

    /// Removes the journal of a node that is down.
    pub(crate) fn lose_log(&self, node: NodeId) -> Result<()> {
        journal::lose(&self.data_dir(node)).with_context(|| format!("cannot remove the journal of {node}"))
    }

    /// Removes the data folder of a node that is down.
    pub(crate) fn lose_disk(&self, node: NodeId) -> Result<()> {
        journal::lose_directory(&self.data_dir(node))
            .with_context(|| format!("cannot remove the data folder of {node}"))
    }

    /// Keeps a copy of what is durable in the journal of a node, whether it runs or not, under the name of this time.
    pub(crate) fn copy_log(&self, node: NodeId, time: Micros) -> Result<()> {
        journal::copy(&self.data_dir(node), &self.copy_dir(node, time))
            .with_context(|| format!("cannot copy the journal of {node}"))
    }

    /// Replaces the journal of a node that is down by an older copy. Returns the last record of the copy; `None`
    /// if the copy is not made yet, or there is no journal to cut.
    pub(crate) fn restore_log(&self, node: NodeId, to: OlderCopy) -> Result<Option<Lsn>> {
        let dir = self.data_dir(node);
        let restored = match to {
            OlderCopy::Records(records) => journal::keep_first(&dir, records),
            OlderCopy::AsOf(time) => journal::restore(&dir, &self.copy_dir(node, time)),
        };
        restored.with_context(|| format!("cannot set the journal of {node} back"))
    }

    fn copy_dir(&self, node: NodeId, time: Micros) -> PathBuf {
        self.path(&format!("{node}.copy-{}", time.0))
    }

    /// Ends all nodes and waits until they have ended. Then their traces are complete.
    pub fn end(&mut self) -> Result<()> {
        for endpoint in self.nodes.values_mut() {
            if let Some(mut process) = endpoint.process.take() {
                process.end()?;
            }
        }
        Ok(())
    }

    /// A node that ended by itself: its name, its exit status and what it said last.
    pub(crate) fn casualty(&mut self) -> Option<String> {
        self.nodes.values_mut().find_map(|endpoint| endpoint.process.as_mut()?.casualty())
    }

    /// Why a run failed: the node that ended by itself, if there is one, because then `error` only says what came of it.
    pub(crate) async fn cause(&mut self, error: Error) -> Error {
        for _ in 0..20 {
            if let Some(casualty) = self.casualty() {
                return anyhow!(casualty);
            }
            // The process may still be on its way out.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        error
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command line of a node.
    fn args(&self, node: NodeId) -> Vec<String> {
        let endpoint = &self.nodes[&node];
        let launch = &self.launch;
        let by_protocol = || if launch.floor { "coordinator" } else { launch.protocol.family().entry().command };
        let word = node.role.entry().command.unwrap_or_else(by_protocol);
        let mut args = vec![word.to_owned()];
        let mut say = |name: &str, value: String| args.extend([name.to_owned(), value]);
        say("--id", node.to_string());
        say("--listen", endpoint.address.to_string());
        say("--data-dir", text(&self.data_dir(node)));
        say("--settings", text(&self.path("settings.json")));
        say("--compact-every", launch.compact_every.to_string());
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
        if node.role.entry().command.is_none() {
            say("--protocol", launch.protocol.name().into());
        }
        if launch.lab {
            say("--start", (endpoint.starts + 1).to_string());
            args.push("--lab".into());
        }
        if launch.floor {
            args.push("--floor".into());
        }
        args
    }

    /// The peers of which a node is told: nodes of the roles that it dials, and of its own role only under cooperative termination.
    fn peers(&self, node: NodeId) -> impl Iterator<Item = (&NodeId, &Endpoint)> {
        let cooperate = self.launch.protocol.entry().cooperates;
        let speaks = move |id: NodeId| id != node && (id.role != node.role || cooperate);
        self.nodes.iter().filter(move |(id, _)| node.role.dials(id.role) && speaks(**id))
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
