//! Planted bugs (feature `mutants`, only for tests of the checks). The participant itself is correct: each bug changes an
//! input of the participant, or changes what it has just done.

use super::Participant;
use crate::{
    branch::{Branch, Decided, branch_owner},
    effects::{Out, Timer},
    finished_log::Past,
    lock_acquisition::Locks,
    locks::{Owner, Part},
    record::{Record, StepEnd},
};
use indoubt_proto::{
    ids::{NodeId, Ticket, TxnId},
    machine::{Effect, Input, InputOf, Write},
    message::{Answer, Decision, Message, ReadVote, StepStyle, Vote},
    observation::Observation,
    operation::{Key, Operation},
    planted::Mutant,
};
use std::collections::BTreeMap;

/// The values that each applied step found in the records that it changed.
pub(super) type PreImages = BTreeMap<(TxnId, u32), Vec<(Key, i64)>>;

impl Participant {
    /// Handles one input, with the planted bug if there is one.
    pub(super) fn step_with_bug(&mut self, input: InputOf<Self>, out: &mut Out) {
        let Some(mutant) = self.context.settings.planted.mutant() else { return self.step(input, out) };
        match (mutant, input) {
            (Mutant::ForgetPrepared, Input::Recover { log, incarnation, mut records }) => {
                records.retain(|logged| !matches!(logged.record, Record::Prepared(_)));
                self.step(Input::Recover { log, incarnation, records }, out);
            }
            (Mutant::LocksNotRetaken, input @ Input::Recover { .. }) => {
                self.step(input, out);
                self.context.locks = Locks::new(self.context.settings.timeouts.lock);
                let granted =
                    |effect: &Effect<_, _>| matches!(effect, Effect::Observe(Observation::LockGranted { .. }));
                rewrite(out, |effect| Some(effect).filter(|effect| !granted(effect)));
            }
            (Mutant::AbortInDoubt, Input::Fired(Timer::Inquire(txn))) => {
                let ctx = &mut self.context;
                self.branches.with(txn, |branch| match branch.prepared() {
                    Some(prepared) => {
                        let ticket = prepared.ticket;
                        branch.decided(
                            Decided { from: txn.home, ticket, decision: Decision::Abort, ack: false },
                            ctx,
                            out,
                        );
                    }
                    None => branch.inquire(ctx, out),
                });
                self.grant_locks(out);
            }
            (_, Input::Message { from, message }) => self.message_with_bug(mutant, from, message, out),
            (_, input) => self.step(input, out),
        }
        if mutant == Mutant::HeuristicIsAck {
            rewrite(out, |effect| match effect {
                Effect::Send { to, message: Message::Ack { txn, log, known, end, .. } } => {
                    Some(Effect::Send { to, message: Message::Ack { txn, log, known, end, heuristic: None } })
                }
                effect => Some(effect),
            });
        }
        self.follow_up(mutant, out);
    }

    fn message_with_bug(&mut self, mutant: Mutant, from: NodeId, message: Message, out: &mut Out) {
        let before = (mutant == Mutant::RestorePreImage).then(|| self.context.store.clone());
        match (mutant, message) {
            (Mutant::AckBeforeForce, Message::Decision { txn, ticket, decision, ack: true }) => {
                self.pass_on(from, Message::Decision { txn, ticket, decision, ack: false }, out);
                let (log, end) = (self.context.log, out.last());
                out.send(from, Message::Ack { txn, log, known: true, end, heuristic: None });
            }
            (Mutant::ReadUnlocksEarly, Message::Prepare { txn, ticket, steps, peers, read_vote: ReadVote::Keep }) => {
                let read_vote = ReadVote::Release;
                self.pass_on(from, Message::Prepare { txn, ticket, steps, peers, read_vote }, out);
            }
            (Mutant::VoteAfresh, Message::Prepare { txn, ticket, steps, peers, read_vote }) => {
                if !steps.is_empty() && self.branches.get(txn).is_none() {
                    let branch = Branch::open(txn, ticket, steps.clone(), None, &mut self.context);
                    self.branches.insert(branch);
                }
                self.pass_on(from, Message::Prepare { txn, ticket, steps, peers, read_vote }, out);
            }
            (Mutant::PeerGuessesAbort, Message::Inquire { txn, ticket }) => {
                self.pass_on(from, Message::Inquire { txn, ticket }, out);
                let abort = || Message::Decision { txn, ticket, decision: Decision::Abort, ack: false };
                rewrite(out, |effect| match effect {
                    Effect::Send { to, message: Message::Answer { answer: Answer::Unknown, .. } } => {
                        Some(Effect::Send { to, message: abort() })
                    }
                    effect => Some(effect),
                });
            }
            (Mutant::RestorePreImage, Message::Compensate { txn, ticket, step, mut ops }) => {
                if let Some(found) = self.pre_images.get(&(txn, step)) {
                    ops = found.iter().map(|(key, value)| self.put_back(key, *value)).collect();
                }
                self.pass_on(from, Message::Compensate { txn, ticket, step, ops }, out);
            }
            (Mutant::NoEmptyCompensation, Message::Compensate { txn, ticket, step, ops })
                if self.is_idle(txn, step) && self.context.finished.step(txn, &ticket, step).is_none() =>
            {
                self.begin(Owner { txn, part: Part::Undo(step) }, ticket, ops, out);
            }
            (Mutant::LateForwardRuns | Mutant::DuplicateRuns, Message::Step { txn, ticket, step, style })
                if style == StepStyle::Saga
                    && self.is_idle(txn, step.step)
                    && runs_again(mutant, self.context.finished.step(txn, &ticket, step.step)) =>
            {
                self.begin(Owner { txn, part: Part::Step(step.step) }, ticket, step.ops, out);
            }
            (Mutant::AckOfLazyEnd, Message::Decision { txn, ack: true, .. })
                if matches!(self.context.finished.pending(txn), Some((_, Write::Lazy))) =>
            {
                let (log, end) = (self.context.log, out.last());
                out.send(from, Message::Ack { txn, log, known: true, end, heuristic: None });
            }
            (Mutant::OtherJournalDecides, Message::Decision { txn, ticket, decision, ack }) => {
                let ticket = self.branches.get(txn).map_or(ticket, Branch::ticket);
                self.pass_on(from, Message::Decision { txn, ticket, decision, ack }, out);
            }
            (Mutant::HeuristicSpreads, Message::Inquire { txn, ticket }) => {
                let by_operator = self.branches.get(txn).and_then(Branch::heuristic).map(|it| it.outcome);
                self.pass_on(from, Message::Inquire { txn, ticket }, out);
                rewrite(out, |effect| match (by_operator, effect) {
                    (Some(decision), Effect::Send { to, message: Message::Answer { .. } }) => {
                        Some(Effect::Send { to, message: Message::Decision { txn, ticket, decision, ack: false } })
                    }
                    (_, effect) => Some(effect),
                });
            }
            (_, message) => self.pass_on(from, message, out),
        }
        if let Some(before) = before {
            for effect in out.effects() {
                if let Effect::Append { record: Record::StepApplied(applied), .. } = effect {
                    let found = applied.updates.iter().map(|u| (u.key.clone(), before.value(&u.key))).collect();
                    self.pre_images.insert((applied.txn, applied.step), found);
                }
            }
        }
    }

