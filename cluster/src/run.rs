//! One run on real processes: submits the load, executes faults, answers halted nodes, and merges the traces of all nodes into one
//! recording.

mod fault_executor;

use crate::{
    clients::{ClientNews, Clients},
    cluster::{Cluster, Launch},
    merge::merge,
    processes::Process,
};
use anyhow::{Context, Result, bail};
use indoubt_driver::{
    gate::{Disposition, GateDecision, Moment},
    packet::Packet,
    wire::Asked,
};
use indoubt_node::{
    Ready,
    client::{ClientEvent, LabControl, LabReport, NodeClient},
    monotonic_now, read_trace,
};
use indoubt_proto::{
    ids::{MessageId, NodeId},
    observation::Observation,
    time::Micros,
    wire::Envelope,
};
use indoubt_scenario::{protocol::Protocol, recording::Recording, scenario::Scenario};
use indoubt_simulator::{
    clients::{ClientEffect, ClientPool, Home},
    faults::{Lost, Nemesis},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// How often the lab checks, after the load, whether all transactions have ended.
const LOOK: Micros = Micros::from_millis(40);
/// How long to wait until all sessions are up before the load begins.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// How long a halted node waits until its message is taken. After that, the message counts as lost.
const TAKEN_WITHIN: Micros = Micros::from_secs(5);

/// Runs one protocol of a scenario on real processes, to its end.
pub fn run(scenario: &Scenario, protocol: Protocol, seed: u64) -> Result<Recording> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    let recording = runtime.block_on(async {
        let mut run = LiveRun::new(scenario, protocol, seed)?;
        match run.play().await {
            Ok(recording) => Ok(recording),
            Err(error) => Err(run.cluster.cause(error).await),
        }
    });
    // This does not wait for tasks that still try to connect to nodes which have ended.
    runtime.shutdown_background();
    recording.with_context(|| format!("{} under {protocol} with seed {seed} on real processes", scenario.name))
}

enum News {
    Client(ClientNews),
    Report {
        node: NodeId,
        start: u32,
        report: LabReport,
    },
    Started {
        node: NodeId,
        outcome: Result<(Process, Ready)>,
    },
    /// The call of an operator action has returned.
    Resolved {
        node: NodeId,
        start: u32,
        outcome: Result<()>,
    },
}

/// A halted node, and what it waits for.
struct Halt {
    node: NodeId,
    /// Which of the node's processes has halted.
    start: u32,
    asked: Asked,
    since: Micros,
}

struct LiveRun<'a> {
    scenario: &'a Scenario,
    protocol: Protocol,
    seed: u64,
    cluster: Cluster,
    nemesis: Nemesis,
    pool: ClientPool,
    clients: Clients,
    controls: BTreeMap<NodeId, LabControl>,
    starting: BTreeMap<NodeId, JoinHandle<()>>,
    paused: BTreeSet<NodeId>,
    /// The number of operator actions that have not returned yet.
    resolving: usize,
    halts: Vec<Halt>,
    /// Messages that were taken (false) or lost (true), as nodes report them for halts that wait for them.
    fates: BTreeMap<MessageId, bool>,
    /// The time of the monotonic clock at which the load began.
    start: Micros,
    news: mpsc::UnboundedReceiver<News>,
    tell: mpsc::UnboundedSender<News>,
    client_news: mpsc::UnboundedSender<ClientNews>,
}

