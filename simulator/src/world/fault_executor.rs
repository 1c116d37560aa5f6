//! Carries out faults in the virtual world: it kills, restarts, freezes and resolves as the nemesis says.

use super::{World, clients::client_number, node::Incoming};
use crate::{
    clients::Home,
    faults::{FaultCommand, Lost},
};
use indoubt_driver::{
    gate::{Disposition, RuleId},
    random::stream,
};
use indoubt_proto::{
    ids::{LogId, NodeId, Role, TxnId},
    message::Message,
    observation::Observation,
};
use indoubt_scenario::faults::act::OlderCopy;
use rand::Rng;

impl World<'_> {
    /// Asks the nemesis about a node that halted for these rules, and carries out its commands before anything else
    /// happens. Returns what happens to the message.
    pub(super) fn consult(&mut self, node: NodeId, rules: &[RuleId], txn: Option<TxnId>, lost: Lost) -> Disposition {
        let reply = self.nemesis.asked(self.kernel.now, node, rules, txn, lost);
        self.perform(reply.commands);
        reply.fate
    }

    pub(super) fn perform(&mut self, commands: Vec<FaultCommand>) {
        for command in commands {
            self.perform_one(command);
        }
    }

    fn perform_one(&mut self, command: FaultCommand) {
        match command {
            FaultCommand::Observe(what) => self.kernel.observe(NodeId::LAB, what),
            FaultCommand::Kill(node, keep) => self.kill(node, keep),
            FaultCommand::LoseLog(node) => {
                if let Some(at) = self.slot(node).filter(|at| !self.nodes[*at].is_up()) {
                    self.lose_log(at);
                }
            }
            FaultCommand::LoseDisk(node) => {
                if let Some(at) = self.slot(node).filter(|at| !self.nodes[*at].is_up()) {
                    self.lose_log(at);
                    self.nodes[at].machine.lose_incarnation();
                }
            }
            FaultCommand::CopyLog(node, time) => {
                if let Some(at) = self.slot(node) {
                    self.nodes[at].machine.copy_log(time);
                }
            }
            FaultCommand::RestoreLog(node, to) => {
                if let Some(at) = self.slot(node).filter(|at| !self.nodes[*at].is_up()) {
                    self.restore_log(at, to);
                }
            }
            FaultCommand::Restart(node) => {
                if let Some(at) = self.slot(node).filter(|at| !self.nodes[*at].is_up()) {
                    self.boot(at);
                }
            }
            FaultCommand::Pause(node) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up() && !self.nodes[*at].is_paused()) {
                    let incarnation = self.nodes[at].incarnation();
                    self.nodes[at].pause();
                    self.kernel.observe(node, Observation::Paused { incarnation });
                }
            }
            FaultCommand::Resume(node) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_paused()) {
                    let incarnation = self.nodes[at].incarnation();
                    self.kernel.observe(node, Observation::Resumed { incarnation });
                    self.nodes[at].resume(&mut self.kernel);
                    self.ready.push_back(at);
                }
            }
            FaultCommand::JumpClock(node, jump) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up()) {
                    let incarnation = self.nodes[at].incarnation();
                    self.kernel.observe(node, jump.observed(incarnation));
                    self.nodes[at].machine.jump_clock(jump, &mut self.kernel);
                }
            }
            FaultCommand::Resolve(node, decision) => {
                if let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up() && !self.nodes[*at].is_paused()) {
                    self.hand(at, Incoming::Operator(Message::Resolve { txn: None, decision }));
                }
            }
            FaultCommand::Orders(node) => {
                let plan = self.nemesis.orders(node);
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

    /// A node that is down loses its journal. Its next one has another identity.
    fn lose_log(&mut self, at: usize) {
        self.journals += 1;
        let node = self.nodes[at].id();
        let log = LogId(stream(self.seed, &format!("journal {node} {}", self.journals)).next_u64());
        self.nodes[at].machine.lose_log(log);
        self.nodes[at].lost_log = true;
    }

    /// Puts an older copy of its journal into the place of that of a node that is down. If the journal was lost, and the copy is
    /// no older than the loss, then it stays lost.
    fn restore_log(&mut self, at: usize, to: OlderCopy) {
        let node = &mut self.nodes[at];
        let (replaced, _) = node.machine.journal();
        let Some(upto) = node.machine.restore_log(to) else { return };
        if node.lost_log && node.machine.journal().0 == replaced {
            return;
        }
        node.lost_log = false;
        let node = node.id();
        self.kernel.observe(node, Observation::LogRestored { upto });
    }

    /// Boots a node from what survived, in its next incarnation.
    pub(super) fn boot(&mut self, at: usize) {
        let booting = &mut self.nodes[at];
        booting.boot();
        let (node, start, incarnation) = (booting.id(), booting.start(), booting.incarnation());
        let (log, upto) = booting.machine.journal();
        let lost = std::mem::take(&mut booting.lost_log);
        if start > 1 {
            self.kernel.observe(node, Observation::Restarted { incarnation, log, upto, lost });
        }
        self.kernel.set_present(at, start);
        self.greet(at);
        self.ready.push_back(at);
        if Role::Client.dials(node.role) {
            self.pool.up(node, Home { incarnation, log }, &mut self.client_effects);
            self.act_for_clients();
        }
    }

    fn kill(&mut self, node: NodeId, keep: Option<u64>) {
        let Some(at) = self.slot(node).filter(|at| self.nodes[*at].is_up()) else { return };
        let incarnation = self.nodes[at].incarnation();
        self.kernel.observe(node, Observation::Crashed { incarnation });
        self.kernel.set_present(at, 0);
        self.kernel.sessions.forget(at);
        self.pool.down(node);
        for packet in self.nodes[at].crash(keep) {
            self.lose(&packet);
        }
    }

    /// The position of a node of the cluster that is not a client.
    fn slot(&self, node: NodeId) -> Option<usize> {
        self.kernel.layout.slot(node).filter(|at| *at < self.nodes.len())
    }
}
