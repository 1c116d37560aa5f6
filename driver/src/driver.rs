//! The interpreter of effects: it takes inputs to a machine, and performs what the machine wants done, in both worlds alike.
//!
//! For each effect, in order: the gate is asked *before*; the effect is performed; the gate is asked *after*. Where a rule
//! needs the lab's word, the driver halts there ([`Progress::Halted`]) and goes on after [`Driver::resume`]. It never
//! waits: a world that can wait does so between two calls, and a simulated one lets other things happen meanwhile.

use crate::{
    gate::{Disposition, Edge, GateDecision, Moment, RuleId, Verb},
    machine_runner::MachineRunner,
    packet::Packet,
    port::{Departure, Port},
    world::{Network, World},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, TxnId},
    machine::{Effect, EffectOf, Input, InputOf, Logged, Machine, Record, Write},
    message::{Message, Outcome, Reason, ReasonKind},
    observation::Observation,
    time::Micros,
};
use std::collections::VecDeque;

/// How far a driver got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything that follows from the last input is done.
    Done,
    /// The node halts, and waits for the lab's word.
    Halted(Halt),
}

/// Where a node halts, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The rules that apply.
    pub rules: Vec<RuleId>,
    /// The transaction that the moment concerns.
    pub txn: Option<TxnId>,
    /// After a send to another node of the cluster: the message.
    pub message: Option<MessageId>,
}

/// How a message fares that was sent in the present step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// It is on its way.
    Travelling,
    /// It was taken as input; or a client is its receiver, for which nobody waits.
    Taken,
    /// Nobody will take it.
    Lost,
}

/// A message that was sent in the present step: rules that act "after a send" wait until it was taken, or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSend {
    /// Its id.
    pub id: MessageId,
    /// To whom.
    pub to: NodeId,
    /// The transaction that it is about.
    pub txn: Option<TxnId>,
    /// What became of it, as far as the world has told ([`Driver::fared`]).
    pub state: SendState,
}

/// A message whose step is under way, kept for the gate.
#[derive(Clone, Debug)]
struct Taken {
    id: MessageId,
    message: Message,
}

/// Where a driver stands with its present input.
#[derive(Clone, Debug)]
enum Stage {
    /// It has none.
    Idle,
    /// It halted before it took this message.
    Taking(Packet),
    /// The effects of the step are being performed. Kept if the gate is to be asked after the whole step: the message.
    Stepping(Option<Taken>),
    /// They are, and it halted after the whole step.
    Stepped,
}

/// What a machine recovers from.
#[derive(Clone, Debug)]
pub struct Recovered<R> {
    /// The identity of the journal.
    pub log: LogId,
    /// The number of the last record that survived.
    pub last: Lsn,
    /// What survived, in order.
    pub records: Vec<Logged<R>>,
}

/// Drives one machine. It outlives the machine's incarnations.
#[derive(Clone, Debug)]
pub struct Driver<M: Machine> {
    /// This end of the node's links.
    pub port: Port,
    /// `None` while the node is down.
    runner: Option<MachineRunner<M>>,
    /// Effects of the present step that are not performed yet.
    effects: VecDeque<EffectOf<M>>,
    stage: Stage,
    /// Found while an input was taken, and not returned yet.
    halt: Option<Halt>,
    /// While it is halted before an effect: what rules that need no asking do to the message.
    undisputed: Option<Disposition>,
    /// What is to happen at the effect before which it halted.
    word: Option<Disposition>,
    /// What the present step has sent, while somebody may ask.
    sends: Vec<StepSend>,
    /// Rules that are told of the present moment once it has passed.
    reports: Vec<RuleId>,
}

