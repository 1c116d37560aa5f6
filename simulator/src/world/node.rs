//! A node of the cluster: its inbox, and how it takes one input at a time and halts where its gate says so.

use super::{
    World,
    kernel::{Flight, Kernel},
    machine_node::Driven,
};
use crate::faults::Lost;
use indoubt_driver::{
    driver::{Halt, Progress, SendState, StepSend},
    packet::Packet,
};
use indoubt_proto::{
    ids::{Lsn, MessageId, NodeId},
    message::Message,
};
use std::collections::VecDeque;

/// An input that waits in the inbox of a node.
#[derive(Clone, Debug)]
pub(super) enum Incoming {
    /// A message.
    Flight(Flight),
    /// A forced write that returned, with the last record that it made durable.
    Durable(Lsn),
    /// A timer that fires, by its number.
    Timer(u64),
    /// A request of an operator.
    Operator(Message),
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Down,
    Up,
    Paused,
}

/// One node of the cluster.
pub(super) struct Node {
    pub(super) machine: Box<dyn Driven>,
    /// Whether it lost its journal while it was down.
    pub(super) lost_log: bool,
    life: Life,
    inbox: VecDeque<Incoming>,
    /// The halt for which the node waits for the lab's answer.
    halt: Option<Halt>,
}

impl Node {
    /// A node that was never started.
    pub(super) fn new(machine: Box<dyn Driven>) -> Self {
        Node { machine, lost_log: false, life: Life::Down, inbox: VecDeque::new(), halt: None }
    }

    pub(super) fn id(&self) -> NodeId {
        self.machine.port().id
    }

    pub(super) fn incarnation(&self) -> u32 {
        self.machine.port().incarnation
    }

    pub(super) fn start(&self) -> u32 {
        self.machine.port().start
    }

    pub(super) fn is_up(&self) -> bool {
        self.life != Life::Down
    }

    pub(super) fn is_up_since(&self, start: u32) -> bool {
        self.is_up() && self.start() == start
    }

    pub(super) fn is_paused(&self) -> bool {
        self.life == Life::Paused
    }

    /// Whether the inbox is empty and the node does not wait for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.life == Life::Up && self.inbox.is_empty() && self.machine.is_idle()
    }

    /// Boots a new incarnation. Acting performs the effects of its recovery.
    pub(super) fn boot(&mut self) {
        self.machine.boot();
        self.life = Life::Up;
    }

    /// Crashes the node. `keep` records of its unforced tail survive; `None`: the number is drawn. Returns the messages in its inbox,
    /// which are lost.
    pub(super) fn crash(&mut self, keep: Option<u64>) -> Vec<Packet> {
        self.life = Life::Down;
        self.halt = None;
        let taking = self.machine.crash(keep);
        let held = self.inbox.drain(..).filter_map(|incoming| match incoming {
            Incoming::Flight(flight) => Some(flight.packet),
            Incoming::Durable(_) | Incoming::Timer(_) | Incoming::Operator(_) => None,
        });
        taking.into_iter().chain(held).collect()
    }

    pub(super) fn pause(&mut self) {
        self.life = Life::Paused;
    }

    /// Resumes a frozen node. Timers that are due come first. Then it reads messages link by link, as a process reads its sockets,
    /// beginning with the link whose first message has waited longest. Each link keeps its order.
    pub(super) fn resume(&mut self, kernel: &mut Kernel<'_>) {
        self.life = Life::Up;
        if self.machine.is_between_steps() {
            self.machine.wake(kernel);
        }
        let mut links: Vec<NodeId> = Vec::new();
        for incoming in &self.inbox {
            if let Incoming::Flight(flight) = incoming
                && !links.contains(&flight.packet.id.from)
            {
                links.push(flight.packet.id.from);
            }
        }
        self.inbox.make_contiguous().sort_by_key(|incoming| match incoming {
            Incoming::Flight(flight) => links.iter().position(|from| *from == flight.packet.id.from),
            Incoming::Durable(_) | Incoming::Timer(_) | Incoming::Operator(_) => None,
        });
    }

    /// Gives one input to the driver. Acting performs its effects.
    fn take(&mut self, incoming: Incoming, kernel: &mut Kernel<'_>) {
        match incoming {
            Incoming::Flight(flight) => self.machine.deliver(flight, kernel),
            Incoming::Durable(upto) => self.machine.durable(upto, kernel),
            Incoming::Timer(number) => self.machine.fire(number),
            Incoming::Operator(message) => self.machine.operator(message),
        }
    }
}

