//! The task that owns the machine. It takes inputs in batches and gives them to the machine one at a time. The driver performs the
//! effects in order, with the functions of `hands.rs`. At the end of a batch everything leaves at once: first the trace, with one
//! plain write, so that the observations of a step are written before its messages leave; then the journal; then the links.

use crate::{
    alarm::Alarm,
    clock,
    error::NodeError,
    hands::{Hands, Waiting, packet_of},
    inbox::{Call, In, Inbox},
    lab::Command,
    links::BOOT_PATIENCE,
};
use indoubt_driver::{
    driver::Driver,
    gate::FaultPlan,
    packet::Packet,
    port::{Port, Traffic},
    wire::{LabCommand, NodeReport},
    world::Network,
};
use indoubt_proto::{
    ids::{LogId, MessageId, NodeId, TxnId},
    machine::Machine,
    message::{Message, MessageKind},
    observation::Observation,
    plan::Submission,
    time::Micros,
    wire::{Envelope, Stats},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a node that serves a lab waits for its first fault plan.
const LAB_PATIENCE: Duration = Duration::from_secs(2);

/// The reason why the event loop ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The node was told to stop.
    Told,
    /// The node cannot continue.
    Failed(NodeError),
}

impl From<NodeError> for Stop {
    fn from(error: NodeError) -> Self {
        Stop::Failed(error)
    }
}

/// Waits until the node is told to stop.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped. Then the node stops too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Everything that the machine's task owns.
pub(crate) struct Engine<M: Machine> {
    pub(crate) driver: Driver<M>,
    pub(crate) hands: Hands<M::Timer>,
    pub(crate) alarm: Alarm,
    pub(crate) inbox: Arc<Inbox>,
    /// The items of a batch. The buffer is used again for each batch.
    pub(crate) items: Vec<In>,
    pub(crate) stop: watch::Receiver<bool>,
    /// Counts the messages of unary callers, for their ids. Unary callers have no session that counts them.
    pub(crate) called: u64,
    /// Counts the transactions of unnamed callers.
    pub(crate) unnamed: u64,
}

/// The number of a transaction of the unnamed client, the `count`th in this incarnation. Journal and incarnation are part of it, so
/// that a node gives no name again after a restart, and after the loss of its folder. There is room for 2^20 incarnations and 2^28
/// transactions in each.
fn unnamed(log: LogId, incarnation: u32, count: u64) -> u64 {
    (log.0 & 0xffff) << 48 | (u64::from(incarnation) & 0xf_ffff) << 28 | count & 0xfff_ffff
}

impl<M: Machine> Engine<M> {
    /// Runs until the node is told to stop. The effects of recovery come first.
    pub(crate) async fn run(mut self, restarted: Option<Observation>, await_orders: bool) -> Result<(), NodeError> {
        if let Some(restarted) = restarted {
            self.hands.observe(|| restarted);
        }
        if await_orders {
            self.first_orders().await;
            // Timers, and the wait for links, count from the start of recovery.
            self.hands.now = clock::now();
            self.hands.links.be_patient_until(self.hands.now + BOOT_PATIENCE);
        }
        let end = match self.advance().await {
            Ok(()) => self.turn().await,
            Err(stop) => stop,
        };
        // A halt that interrupts a step leaves the rest of the step undone. This is like a crash, except that the finished
        // effects are kept.
        match end {
            Stop::Failed(error) => Err(error),
            Stop::Told => {
                self.flush()?;
                self.hands.links.close();
                self.hands.log.close()
            }
        }
    }

    /// Waits for the first fault plan of the lab. Before that, a node that serves a lab does nothing and does not recover, because a
    /// fault may concern the effects of recovery. If no lab connects in time, the node continues.
    async fn first_orders(&mut self) {
        let mut stop = self.stop.clone();
        let ordered = async {
            while let Some(command) = self.hands.lab.command().await {
                let orders = matches!(command, Command::Lab(LabCommand::SetFaults { .. }));
                self.obey(command);
                if orders {
                    break;
                }
            }
        };
        tokio::select! {
            () = ordered => {}
            () = told(&mut stop) => {}
            () = tokio::time::sleep(LAB_PATIENCE) => tracing::warn!("no lab has sent a fault plan"),
        }
    }