impl<M: Machine> Driver<M> {
    /// A node that is down.
    pub fn new(port: Port) -> Self {
        Driver {
            port,
            runner: None,
            effects: VecDeque::new(),
            stage: Stage::Idle,
            halt: None,
            undisputed: None,
            word: None,
            sends: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Drives a machine that is up already and whose last record is `last`: for those who keep machines as values, as model
    /// checkers do, and take them back with [`Driver::into_machine`]. Its journal is never compacted.
    pub fn of(port: Port, machine: M, last: Lsn) -> Self {
        Driver { runner: Some(MachineRunner::of(machine, last)), ..Driver::new(port) }
    }

    /// The machine; `None` if the node is down.
    pub fn into_machine(self) -> Option<M> {
        self.runner.map(MachineRunner::into_machine)
    }

    /// The node boots: the machine recovers, and the effects of its recovery wait for [`Driver::advance`]. The port has
    /// begun the incarnation. `compact_every` is the least number of records between two compactions.
    pub fn boot(&mut self, machine: M, recovered: Recovered<M::Record>, compact_every: u64) {
        debug_assert!(self.runner.is_none(), "a node is down before it boots");
        let Recovered { log, last, records } = recovered;
        let incarnation = self.port.incarnation;
        let runner = MachineRunner::boot(machine, log, incarnation, last, records, compact_every);
        self.effects = exchanged(self.runner.insert(runner), VecDeque::new());
        self.stage = Stage::Stepping(None);
    }

    /// The node dies. Returns the message before which it had halted: nobody takes it.
    pub fn crash(&mut self) -> Option<Packet> {
        self.runner = None;
        self.effects.clear();
        (self.halt, self.undisputed, self.word) = (None, None, None);
        self.sends.clear();
        self.reports.clear();
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Taking(packet) => Some(packet),
            Stage::Idle | Stage::Stepping(_) | Stage::Stepped => None,
        }
    }

    /// The machine; `None` while the node is down.
    pub fn machine(&self) -> Option<&M> {
        self.runner.as_ref().map(MachineRunner::machine)
    }

    /// Whether it has no input.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Whether it is between two steps: it has no input, or has not taken it.
    pub fn is_between_steps(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Taking(_))
    }

    /// What the present step has sent so far.
    pub fn sends(&self) -> &[StepSend] {
        &self.sends
    }

    /// A message of this node was taken, or is lost. Answers whether the present step had sent it and it was travelling.
    pub fn fared(&mut self, id: MessageId, lost: bool) -> bool {
        let travelling = |send: &&mut StepSend| send.id == id && send.state == SendState::Travelling;
        let found = self.sends.iter_mut().find(travelling);
        let is_of_step = found.is_some();
        if let Some(send) = found {
            send.state = if lost { SendState::Lost } else { SendState::Taken };
        }
        is_of_step
    }

    /// A force returned.
    pub fn durable(&mut self, upto: Lsn, world: &mut impl Network) {
        world.observe(|| Observation::Durable { upto });
        self.step(Input::Durable { upto }, None);
    }

    /// An armed timer fires.
    pub fn fire(&mut self, timer: M::Timer) {
        self.step(Input::Fired(timer), None);
    }

    /// The operator says something. It is no message of a link: no fault touches it, and no trace tells of it.
    pub fn operator(&mut self, message: Message) {
        self.step(Input::Message { from: NodeId::LAB, message }, None);
    }

    /// A message has arrived.
    pub fn deliver<W: World<M>>(&mut self, packet: Packet, world: &mut W) {
        let mut faults = Disposition::default();
        if self.is_guarded(world) {
            match self.before(&Moment::Deliver { from: packet.id.from, message: &packet.message }, world) {
                Ok(disposition) => faults = disposition,
                Err(halt) => {
                    self.halt = Some(halt);
                    self.stage = Stage::Taking(packet);
                    return;
                }
            }
        }
        self.take(packet, faults, world);
    }

    /// A message that was held here ([`World::hold`]) is due. The gate has had its say.
    pub fn deliver_held<W: World<M>>(&mut self, packet: Packet, world: &mut W) {
        self.take(packet, Disposition::default(), world);
    }

