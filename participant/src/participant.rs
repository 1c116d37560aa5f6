//! The participant's state machine: routes each input to the part that handles it.

use crate::{
    barrier::Request,
    branch::{Ballot, Decided},
    branches::Branches,
    context::Context,
    durability::AtDurable,
    effects::{Out, Timer},
    local_txn::StepName,
    local_txns::LocalTxns,
    locks::{Owner, Part},
    record::Record,
    recovery,
};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    inspect::Inspection,
    machine::{Input, InputOf, Machine},
    message::{Message, StepStyle},
    operation::Key,
    plan::StepOps,
    settings::Settings,
};
use std::collections::BTreeMap;

#[cfg(feature = "mutants")]
mod mutants;

/// A participant (resource manager).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Participant {
    context: Context,
    branches: Branches,
    local_txns: LocalTxns,
    #[cfg(feature = "mutants")]
    pre_images: mutants::PreImages,
}

impl Participant {
    /// Creates a participant that has not had its first input. `accounts` are the opening balances for an empty journal. If
    /// the journal holds a compaction, its data replace them.
    pub fn new(id: NodeId, settings: Settings, accounts: BTreeMap<Key, i64>) -> Self {
        Participant {
            context: Context::new(id, settings, accounts),
            branches: Branches::default(),
            local_txns: LocalTxns::default(),
            #[cfg(feature = "mutants")]
            pre_images: BTreeMap::new(),
        }
    }

    /// Handles one input.
    fn step(&mut self, input: InputOf<Self>, out: &mut Out) {
        match input {
            Input::Recover { log, incarnation, records } => {
                self.context.boot(log, incarnation);
                self.branches = recovery::recover(records, &mut self.context, out);
            }
            Input::Message { from, message } => self.message(from, message, out),
            Input::Durable { upto } => self.durable(upto, out),
            Input::Fired(timer) => self.fired(timer, out),
        }
        self.grant_locks(out);
    }

    /// Continues the acquisition of every owner that may receive more locks.
    fn grant_locks(&mut self, out: &mut Out) {
        while let Some(owner) = self.context.locks.next_ready() {
            if self.context.locks.advance(owner, out) {
                self.locked(owner, out);
            }
        }
    }

    fn message(&mut self, from: NodeId, message: Message, out: &mut Out) {
        self.hear(&message);
        let Participant { context: ctx, branches, local_txns, .. } = self;
        match message {
            Message::Work { txn, ticket, steps } => branches.work(txn, ticket, steps, ctx, out),
            Message::Prepare { txn, ticket, steps, peers, read_vote } => {
                let peers = peers.into_iter().filter(|peer| *peer != ctx.id).collect();
                let ballot = Ballot { peers, read_vote, with_work: !steps.is_empty() };
                branches.prepare(txn, ticket, steps, ballot, ctx, out);
            }
            Message::Decision { txn, ticket, decision, ack } => {
                branches.decided(txn, Decided { from, ticket, decision, ack }, ctx, out);
            }
            Message::Inquire { txn, ticket } => branches.inquired(from, txn, ticket, ctx, out),
            Message::Answer { txn, answer } => {
                branches.with(txn, |branch| branch.answered(from, answer, ctx, out));
            }
            Message::Resolve { txn, decision } => branches.resolve(from, txn, decision, ctx, out),
            Message::Forget { txn } => branches.forget(from, txn, ctx, out),
            Message::Step { txn, ticket, step: StepOps { step, ops }, style: StepStyle::Bare } => {
                local_txns.call(txn, ticket, step, ops, ctx);
            }
            Message::Step { txn, ticket, step: StepOps { step, ops }, style: StepStyle::Saga } => {
                local_txns.request(Request::Step, StepName { txn, ticket, step }, ops, ctx, out);
            }
            Message::Settle { txn, ticket, step } => {
                local_txns.request(Request::Settle, StepName { txn, ticket, step }, Vec::new(), ctx, out);
            }
            Message::Compensate { txn, ticket, step, ops } => {
                local_txns.request(Request::Compensate, StepName { txn, ticket, step }, ops, ctx, out);
            }
            // A participant ignores all other messages.
            _ => {}
        }
    }

