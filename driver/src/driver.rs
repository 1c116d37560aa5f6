//! The interpreter of effects: gives inputs to a machine and performs its effects, in the same way in both worlds.
//!
//! For each effect, in order, it asks the gate *before*, performs the effect, and asks the gate *after*. If a rule needs the
//! lab's answer, the driver halts there ([`Progress::Halted`]) and continues after [`Driver::resume`]. The driver never blocks. A
//! real world waits between two calls, and the virtual world lets other events happen in the meantime.

mod asking;
mod delivery;
mod performing;
mod progress;

pub use progress::{Halt, Progress, SendState, StepSend};

use crate::{
    gate::{Disposition, Moment, RuleId},
    machine_runner::MachineRunner,
    packet::Packet,
    port::Port,
    world::{Network, World},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId},
    machine::{EffectOf, Input, InputOf, Logged, Machine},
    message::Message,
    observation::Observation,
};
use std::collections::VecDeque;

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

    fn step(&mut self, input: InputOf<M>, kept: Option<Taken>) {
        debug_assert!(self.is_idle() && self.effects.is_empty(), "one input at a time");
        let runner = self.runner.as_mut().expect("only a node that is up gets input");
        runner.step(input);
        self.effects = exchanged(runner, std::mem::take(&mut self.effects));
        self.stage = Stage::Stepping(kept);
    }
}

/// The effects of the last step. The empty buffer is used for the next step, so no effects are copied.
fn exchanged<M: Machine>(runner: &mut MachineRunner<M>, empty: VecDeque<EffectOf<M>>) -> VecDeque<EffectOf<M>> {
    runner.exchange(Vec::from(empty)).into()
}
