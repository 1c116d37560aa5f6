//! How a driver performs the effects of a step: one after the other, each between the two edges of the gate.

use super::{Driver, Halt, SendState, StepSend};
use crate::{
    gate::{COMPACTION, Disposition, Moment, Verb},
    port::Departure,
    world::World,
};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    machine::{Effect, EffectOf, Machine, Record, Write},
    message::Message,
    observation::Observation,
};

impl<M: Machine> Driver<M> {
    /// Performs the effects of the step, in order, until all are done or the node halts.
    pub(super) fn perform<W: World<M>>(&mut self, world: &mut W) -> Result<Option<Halt>, W::Error> {
        let guarded = self.is_guarded(world);
        while let Some(effect) = self.effects.pop_front() {
            if !guarded {
                // The rule for which it halted may have been removed in the meantime. The lab's answer still counts.
                let faults = self.word.take().unwrap_or_default();
                self.perform_one(effect, faults, world)?;
            } else if let Some(halt) = self.perform_guarded(effect, world)? {
                return Ok(Some(halt));
            }
        }
        Ok(None)
    }

    /// Performs one effect, and asks the gate before and after it.
    fn perform_guarded<W: World<M>>(&mut self, effect: EffectOf<M>, world: &mut W) -> Result<Option<Halt>, W::Error> {
        let before = match &effect {
            Effect::Append { record, .. } => self.before(&of_record(record), world),
            Effect::Send { to, message } => self.before(&Moment::Send { to: *to, message }, world),
            Effect::Compacted { .. } => self.before(&OF_COMPACTION, world),
            Effect::Observe(_) | Effect::Arm { .. } | Effect::Disarm(_) => Ok(Disposition::default()),
        };
        let faults = match before {
            Ok(faults) => faults,
            Err(halt) => {
                self.effects.push_front(effect);
                return Ok(Some(halt));
            }
        };
        match effect {
            Effect::Append { lsn, record, write } => {
                let moment = of_record(&record);
                self.append(lsn, record, write, world)?;
                Ok(self.after(&moment, None, world))
            }
            Effect::Send { to, message } => {
                let (txn, kept) = (message.txn(), self.asks_after(Verb::Send, world).then(|| message.clone()));
                let departure = self.send(to, message, faults, world);
                if let Some(Departure { id, lost }) = departure {
                    let state = match lost {
                        true => SendState::Lost,
                        false if to.is_client() => SendState::Taken,
                        false => SendState::Travelling,
                    };
                    self.sends.push(StepSend { id, to, txn, state });
                }
                let sent = departure.map(|sent| (sent.id, sent.lost));
                match kept {
                    Some(message) => Ok(self.after(&Moment::Send { to, message: &message }, sent, world)),
                    None => {
                        self.tell(sent, world);
                        Ok(None)
                    }
                }
            }
            Effect::Compacted { upto, records } => {
                compact(upto, records, world)?;
                Ok(self.after(&OF_COMPACTION, None, world))
            }
            Effect::Observe(what) => {
                let halt = self.at_observation(&what, world);
                world.witness(what);
                self.tell(None, world);
                Ok(halt)
            }
            effect => self.perform_one(effect, faults, world).map(|()| None),
        }
    }

    fn perform_one<W: World<M>>(
        &mut self,
        effect: EffectOf<M>,
        faults: Disposition,
        world: &mut W,
    ) -> Result<(), W::Error> {
        match effect {
            Effect::Append { lsn, record, write } => self.append(lsn, record, write, world)?,
            Effect::Send { to, message } => {
                self.send(to, message, faults, world);
            }
            Effect::Arm { timer, after } => world.arm(timer, self.port.gate.plan().clock.true_time(after)),
            Effect::Disarm(timer) => world.disarm(timer),
            Effect::Compacted { upto, records } => compact(upto, records, world)?,
            Effect::Observe(what) => world.witness(what),
        }
        Ok(())
    }

    fn append<W: World<M>>(
        &mut self,
        lsn: Lsn,
        record: M::Record,
        write: Write,
        world: &mut W,
    ) -> Result<(), W::Error> {
        let (txn, word) = (record.txn(), record.word());
        world.append(lsn, record, write)?;
        world.observe(|| Observation::Appended { txn, lsn, record: word.into(), write });
        Ok(())
    }

    /// Sends a message. Returns `None` if it answers an operator, because then it does not go over a link.
    fn send<W: World<M>>(
        &mut self,
        to: NodeId,
        message: Message,
        faults: Disposition,
        world: &mut W,
    ) -> Option<Departure> {
        if to == NodeId::LAB {
            world.answer_operator(message);
            return None;
        }
        Some(self.port.send(to, message, faults, world))
    }
}

/// Tells the world to replace the journal up to `upto`.
fn compact<M: Machine, W: World<M>>(upto: Lsn, records: Vec<M::Record>, world: &mut W) -> Result<(), W::Error> {
    let count = records.len() as u64;
    world.compact(upto, records)?;
    world.observe(|| Observation::Compacted { upto, records: count });
    Ok(())
}

const OF_COMPACTION: Moment<'static> = Moment::Append { record: COMPACTION, txn: None };

fn of_record(record: &impl Record) -> Moment<'static> {
    Moment::Append { record: record.word(), txn: record.txn() }
}
