//! One machine with its journal and timers, driven one step at a time: the driver's duties of `machine.rs`, in virtual time.

use super::{
    disk::Journal,
    network::{Alarm, Commons, Event, Port, Sent},
    queue::Place,
};
use indoubt_proto::{
    gate::{Edge, Fate, Gate, Moment, RuleId},
    ids::{LogId, Lsn, NodeId, TxnId},
    inspect::Inspection,
    machine::{Effect, EffectOf, Input, InputOf, Machine, Record},
    message::Message,
    observation::Observation,
    planted::Planted,
    random::LazyStream,
    stepper::Stepper,
    time::Micros,
};
use rustc_hash::FxHashMap;
use std::{borrow::Cow, collections::VecDeque};

/// Records between two compactions, at least.
const COMPACT_EVERY: u64 = 10_000;
/// Lazy records that nothing forced for so long are flushed.
const QUIET: Micros = Micros::from_millis(50);

/// Where a step stands after it was advanced.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Progress {
    /// All its effects are performed.
    Done,
    /// It halts at an effect, before or after performing it, for these rules.
    Halted(Halt),
}

/// A node that halted and waits for the lab's word.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Halt {
    pub(super) edge: Edge,
    pub(super) rules: Vec<RuleId>,
    pub(super) txn: Option<TxnId>,
    /// After a send that no client takes: the message, by its count.
    pub(super) sending: Option<u64>,
    /// What rules that need no asking do to the message.
    pub(super) fate: Fate,
}

/// A message that a node sent in its present step: rules that act "after a send" wait until it was taken, or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepSend {
    pub(super) count: u64,
    pub(super) txn: Option<TxnId>,
    /// Whether it is neither taken nor lost yet.
    pub(super) flying: bool,
    pub(super) lost: bool,
}

/// What a node touches the world with: its port, its gate, and what it sent in this step.
#[derive(Clone, Debug)]
pub(super) struct Hands {
    pub(super) port: Port,
    pub(super) gate: Gate,
    pub(super) sends: Vec<StepSend>,
}

impl Hands {
    /// Asks the gate at one edge; what needs the lab's word becomes a halt.
    pub(super) fn ask(&mut self, edge: Edge, moment: &Moment<'_>, txn: Option<TxnId>) -> Result<Fate, Halt> {
        match self.gate.ask(edge, moment) {
            None => Ok(Fate::default()),
            Some(verdict) if verdict.ask.is_empty() => Ok(verdict.fate),
            Some(verdict) => {
                let sending = self.sending(edge, moment);
                Err(Halt { edge, rules: verdict.ask, txn, sending, fate: verdict.fate })
            }
        }
    }

    /// After a send, which is asked about before it is performed: the count of its message, if no client takes it.
    pub(super) fn sending(&self, edge: Edge, moment: &Moment<'_>) -> Option<u64> {
        match moment {
            Moment::Send { to, .. } if edge == Edge::After && !to.is_client() => Some(self.port.sent + 1),
            _ => None,
        }
    }
}