    /// Runs one batch after another.
    async fn turn(&mut self) -> Stop {
        loop {
            if let Err(error) = self.flush() {
                return Stop::Failed(error);
            }
            if !self.inbox.is_empty() {
                // Other tasks run here. The messages that readers and transports deliver join the next batch.
                tokio::task::yield_now().await;
            }
            if let Err(stop) = self.wait().await {
                return stop;
            }
            if let Err(stop) = self.batch().await {
                return stop;
            }
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) -> Result<(), Stop> {
        let Hands { timers, held, links, log, .. } = &self.hands;
        let deadline = [timers.next(), held.next(), links.patience(), log.idle_deadline()];
        let deadline = deadline.into_iter().flatten().min();
        let inbox = Arc::clone(&self.inbox);
        tokio::select! {
            biased;
            () = told(&mut self.stop) => return Err(Stop::Told),
            Some(command) = self.hands.lab.command() => self.obey(command),
            done = self.hands.log.durable() => done?,
            () = inbox.filled() => {}
            rung = self.alarm.ring(deadline) => rung.map_err(NodeError::Alarm)?,
        }
        Ok(())
    }

    /// Takes all inputs that wait.
    async fn batch(&mut self) -> Result<(), Stop> {
        self.hands.now = clock::now();
        while let Some(command) = self.hands.lab.try_command() {
            self.obey(command);
        }
        if let Some(upto) = self.hands.log.take_durable()? {
            self.durable(upto).await?;
        }
        let mut items = std::mem::take(&mut self.items);
        self.inbox.take(&mut items);
        for item in items.drain(..) {
            self.take(item).await?;
        }
        self.items = items;
        while let Some(Waiting { packet, arrived }) = self.hands.held.pop(self.hands.now) {
            if arrived {
                self.deliver_held(packet).await?;
            } else {
                self.deliver(packet).await?;
            }
        }
        while let Some(timer) = self.hands.timers.pop(self.hands.now) {
            self.fire(timer).await?;
        }
        let Hands { links, log, now, .. } = &mut self.hands;
        if log.idle_deadline().is_some_and(|at| at <= *now) {
            log.force_idle();
        }
        if links.patience().is_some_and(|until| until <= *now) {
            let lost = links.lose_patience();
            self.lose(lost);
        }
        Ok(())
    }

    async fn take(&mut self, item: In) -> Result<(), Stop> {
        match item {
            In::Batch(batch) => {
                for envelope in batch {
                    let hold = envelope.hold;
                    if hold > Micros::ZERO {
                        self.hands.keep(packet_of(envelope), hold, false);
                    } else {
                        self.deliver(packet_of(envelope)).await?;
                    }
                }
            }
            In::Up(session) => {
                tracing::info!(peer = %session.peer, "session up");
                let lost = self.hands.links.up(session);
                self.lose(lost);
            }
            In::Down { peer, session } => {
                tracing::info!(%peer, "session down");
                let lost = self.hands.links.down(peer, session);
                self.lose(lost);
            }
            In::Refused { peer } => self.hands.observe(|| Observation::SessionRefused { peer }),
            In::Call(call) => self.answer(call).await?,
        }
        Ok(())
    }

    async fn answer(&mut self, call: Call) -> Result<(), Stop> {
        match call {
            Call::Ask { from, message, answer, reply } => {
                // Answers to operator actions name no transaction.
                let txn = message.txn().filter(|_| answer != MessageKind::Done);
                self.hands.replies.expect(from, answer, txn, reply);
                if from == NodeId::LAB {
                    self.driver.operator(message);
                    return self.advance().await;
                }
                self.hand_over(from, message).await
            }
            Call::Submit { audit, steps, reply } => {
                let client = NodeId::client(0);
                let Port { id: home, incarnation: epoch, .. } = self.driver.port;
                let log = self.hands.log.id();
                let txn = TxnId { home, client, number: unnamed(log, epoch, self.unnamed) };
                self.unnamed += 1;
                self.hands.replies.expect(client, MessageKind::Outcome, Some(txn), reply);
                let submission = Submission { txn, epoch, log, audit, steps };
                self.hand_over(client, Message::Submit(submission)).await
            }
            Call::Inspect { accounts, reply } => {
                let machine = self.driver.machine().expect("this process is up for as long as its machine");
                let mut inspection = machine.inspect(accounts);
                for open in &mut inspection.open {
                    open.since_us = self.hands.since.get(&open.txn).map(|since| clock::now().saturating_sub(*since).0);
                }
                let (Traffic { sent, received, dropped }, sessions) =
                    (self.driver.port.traffic, self.hands.links.sessions());
                let stats = self.hands.log.stats(Stats { sent, received, dropped, sessions, ..Stats::default() });
                // The caller may have given up.
                let _ = reply.send((inspection, stats));
                Ok(())
            }
        }
    }

    /// Gives the machine a message of a caller without a session, with an id that no other message has.
    async fn hand_over(&mut self, from: NodeId, message: Message) -> Result<(), Stop> {
        self.called += 1;
        let Port { id: to, start, .. } = self.driver.port;
        let count = (u64::from(to.number) << 48) + self.called;
        let id = MessageId { from, start, count };
        self.deliver(Packet { id, to, copy: false, message }).await
    }

    /// Applies a command of the lab at once, even while the node is halted.
    pub(crate) fn obey(&mut self, command: Command) {
        match command {
            Command::Attach(reports) => self.hands.lab.attach(reports),
            Command::Detach(reports) => {
                if self.hands.lab.detach(&reports) {
                    self.set_plan(FaultPlan::default());
                }
            }
            Command::Lab(LabCommand::SetFaults { version, plan }) => {
                self.set_plan(plan);
                self.hands.lab.report(NodeReport::FaultsSet { version });
            }
            Command::Lab(LabCommand::JumpClock(jump)) => {
                let (now, rate) = (clock::now(), self.driver.port.gate.plan().clock);
                self.hands.timers.move_all(|due| jump.moves(due, now, rate));
            }
            Command::Lab(LabCommand::Release { ask, .. }) => {
                tracing::warn!(ask, "the lab answered a question that this node did not ask");
            }
        }
    }

    fn set_plan(&mut self, plan: FaultPlan) {
        self.hands.log.set_forces(plan.force, plan.min_force);
        self.hands.links.set_conditions(&plan.links);
        self.driver.port.gate.set(plan);
    }

    /// Writes or sends everything: trace, journal, links.
    fn flush(&mut self) -> Result<(), NodeError> {
        self.hands.flush_trace()?;
        self.hands.log.flush(self.hands.now)?;
        self.flush_links();
        // Messages that could not leave are observed as lost.
        self.hands.flush_trace()
    }

    pub(crate) fn flush_links(&mut self) {
        let lost = self.hands.links.flush();
        self.lose(lost);
    }

    /// Notes messages that could not be sent.
    pub(crate) fn lose(&mut self, lost: Vec<Envelope>) {
        for envelope in lost {
            self.driver.port.note_dropped(&packet_of(envelope), &mut self.hands);
        }
    }
}