    /// Every request carries the mark of its coordinating node (rule 17b). Unprotected calls are not remembered.
    fn hear(&mut self, message: &Message) {
        match message {
            Message::Work { txn, ticket, .. }
            | Message::Prepare { txn, ticket, .. }
            | Message::Decision { txn, ticket, .. }
            | Message::Inquire { txn, ticket }
            | Message::Settle { txn, ticket, .. }
            | Message::Compensate { txn, ticket, .. }
            | Message::Step { txn, ticket, style: StepStyle::Saga, .. } => self.context.finished.hear(*txn, ticket),
            _ => {}
        }
    }

    fn durable(&mut self, upto: Lsn, out: &mut Out) {
        let Participant { context: ctx, branches, local_txns, .. } = self;
        while let Some((lsn, then)) = ctx.awaited.next_durable(upto) {
            match then {
                AtDurable::Prepared(txn) => {
                    branches.with(txn, |branch| branch.prepared_is_durable(lsn, ctx, out));
                }
                AtDurable::Ended(txn) => {
                    branches.with(txn, |branch| branch.end_is_durable(lsn, ctx, out));
                }
                AtDurable::OutcomeDurable(txn) => ctx.finished.durable(txn, lsn),
                AtDurable::LocalTxn(owner) => local_txns.durable(owner, lsn, ctx, out),
                AtDurable::Observe(observation) => out.observe(*observation),
                AtDurable::Send(to, message) => out.send(to, *message),
            }
        }
    }

    fn fired(&mut self, timer: Timer, out: &mut Out) {
        let Participant { context: ctx, branches, local_txns, .. } = self;
        match timer {
            Timer::Lock(owner) if ctx.locks.timed_out(owner, out) => match owner.part {
                Part::Branch => {
                    branches.with(owner.txn, |branch| branch.lock_timed_out(ctx, out));
                }
                _ => local_txns.with(owner, |local_txn| local_txn.lock_timed_out(ctx, out)),
            },
            // The firing is stale.
            Timer::Lock(_) => {}
            Timer::GiveUp(txn) => {
                branches.with(txn, |branch| branch.give_up(ctx, out));
            }
            Timer::Inquire(txn) => {
                branches.with(txn, |branch| branch.inquire(ctx, out));
            }
        }
    }

    /// All locks of `owner` are held.
    fn locked(&mut self, owner: Owner, out: &mut Out) {
        let Participant { context: ctx, branches, local_txns, .. } = self;
        match owner.part {
            Part::Branch => {
                branches.with(owner.txn, |branch| branch.locked(ctx, out));
            }
            _ => local_txns.with(owner, |local_txn| local_txn.locked(ctx, out)),
        }
    }
}

impl Machine for Participant {
    type Record = Record;
    type Timer = Timer;

    #[cfg(not(feature = "mutants"))]
    fn handle(&mut self, input: InputOf<Self>, out: &mut Out) {
        self.step(input, out);
    }

    #[cfg(feature = "mutants")]
    fn handle(&mut self, input: InputOf<Self>, out: &mut Out) {
        self.step_with_bug(input, out);
    }

    fn compact(&self, out: &mut Vec<Record>) {
        recovery::compact(&self.context, &self.branches, &self.local_txns, out);
        #[cfg(feature = "mutants")]
        self.leave_out(out);
    }

    fn inspect(&self, accounts: bool) -> Inspection {
        let ctx = &self.context;
        Inspection {
            locks: ctx.locks.view(),
            open: self.branches.views().chain(self.local_txns.views()).collect(),
            accounts: match accounts {
                true => ctx.store.accounts().map(|(key, value)| (key.clone(), value)).collect(),
                false => Vec::new(),
            },
        }
    }
}
