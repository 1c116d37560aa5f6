//! One node of the cluster: what reaches it, and how it takes one input at a time, halting wherever its gate says.

use super::{
    World,
    network::{Commons, Flight, Seating, dropped, received},
    nodes::{Driven, Halt, Hands, Progress},
};
use crate::{clients::ClientEffect, faults::Lost};
use indoubt_proto::{
    gate::{Action, Edge, Fate, Moment, Orders, Selector, Verb},
    ids::{Lsn, MessageId, NodeId},
    message::Message,
    observation::Observation,
    random::{LazyStream, of_disk},
};
use std::collections::VecDeque;

/// What waits to be taken as input.
#[derive(Clone, Debug)]
pub(super) enum Incoming {
    /// A message.
    Flight(Flight),
    /// A force that returned.
    Durable(Lsn),
    /// A timer, by its token.
    Timer(u64),
    /// A word of the operator.
    Operator(Message),
}

/// Where a node stands with its present input.
#[derive(Clone, Debug)]
enum Stage {
    /// It has none.
    Idle,
    /// A message is about to be taken; the lab has said this of it.
    Taking(Flight, Fate),
    /// The effects of its step are being performed. Kept if a rule acts after the whole step: the message.
    Stepping(Option<(NodeId, Message)>),
    /// They are, and what the step wants forced is due once no rule holds the node.
    Stepped,
}

/// A node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Down,
    Up,
    Paused,
}

/// One node of the cluster.
pub(super) struct Seat {
    pub(super) hands: Hands,
    pub(super) driver: Box<dyn Driven>,
    /// What survives of its journal's tail.
    pub(super) disk: LazyStream,
    /// Whether it lost its journal while it was down.
    pub(super) lost_log: bool,
    life: Life,
    inbox: VecDeque<Incoming>,
    stage: Stage,
    halt: Option<Halt>,
    /// The lab's word on the effect before which it halted.
    word: Option<Fate>,
}

impl Hands {
    /// Takes the lab's orders.
    pub(super) fn obey(&mut self, orders: Orders, seating: &Seating) {
        self.port.connect(&orders.links, seating);
        self.gate.set(orders);
    }

    /// Whether some rule halts the node once a whole step is done. (Who reports that a message was taken is not needed
    /// here: the world sees it.)
    fn halts_after_steps(&self) -> bool {
        let concerns = |selector: &Selector| selector.verb == Verb::Deliver && selector.edge == Edge::After;
        self.gate.orders().rules.iter().any(|rule| rule.action == Action::Ask && concerns(&rule.selector))
    }
}

impl Seat {
    pub(super) fn new(hands: Hands, driver: Box<dyn Driven>, seed: u64) -> Self {
        let disk = of_disk(seed, hands.port.id);
        Seat {
            hands,
            driver,
            disk,
            lost_log: false,
            life: Life::Down,
            inbox: VecDeque::new(),
            stage: Stage::Idle,
            halt: None,
            word: None,
        }
    }

    pub(super) fn id(&self) -> NodeId {
        self.hands.port.id
    }

    pub(super) fn is_up(&self) -> bool {
        self.life != Life::Down
    }

    pub(super) fn is_up_in(&self, incarnation: u32) -> bool {
        self.is_up() && self.hands.port.incarnation == incarnation
    }

    pub(super) fn is_paused(&self) -> bool {
        self.life == Life::Paused
    }

    /// Whether it has taken everything that reached it, and is not held.
    pub(super) fn is_idle(&self) -> bool {
        self.life == Life::Up && self.inbox.is_empty() && matches!(self.stage, Stage::Idle)
    }

    /// A new incarnation boots; the effects of its recovery wait.
    pub(super) fn boot(&mut self) {
        self.hands.port.incarnation += 1;
        self.hands.port.sent = 0;
        self.driver.boot(self.hands.port.incarnation);
        self.life = Life::Up;
        self.stage = Stage::Stepping(None);
    }

