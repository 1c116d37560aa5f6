//! Carries out faults in the virtual world: kills, restarts, freezes and resolves as the director says.

use super::{World, clients::client_number, node::Incoming};
use crate::faults::{Deed, Lost};
use indoubt_driver::{
    gate::{Disposition, RuleId},
    random::stream,
};
use indoubt_proto::{
    ids::{LogId, NodeId, Role, TxnId},
    message::Message,
    observation::Observation,
};
use rand::Rng;

impl World<'_> {
    /// Asks the director about a node that halted for these rules, and performs its deeds, all before anything else happens.
    /// Returns what is to happen to the message.
    pub(super) fn consult(&mut self, node: NodeId, rules: &[RuleId], txn: Option<TxnId>, lost: Lost) -> Disposition {
        let reply = self.director.asked(self.kernel.now, node, rules, txn, lost);
        self.perform(reply.deeds);
        reply.fate
    }

    pub(super) fn perform(&mut self, deeds: Vec<Deed>) {
        for deed in deeds {
            self.perform_one(deed);
        }
    }

    fn perform_one(&mut self, deed: Deed) {
        match deed {
            Deed::Observe(what) => self.kernel.observe(NodeId::LAB, what),
            Deed::Kill(node, keep) => self.kill(node, keep),
            Deed::LoseLog(node) => {
                if let Some(at) = self.slot(node).filter(|at| !self.nodes[*at].is_up()) {
                    self.journals += 1;
                    let log = LogId(stream(self.seed, &format!("journal {node} {}", self.journals)).next_u64());
                    self.nodes[at].machine.lose_log(log);
                    self.nodes[at].lost_log = true;
                }
            }
            Deed::Restart(node) => {
                if let Some(at) = self.slot(node).filter(|at| !self.nodes[*at].is_up()) {
                    self.boot(at);
                }
            }
            Deed::Pause(node) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up() && !self.nodes[*at].is_paused()) {
                    let incarnation = self.nodes[at].incarnation();
                    self.nodes[at].pause();
                    self.kernel.observe(node, Observation::Paused { incarnation });
                }
            }
            Deed::Resume(node) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_paused()) {
                    let incarnation = self.nodes[at].incarnation();
                    self.kernel.observe(node, Observation::Resumed { incarnation });
                    self.nodes[at].resume(&mut self.kernel);
                    self.ready.push_back(at);
                }
            }
            Deed::Resolve(node, decision) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up() && !self.nodes[*at].is_paused()) {
                    self.hand(at, Incoming::Operator(Message::Resolve { txn: None, decision }));
                }
            }
            Deed::Orders(node) => {
                let plan = self.director.orders(node);
                if let Some(at) = self.slot(node) {
                    self.nodes[at].machine.set_plan(plan, &self.kernel.layout);
                } else if node.is_client()
                    && let Some(client) = self.clients.get_mut(client_number(node))
                {
                    client.set_plan(plan, &self.kernel);
                }
            }
        }
    }

    /// A node boots: with whatever survived, in its next incarnation.
    pub(super) fn boot(&mut self, at: usize) {
        let booting = &mut self.nodes[at];
        booting.boot();
        let (node, incarnation) = (booting.id(), booting.incarnation());
        let (log, upto) = booting.machine.journal();
        let lost = std::mem::take(&mut booting.lost_log);
        if incarnation > 1 {
            self.kernel.observe(node, Observation::Restarted { incarnation, log, upto, lost });
        }
        self.kernel.set_present(at, incarnation);
        self.ready.push_back(at);
        if node.role == Role::Coordinating {
            self.pool.up(node, incarnation, &mut self.client_effects);
            self.act_for_clients();
        }
    }

    fn kill(&mut self, node: NodeId, keep: Option<u64>) {
        let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up()) else { return };
        let incarnation = self.nodes[at].incarnation();
        self.kernel.observe(node, Observation::Crashed { incarnation });
        self.kernel.set_present(at, 0);
        self.pool.down(node);
        for packet in self.nodes[at].crash(keep) {
            self.lose(&packet);
        }
    }

    /// The place of a node of the cluster that is no client.
    fn slot(&self, node: NodeId) -> Option<usize> {
        self.kernel.layout.slot(node).filter(|at| *at < self.nodes.len())
    }
}
