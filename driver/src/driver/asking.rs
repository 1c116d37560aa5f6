//! How a driver asks the gate. A rule that needs the lab's answer halts the node.

use super::{Driver, Halt};
use crate::{
    gate::{Disposition, Edge, GateDecision, Moment, Verb},
    world::World,
};
use indoubt_proto::{ids::MessageId, machine::Machine, observation::Observation};

impl<M: Machine> Driver<M> {
    pub(super) fn is_guarded<W: World<M>>(&self, world: &W) -> bool {
        self.port.gate.has_rules() || world.is_watched()
    }

    /// Whether the gate or the world wants to know about the time after a moment of this kind.
    pub(super) fn asks_after<W: World<M>>(&self, verb: Verb, world: &W) -> bool {
        world.is_watched() || self.port.gate.concerns(Edge::After, verb)
    }

    /// Asks the gate before a moment. If a rule needs the lab's answer, this is a halt, unless the answer is already there.
    pub(super) fn before<W: World<M>>(&mut self, moment: &Moment<'_>, world: &mut W) -> Result<Disposition, Halt> {
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
    pub(super) fn after<W: World<M>>(
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
    pub(super) fn at_observation<W: World<M>>(&mut self, what: &Observation, world: &mut W) -> Option<Halt> {
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
    pub(super) fn tell<W: World<M>>(&mut self, message: Option<(MessageId, bool)>, world: &mut W) {
        for rule in self.reports.drain(..) {
            world.report(rule, message.map(|(id, _)| id), message.is_some_and(|(_, lost)| lost));
        }
    }
}
