//! How a 2PC branch ends: by a decision, by its own hand before it voted, by an operator. The outcome record is forced
//! exactly when somebody relies on it (an ACK, an answer to a peer, an operator); otherwise it is lazy.

use crate::{
    branch::{Branch, State, branch_owner},
    memory::{Fate, Past},
    participant::{AtDurable, Participant, Timer},
    record::Record,
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Ticket, TxnId},
    machine::{OutOf, Write},
    message::{Decision, Message, ReasonKind},
    observation::{Abandoned, Observation},
    planted::Mutant,
};

impl Participant {
    /// A decision, from the coordinator or, cooperating, from a peer. Rule 2: only a branch that is not over listens.
    pub(crate) fn on_decision(
        &mut self,
        from: NodeId,
        txn: TxnId,
        ticket: Ticket,
        decision: Decision,
        ack: bool,
        out: &mut OutOf<Self>,
    ) {
        let log = self.log;
        let acknowledge = |known| ack.then_some((from, Message::Ack { txn, log, known }));
        let relied_upon = ack && !self.settings.planted.is(Mutant::AckBeforeForce);
        let write = if relied_upon { Write::Forced } else { Write::Lazy };
        if let Some(branch) = self.branches.get_mut(&txn) {
            // A journal that is not the one of this branch's ticket says nothing about this branch (rule 13).
            if branch.ticket.log != ticket.log {
                return;
            }
            match (&mut branch.state, decision) {
                (State::Ending { tell, .. }, _) => {
                    tell.extend(acknowledge(true).filter(|answer| !tell.contains(answer)));
                }
                (State::ReadKept { .. }, _) => {
                    self.end_read(txn, out);
                    if let Some((to, answer)) = acknowledge(true) {
                        out.send(to, answer);
                    }
                }
                (State::InDoubt { .. }, Decision::Commit) => {
                    self.end_branch(txn, Fate::Committed, write, acknowledge(true), out);
                }
                (_, Decision::Abort) => {
                    self.end_branch(txn, Fate::Aborted(ReasonKind::Finished), write, acknowledge(true), out);
                }
                // Nobody can have decided COMMIT without this vote (rule 3): not about this branch.
                (_, Decision::Commit) => {}
            }
            return;
        }
        match self.memory.branch(txn, &ticket) {
            Some(Past::Known(fate)) => {
                if let Some((to, answer)) = acknowledge(fate != Fate::Barred) {
                    self.tell_hardened(txn, ticket, fate, to, answer, out);
                }
            }
            None if decision == Decision::Abort => {
                let lsn = self.note_abort(txn, ticket, Fate::Barred, write, out);
                if let Some((to, answer)) = acknowledge(false) {
                    self.when_durable(lsn, AtDurable::Tell(to, Box::new(answer)));
                }
            }
            Some(Past::Forgotten) | None => {
                if let Some((to, answer)) = acknowledge(false) {
                    out.send(to, answer);
                }
            }
        }
    }

    /// Ends an open branch. A forced outcome keeps the locks, and silence, until it is durable; a lazy one does not.
    pub(crate) fn end_branch(
        &mut self,
        txn: TxnId,
        fate: Fate,
        write: Write,
        tell: Option<(NodeId, Message)>,
        out: &mut OutOf<Self>,
    ) {
        let Some(Branch { ticket, mut claim, state }) = self.branches.remove(&txn) else { return };
        let prepared = match state {
            State::Preparing(doubt) => Some(doubt.prepared),
            State::InDoubt { doubt, .. } => {
                out.disarm(Timer::Inquire(txn));
                Some(doubt.prepared)
            }
            State::Worked(_) => {
                out.disarm(Timer::GiveUp(txn));
                None
            }
            State::Working { .. } | State::ReadKept { .. } | State::Ending { .. } => None,
        };
        if let Some(outcome) = fate.decision() {
            out.observe(Observation::Decided { txn, outcome });
        }
        let committed = prepared.as_ref().filter(|_| fate == Fate::Committed);
        if let Some(prepared) = committed {
            self.store.apply(&prepared.updates);
        }
        self.memory.remember(txn, &ticket, fate);
        let lsn = out.append(Record::Ended { txn, ticket, fate }, write);
        if write == Write::Forced {
            self.stop_waiting(branch_owner(txn), &mut claim, Abandoned::Abort, out);
            let state = State::Ending { fate, prepared, tell: tell.into_iter().collect() };
            self.branches.insert(txn, Branch { ticket, claim, state });
            self.when_durable(lsn, AtDurable::Ended(txn));
            return;
        }
        if let Some(prepared) = committed {
            let applied = Observation::Applied { txn, effects: prepared.updates.clone(), log: self.log, lsn };
            self.when_durable(lsn, AtDurable::Observe(Box::new(applied)));
        }
        self.freshen(txn, lsn, write);
        self.let_go(branch_owner(txn), claim, out);
        if let Some((to, message)) = tell {
            out.send(to, message);
        }
    }

