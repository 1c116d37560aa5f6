//! Faults, done to real processes: signals, cut and lost journals, operator actions, orders for gates and links.

use super::{LiveRun, News};
use anyhow::{Context, Result, bail};
use indoubt_node::client::NodeClient;
use indoubt_proto::{ids::NodeId, message::Decision, observation::Observation};
use indoubt_simulator::faults::FaultCommand;
use std::time::Duration;
use tokio::time::timeout;

/// How long a node may take to obey.
const OBEY_WITHIN: Duration = Duration::from_secs(5);

async fn resolve(address: &str, decision: Decision) -> Result<()> {
    let client = NodeClient::connect(address).await?;
    timeout(OBEY_WITHIN, client.resolve(None, decision)).await??;
    Ok(())
}

impl LiveRun<'_> {
    pub(super) async fn perform(&mut self, commands: Vec<FaultCommand>) -> Result<()> {
        for command in commands {
            self.perform_one(command).await?;
        }
        Ok(())
    }

    async fn perform_one(&mut self, command: FaultCommand) -> Result<()> {
        match command {
            FaultCommand::Observe(what) => self.observe(NodeId::LAB, what),
            FaultCommand::Kill(node, keep) => self.kill(node, keep).await?,
            FaultCommand::LoseLog(node) => {
                if !self.cluster.is_up(node) && !self.starting.contains_key(&node) {
                    self.cluster.lose_log(node)?;
                }
            }
            FaultCommand::LoseDisk(node) => {
                if !self.cluster.is_up(node) && !self.starting.contains_key(&node) {
                    self.cluster.lose_disk(node)?;
                }
            }
            FaultCommand::CopyLog(node, time) => self.cluster.copy_log(node, time)?,
            FaultCommand::RestoreLog(node, to) => {
                if !self.cluster.is_up(node)
                    && !self.starting.contains_key(&node)
                    && let Some(upto) = self.cluster.restore_log(node, to)?
                {
                    self.observe(node, Observation::LogRestored { upto });
                }
            }
            FaultCommand::Restart(node) => self.restart(node),
            FaultCommand::Pause(node) => {
                let incarnation = self.cluster.incarnation(node);
                if let Some(process) = self.cluster.process(node)
                    && self.paused.insert(node)
                {
                    process.pause()?;
                    self.observe(node, Observation::Paused { incarnation });
                }
            }
            FaultCommand::Resume(node) => {
                let incarnation = self.cluster.incarnation(node);
                if self.paused.remove(&node)
                    && let Some(process) = self.cluster.process(node)
                {
                    process.resume()?;
                    self.observe(node, Observation::Resumed { incarnation });
                }
            }
            FaultCommand::JumpClock(node, jump) => {
                if let Some(control) = self.controls.get(&node).filter(|_| self.cluster.is_up(node)) {
                    control.jump_clock(jump);
                    self.observe(node, jump.observed(self.cluster.incarnation(node)));
                    // Once the plan holds, the clock has jumped.
                    self.orders(node).await?;
                }
            }
            FaultCommand::Resolve(node, decision) => {
                if self.cluster.is_up(node) && !self.paused.contains(&node) {
                    // Not waited for: what it does may halt the node for another fault, which must be answered meanwhile.
                    let (address, start) = (self.cluster.address(node), self.cluster.starts(node));
                    let tell = self.tell.clone();
                    self.resolving += 1;
                    tokio::spawn(async move {
                        let outcome = resolve(&address, decision).await;
                        let outcome = outcome.with_context(|| format!("{node} cannot end its branches in doubt"));
                        _ = tell.send(News::Resolved { node, start, outcome });
                    });
                }
            }
            FaultCommand::Orders(node) if node.is_client() => self.clients.set_plan(node, self.nemesis.orders(node)),
            FaultCommand::Orders(node) => self.orders(node).await?,
        }
        Ok(())
    }

    async fn kill(&mut self, node: NodeId, keep: Option<u64>) -> Result<()> {
        if let Some(handle) = self.starting.remove(&node) {
            // It was about to start: it starts, and is killed at once.
            handle.await.context("starting the node was interrupted")?;
            let outcome = loop {
                match self.news.recv().await {
                    Some(News::Started { node: started, outcome }) if started == node => break outcome,
                    Some(other) => self.tell.send(other).map_err(|_| anyhow::anyhow!("the run has ended"))?,
                    None => bail!("internal error: the run's channel closed"),
                }
            };
            self.cluster.started(node, outcome?)?;
        }
        let incarnation = self.cluster.incarnation(node);
        self.controls.remove(&node);
        if self.cluster.kill(node, keep)? {
            self.paused.remove(&node);
            self.observe(node, Observation::Crashed { incarnation });
        }
        Ok(())
    }

    fn restart(&mut self, node: NodeId) {
        if self.cluster.is_up(node) || self.starting.contains_key(&node) {
            return;
        }
        let (start, tell) = (self.cluster.start(node), self.tell.clone());
        let waiting = tokio::spawn(async move {
            let outcome =
                start.await.unwrap_or_else(|error| Err(anyhow::anyhow!("starting the node was interrupted: {error}")));
            _ = tell.send(News::Started { node, outcome });
        });
        self.starting.insert(node, waiting);
    }

    /// Gives a node its present orders and waits until they are in force; a frozen node takes them when it is resumed.
    pub(super) async fn orders(&mut self, node: NodeId) -> Result<()> {
        let Some(control) = self.controls.get(&node).cloned() else { return Ok(()) };
        let orders = self.nemesis.orders(node);
        if self.paused.contains(&node) {
            tokio::spawn(async move { control.set_faults(orders).await });
            return Ok(());
        }
        match timeout(OBEY_WITHIN, control.set_faults(orders)).await {
            Ok(Ok(())) => Ok(()),
            // It has crashed: on purpose, or `casualty` reports it.
            Ok(Err(_)) => Ok(()),
            Err(_) => bail!("{node} did not apply its faults within {} s", OBEY_WITHIN.as_secs()),
        }
    }
}