    /// It dies; so many records of its tail survive, drawn if not given. Returns the messages that it held and never took.
    pub(super) fn crash(&mut self, keep: Option<u64>) -> Vec<Flight> {
        self.life = Life::Down;
        self.halt = None;
        self.word = None;
        self.hands.sends.clear();
        self.driver.crash(keep, &mut self.disk);
        let taking = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Taking(flight, _) => Some(flight),
            Stage::Idle | Stage::Stepping(_) | Stage::Stepped => None,
        };
        let held = self.inbox.drain(..).filter_map(|incoming| match incoming {
            Incoming::Flight(flight) => Some(flight),
            Incoming::Durable(_) | Incoming::Timer(_) | Incoming::Operator(_) => None,
        });
        taking.into_iter().chain(held).collect()
    }

    pub(super) fn pause(&mut self) {
        self.life = Life::Paused;
    }

    /// It wakes. Timers that are due are there at once; what waits on its links it reads link by link, as a process reads its
    /// sockets, that one first on which something has waited longest. Each link keeps its order.
    pub(super) fn resume(&mut self, commons: &mut Commons<'_>) {
        self.life = Life::Up;
        if matches!(self.stage, Stage::Idle | Stage::Taking(..)) {
            self.driver.wake(&self.hands, commons);
        }
        let mut links: Vec<NodeId> = Vec::new();
        for incoming in &self.inbox {
            if let Incoming::Flight(flight) = incoming
                && !links.contains(&flight.id.from)
            {
                links.push(flight.id.from);
            }
        }
        self.inbox.make_contiguous().sort_by_key(|incoming| match incoming {
            Incoming::Flight(flight) => links.iter().position(|from| *from == flight.id.from),
            Incoming::Durable(_) | Incoming::Timer(_) | Incoming::Operator(_) => None,
        });
    }
}

