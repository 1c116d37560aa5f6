//! How a driver takes a message that has arrived: the gate and its faults come first, and then the machine.

use super::{Driver, Stage, Taken};
use crate::{
    gate::{Disposition, Edge, Moment, Verb},
    packet::Packet,
    world::World,
};
use indoubt_proto::{
    ids::NodeId,
    machine::{Effect, Input, Machine},
    message::{Message, Outcome, Reason, ReasonKind},
    time::Micros,
};

impl<M: Machine> Driver<M> {
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

    /// Gives a message to the machine, unless faults drop, hold or refuse it.
    pub(super) fn take<W: World<M>>(&mut self, packet: Packet, faults: Disposition, world: &mut W) {
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
}

/// The refusal of a submission that names a participant whose address this node does not know. Machines do not know their cluster,
/// so a saga would resend to such a participant for ever.
fn refusal_of_strangers<M: Machine>(me: NodeId, message: &Message, world: &impl World<M>) -> Option<Message> {
    let Message::Submit(submission) = message else { return None };
    let stranger = submission.steps.iter().map(|step| step.node).find(|node| !world.knows(*node))?;
    let reason = Reason::new(ReasonKind::BadPlan, format!("{me} does not know of a participant {stranger}"));
    Some(Message::Outcome { txn: submission.txn, outcome: Outcome::Refused(reason) })
}
