//! The interpreter of effects: gives inputs to a machine and performs its effects, in the same way in both worlds.
//!
//! For each effect, in order, it asks the gate *before*, performs the effect, and asks the gate *after*. If a rule needs the
//! lab's answer, the driver halts there ([`Progress::Halted`]) and continues after [`Driver::resume`]. The driver never blocks. A
//! real world waits between two calls, and the virtual world lets other events happen in the meantime.

use crate::{
    gate::{COMPACTION, Disposition, Edge, GateDecision, Moment, RuleId, Verb},
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

/// How far a driver got with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All effects of the last input are performed.
    Done,
    /// The node has halted and waits for the lab's answer.
    Halted(Halt),
}

/// The point at which a node halts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The rules for which the node halts.
    pub rules: Vec<RuleId>,
    /// The transaction of the effect, if it has one.
    pub txn: Option<TxnId>,
    /// The message, if the node halts after a send to another node of the cluster.
    pub message: Option<MessageId>,
}

/// The state of a message that was sent in the current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// The message is on its way.
    Travelling,
    /// The receiver has taken the message as input. Messages to clients have this state at once, because no rule waits for clients.
    Taken,
    /// The message is lost and will never be taken.
    Lost,
}

/// A message that was sent in the current step. Rules that act "after a send" wait until it was taken or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSend {
    /// The id of the message.
    pub id: MessageId,
    /// The receiver.
    pub to: NodeId,
    /// The transaction of the message, if it has one.
    pub txn: Option<TxnId>,
    /// The state of the message, as far as the world has reported it ([`Driver::fared`]).
    pub state: SendState,
}

/// The message that is the input of the current step, kept for the gate.
#[derive(Clone, Debug)]
struct Taken {
    id: MessageId,
    message: Message,
}

/// How far a driver is with its current input.
#[derive(Clone, Debug)]
enum Stage {
    /// It has no input.
    Idle,
    /// It halted before it took this message.
    Taking(Packet),
    /// It performs the effects of the step. The message is kept if the gate will be asked after the whole step.
    Stepping(Option<Taken>),
    /// It has performed all effects, and halted after the whole step.
    Stepped,
}

/// The journal from which a machine recovers.
#[derive(Clone, Debug)]
pub struct Recovered<R> {
    /// The identity of the journal.
    pub log: LogId,
    /// The number of the last record that survived.
    pub last: Lsn,
    /// The records that survived, in order.
    pub records: Vec<Logged<R>>,
}

/// Drives the machine of one node, through all its incarnations.
#[derive(Clone, Debug)]
pub struct Driver<M: Machine> {
    /// The node's end of its links.
    pub port: Port,
    /// `None` while the node is down.
    runner: Option<MachineRunner<M>>,
    /// The effects of the current step that are not performed yet.
    effects: VecDeque<EffectOf<M>>,
    stage: Stage,
    /// A halt that was found while an input was taken, and is not returned yet.
    halt: Option<Halt>,
    /// What rules that need no answer do to the message, while the driver is halted before an effect.
    undisputed: Option<Disposition>,
    /// What happens to the message of the effect before which it halted, once the lab has answered.
    word: Option<Disposition>,
    /// What the current step has sent, if rules or the world need to know it.
    sends: Vec<StepSend>,
    /// The reporting rules that apply to the current moment. They are reported when it has passed.
    reports: Vec<RuleId>,
}

impl<M: Machine> Driver<M> {
    /// The driver of a node that is down.
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

    /// The driver of a machine that is already up and whose last record is `last`. Model checkers use it, which keep machines as
    /// values and take them back with [`Driver::into_machine`]. The journal is never compacted.
    pub fn of(port: Port, machine: M, last: Lsn) -> Self {
        Driver { runner: Some(MachineRunner::of(machine, last)), ..Driver::new(port) }
    }

    /// Returns the machine; `None` if the node is down.
    pub fn into_machine(self) -> Option<M> {
        self.runner.map(MachineRunner::into_machine)
    }

    /// Boots the node: the machine recovers, and [`Driver::advance`] performs the effects of its recovery. The port must have begun
    /// the incarnation. There are at least `compact_every` records between two compactions.
    pub fn boot(&mut self, machine: M, recovered: Recovered<M::Record>, compact_every: u64) {
        debug_assert!(self.runner.is_none(), "a node is down before it boots");
        let Recovered { log, last, records } = recovered;
        let incarnation = self.port.incarnation;
        let runner = MachineRunner::boot(machine, log, incarnation, last, records, compact_every);
        self.effects = exchanged(self.runner.insert(runner), VecDeque::new());
        self.stage = Stage::Stepping(None);
    }

    /// Crashes the node. If it had halted before a message, returns that message, which is lost.
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

    /// The machine; `None` if the node is down.
    pub fn machine(&self) -> Option<&M> {
        self.runner.as_ref().map(MachineRunner::machine)
    }