    /// Leaves records out of a compaction, with the planted bug if there is one.
    pub(super) fn leave_out(&self, compaction: &mut Vec<Record>) {
        match self.context.settings.planted.mutant() {
            Some(Mutant::CompactionForgetsDoubt) => {
                compaction.retain(|record| !matches!(record, Record::Prepared(_)));
            }
            Some(Mutant::CompactionForgetsOutcomes) => {
                compaction.retain(|record| !matches!(record, Record::Finished(_)));
            }
            _ => {}
        }
    }

    fn pass_on(&mut self, from: NodeId, message: Message, out: &mut Out) {
        self.step(Input::Message { from, message }, out);
    }

    /// Performs actions too early that should wait for durability.
    fn follow_up(&mut self, mutant: Mutant, out: &mut Out) {
        let early = |effect: &Effect<_, _>| match (mutant, effect) {
            (Mutant::VoteBeforeDurable, Effect::Append { record: Record::Prepared(prepared), .. }) => {
                Some(prepared.txn)
            }
            (Mutant::UnlockAtVote, Effect::Observe(Observation::Voted { txn, vote: Vote::Yes })) => Some(*txn),
            _ => None,
        };
        let found: Vec<TxnId> = out.effects().iter().filter_map(early).collect();
        let ctx = &mut self.context;
        for txn in found {
            match mutant {
                Mutant::VoteBeforeDurable => {
                    let place = out.last();
                    self.branches.with(txn, |branch| branch.prepared_is_durable(place, ctx, out));
                }
                _ => ctx.locks.release(branch_owner(txn), out),
            }
        }
        self.grant_locks(out);
    }

    /// Whether nothing is in progress for a step.
    fn is_idle(&self, txn: TxnId, step: u32) -> bool {
        let open = |part| self.local_txns.get(Owner { txn, part }).is_some();
        !open(Part::Step(step)) && !open(Part::Undo(step))
    }

    fn begin(&mut self, owner: Owner, ticket: Ticket, ops: Vec<Operation>, out: &mut Out) {
        self.local_txns.begin(owner, ticket, ops, &mut self.context);
        self.grant_locks(out);
    }

    /// Sets a record to `value`, whatever its present value is.
    fn put_back(&self, key: &Key, value: i64) -> Operation {
        Operation::Add { key: key.clone(), delta: value.wrapping_sub(self.context.store.value(key)), min: None }
    }
}

fn runs_again(mutant: Mutant, past: Option<Past<&StepEnd>>) -> bool {
    match past {
        Some(Past::Known(StepEnd::Applied(_))) => mutant == Mutant::DuplicateRuns,
        Some(Past::Known(StepEnd::Voided)) => mutant == Mutant::LateForwardRuns,
        _ => false,
    }
}

/// Applies `change` to every effect of this step.
fn rewrite(out: &mut Out, change: impl FnMut(Effect<Record, Timer>) -> Option<Effect<Record, Timer>>) {
    for effect in out.exchange(Vec::new()).into_iter().filter_map(change) {
        out.push(effect);
    }
}
