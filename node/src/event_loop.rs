//! The one task that owns the machine. It takes inputs in batches, steps the machine one input at a time, performs the
//! effects in order (perform.rs), and at the end of a batch lets everything out at once: first the trace, with one plain
//! write, so that the observations of a step are written before its sends leave; then the journal; then the links.

use crate::{
    alarm::Alarm,
    clock,
    error::NodeError,
    inbox::{Call, In, Inbox},
    lab::{Command, LabPort},
    links::{BOOT_PATIENCE, Links},
    log::Log,
    replies::Replies,
    timers::{Held, Timers},
    trace::Trace,
};
use indoubt_proto::{
    gate::{Gate, Orders},
    ids::{MessageId, NodeId, TxnId},
    machine::{EffectOf, Input, Machine},
    message::{Message, MessageKind},
    observation::Observation,
    plan::Submission,
    stepper::Stepper,
    time::Micros,
    wire::{Envelope, LabCommand, NodeReport, SentMessage, Stats},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a node that serves a lab waits for its first orders.
const LAB_PATIENCE: Duration = Duration::from_secs(2);

/// Why the event loop ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The node was told to.
    Told,
    /// It cannot go on.
    Failed(NodeError),
}

impl From<NodeError> for Stop {
    fn from(error: NodeError) -> Self {
        Stop::Failed(error)
    }
}

/// Waits until the node is told to stop.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell is gone, and the node with it.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A message that is held here until it is taken. `asked`: the gate has had its say already.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) envelope: Envelope,
    pub(crate) asked: bool,
}

/// Everything that the machine's task owns.
pub(crate) struct Engine<M: Machine> {
    pub(crate) me: NodeId,
    pub(crate) incarnation: u32,
    pub(crate) stepper: Stepper<M>,
    /// The effects of the present step; kept for its room.
    pub(crate) effects: Vec<EffectOf<M>>,
    pub(crate) gate: Gate,
    /// Whether the gate has rules. Without, nobody asks it.
    pub(crate) gated: bool,
    pub(crate) lab: LabPort,
    pub(crate) log: Log,
    pub(crate) alarm: Alarm,
    pub(crate) timers: Timers<M::Timer>,
    pub(crate) held: Held<Waiting>,
    pub(crate) links: Links,
    pub(crate) trace: Option<Trace>,
    pub(crate) replies: Replies,
    pub(crate) inbox: Arc<Inbox>,
    /// What a batch takes from the inbox; kept for its room.
    pub(crate) items: Vec<In>,
    pub(crate) stop: watch::Receiver<bool>,
    /// When this batch began; what timers and holds count from.
    pub(crate) now: Micros,
    /// Messages sent in this incarnation, for their ids.
    pub(crate) sent: u64,
    /// Messages of unary callers, who count none themselves.
    pub(crate) called: u64,
    /// What the present step has sent, while the gate has rules.
    pub(crate) step_sent: Vec<(Option<TxnId>, SentMessage)>,
    /// Since when transactions are in doubt or under way here, for `Operator.State`.
    pub(crate) since: HashMap<TxnId, Micros>,
    pub(crate) stats: Stats,
}

impl<M: Machine> Engine<M> {
    /// Runs until it is told to stop. What recovery wants done is done first.
    pub(crate) async fn run(mut self, restarted: Option<Observation>, await_orders: bool) -> Result<(), NodeError> {
        if let Some(restarted) = restarted {
            self.observe(|_| restarted);
        }
        if await_orders {
            self.first_orders().await;
            // Timers and the patience with links count from where recovery begins.
            self.now = clock::now();
            self.links.be_patient_until(self.now + BOOT_PATIENCE);
        }
        let end = match self.perform().await {
            Ok(()) => self.turn().await,
            Err(stop) => stop,
        };
        // A step that a halt cut short stays short: as after a crash, except that what it did do is kept.
        match end {
            Stop::Failed(error) => Err(error),
            Stop::Told => {
                self.flush()?;
                self.links.close();
                self.log.close()
            }
        }
    }

    /// A node that serves a lab does nothing, not even recover, before it has its orders: a fault may concern what recovery
    /// does. A lab that never comes is not waited for.
    async fn first_orders(&mut self) {
        let mut stop = self.stop.clone();
        let ordered = async {
            while let Some(command) = self.lab.command().await {
                let orders = matches!(command, Command::Lab(LabCommand::SetOrders { .. }));
                self.obey(command);
                if orders {
                    break;
                }
            }
        };
        tokio::select! {
            () = ordered => {}
            () = told(&mut stop) => {}
            () = tokio::time::sleep(LAB_PATIENCE) => tracing::warn!("no lab gave orders"),
        }
    }