    /// The lab's word on the moment at which the node halted: what is to happen to the message, if it is about one and has
    /// not passed.
    pub fn resume(&mut self, word: Disposition) {
        self.word = self.undisputed.take().map(|undisputed| undisputed.and(word));
    }

    /// Does what follows from the last input, from where it stands, up to the end or to a halt.
    ///
    /// # Errors
    /// The world cannot go on, and neither can the node.
    pub fn advance<W: World<M>>(&mut self, world: &mut W) -> Result<Progress, W::Error> {
        if let Some(halt) = self.halt.take() {
            return Ok(Progress::Halted(halt));
        }
        if matches!(self.stage, Stage::Taking(_))
            && let Stage::Taking(packet) = std::mem::replace(&mut self.stage, Stage::Idle)
        {
            let faults = self.word.take().unwrap_or_default();
            self.take(packet, faults, world);
        }
        if matches!(self.stage, Stage::Stepping(_)) {
            if let Some(halt) = self.perform(world)? {
                return Ok(Progress::Halted(halt));
            }
            if let Stage::Stepping(Some(Taken { id, message })) = std::mem::replace(&mut self.stage, Stage::Stepped) {
                let moment = Moment::Deliver { from: id.from, message: &message };
                if let Some(halt) = self.after(&moment, Some((id, false)), world) {
                    return Ok(Progress::Halted(halt));
                }
            }
        }
        self.stage = Stage::Idle;
        self.sends.clear();
        Ok(Progress::Done)
    }

    /// A message is taken as input, or faults keep it from the machine.
    fn take<W: World<M>>(&mut self, packet: Packet, faults: Disposition, world: &mut W) {
        let failure = if faults.refuse { packet.message.failure() } else { None };
        if faults.drop || failure.is_some() {
            return self.withhold(packet, failure.filter(|_| !faults.drop), world);
        }
        self.tell(Some((packet.id, false)), world);
        if faults.duplicate {
            world.hold(Packet { copy: true, ..packet.clone() }, faults.delay);
        }
        if faults.delay > Micros::ZERO {
            return world.hold(packet, faults.delay);
        }
        self.port.note_received(&packet, world);
        let Packet { id, message, .. } = packet;
        let kept = self.asks_after(Verb::Deliver, world).then(|| Taken { id, message: message.clone() });
        match refusal_of_strangers(self.port.id, &message, world) {
            None => self.step(Input::Message { from: id.from, message }, kept),
            Some(refusal) => self.say(id.from, refusal, kept),
        }
        world.fared(id, false);
    }

    /// A message is lost here, or refused in the machine's name.
    fn withhold<W: World<M>>(&mut self, packet: Packet, failure: Option<Message>, world: &mut W) {
        let moment = Moment::Deliver { from: packet.id.from, message: &packet.message };
        if let Some(decision) = self.port.gate.ask(Edge::After, &moment) {
            self.reports.extend(decision.report);
        }
        self.tell(Some((packet.id, true)), world);
        self.port.note_dropped(&packet, world);
        world.fared(packet.id, true);
        if let Some(failure) = failure {
            self.say(packet.id.from, failure, None);
        }
    }

    /// One message, in the machine's name, is the whole step.
    fn say(&mut self, to: NodeId, message: Message, kept: Option<Taken>) {
        self.effects.push_back(Effect::Send { to, message });
        self.stage = Stage::Stepping(kept);
    }

    fn step(&mut self, input: InputOf<M>, kept: Option<Taken>) {
        debug_assert!(self.is_idle() && self.effects.is_empty(), "one input at a time");
        let runner = self.runner.as_mut().expect("only a node that is up gets input");
        runner.step(input);
        self.effects = exchanged(runner, std::mem::take(&mut self.effects));
        self.stage = Stage::Stepping(kept);
    }