/// A machine of any protocol, driven.
pub(super) trait Driven {
    /// Boots from what the journal holds; the effects of recovery wait for [`Driven::advance`].
    fn boot(&mut self, incarnation: u32);
    /// The identity of the journal and its last record.
    fn journal(&self) -> (LogId, Lsn);
    /// Feeds a message.
    fn message(&mut self, from: NodeId, message: Message);
    /// Feeds what is durable.
    fn durable(&mut self, upto: Lsn);
    /// Feeds a timer; `false` if it was disarmed or armed again meanwhile.
    fn fire(&mut self, token: u64) -> bool;
    /// Performs the effects of the present step, from where it stands. `word` is the lab's word on the effect before which
    /// it halted.
    fn advance(&mut self, hands: &mut Hands, commons: &mut Commons<'_>, word: Option<Fate>) -> Progress;
    /// A step is done and nothing holds the node: the force that it wants begins.
    fn stepped(&mut self, hands: &mut Hands, commons: &mut Commons<'_>);
    /// A force returned; the next one begins if one is due, unless the node is frozen.
    fn forced(&mut self, hands: &Hands, commons: &mut Commons<'_>, frozen: bool) -> Lsn;
    /// The node goes on after it was frozen, between two steps: a force begins that should have begun meanwhile.
    fn wake(&mut self, hands: &Hands, commons: &mut Commons<'_>);
    /// Flushes lazy records if nothing was forced for a while, unless the node is frozen.
    fn flush(&mut self, hands: &Hands, commons: &mut Commons<'_>, frozen: bool);
    /// The node dies: its machine is gone, its journal is cut.
    fn crash(&mut self, keep: Option<u64>, random: &mut LazyStream);
    /// Its journal is lost.
    fn lose_log(&mut self, log: LogId);
    /// How many records of its journal no force covers.
    fn tail(&self) -> usize;
    /// Whether everything it logged is durable.
    fn is_flushed(&self) -> bool;
    /// What a person may see of it; `None` while it is down.
    fn inspect(&self, accounts: bool) -> Option<Inspection>;
}

/// A machine, its journal, its timers, and the effects of its present step that are not performed yet.
pub(super) struct Driver<M: Machine> {
    /// What a new incarnation starts from, before it recovers.
    blank: M,
    stepper: Option<Stepper<M>>,
    journal: Journal<M::Record>,
    effects: VecDeque<EffectOf<M>>,
    /// When each armed timer will fire. Only looked up, never iterated.
    armed: FxHashMap<M::Timer, Place>,
    /// The armed timers by the numbers of their places.
    timers: FxHashMap<u64, M::Timer>,
    /// When the last force began or returned.
    last_force: Micros,
    flush_scheduled: bool,
}

impl<M: Machine> Driver<M> {
    pub(super) fn new(blank: M, log: LogId, planted: Planted) -> Self {
        Driver {
            blank,
            stepper: None,
            journal: Journal::new(log, planted),
            effects: VecDeque::new(),
            armed: FxHashMap::default(),
            timers: FxHashMap::default(),
            last_force: Micros::ZERO,
            flush_scheduled: false,
        }
    }

    fn step(&mut self, input: InputOf<M>) {
        let stepper = self.stepper.as_mut().expect("only a node that is up gets input");
        stepper.step(input);
        // Both ways the buffer is handed over, not what is in it.
        let empty = Vec::from(std::mem::take(&mut self.effects));
        self.effects = stepper.exchange(empty).into();
    }

    fn perform(&mut self, effect: EffectOf<M>, hands: &mut Hands, commons: &mut Commons<'_>, fate: Fate) {
        match effect {
            Effect::Append { lsn, record, write } => {
                let what =
                    Observation::Appended { txn: record.txn(), lsn, record: Cow::Borrowed(record.word()), write };
                commons.observe(hands.port.id, what);
                self.journal.append(lsn, record, write);
            }
            Effect::Send { to, message } => {
                let txn = message.txn();
                let lost = commons.send(&mut hands.port, to, message, fate) == Sent::Lost;
                // Nobody waits for what clients take, and without rules nobody waits.
                if !to.is_client() && (commons.watched || !hands.gate.orders().rules.is_empty()) {
                    hands.sends.push(StepSend { count: hands.port.sent, txn, flying: !lost, lost });
                }
            }
            Effect::Arm { timer, after } => {
                let Port { seat, incarnation, .. } = hands.port;
                let after = hands.gate.orders().clock.true_time(after);
                let place = commons.queue.arm(commons.now + after, Alarm { seat, incarnation });
                if let Some(replaced) = self.armed.insert(timer.clone(), place) {
                    self.timers.remove(&replaced.1);
                    commons.queue.disarm(replaced);
                }
                self.timers.insert(place.1, timer);
            }
            Effect::Disarm(timer) => {
                if let Some(place) = self.armed.remove(&timer) {
                    self.timers.remove(&place.1);
                    commons.queue.disarm(place);
                }
            }
            Effect::Compacted { upto, records } => self.journal.compact(upto, records),
            Effect::Observe(what) => commons.observe(hands.port.id, what),
        }
    }

    fn begin_force(&mut self, hands: &Hands, commons: &mut Commons<'_>) {
        self.journal.begin();
        self.last_force = commons.now;
        let takes = commons.force_takes(&hands.port, hands.gate.orders());
        let Port { seat, incarnation, .. } = hands.port;
        commons.queue.push(commons.now + takes, Event::Forced { seat, incarnation });
    }

    fn schedule_flush(&mut self, hands: &Hands, commons: &mut Commons<'_>) {
        if self.journal.is_idle_with_tail() && !self.flush_scheduled {
            self.flush_scheduled = true;
            let Port { seat, incarnation, .. } = hands.port;
            commons.queue.push(commons.now + QUIET, Event::Flush { seat, incarnation });
        }
    }
}

/// The moment of an effect, for the gate; `None` for effects that no rule can name.
fn moment<R: Record, T>(effect: &Effect<R, T>) -> Option<(Moment<'_>, Option<TxnId>)> {
    match effect {
        Effect::Append { record, .. } => {
            Some((Moment::Append { record: record.word(), txn: record.txn() }, record.txn()))
        }
        Effect::Send { to, message } => Some((Moment::Send { to: *to, message }, message.txn())),
        Effect::Observe(what) => Some((Moment::Observe(what), what.txn())),
        Effect::Arm { .. } | Effect::Disarm(_) | Effect::Compacted { .. } => None,
    }
}

impl<M: Machine + Clone> Driven for Driver<M> {
    fn boot(&mut self, incarnation: u32) {
        let (log, last, records) = (self.journal.log(), self.journal.last(), self.journal.records());
        let mut stepper = Stepper::boot(self.blank.clone(), log, incarnation, last, records, COMPACT_EVERY);
        self.effects.extend(stepper.drain());
        self.stepper = Some(stepper);
    }

    fn journal(&self) -> (LogId, Lsn) {
        (self.journal.log(), self.journal.last())
    }

    fn message(&mut self, from: NodeId, message: Message) {
        self.step(Input::Message { from, message });
    }

    fn durable(&mut self, upto: Lsn) {
        self.step(Input::Durable { upto });
    }

    fn fire(&mut self, token: u64) -> bool {
        let Some(timer) = self.timers.remove(&token) else { return false };
        self.armed.remove(&timer);
        self.step(Input::Fired(timer));
        true
    }

    fn advance(&mut self, hands: &mut Hands, commons: &mut Commons<'_>, mut word: Option<Fate>) -> Progress {
        let guarded = commons.watched || !hands.gate.orders().rules.is_empty();
        while let Some(effect) = self.effects.pop_front() {
            let Some((moment, txn)) = (if guarded { moment(&effect) } else { None }) else {
                self.perform(effect, hands, commons, word.take().unwrap_or_default());
                continue;
            };
            let mut halted = None;
            let fate = match word.take() {
                Some(fate) => fate,
                None => {
                    commons.pass(hands, Edge::Before, &moment, self.journal.tail());
                    match hands.ask(Edge::Before, &moment, txn) {
                        Ok(fate) => fate,
                        // Before and after an observation are the same: it is written, so that the trace tells what a
                        // fault answered to, and both edges halt once.
                        Err(halt) if matches!(effect, Effect::Observe(_)) => {
                            halted = Some(Halt { edge: Edge::After, ..halt });
                            Fate::default()
                        }
                        Err(halt) => {
                            self.effects.push_front(effect);
                            return Progress::Halted(halt);
                        }
                    }
                }
            };
            if !matches!(effect, Effect::Observe(_)) {
                let appends = usize::from(matches!(effect, Effect::Append { .. }));
                commons.pass(hands, Edge::After, &moment, self.journal.tail() + appends);
            }
            if let Err(after) = hands.ask(Edge::After, &moment, txn) {
                halted = Some(match halted {
                    Some(before) => Halt { rules: [before.rules, after.rules].concat(), ..after },
                    None => after,
                });
            }
            self.perform(effect, hands, commons, fate);
            if let Some(halt) = halted {
                return Progress::Halted(halt);
            }
        }
        Progress::Done
    }

    fn stepped(&mut self, hands: &mut Hands, commons: &mut Commons<'_>) {
        hands.sends.clear();
        if self.journal.is_due() {
            self.begin_force(hands, commons);
        } else {
            self.schedule_flush(hands, commons);
        }
    }

    fn forced(&mut self, hands: &Hands, commons: &mut Commons<'_>, frozen: bool) -> Lsn {
        let upto = self.journal.finish();
        self.last_force = commons.now;
        if self.journal.is_due() && !frozen {
            self.begin_force(hands, commons);
        }
        upto
    }

    fn wake(&mut self, hands: &Hands, commons: &mut Commons<'_>) {
        if self.journal.is_due() {
            self.begin_force(hands, commons);
        } else if !self.flush_scheduled {
            self.flush(hands, commons, false);
        }
    }

    fn flush(&mut self, hands: &Hands, commons: &mut Commons<'_>, frozen: bool) {
        self.flush_scheduled = false;
        if frozen || !self.journal.is_idle_with_tail() {
            return;
        }
        let due = self.last_force + QUIET;
        if due <= commons.now {
            self.begin_force(hands, commons);
        } else {
            self.flush_scheduled = true;
            let Port { seat, incarnation, .. } = hands.port;
            commons.queue.push(due, Event::Flush { seat, incarnation });
        }
    }

    fn crash(&mut self, keep: Option<u64>, random: &mut LazyStream) {
        self.stepper = None;
        self.effects.clear();
        self.armed.clear();
        self.timers.clear();
        self.flush_scheduled = false;
        self.journal.crash(keep, random);
    }

    fn lose_log(&mut self, log: LogId) {
        self.journal.lose(log);
    }

    fn tail(&self) -> usize {
        self.journal.tail()
    }

    fn is_flushed(&self) -> bool {
        self.journal.is_flushed()
    }

    fn inspect(&self, accounts: bool) -> Option<Inspection> {
        self.stepper.as_ref().map(|stepper| stepper.machine().inspect(accounts))
    }
}