    /// Batch after batch.
    async fn turn(&mut self) -> Stop {
        loop {
            if let Err(error) = self.flush() {
                return Stop::Failed(error);
            }
            if !self.inbox.is_empty() {
                // Let readers and transports have their turn: what they bring joins the next batch.
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
        let deadline = [self.timers.next(), self.held.next(), self.links.patience(), self.log.idle_deadline()];
        let deadline = deadline.into_iter().flatten().min();
        let inbox = Arc::clone(&self.inbox);
        tokio::select! {
            biased;
            () = told(&mut self.stop) => return Err(Stop::Told),
            Some(command) = self.lab.command() => self.obey(command),
            done = self.log.durable() => done?,
            () = inbox.filled() => {}
            rung = self.alarm.ring(deadline) => rung.map_err(NodeError::Alarm)?,
        }
        Ok(())
    }

    /// Takes everything that waits.
    async fn batch(&mut self) -> Result<(), Stop> {
        self.now = clock::now();
        while let Some(command) = self.lab.try_command() {
            self.obey(command);
        }
        if let Some(upto) = self.log.take_durable()? {
            self.observe(|_| Observation::Durable { upto });
            self.step(Input::Durable { upto }).await?;
        }
        let mut items = std::mem::take(&mut self.items);
        self.inbox.take(&mut items);
        for item in items.drain(..) {
            self.take(item).await?;
        }
        self.items = items;
        while let Some(Waiting { envelope, asked }) = self.held.pop(self.now) {
            self.deliver(envelope, asked).await?;
        }
        while let Some(timer) = self.timers.pop(self.now) {
            self.step(Input::Fired(timer)).await?;
        }
        if self.links.patience().is_some_and(|until| until <= self.now) {
            let lost = self.links.lose_patience();
            self.lose(lost);
        }
        if self.log.idle_deadline().is_some_and(|at| at <= self.now) {
            self.log.force_idle();
        }
        Ok(())
    }

    async fn take(&mut self, item: In) -> Result<(), Stop> {
        match item {
            In::Batch(batch) => {
                for envelope in batch {
                    if envelope.hold > Micros::ZERO {
                        self.hold(envelope, false);
                    } else {
                        self.deliver(envelope, false).await?;
                    }
                }
            }
            In::Up(session) => {
                tracing::info!(peer = %session.peer, "session up");
                let lost = self.links.up(session);
                self.lose(lost);
            }
            In::Down { peer, session } => {
                tracing::info!(%peer, "session down");
                let lost = self.links.down(peer, session);
                self.lose(lost);
            }
            In::Call(call) => self.answer(call).await?,
        }
        Ok(())
    }

    /// Holds a message for as long as its envelope says, from now on.
    pub(crate) fn hold(&mut self, envelope: Envelope, asked: bool) {
        let at = self.now + envelope.hold;
        self.held.hold(Waiting { envelope, asked }, at);
    }

    async fn answer(&mut self, call: Call) -> Result<(), Stop> {
        match call {
            Call::Ask { from, message, answer, reply } => {
                // The operator's answers name no transaction.
                let txn = message.txn().filter(|_| answer != MessageKind::Done);
                self.replies.expect(from, answer, txn, reply);
                self.hand_over(from, message).await
            }
            Call::Submit { audit, steps, reply } => {
                let client = NodeId::client(0);
                // The incarnation keeps the numbers of unnamed callers unique over restarts.
                let number = (u64::from(self.incarnation) << 32) + self.called + 1;
                let txn = TxnId { home: self.me, client, number };
                self.replies.expect(client, MessageKind::Outcome, Some(txn), reply);
                let submission = Submission { txn, epoch: self.incarnation, audit, steps };
                self.hand_over(client, Message::Submit(submission)).await
            }
            Call::Inspect { accounts, reply } => {
                let mut inspection = self.stepper.machine().inspect(accounts);
                for open in &mut inspection.open {
                    open.since_us = self.since.get(&open.txn).map(|since| clock::now().saturating_sub(*since).0);
                }
                let stats = self.log.stats(Stats { sessions: self.links.sessions(), ..self.stats });
                // Whoever asked may be gone.
                let _ = reply.send((inspection, stats));
                Ok(())
            }
        }
    }

    /// Hands over a message of a caller without a session, under an id that no other message has.
    async fn hand_over(&mut self, from: NodeId, message: Message) -> Result<(), Stop> {
        self.called += 1;
        let count = (u64::from(self.me.number) << 48) + self.called;
        let id = MessageId { from, incarnation: self.incarnation, count };
        self.deliver(Envelope { id, to: self.me, hold: Micros::ZERO, copy: false, message }, false).await
    }

    /// Does what the lab says, at once, even while the node is halted.
    pub(crate) fn obey(&mut self, command: Command) {
        match command {
            Command::Attach(reports) => self.lab.attach(reports),
            Command::Detach(reports) => {
                if self.lab.detach(&reports) {
                    self.set_orders(Orders::default());
                }
            }
            Command::Lab(LabCommand::SetOrders { version, orders }) => {
                self.set_orders(orders);
                self.lab.report(NodeReport::OrdersSet { version });
            }
            Command::Lab(LabCommand::Release { ask, .. }) => {
                tracing::warn!(ask, "released, but not halted there");
            }
        }
    }

    fn set_orders(&mut self, orders: Orders) {
        self.gated = !orders.rules.is_empty();
        self.log.set_forces(orders.force, orders.min_force);
        self.links.set_conditions(&orders.links);
        self.gate.set(orders);
    }

    /// Lets everything out: trace, journal, links.
    fn flush(&mut self) -> Result<(), NodeError> {
        self.flush_trace()?;
        self.log.flush(self.now)?;
        self.flush_links();
        // What found no way out is observed too.
        self.flush_trace()
    }

    pub(crate) fn flush_trace(&mut self) -> Result<(), NodeError> {
        self.trace.as_mut().map_or(Ok(()), Trace::flush).map_err(NodeError::Trace)
    }

    pub(crate) fn flush_links(&mut self) {
        let lost = self.links.flush();
        self.lose(lost);
    }

    /// Observes; what is to be observed is not even made when there is no trace.
    pub(crate) fn observe(&mut self, what: impl FnOnce(&Self) -> Observation) {
        if self.trace.is_some() {
            let what = what(self);
            if let Some(trace) = &mut self.trace {
                trace.add(what);
            }
        }
    }

    /// Messages that found no way.
    pub(crate) fn lose(&mut self, lost: Vec<Envelope>) {
        for envelope in lost {
            self.observe_dropped(&envelope);
        }
    }
}
