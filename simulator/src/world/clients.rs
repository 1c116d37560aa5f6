//! The links of clients. Clients are not machines and never halt. If a rule would halt a client, the lab acts,
//! and the client continues at once.

use super::{
    World,
    kernel::{Kernel, LinkIo, Outlet},
};
use crate::{clients::ClientEffect, faults::Lost};
use indoubt_driver::{
    gate::{Disposition, Edge, FaultPlan, GateDecision, Moment},
    packet::Packet,
    port::Port,
};
use indoubt_proto::ids::NodeId;

/// The links of one client.
pub(super) struct Client {
    pub(super) port: Port,
    outlet: Outlet,
}

impl Client {
    pub(super) fn new(port: Port, outlet: Outlet) -> Self {
        Client { port, outlet }
    }

    pub(super) fn set_plan(&mut self, plan: FaultPlan, kernel: &Kernel<'_>) {
        self.outlet.connect(&plan.links, &kernel.layout);
        self.port.gate.set(plan);
    }

    pub(super) fn slot(&self) -> usize {
        self.outlet.slot
    }

    fn with_link<'a, 'k>(&'a mut self, kernel: &'a mut Kernel<'k>) -> (&'a mut Port, LinkIo<'a, 'k>) {
        let id = self.port.id;
        (&mut self.port, LinkIo { kernel, id, outlet: &self.outlet })
    }
}

impl World<'_> {
    pub(super) fn arrive_at_client(&mut self, client: usize, packet: Packet) {
        let moment = Moment::Deliver { from: packet.id.from, message: &packet.message };
        let faults = self.ask_for_client(client, &moment);
        self.fared(packet.id, faults.drop);
        let (port, mut link) = self.clients[client].with_link(&mut self.kernel);
        if let Some(message) = port.receive(packet, faults, &mut link) {
            self.pool.message(self.kernel.now, &message, &mut self.client_effects);
            self.act_for_clients();
        }
    }

    /// Performs the effects of the clients.
    pub(super) fn act_for_clients(&mut self) {
        let mut effects = std::mem::take(&mut self.client_effects);
        for effect in effects.drain(..) {
            match effect {
                ClientEffect::Observe { client, observation } => self.kernel.observe(client, observation),
                ClientEffect::Send { from, to, message } => {
                    let client = client_number(from);
                    let faults = self.ask_for_client(client, &Moment::Send { to, message: &message });
                    let (port, mut link) = self.clients[client].with_link(&mut self.kernel);
                    port.send(to, message, faults, &mut link);
                }
            }
        }
        self.client_effects = effects;
    }

    fn ask_for_client(&mut self, client: usize, moment: &Moment<'_>) -> Disposition {
        let port = &mut self.clients[client].port;
        let Some(decision) = port.gate.ask(Edge::Before, moment) else { return Disposition::default() };
        let GateDecision { ask, disposition, .. } = decision;
        if ask.is_empty() {
            return disposition;
        }
        let id = port.id;
        disposition.and(self.consult(id, &ask, moment.txn(), Lost::default()))
    }
}

/// The index of a client among all clients.
pub(super) fn client_number(client: NodeId) -> usize {
    usize::from(client.number) - 1
}