    /// Performs the effects of the step, in order, up to the end or to a halt.
    fn perform<W: World<M>>(&mut self, world: &mut W) -> Result<Option<Halt>, W::Error> {
        let guarded = self.is_guarded(world);
        while let Some(effect) = self.effects.pop_front() {
            if !guarded {
                // The rule at which it halted may be gone meanwhile; the lab's word is not.
                let faults = self.word.take().unwrap_or_default();
                self.perform_one(effect, faults, world)?;
            } else if let Some(halt) = self.perform_guarded(effect, world)? {
                return Ok(Some(halt));
            }
        }
        Ok(None)
    }

    /// Performs one effect, between the questions to the gate.
    fn perform_guarded<W: World<M>>(&mut self, effect: EffectOf<M>, world: &mut W) -> Result<Option<Halt>, W::Error> {
        let before = match &effect {
            Effect::Append { record, .. } => self.before(&of_record(record), world),
            Effect::Send { to, message } => self.before(&Moment::Send { to: *to, message }, world),
            Effect::Observe(_) | Effect::Arm { .. } | Effect::Disarm(_) | Effect::Compacted { .. } => {
                Ok(Disposition::default())
            }
        };
        let faults = match before {
            Ok(faults) => faults,
            Err(halt) => {
                self.effects.push_front(effect);
                return Ok(Some(halt));
            }
        };
        match effect {
            Effect::Append { lsn, record, write } => {
                let moment = of_record(&record);
                self.append(lsn, record, write, world)?;
                Ok(self.after(&moment, None, world))
            }
            Effect::Send { to, message } => {
                let (txn, kept) = (message.txn(), self.asks_after(Verb::Send, world).then(|| message.clone()));
                let departure = self.send(to, message, faults, world);
                if let Some(Departure { id, lost }) = departure {
                    let state = match lost {
                        true => SendState::Lost,
                        false if to.is_client() => SendState::Taken,
                        false => SendState::Travelling,
                    };
                    self.sends.push(StepSend { id, to, txn, state });
                }
                let sent = departure.map(|sent| (sent.id, sent.lost));
                match kept {
                    Some(message) => Ok(self.after(&Moment::Send { to, message: &message }, sent, world)),
                    None => {
                        self.tell(sent, world);
                        Ok(None)
                    }
                }
            }
            Effect::Observe(what) => {
                let halt = self.at_observation(&what, world);
                world.witness(what);
                self.tell(None, world);
                Ok(halt)
            }
            effect => self.perform_one(effect, faults, world).map(|()| None),
        }
    }

    fn perform_one<W: World<M>>(
        &mut self,
        effect: EffectOf<M>,
        faults: Disposition,
        world: &mut W,
    ) -> Result<(), W::Error> {
        match effect {
            Effect::Append { lsn, record, write } => self.append(lsn, record, write, world)?,
            Effect::Send { to, message } => {
                self.send(to, message, faults, world);
            }
            Effect::Arm { timer, after } => world.arm(timer, self.port.gate.plan().clock.true_time(after)),
            Effect::Disarm(timer) => world.disarm(timer),
            Effect::Compacted { upto, records } => world.compact(upto, records)?,
            Effect::Observe(what) => world.witness(what),
        }
        Ok(())
    }

    fn append<W: World<M>>(
        &mut self,
        lsn: Lsn,
        record: M::Record,
        write: Write,
        world: &mut W,
    ) -> Result<(), W::Error> {
        let (txn, word) = (record.txn(), record.word());
        world.append(lsn, record, write)?;
        world.observe(|| Observation::Appended { txn, lsn, record: word.into(), write });
        Ok(())
    }

    /// `None`: it answers the operator, and is no message of a link.
    fn send<W: World<M>>(
        &mut self,
        to: NodeId,
        message: Message,
        faults: Disposition,
        world: &mut W,
    ) -> Option<Departure> {
        if to == NodeId::LAB {
            world.answer_operator(message);
            return None;
        }
        Some(self.port.send(to, message, faults, world))
    }

    fn is_guarded<W: World<M>>(&self, world: &W) -> bool {
        self.port.gate.has_rules() || world.is_watched()
    }