impl World<'_> {
    /// Puts an input into the inbox of a node.
    pub(super) fn hand(&mut self, at: usize, incoming: Incoming) {
        self.nodes[at].inbox.push_back(incoming);
        self.ready.push_back(at);
    }

    /// Gives an input to a node if nothing else happens at this instant. If the node is free, it takes the input at once.
    pub(super) fn bring(&mut self, at: usize, incoming: Incoming) {
        let node = &mut self.nodes[at];
        if node.is_idle() && node.halt.is_none() && self.ready.is_empty() {
            node.take(incoming, &mut self.kernel);
            self.tell_senders();
            self.act(at);
        } else {
            self.hand(at, incoming);
        }
    }

    /// A message arrives at a node or a client, or is lost because its receiver is gone.
    pub(super) fn arrive(&mut self, flight: Flight) {
        let Packet { id, to, .. } = flight.packet;
        let at = self.kernel.layout.slot(to).expect("messages are sent to nodes of the cluster");
        if !self.kernel.is_present(&flight, at) {
            self.lose(&flight.packet);
        } else if to.is_client() {
            self.arrive_at_client(at - self.nodes.len(), flight.packet);
        } else {
            // A halted node takes the message later. A sender that waits for it must not wait for a node that itself waits, so the
            // message counts as taken. For a frozen receiver the sender does wait.
            if self.nodes[at].halt.is_some() {
                self.fared(id, false);
            }
            self.learn(at, &flight.packet);
            self.bring(at, Incoming::Flight(flight));
        }
    }

    /// A packet is lost, because its receiver is down or has just crashed.
    pub(super) fn lose(&mut self, packet: &Packet) {
        self.kernel.observe(NodeId::LAB, packet.dropped());
        self.fared(packet.id, true);
    }

    /// Tells the sender that a message was taken or is lost. A sender that halted "after a send" may wait for that.
    pub(super) fn fared(&mut self, id: MessageId, lost: bool) {
        let Some(at) = self.kernel.layout.slot(id.from) else { return };
        let Some(sender) = self.nodes.get_mut(at) else { return };
        if sender.machine.fared(id, lost) && sender.halt.is_some() {
            self.ready.push_back(at);
        }
    }

    /// Tells senders about the messages that nodes have taken.
    fn tell_senders(&mut self) {
        while let Some((id, lost)) = self.kernel.fared.pop() {
            self.fared(id, lost);
        }
    }

    /// Lets one node act until it has nothing more to do, or halts.
    pub(super) fn act(&mut self, at: usize) {
        loop {
            if self.nodes[at].halt.is_some() && !self.release(at) {
                return;
            }
            let node = &mut self.nodes[at];
            if node.life != Life::Up {
                return;
            }
            if node.machine.is_idle() {
                let Some(incoming) = node.inbox.pop_front() else { return };
                node.take(incoming, &mut self.kernel);
            } else {
                match node.machine.advance(&mut self.kernel) {
                    Progress::Halted(halt) => node.halt = Some(halt),
                    Progress::Done => node.machine.stepped(&mut self.kernel),
                }
            }
            self.tell_senders();
        }
    }

    /// Lets a halted node ask the lab, unless a message that it sent must be taken first. Returns whether the node may continue.
    fn release(&mut self, at: usize) -> bool {
        let node = &mut self.nodes[at];
        let Some(halt) = node.halt.take() else { return true };
        let awaits = halt.rules.iter().any(|rule| self.nemesis.awaits_sends(*rule, halt.txn));
        let mut lost = Lost::default();
        if awaits {
            let of_this = |send: &&StepSend| halt.txn.is_none() || send.txn == halt.txn;
            for send in node.machine.sends().iter().filter(of_this) {
                match send.state {
                    SendState::Travelling => {
                        node.halt = Some(halt);
                        return false;
                    }
                    // Nobody waits for messages to clients.
                    SendState::Lost if !send.to.is_client() => {
                        lost.any = true;
                        lost.last |= Some(send.id) == halt.message;
                    }
                    SendState::Lost | SendState::Taken => {}
                }
            }
        }
        let (id, start) = (node.id(), node.start());
        let word = self.consult(id, &halt.rules, halt.txn, lost);
        let node = &mut self.nodes[at];
        if node.is_up_since(start) {
            node.machine.resume(word);
        }
        node.is_up_since(start)
    }
}
