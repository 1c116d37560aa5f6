//! One step and its effects, each performed in order after the gate was asked; and the halt, when the gate says that the
//! lab must be asked first.

use crate::{
    clock,
    event_loop::{Engine, Stop, told},
    lab::Command,
    trace::Trace,
};
use indoubt_proto::{
    gate::{Edge, Fate, Moment, RuleId, Verdict},
    ids::{MessageId, NodeId, TxnId},
    machine::{Effect, Input, InputOf, Machine, Record},
    message::{Message, Outcome, Reason, ReasonKind},
    observation::{Observation, Phase},
    time::Micros,
    wire::{Envelope, LabCommand, NodeReport, Reported, SentMessage},
};

/// Turns that other tasks get before a node tells the lab that it halted or took a message: what it sent is with the
/// kernel by then.
const TURNS_TO_LEAVE: usize = 32;

impl<M: Machine> Engine<M> {
    /// Takes a message as input, if the gate lets it. `asked`: it did, and held it.
    pub(crate) async fn deliver(&mut self, envelope: Envelope, asked: bool) -> Result<(), Stop> {
        if !self.gated {
            return self.input(envelope).await;
        }
        self.step_sent.clear();
        let Envelope { id, copy, .. } = envelope;
        let from = id.from;
        if !asked {
            let moment = Moment::Deliver { from, message: &envelope.message };
            if let Some(verdict) = self.gate.ask(Edge::Before, &moment) {
                let reports = verdict.report.clone();
                let fate = self.decide(verdict, envelope.message.txn()).await?;
                let lost = fate.drop || fate.refuse;
                self.report(&reports, Some(id), lost);
                if fate.duplicate {
                    self.hold(Envelope { copy: true, hold: fate.delay, ..envelope.clone() }, true);
                }
                if lost {
                    return self.withhold(envelope, fate).await;
                }
                if fate.delay > Micros::ZERO {
                    self.hold(Envelope { hold: fate.delay, ..envelope }, true);
                    return Ok(());
                }
            }
        }
        let message = envelope.message.clone();
        self.input(envelope).await?;
        if let Some(verdict) = self.gate.ask(Edge::After, &Moment::Deliver { from, message: &message }) {
            if !verdict.report.is_empty() {
                // The step is done when what it sends has left: the lab may kill or freeze this node at once.
                self.let_out().await?;
            }
            // A copy is not the message that somebody waits for: that one was taken, or will be.
            self.report(&verdict.report, Some(id).filter(|_| !copy), false);
            self.decide(verdict, message.txn()).await?;
        }
        Ok(())
    }

    /// A message that the gate keeps from the machine: lost, or refused in the machine's name.
    async fn withhold(&mut self, envelope: Envelope, fate: Fate) -> Result<(), Stop> {
        let Envelope { id, message, .. } = &envelope;
        // Whoever waits for it to be taken waits in vain.
        if let Some(verdict) = self.gate.ask(Edge::After, &Moment::Deliver { from: id.from, message }) {
            self.report(&verdict.report, Some(*id), true);
        }
        self.observe_dropped(&envelope);
        match envelope.message.failure() {
            Some(failure) if fate.refuse && !fate.drop => self.send(envelope.id.from, failure).await,
            _ => Ok(()),
        }
    }

    async fn input(&mut self, envelope: Envelope) -> Result<(), Stop> {
        self.stats.received += 1;
        self.observe(|_| {
            let Envelope { id, to, copy, ref message, .. } = envelope;
            let ticket = message.ticket().copied();
            Observation::Received { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy, ticket }
        });
        if let Some(refusal) = self.refusal(&envelope.message) {
            return self.send(envelope.id.from, refusal).await;
        }
        self.step(Input::Message { from: envelope.id.from, message: envelope.message }).await
    }

    /// The answer to a submission that names a participant of which this node was never told. Machines do not know their
    /// cluster: a saga would resend to nowhere for ever.
    fn refusal(&self, message: &Message) -> Option<Message> {
        let Message::Submit(submission) = message else { return None };
        let stranger = submission.steps.iter().map(|step| step.node).find(|node| !self.links.knows(*node))?;
        let reason = Reason::new(ReasonKind::BadPlan, format!("{} does not know of a participant {stranger}", self.me));
        Some(Message::Outcome { txn: submission.txn, outcome: Outcome::Refused(reason) })
    }