impl<'a> LiveRun<'a> {
    /// A run of which no process runs yet.
    fn new(scenario: &'a Scenario, protocol: Protocol, seed: u64) -> Result<Self> {
        let pool = ClientPool::new(scenario, seed);
        let launch = Launch {
            protocol,
            coordinating: scenario.cluster.coordinators,
            participants: scenario.cluster.participants,
            settings: scenario.settings(),
            opening: pool.opening(),
            compact_every: scenario.compact_every,
            seed,
            trace: true,
            lab: true,
            floor: false,
        };
        let cluster = Cluster::prepare(launch)?;
        let (tell, news) = mpsc::unbounded_channel();
        let (client_news, mut from_clients) = mpsc::unbounded_channel();
        let forward = tell.clone();
        tokio::spawn(async move {
            while let Some(client) = from_clients.recv().await {
                if forward.send(News::Client(client)).is_err() {
                    break;
                }
            }
        });
        Ok(LiveRun {
            scenario,
            protocol,
            seed,
            cluster,
            nemesis: Nemesis::new(scenario, protocol, seed),
            pool,
            clients: Clients::new(seed),
            controls: BTreeMap::new(),
            starting: BTreeMap::new(),
            paused: BTreeSet::new(),
            resolving: 0,
            halts: Vec::new(),
            fates: BTreeMap::new(),
            start: monotonic_now(),
            news,
            tell,
            client_news,
        })
    }

    async fn play(&mut self) -> Result<Recording> {
        self.start().await?;
        self.load().await?;
        self.settle().await?;
        self.close()
    }

    /// Starts all processes and waits until all needed sessions are open.
    async fn start(&mut self) -> Result<()> {
        self.cluster.start_all().await?;
        for node in self.cluster.nodes() {
            self.take_hold(node).await?;
        }
        self.open_sessions().await?;
        self.start = monotonic_now();
        Ok(())
    }

    /// Opens the control stream of a node that has just started, and sends it its fault plan. Before that, the node does nothing.
    async fn take_hold(&mut self, node: NodeId) -> Result<()> {
        let (control, mut reports) = LabControl::connect(&self.cluster.address(node))
            .await
            .with_context(|| format!("cannot connect to the control service of {node}"))?;
        let (tell, start) = (self.tell.clone(), self.cluster.starts(node));
        tokio::spawn(async move {
            while let Some(report) = reports.recv().await {
                if tell.send(News::Report { node, start, report }).is_err() {
                    break;
                }
            }
        });
        self.controls.insert(node, control);
        self.orders(node).await
    }

