//! The lab's hand in the virtual world: it kills, restarts, freezes and resolves as the director says.

use super::{World, network::dropped, nodes::Halt, seat::Incoming};
use crate::faults::{FaultCommand, Lost};
use indoubt_proto::{
    gate::Fate,
    ids::{LogId, NodeId, Role},
    message::Message,
    observation::Observation,
    random::{of_gate, stream},
};
use rand::Rng;

impl World<'_> {
    /// Asks the director about a node that halted, and performs its deeds, all before anything else happens. Returns what
    /// is to happen to the message.
    pub(super) fn consult(&mut self, node: NodeId, halt: &Halt, lost: Lost) -> Fate {
        let reply = self.director.asked(self.commons.now, node, &halt.rules, halt.txn, lost);
        self.perform(reply.commands);
        halt.fate.and(reply.fate)
    }

    pub(super) fn perform(&mut self, deeds: Vec<FaultCommand>) {
        for deed in deeds {
            self.perform_one(deed);
        }
    }

    fn perform_one(&mut self, deed: FaultCommand) {
        match deed {
            FaultCommand::Observe(what) => self.commons.observe(NodeId::LAB, what),
            FaultCommand::Kill(node, keep) => self.kill(node, keep),
            FaultCommand::LoseLog(node) => {
                if let Some(at) = self.seat(node).filter(|at| !self.seats[*at].is_up()) {
                    self.journals += 1;
                    let log = LogId(stream(self.seed, &format!("journal {node} {}", self.journals)).next_u64());
                    self.seats[at].driver.lose_log(log);
                    self.seats[at].lost_log = true;
                }
            }
            FaultCommand::Restart(node) => {
                if let Some(at) = self.seat(node).filter(|at| !self.seats[*at].is_up()) {
                    self.boot(at);
                }
            }
            FaultCommand::Pause(node) => {
                if let Some(at) = self.seat(node).filter(|at| self.seats[*at].is_up() && !self.seats[*at].is_paused()) {
                    let incarnation = self.seats[at].hands.port.incarnation;
                    self.seats[at].pause();
                    self.commons.observe(node, Observation::Paused { incarnation });
                }
            }
            FaultCommand::Resume(node) => {
                if let Some(at) = self.seat(node).filter(|at| self.seats[*at].is_paused()) {
                    let seat = &mut self.seats[at];
                    let incarnation = seat.hands.port.incarnation;
                    self.commons.observe(node, Observation::Resumed { incarnation });
                    seat.resume(&mut self.commons);
                    self.ready.push_back(at);
                }
            }
            FaultCommand::Resolve(node, decision) => {
                if let Some(at) = self.seat(node).filter(|at| self.seats[*at].is_up() && !self.seats[*at].is_paused()) {
                    self.hand(at, Incoming::Operator(Message::Resolve { txn: None, decision }));
                }
            }
            FaultCommand::Orders(node) => {
                let orders = self.director.orders(node);
                let seating = self.commons.seating;
                if let Some(at) = self.seat(node) {
                    self.seats[at].hands.obey(orders, &seating);
                } else if node.is_client()
                    && let Some(client) = self.clients.get_mut(usize::from(node.number) - 1)
                {
                    client.obey(orders, &seating);
                }
            }
        }
    }

    /// A node boots: with whatever survived, in its next incarnation.
    pub(super) fn boot(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        seat.boot();
        let (node, incarnation) = (seat.id(), seat.hands.port.incarnation);
        seat.hands.gate.draw_from(of_gate(self.seed, node, incarnation));
        let (log, upto) = seat.driver.journal();
        let lost = std::mem::take(&mut seat.lost_log);
        if incarnation > 1 {
            self.commons.observe(node, Observation::Restarted { incarnation, log, upto, lost });
        }
        self.commons.set_present(at, incarnation);
        self.ready.push_back(at);
        if node.role == Role::Coordinating {
            self.pool.up(node, incarnation, &mut self.client_effects);
            self.act_for_clients();
        }
    }

    fn kill(&mut self, node: NodeId, keep: Option<u64>) {
        let Some(at) = self.seat(node).filter(|at| self.seats[*at].is_up()) else { return };
        let incarnation = self.seats[at].hands.port.incarnation;
        self.commons.observe(node, Observation::Crashed { incarnation });
        self.commons.set_present(at, 0);
        self.pool.down(node);
        for flight in self.seats[at].crash(keep) {
            self.commons.observe(NodeId::LAB, dropped(&flight));
            self.fared(flight.id, true);
        }
    }

    /// The seat of a node of the cluster that is no client.
    fn seat(&self, node: NodeId) -> Option<usize> {
        self.commons.seating.of(node).filter(|at| *at < self.seats.len())
    }
}