    /// One step.
    pub(crate) async fn step(&mut self, input: InputOf<M>) -> Result<(), Stop> {
        self.stepper.step(input);
        self.perform().await
    }

    /// Performs the effects of the step just taken.
    pub(crate) async fn perform(&mut self) -> Result<(), Stop> {
        self.step_sent.clear();
        self.trace.iter_mut().for_each(Trace::begin_step);
        let mut effects = std::mem::take(&mut self.effects);
        effects.extend(self.stepper.drain());
        for effect in effects.drain(..) {
            match effect {
                Effect::Append { lsn, record, write } => {
                    let (word, txn) = (record.word(), record.txn());
                    let moment = Moment::Append { record: word, txn };
                    self.pass(Edge::Before, &moment, txn).await?;
                    self.log.append(lsn, &record, write)?;
                    self.observe(|_| Observation::Appended { txn, lsn, record: word.into(), write });
                    self.pass(Edge::After, &moment, txn).await?;
                }
                Effect::Send { to, message } => self.send(to, message).await?,
                Effect::Arm { timer, after } => {
                    let after = self.gate.orders().clock.true_time(after).max(Micros(1));
                    self.timers.arm(timer, self.now + after);
                }
                Effect::Disarm(timer) => self.timers.disarm(&timer),
                Effect::Compacted { upto, records } => self.log.compact(upto, &records)?,
                Effect::Observe(what) => {
                    self.note(&what);
                    if self.gated {
                        self.observe(|_| what.clone());
                        self.observed(&what).await?;
                    } else {
                        self.observe(|_| what);
                    }
                }
            }
        }
        self.effects = effects;
        self.trace.iter_mut().for_each(Trace::end_step);
        Ok(())
    }

    /// Remembers since when a transaction is in doubt or under way.
    fn note(&mut self, what: &Observation) {
        match *what {
            Observation::InDoubt { txn } | Observation::Reached { txn, phase: Phase::Begun } => {
                self.since.entry(txn).or_insert(self.now);
            }
            Observation::Reached { txn, phase: Phase::Ended } => {
                self.since.remove(&txn);
            }
            // A participant has learned the decision; at its home a transaction is under way until it is forgotten.
            Observation::Decided { txn, .. } if txn.home != self.me => {
                self.since.remove(&txn);
            }
            _ => {}
        }
    }

    /// Sends a message, if the gate lets it.
    async fn send(&mut self, to: NodeId, message: Message) -> Result<(), Stop> {
        self.sent += 1;
        let id = MessageId { from: self.me, incarnation: self.incarnation, count: self.sent };
        if !self.gated {
            self.route(id, to, message, Fate::default());
            return Ok(());
        }
        let mut fate = Fate::default();
        let mut reports = Vec::new();
        if let Some(mut verdict) = self.gate.ask(Edge::Before, &Moment::Send { to, message: &message }) {
            reports = std::mem::take(&mut verdict.report);
            fate = self.decide(verdict, message.txn()).await?;
        }
        let lost = !self.route(id, to, message.clone(), fate);
        self.step_sent.push((message.txn(), SentMessage { id, to, lost }));
        self.report(&reports, Some(id), lost);
        if let Some(verdict) = self.gate.ask(Edge::After, &Moment::Send { to, message: &message }) {
            self.report(&verdict.report, Some(id), lost);
            self.decide(verdict, message.txn()).await?;
        }
        Ok(())
    }

    /// Puts a message on its way, with what the gate and the network do to it. Returns whether it, or a copy, may arrive.
    fn route(&mut self, id: MessageId, to: NodeId, message: Message, fate: Fate) -> bool {
        self.observe_sent(id, to, &message, false);
        let answered = self.replies.tell(to, &message);
        let mut hold = fate.delay;
        let mut copy = fate.duplicate.then_some(fate.delay);
        let mut drop = fate.drop;
        if let Some(journey) = self.links.journey(to) {
            drop |= journey.lost;
            hold += journey.delay;
            copy = match (copy, journey.copy_delay) {
                (Some(_), _) => Some(hold),
                (None, journey) => journey.map(|delay| fate.delay + delay),
            };
        }
        // What a fault drops is gone with all its copies; what the network loses may still have one.
        let mut may_arrive = answered;
        if let Some(hold) = copy.filter(|_| !fate.drop) {
            self.observe_sent(id, to, &message, true);
            may_arrive |= self.push(Envelope { id, to, hold, copy: true, message: message.clone() });
        }
        let envelope = Envelope { id, to, hold, copy: false, message };
        if drop {
            self.observe_dropped(&envelope);
        } else if !answered {
            may_arrive |= self.push(envelope);
        }
        may_arrive
    }