    async fn open_sessions(&mut self) -> Result<()> {
        let pairs: Vec<(NodeId, NodeId)> = self.pool.pairs().collect();
        for (client, home) in &pairs {
            self.clients.open(*client, *home, self.cluster.address(*home), &self.client_news);
            self.clients.set_plan(*client, self.nemesis.orders(*client));
        }
        let mut missing: BTreeSet<_> = pairs.into_iter().collect();
        let up = async {
            while !missing.is_empty() {
                match self.news.recv().await {
                    Some(News::Client(ClientNews { client, home, event: ClientEvent::Up { incarnation, log } })) => {
                        missing.remove(&(client, home));
                        self.pool.up(home, Home { incarnation, log }, &mut Vec::new());
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        };
        timeout(UP_WITHIN, up).await.with_context(|| {
            format!("the clients could not connect to the coordinating nodes within {} s", UP_WITHIN.as_secs())
        })?;
        self.cluster.wait_for_links().await
    }

    fn now(&self) -> Micros {
        monotonic_now().saturating_sub(self.start)
    }

    fn observe(&mut self, node: NodeId, what: Observation) {
        self.clients.observe(node, what);
    }

    /// Submits load until `duration`. Transactions that became due while the lab was busy are submitted late.
    async fn load(&mut self) -> Result<()> {
        let end = self.scenario.duration;
        loop {
            let now = self.now();
            self.strike(now.min(end)).await?;
            self.let_clients_act(now).await?;
            if now >= end {
                return Ok(());
            }
            let next = [self.nemesis.next_due(), self.pool.next_due(), Some(end)].into_iter().flatten().min();
            // Events in the meantime may make something due earlier, such as a restart, or a client whose transaction ended.
            self.wait(next.unwrap_or(end)).await?;
        }
    }

    /// Lets clients act that have something to do by now.
    async fn let_clients_act(&mut self, now: Micros) -> Result<()> {
        let mut effects = Vec::new();
        self.pool.due(now, &mut effects);
        self.act(effects).await
    }

    /// Waits until all transactions have ended, but at most for `settle`.
    async fn settle(&mut self) -> Result<()> {
        let now = self.now();
        self.pool.end_load();
        let commands = self.nemesis.end_of_load(now);
        self.perform(commands).await?;
        let end = self.scenario.duration + self.scenario.settle;
        let mut quiet = 0;
        while self.now() < end && quiet < 2 {
            let now = self.now();
            self.strike(now).await?;
            self.let_clients_act(now).await?;
            let next = [self.nemesis.next_due(), self.pool.next_due()].into_iter().flatten().min();
            self.wait_until(next.unwrap_or(end).min(now + LOOK).min(end)).await?;
            quiet = if self.is_resolved().await? { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// Whether there is nothing left to wait for.
    async fn is_resolved(&mut self) -> Result<bool> {
        let busy = !self.starting.is_empty() || !self.halts.is_empty() || self.resolving > 0;
        if busy || self.nemesis.next_due().is_some() {
            return Ok(false);
        }
        for node in self.cluster.nodes() {
            if !self.cluster.is_up(node) || self.paused.contains(&node) {
                continue;
            }
            if self.pool.waits_for(node) {
                return Ok(false);
            }
            let client = NodeClient::connect(&self.cluster.address(node)).await?;
            let state = client.state(false).await.with_context(|| format!("cannot read the state of {node}"))?;
            if !state.inspection.open.is_empty() || !state.inspection.locks.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends all nodes and merges their traces.
    fn close(&mut self) -> Result<Recording> {
        self.observe(NodeId::LAB, Observation::End);
        let end = self.clients.trace.last().map_or(0, |line| line.t_us);
        self.cluster.end()?;
        let mut files = vec![std::mem::take(&mut self.clients.trace)];
        for node in self.cluster.nodes() {
            let mut lines = read_trace(&self.cluster.trace_file(node))
                .with_context(|| format!("cannot read the trace of {node}"))?;
            // What a node wrote while it was ended does not belong to the run.
            lines.retain(|line| line.t_us < end);
            files.push(lines);
        }
        let trace = merge(files, self.start.0 as i64);
        Ok(Recording { protocol: self.protocol, seed: self.seed, trace, faults: self.nemesis.fired() })
    }

    /// Handles news until `until`.
    async fn wait_until(&mut self, until: Micros) -> Result<()> {
        loop {
            self.wait(until).await?;
            if self.now() >= until {
                return Ok(());
            }
        }
    }

    /// Handles the news that has arrived, or waits for news until `until`.
    async fn wait(&mut self, until: Micros) -> Result<()> {
        let pause = until.saturating_sub(self.now());
        tokio::select! {
            biased;
            news = self.news.recv() => {
                let news = news.context("internal error: the run's channel closed")?;
                self.hear(news).await?;
                while let Ok(more) = self.news.try_recv() {
                    self.hear(more).await?;
                }
            }
            () = tokio::time::sleep(Duration::from_micros(pause.0)) => {
                if let Some(casualty) = self.cluster.casualty() {
                    bail!("{casualty}");
                }
            }
        }
        self.answer_halts().await
    }

    async fn hear(&mut self, news: News) -> Result<()> {
        match news {
            News::Client(ClientNews { client, home, event }) => self.hear_client(client, home, event).await,
            News::Report { node, start, report } => {
                match report {
                    LabReport::Asked(asked) => {
                        self.halts.push(Halt { node, start, asked, since: self.now() });
                    }
                    LabReport::Reported(reported) => {
                        if let Some(id) = reported.message {
                            // If a message has a copy, the first of them that is taken or lost counts, as in the virtual world.
                            self.fates.entry(id).or_insert(reported.lost);
                        }
                    }
                }
                Ok(())
            }
            News::Started { node, outcome } => {
                if self.starting.remove(&node).is_some() {
                    self.cluster.started(node, outcome?)?;
                    self.take_hold(node).await?;
                }
                Ok(())
            }
            News::Resolved { node, start, outcome } => {
                self.resolving -= 1;
                // The operator action may have triggered a fault that crashed or froze the node. Then the node cannot answer.
                let there = self.cluster.is_up(node) && !self.paused.contains(&node);
                match outcome {
                    Err(error) if there && self.cluster.starts(node) == start => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                }
            }
        }
    }

    async fn hear_client(&mut self, client: NodeId, home: NodeId, event: ClientEvent) -> Result<()> {
        let mut effects = Vec::new();
        match event {
            ClientEvent::Up { incarnation, log } => {
                self.pool.session_up(client, home, Home { incarnation, log }, &mut effects);
            }
            ClientEvent::Down => self.pool.session_down(client, home),
            ClientEvent::Messages(envelopes) => {
                for Envelope { id, to, copy, message, .. } in envelopes {
                    let moment = Moment::Deliver { from: id.from, message: &message };
                    let faults = self.ask_for_client(client, &moment).await?;
                    if let Some(message) = self.clients.receive(Packet { id, to, copy, message }, faults) {
                        self.pool.message(self.now(), &message, &mut effects);
                    }
                }
            }
        }
        self.act(effects).await
    }

    async fn act(&mut self, effects: Vec<ClientEffect>) -> Result<()> {
        for effect in effects {
            match effect {
                ClientEffect::Observe { client, observation } => self.observe(client, observation),
                ClientEffect::Send { from, to, message } => {
                    let faults = self.ask_for_client(from, &Moment::Send { to, message: &message }).await?;
                    self.clients.send(from, to, message, faults);
                }
            }
        }
        Ok(())
    }

    /// What faults do to a message of a client. A client never halts: the lab acts, and the client continues.
    async fn ask_for_client(&mut self, client: NodeId, moment: &Moment<'_>) -> Result<Disposition> {
        let GateDecision { ask, disposition, .. } = self.clients.ask(client, moment);
        if ask.is_empty() {
            return Ok(disposition);
        }
        let reply = self.nemesis.asked(self.now(), client, &ask, moment.txn(), Lost::default());
        Box::pin(self.perform(reply.commands)).await?;
        Ok(disposition.and(reply.fate))
    }

    /// Executes the faults that are due.
    async fn strike(&mut self, now: Micros) -> Result<()> {
        if self.nemesis.next_due().is_some_and(|due| due <= now) {
            let commands = self.nemesis.due(now);
            self.perform(commands).await?;
        }
        Ok(())
    }

    /// Answers every halted node that need not wait any longer.
    async fn answer_halts(&mut self) -> Result<()> {
        let mut i = 0;
        while i < self.halts.len() {
            let Some(lost) = self.has_come(&self.halts[i]) else {
                i += 1;
                continue;
            };
            let halt = self.halts.remove(i);
            if self.cluster.is_up(halt.node) && self.cluster.starts(halt.node) == halt.start {
                let now = self.now();
                let reply = self.nemesis.asked(now, halt.node, &halt.asked.rules, halt.asked.txn, lost);
                self.perform(reply.commands).await?;
                if let Some(control) = self.controls.get(&halt.node) {
                    control.release(halt.asked.ask, reply.fate);
                }
            }
            for sent in &halt.asked.sent {
                self.fates.remove(&sent.id);
            }
            i = 0;
        }
        Ok(())
    }

    /// Which of the messages that a halted node waited for are lost; `None` if it must still wait.
    fn has_come(&self, halt: &Halt) -> Option<Lost> {
        let mut found = Lost::default();
        if !halt.asked.rules.iter().any(|rule| self.nemesis.awaits_sends(*rule, halt.asked.txn)) {
            return Some(found);
        }
        for sent in &halt.asked.sent {
            let gone = sent.lost || !self.cluster.is_up(sent.to) || self.now() > halt.since + TAKEN_WITHIN;
            // Nobody waits for messages to clients. The last message is the one after which the node halted, if it halted after one.
            found.last = match self.fates.get(&sent.id) {
                _ if sent.to.is_client() => false,
                Some(lost) => *lost,
                None if gone => true,
                None => return None,
            };
            found.any |= found.last;
        }
        Some(found)
    }
}