    /// The forced outcome is durable.
    pub(crate) fn ended(&mut self, txn: TxnId, lsn: Lsn, out: &mut OutOf<Self>) {
        let Some(Branch { claim, state, .. }) = self.branches.remove(&txn) else { return };
        let State::Ending { fate, prepared, tell } = state else { return };
        if let Some(prepared) = prepared.filter(|_| fate == Fate::Committed) {
            let effects = prepared.updates.clone();
            out.observe(Observation::Applied { txn, effects, log: self.log, lsn });
        }
        self.let_go(branch_owner(txn), claim, out);
        for (to, message) in tell {
            out.send(to, message);
        }
    }

    /// A READ voter is out, at its vote or at the decision. Nothing is logged, and nothing is observed as decided: nobody
    /// waits for its ACK, so the answer to its inquiry may be a presumption about a transaction that ended the other way.
    /// That frees its locks, and is no decision.
    pub(crate) fn end_read(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let Some(Branch { ticket, claim, state }) = self.branches.remove(&txn) else { return };
        if matches!(state, State::ReadKept { .. }) {
            out.disarm(Timer::Inquire(txn));
        }
        self.memory.remember(txn, &ticket, Fate::Read);
        self.let_go(branch_owner(txn), claim, out);
    }

    /// Aborts a branch of which nothing is here, so that what comes late finds it over.
    pub(crate) fn note_abort(
        &mut self,
        txn: TxnId,
        ticket: Ticket,
        fate: Fate,
        write: Write,
        out: &mut OutOf<Self>,
    ) -> Lsn {
        out.observe(Observation::Decided { txn, outcome: Decision::Abort });
        self.memory.remember(txn, &ticket, fate);
        let lsn = out.append(Record::Ended { txn, ticket, fate }, write);
        self.freshen(txn, lsn, write);
        lsn
    }

    fn freshen(&mut self, txn: TxnId, lsn: Lsn, write: Write) {
        self.fresh.insert(txn, (lsn, write));
        self.when_durable(lsn, AtDurable::Hardened(txn));
    }

    /// Says what relies on a remembered outcome: once its record is durable, which is forced if it was lazy. (A peer's
    /// word ends a branch lazily; the coordinator's, which asks for an ACK, may come right after.)
    pub(crate) fn tell_hardened(
        &mut self,
        txn: TxnId,
        ticket: Ticket,
        fate: Fate,
        to: NodeId,
        message: Message,
        out: &mut OutOf<Self>,
    ) {
        let lsn = match self.fresh.get(&txn) {
            None => return out.send(to, message),
            Some((lsn, Write::Forced)) => *lsn,
            Some((_, Write::Lazy)) => {
                let lsn = out.force(Record::Ended { txn, ticket, fate });
                self.freshen(txn, lsn, Write::Forced);
                lsn
            }
        };
        self.when_durable(lsn, AtDurable::Tell(to, Box::new(message)));
    }

    /// The operator's hand: ends a branch in doubt, or all of them, whatever the coordinator decided.
    pub(crate) fn on_resolve(&mut self, from: NodeId, txn: Option<TxnId>, decision: Decision, out: &mut OutOf<Self>) {
        let waits = |branch: &Branch| matches!(branch.state, State::InDoubt { .. } | State::ReadKept { .. });
        let found: Vec<TxnId> = match txn {
            Some(txn) => self.branches.get(&txn).filter(|branch| waits(branch)).map(|_| txn).into_iter().collect(),
            None => self.branches.iter().filter(|(_, branch)| waits(branch)).map(|(txn, _)| *txn).collect(),
        };
        for txn in &found {
            if self.branches.get(txn).is_some_and(|branch| matches!(branch.state, State::ReadKept { .. })) {
                self.end_read(*txn, out);
                continue;
            }
            let fate = match decision {
                Decision::Commit => Fate::Committed,
                Decision::Abort => Fate::Aborted(ReasonKind::Operator),
            };
            out.observe(Observation::Heuristic { txn: *txn, outcome: decision });
            self.end_branch(*txn, fate, Write::Forced, None, out);
        }
        let detail = match (txn, found.len()) {
            (Some(txn), 0) => format!("{txn} is not in doubt at {}", self.id),
            (None, 0) => format!("nothing is in doubt at {}", self.id),
            (_, 1) => format!("{} ended {} by {}", self.id, found[0], decision.word()),
            (_, count) => format!("{} ended {count} branches by {}", self.id, decision.word()),
        };
        let done = Message::Done { count: u32::try_from(found.len()).unwrap_or(u32::MAX), detail };
        match found.is_empty() {
            true => out.send(from, done),
            false => self.when_durable(out.last(), AtDurable::Tell(from, Box::new(done))),
        }
    }
}