    /// Whether the driver has no input.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Whether the driver is between two steps: it has no input, or has not given it to the machine yet.
    pub fn is_between_steps(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Taking(_))
    }

    /// The messages that the current step has sent so far.
    pub fn sends(&self) -> &[StepSend] {
        &self.sends
    }

    /// Notes that a message of this node was taken or is lost. Returns `true` if the current step had sent it and it was
    /// still on its way.
    pub fn fared(&mut self, id: MessageId, lost: bool) -> bool {
        let travelling = |send: &&mut StepSend| send.id == id && send.state == SendState::Travelling;
        let found = self.sends.iter_mut().find(travelling);
        let is_of_step = found.is_some();
        if let Some(send) = found {
            send.state = if lost { SendState::Lost } else { SendState::Taken };
        }
        is_of_step
    }

    /// Tells the machine that all records up to `upto` are durable.
    pub fn durable(&mut self, upto: Lsn, world: &mut impl Network) {
        world.observe(|| Observation::Durable { upto });
        self.step(Input::Durable { upto }, None);
    }

    /// Tells the machine that an armed timer fires.
    pub fn fire(&mut self, timer: M::Timer) {
        self.step(Input::Fired(timer), None);
    }

    /// Gives the machine a request of an operator. It does not come over a link, so no fault can touch it, and no trace shows it.
    pub fn operator(&mut self, message: Message) {
        self.step(Input::Message { from: NodeId::LAB, message }, None);
    }

    /// Gives the machine a message that has arrived, if the gate lets it pass.
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

    /// Gives the machine a message that was held here ([`World::hold`]). The gate was already asked about it.
    pub fn deliver_held<W: World<M>>(&mut self, packet: Packet, world: &mut W) {
        self.take(packet, Disposition::default(), world);
    }

    /// Gives the lab's answer to the halt. `word` says what happens to the message, if the node halted before a message.
    pub fn resume(&mut self, word: Disposition) {
        self.word = self.undisputed.take().map(|undisputed| undisputed.and(word));
    }

    /// Performs the effects of the last input, from where the driver stopped, until all are done or the node halts.
    ///
    /// # Errors
    /// If the world cannot continue. Then the node cannot continue either.
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

    /// Gives a message to the machine, unless faults drop, hold or refuse it.
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

    /// Drops a message here. With `failure`, answers it with this failure instead of the machine.
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

    /// Makes a step whose only effect is one message, which the driver sends instead of the machine.
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

    /// Performs the effects of the step, in order, until all are done or the node halts.
    fn perform<W: World<M>>(&mut self, world: &mut W) -> Result<Option<Halt>, W::Error> {
        let guarded = self.is_guarded(world);
        while let Some(effect) = self.effects.pop_front() {
            if !guarded {
                // The rule for which it halted may have been removed in the meantime. The lab's answer still counts.
                let faults = self.word.take().unwrap_or_default();
                self.perform_one(effect, faults, world)?;
            } else if let Some(halt) = self.perform_guarded(effect, world)? {
                return Ok(Some(halt));
            }
        }
        Ok(None)
    }

    /// Performs one effect, and asks the gate before and after it.
    fn perform_guarded<W: World<M>>(&mut self, effect: EffectOf<M>, world: &mut W) -> Result<Option<Halt>, W::Error> {
        let before = match &effect {
            Effect::Append { record, .. } => self.before(&of_record(record), world),
            Effect::Send { to, message } => self.before(&Moment::Send { to: *to, message }, world),
            Effect::Compacted { .. } => self.before(&OF_COMPACTION, world),
            Effect::Observe(_) | Effect::Arm { .. } | Effect::Disarm(_) => Ok(Disposition::default()),
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
            Effect::Compacted { upto, records } => {
                compact(upto, records, world)?;
                Ok(self.after(&OF_COMPACTION, None, world))
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
            Effect::Compacted { upto, records } => compact(upto, records, world)?,
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

    /// Sends a message. Returns `None` if it answers an operator, because then it does not go over a link.
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

    /// Whether the gate or the world wants to know about the time after a moment of this kind.
    fn asks_after<W: World<M>>(&self, verb: Verb, world: &W) -> bool {
        world.is_watched() || self.port.gate.concerns(Edge::After, verb)
    }

    /// Asks the gate before a moment. If a rule needs the lab's answer, this is a halt, unless the answer is already there.
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

    /// Asks the gate after a moment. `message` is the message that was sent, and whether it is lost.
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

    /// Asks the gate about an observation. Nothing happens between its two edges, so the node halts at most once for both. The
    /// observation is written before the node halts, so that the trace shows what triggered a fault.
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

    /// Reports the rules that only report, after their moment has passed.
    fn tell<W: World<M>>(&mut self, message: Option<(MessageId, bool)>, world: &mut W) {
        for rule in self.reports.drain(..) {
            world.report(rule, message.map(|(id, _)| id), message.is_some_and(|(_, lost)| lost));
        }
    }
}

/// The effects of the last step. The empty buffer is used for the next step, so no effects are copied.
fn exchanged<M: Machine>(runner: &mut MachineRunner<M>, empty: VecDeque<EffectOf<M>>) -> VecDeque<EffectOf<M>> {
    runner.exchange(Vec::from(empty)).into()
}

/// Tells the world to replace the journal up to `upto`.
fn compact<M: Machine, W: World<M>>(upto: Lsn, records: Vec<M::Record>, world: &mut W) -> Result<(), W::Error> {
    let count = records.len() as u64;
    world.compact(upto, records)?;
    world.observe(|| Observation::Compacted { upto, records: count });
    Ok(())
}

const OF_COMPACTION: Moment<'static> = Moment::Append { record: COMPACTION, txn: None };

fn of_record(record: &impl Record) -> Moment<'static> {
    Moment::Append { record: record.word(), txn: record.txn() }
}

/// The refusal of a submission that names a participant whose address this node does not know. Machines do not know their cluster,
/// so a saga would resend to such a participant for ever.
fn refusal_of_strangers<M: Machine>(me: NodeId, message: &Message, world: &impl World<M>) -> Option<Message> {
    let Message::Submit(submission) = message else { return None };
    let stranger = submission.steps.iter().map(|step| step.node).find(|node| !world.knows(*node))?;
    let reason = Reason::new(ReasonKind::BadPlan, format!("{me} does not know of a participant {stranger}"));
    Some(Message::Outcome { txn: submission.txn, outcome: Outcome::Refused(reason) })
}