    /// Whether anybody is to be asked or told after a moment of this kind.
    fn asks_after<W: World<M>>(&self, verb: Verb, world: &W) -> bool {
        world.is_watched() || self.port.gate.concerns(Edge::After, verb)
    }

    /// Asks the gate before a moment; what needs the lab's word is a halt. After a halt, the word is there.
    fn before<W: World<M>>(&mut self, moment: &Moment<'_>, world: &mut W) -> Result<Disposition, Halt> {
        if let Some(word) = self.word.take() {
            return Ok(word);
        }
        world.pass(Edge::Before, moment, None);
        let Some(decision) = self.port.gate.ask(Edge::Before, moment) else { return Ok(Disposition::default()) };
        let GateDecision { ask, report, disposition } = decision;
        self.reports.extend(report);
        if ask.is_empty() {
            return Ok(disposition);
        }
        self.undisputed = Some(disposition);
        Err(Halt { rules: ask, txn: moment.txn(), message: None })
    }

    /// Asks the gate after a moment that has passed, about this message, which is lost or is not.
    fn after<W: World<M>>(
        &mut self,
        moment: &Moment<'_>,
        message: Option<(MessageId, bool)>,
        world: &mut W,
    ) -> Option<Halt> {
        let awaited = match moment {
            Moment::Send { to, .. } if !to.is_client() => message.map(|(id, _)| id),
            _ => None,
        };
        world.pass(Edge::After, moment, awaited);
        let GateDecision { ask, report, .. } = self.port.gate.ask(Edge::After, moment).unwrap_or_default();
        self.reports.extend(report);
        self.tell(message, world);
        (!ask.is_empty()).then(|| Halt { rules: ask, txn: moment.txn(), message: awaited })
    }

    /// Asks the gate about an observation. Before and after it are the same, so both edges halt once; it is written before
    /// the node halts, so that the trace tells what a fault answers to.
    fn at_observation<W: World<M>>(&mut self, what: &Observation, world: &mut W) -> Option<Halt> {
        let moment = Moment::Observe(what);
        world.pass(Edge::Before, &moment, None);
        let mut rules = Vec::new();
        for edge in [Edge::Before, Edge::After] {
            if let Some(decision) = self.port.gate.ask(edge, &moment) {
                rules.extend(decision.ask);
                self.reports.extend(decision.report);
            }
        }
        (!rules.is_empty()).then(|| Halt { rules, txn: what.txn(), message: None })
    }

    /// Tells the lab of the rules that only report, now that their moment has passed.
    fn tell<W: World<M>>(&mut self, message: Option<(MessageId, bool)>, world: &mut W) {
        for rule in self.reports.drain(..) {
            world.report(rule, message.map(|(id, _)| id), message.is_some_and(|(_, lost)| lost));
        }
    }
}

/// The effects of the last step. The buffer of the step before is used again for the next one; only buffers change hands.
fn exchanged<M: Machine>(runner: &mut MachineRunner<M>, empty: VecDeque<EffectOf<M>>) -> VecDeque<EffectOf<M>> {
    runner.exchange(Vec::from(empty)).into()
}

fn of_record(record: &impl Record) -> Moment<'static> {
    Moment::Append { record: record.word(), txn: record.txn() }
}

/// The answer to a submission that names a participant of which this node was never told. Machines do not know their
/// cluster: a saga would resend to nowhere for ever.
fn refusal_of_strangers<M: Machine>(me: NodeId, message: &Message, world: &impl World<M>) -> Option<Message> {
    let Message::Submit(submission) = message else { return None };
    let stranger = submission.steps.iter().map(|step| step.node).find(|node| !world.knows(*node))?;
    let reason = Reason::new(ReasonKind::BadPlan, format!("{me} does not know of a participant {stranger}"));
    Some(Message::Outcome { txn: submission.txn, outcome: Outcome::Refused(reason) })
}