    fn push(&mut self, envelope: Envelope) -> bool {
        let lost = self.links.push(envelope);
        if let Some(lost) = &lost {
            self.observe_dropped(lost);
        }
        lost.is_none()
    }

    fn observe_sent(&mut self, id: MessageId, to: NodeId, message: &Message, copy: bool) {
        self.stats.sent += 1;
        self.observe(|_| Observation::Sent {
            id,
            from: id.from,
            to,
            message: message.kind(),
            txn: message.txn(),
            copy,
        });
    }

    pub(crate) fn observe_dropped(&mut self, envelope: &Envelope) {
        self.stats.dropped += 1;
        self.observe(|_| {
            let Envelope { id, to, copy, ref message, .. } = *envelope;
            Observation::Dropped { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
        });
    }

    /// Asks the gate about a moment that concerns no message.
    async fn pass(&mut self, edge: Edge, moment: &Moment<'_>, txn: Option<TxnId>) -> Result<(), Stop> {
        if self.gated
            && let Some(verdict) = self.gate.ask(edge, moment)
        {
            self.report(&verdict.report, None, false);
            self.decide(verdict, txn).await?;
        }
        Ok(())
    }

    /// Asks the gate about an observation. Before and after are the same: it is written, so that the trace tells what a
    /// fault answered to, and both edges halt once.
    async fn observed(&mut self, what: &Observation) -> Result<(), Stop> {
        let mut both = Verdict::default();
        for edge in [Edge::Before, Edge::After] {
            let verdict = self.gate.ask(edge, &Moment::Observe(what)).unwrap_or_default();
            both.ask.extend(verdict.ask);
            both.report.extend(verdict.report);
        }
        self.report(&both.report, None, false);
        self.decide(both, what.txn()).await?;
        Ok(())
    }

    fn report(&self, rules: &[RuleId], message: Option<MessageId>, lost: bool) {
        for rule in rules {
            self.lab.report(NodeReport::Reported(Reported { rule: *rule, message, lost }));
        }
    }

    /// What is to happen to the message at hand: what the gate says, and, if it says that the lab must be asked, what the
    /// lab says too.
    async fn decide(&mut self, verdict: Verdict, txn: Option<TxnId>) -> Result<Fate, Stop> {
        if verdict.ask.is_empty() || !self.lab.attached() {
            return Ok(verdict.fate);
        }
        Ok(verdict.fate.and(self.halt(verdict.ask, txn).await?))
    }

    /// Lets out what was done so far, without waiting for the disk.
    async fn let_out(&mut self) -> Result<(), Stop> {
        self.flush_trace()?;
        self.log.write_unforced()?;
        self.flush_links();
        for _ in 0..TURNS_TO_LEAVE {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Halts: lets out what was done so far, asks the lab, and waits for its release. Orders
    /// are obeyed meanwhile; inputs wait.
    async fn halt(&mut self, rules: Vec<RuleId>, txn: Option<TxnId>) -> Result<Fate, Stop> {
        self.let_out().await?;
        let sent = self.step_sent.iter().filter(|(of, _)| txn.is_none() || *of == txn).map(|(_, sent)| *sent).collect();
        let asked = self.lab.ask(rules, txn, sent);
        let fate = loop {
            let command = tokio::select! {
                biased;
                () = told(&mut self.stop) => return Err(Stop::Told),
                command = self.lab.command() => command,
            };
            match command {
                Some(Command::Lab(LabCommand::Release { ask, fate })) if ask == asked => break fate,
                Some(Command::Lab(command)) => self.obey(Command::Lab(command)),
                // Who was asked is gone, and whoever came since knows nothing of the question.
                Some(attached_or_detached) => {
                    self.obey(attached_or_detached);
                    break Fate::default();
                }
                None => break Fate::default(),
            }
        };
        self.now = clock::now();
        self.trace.iter_mut().for_each(Trace::renew_step);
        Ok(fate)
    }
}