impl World<'_> {
    /// Something reaches a node, which takes it when it can.
    pub(super) fn hand(&mut self, at: usize, incoming: Incoming) {
        self.seats[at].inbox.push_back(incoming);
        self.ready.push_back(at);
    }

    /// Something reaches a node, and nothing else happens at this moment: if it is free, it takes it at once.
    pub(super) fn bring(&mut self, at: usize, incoming: Incoming) {
        let seat = &self.seats[at];
        if seat.is_idle() && seat.halt.is_none() && self.ready.is_empty() {
            self.take(at, incoming);
            self.act(at);
        } else {
            self.hand(at, incoming);
        }
    }

    /// A message arrives: at a node's inbox, at a client, or nowhere any more.
    pub(super) fn arrive(&mut self, flight: Flight) {
        let at = self.commons.seating.of(flight.to).expect("messages are sent to nodes of the cluster");
        if !self.commons.is_present(&flight, at) {
            self.commons.observe(NodeId::LAB, dropped(&flight));
            self.fared(flight.id, true);
        } else if flight.to.is_client() {
            self.arrive_at_client(at - self.seats.len(), flight);
        } else {
            // A node that is held takes it later. Whoever waits for that must not wait for a node that itself waits; for one
            // that is frozen it does.
            if self.seats[at].halt.is_some() {
                self.fared(flight.id, false);
            }
            self.bring(at, Incoming::Flight(flight));
        }
    }

    fn arrive_at_client(&mut self, client: usize, flight: Flight) {
        let moment = Moment::Deliver { from: flight.id.from, message: &flight.message };
        // A client never halts: the lab acts, and the client goes on.
        let fate = match self.clients[client].ask(Edge::Before, &moment, flight.message.txn()) {
            Ok(fate) => fate,
            Err(halt) => self.consult(flight.to, &halt, Lost::default()),
        };
        self.fared(flight.id, fate.drop);
        if fate.drop {
            self.commons.observe(flight.to, dropped(&flight));
            return;
        }
        self.commons.observe(flight.to, received(&flight));
        self.pool.message(self.commons.now, &flight.message, &mut self.client_effects);
        self.act_for_clients();
    }

    /// Performs what the clients want.
    pub(super) fn act_for_clients(&mut self) {
        let mut effects = std::mem::take(&mut self.client_effects);
        for effect in effects.drain(..) {
            match effect {
                ClientEffect::Observe { client, observation } => self.commons.observe(client, observation),
                ClientEffect::Send { from, to, message } => {
                    let client = usize::from(from.number) - 1;
                    let moment = Moment::Send { to, message: &message };
                    let fate = match self.clients[client].ask(Edge::Before, &moment, message.txn()) {
                        Ok(fate) => fate,
                        Err(halt) => self.consult(from, &halt, Lost::default()),
                    };
                    self.commons.send(&mut self.clients[client].port, to, message, fate);
                }
            }
        }
        self.client_effects = effects;
    }

    /// A message was taken, or is lost: a sender that halted "after a send" may wait for that.
    pub(super) fn fared(&mut self, id: MessageId, lost: bool) {
        let Some(at) = self.commons.seating.of(id.from) else { return };
        let Some(sender) = self.seats.get_mut(at) else { return };
        if sender.hands.port.incarnation != id.incarnation || sender.hands.sends.is_empty() {
            return;
        }
        if let Some(send) = sender.hands.sends.iter_mut().find(|send| send.count == id.count && send.flying) {
            send.flying = false;
            send.lost = lost;
            if sender.halt.is_some() {
                self.ready.push_back(at);
            }
        }
    }

    /// Lets one node act until it has nothing more to do, or is held.
    pub(super) fn act(&mut self, at: usize) {
        loop {
            if self.seats[at].halt.is_some() && !self.release(at) {
                return;
            }
            let seat = &mut self.seats[at];
            if seat.life != Life::Up {
                return;
            }
            match std::mem::replace(&mut seat.stage, Stage::Idle) {
                Stage::Idle => {
                    let Some(incoming) = seat.inbox.pop_front() else { return };
                    self.take(at, incoming);
                }
                Stage::Taking(flight, fate) => self.take_message(at, flight, fate),
                Stage::Stepped => seat.driver.stepped(&mut seat.hands, &mut self.commons),
                Stage::Stepping(kept) => {
                    match seat.driver.advance(&mut seat.hands, &mut self.commons, seat.word.take()) {
                        Progress::Halted(halt) => {
                            seat.stage = Stage::Stepping(kept);
                            seat.halt = Some(halt);
                        }
                        Progress::Done => {
                            seat.stage = Stage::Stepped;
                            if let Some((from, message)) = kept {
                                let moment = Moment::Deliver { from, message: &message };
                                self.commons.pass(&seat.hands, Edge::After, &moment, seat.driver.tail());
                                seat.halt = seat.hands.ask(Edge::After, &moment, message.txn()).err();
                            }
                        }
                    }
                }
            }
        }
    }

    /// Takes one input, up to where its effects wait.
    fn take(&mut self, at: usize, incoming: Incoming) {
        let seat = &mut self.seats[at];
        match incoming {
            Incoming::Durable(upto) => {
                self.commons.observe(seat.hands.port.id, Observation::Durable { upto });
                seat.driver.durable(upto);
                seat.stage = Stage::Stepping(None);
            }
            Incoming::Timer(token) => {
                if seat.driver.fire(token) {
                    seat.stage = Stage::Stepping(None);
                }
            }
            Incoming::Operator(message) => {
                seat.driver.message(NodeId::LAB, message);
                seat.stage = Stage::Stepping(None);
            }
            Incoming::Flight(flight) => {
                let moment = Moment::Deliver { from: flight.id.from, message: &flight.message };
                self.commons.pass(&seat.hands, Edge::Before, &moment, seat.driver.tail());
                match seat.hands.ask(Edge::Before, &moment, flight.message.txn()) {
                    Ok(fate) => self.take_message(at, flight, fate),
                    Err(halt) => {
                        seat.stage = Stage::Taking(flight, Fate::default());
                        seat.halt = Some(halt);
                    }
                }
            }
        }
    }

    fn take_message(&mut self, at: usize, flight: Flight, fate: Fate) {
        let seat = &mut self.seats[at];
        let node = seat.hands.port.id;
        let failure = if fate.refuse { flight.message.failure() } else { None };
        if fate.drop || failure.is_some() {
            self.commons.observe(node, dropped(&flight));
            if let Some(failure) = failure {
                self.commons.send(&mut seat.hands.port, flight.id.from, failure, Fate::default());
            }
            self.fared(flight.id, true);
            return;
        }
        self.commons.observe(node, received(&flight));
        let Flight { id, message, .. } = flight;
        let kept = (self.commons.watched || seat.hands.halts_after_steps()).then(|| (id.from, message.clone()));
        seat.driver.message(id.from, message);
        seat.stage = Stage::Stepping(kept);
        self.fared(id, false);
    }

    /// A node that halted asks the lab, unless what it sent must be taken first. Whether it may go on.
    fn release(&mut self, at: usize) -> bool {
        let seat = &mut self.seats[at];
        let Some(halt) = seat.halt.take() else { return true };
        let of_this = |txn| halt.txn.is_none() || txn == halt.txn;
        let awaits = halt.rules.iter().any(|rule| self.director.awaits_sends(*rule));
        if awaits && seat.hands.sends.iter().any(|send| send.flying && of_this(send.txn)) {
            seat.halt = Some(halt);
            return false;
        }
        let lost_sends = || seat.hands.sends.iter().filter(|send| awaits && send.lost && of_this(send.txn));
        let lost = Lost {
            any: lost_sends().next().is_some(),
            last: lost_sends().any(|send| Some(send.count) == halt.sending),
        };
        let (node, incarnation) = (seat.hands.port.id, seat.hands.port.incarnation);
        let fate = self.consult(node, &halt, lost);
        let seat = &mut self.seats[at];
        if !seat.is_up_in(incarnation) {
            return false;
        }
        match &mut seat.stage {
            Stage::Taking(_, word) => *word = fate,
            Stage::Stepping(_) if halt.edge == Edge::Before => seat.word = Some(fate),
            Stage::Stepping(_) | Stage::Stepped | Stage::Idle => {}
        }
        true
    }
}
