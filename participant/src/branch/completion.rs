//! How a branch ends: by a decision, alone before it voted, or by an operator. The outcome record is forced exactly when
//! somebody relies on it (an ACK, an answer to a peer, an operator); otherwise it is lazy.

use super::{Branch, Decided, State, branch_owner};
use crate::{
    acknowledgement::{acknowledgement, send_when_durable},
    context::Context,
    durability::AtDurable,
    effects::{Out, Timer},
    record::{BranchEnd, Heuristic, Record},
};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    machine::Write,
    message::{Decision, Message, ReasonKind},
    observation::Observation,
    operation::Update,
};
use std::sync::Arc;

impl Branch {
    /// A decision, from the coordinator or, with cooperative termination, from a peer.
    pub(crate) fn decided(&mut self, told: Decided, ctx: &mut Context, out: &mut Out) {
        let Decided { from, ticket, decision, ack } = told;
        // A journal other than the one of this branch's ticket says nothing about this branch (rule 13).
        if self.ticket.log != ticket.log {
            return;
        }
        let write = if ack { Write::Forced } else { Write::Lazy };
        let acknowledgement = ack.then(|| (from, acknowledgement(self.txn, ctx.log, true, None, out.last())));
        match (&mut self.state, decision) {
            (State::Heuristic { outcome, .. }, _) => {
                let outcome = *outcome;
                self.decided_after_operator(outcome, told, ctx, out);
            }
            // The coordinator says it again, or is asked, once the operator's record is durable.
            (State::Ending { end: BranchEnd::Heuristic(_), .. }, _) => {}
            (State::Ending { tell, .. }, _) => {
                let is_told =
                    |to: NodeId| tell.iter().any(|(other, m)| *other == to && matches!(m, Message::Ack { .. }));
                let again = acknowledgement.filter(|(to, _)| !is_told(*to));
                tell.extend(again);
            }
            (State::ReadKept { .. }, _) => {
                self.end_read(ctx, out);
                if let Some((to, answer)) = acknowledgement {
                    out.send(to, answer);
                }
            }
            (State::InDoubt { .. }, Decision::Commit) => {
                self.end(BranchEnd::Committed, write, acknowledgement, ctx, out);
            }
            (_, Decision::Abort) => {
                self.end(BranchEnd::Aborted(ReasonKind::Finished), write, acknowledgement, ctx, out);
            }
            // Without this branch's vote nobody can have decided COMMIT (rule 3).
            (_, Decision::Commit) => {}
        }
    }

    /// Ends the branch. A forced outcome keeps the locks, and the messages, until it is durable; a lazy one does not.
    pub(super) fn end(
        &mut self,
        end: BranchEnd,
        write: Write,
        tell: Option<(NodeId, Message)>,
        ctx: &mut Context,
        out: &mut Out,
    ) {
        let (txn, ticket) = (self.txn, self.ticket);
        let prepared = match std::mem::replace(&mut self.state, State::Ended) {
            State::Preparing(doubt) => Some(doubt.prepared),
            State::InDoubt { doubt, .. } => {
                out.disarm(Timer::Inquire(txn));
                Some(doubt.prepared)
            }
            State::Worked(_) => {
                out.disarm(Timer::GiveUp(txn));
                None
            }
            State::Working { .. } | State::ReadKept { .. } => None,
            State::Heuristic { .. } | State::Ending { .. } | State::Ended => None,
        };
        if let Some(outcome) = end.outcome() {
            out.observe(Observation::Decided { txn, outcome });
        }
        let committed = prepared.as_ref().filter(|_| end.outcome() == Some(Decision::Commit));
        if let Some(prepared) = committed {
            ctx.store.apply(&prepared.updates);
        }
        ctx.finished.remember_branch(txn, &ticket, end);
        let record = match end {
            BranchEnd::Heuristic(outcome) => {
                Record::Heuristic(Box::new(Heuristic { txn, ticket, outcome, decided: None }))
            }
            end => Record::Ended { txn, ticket, end },
        };
        let lsn = out.append(record, write);
        if write == Write::Forced {
            ctx.locks.stop_waiting(branch_owner(txn), out);
            self.state = State::Ending { end, prepared, tell: tell.into_iter().collect() };
            ctx.awaited.wait(lsn, AtDurable::Ended(txn));
            return;
        }
        if let Some(prepared) = committed {
            let applied = Observation::Applied { txn, effects: prepared.updates.clone(), log: ctx.log, lsn };
            ctx.awaited.wait(lsn, AtDurable::Observe(Box::new(applied)));
        }
        ctx.outcome_appended(txn, lsn, write);
        ctx.locks.release(branch_owner(txn), out);
        if let Some((to, message)) = tell {
            out.send(to, message);
        }
    }

    /// The forced outcome is durable.
    pub(crate) fn end_is_durable(&mut self, lsn: Lsn, ctx: &mut Context, out: &mut Out) {
        if let Some(applied) = self.owed(lsn, ctx) {
            out.observe(applied);
        }
        let State::Ending { end, tell, .. } = std::mem::replace(&mut self.state, State::Ended) else { return };
        ctx.locks.release(branch_owner(self.txn), out);
        for (to, message) in tell {
            out.send(to, message);
        }
        if let BranchEnd::Heuristic(outcome) = end {
            // The coordinator may not have decided yet, or may ask for no ACK: it hears of the operator at once.
            out.send(self.txn.home, acknowledgement(self.txn, ctx.log, true, Some(outcome), out.last()));
            self.state = State::Heuristic { outcome, decided: None, inquiries: 0 };
            out.arm(Timer::Inquire(self.txn), ctx.settings.timeouts.decision);
        }
    }

    /// The decision reaches a branch that an operator ended. If they agree, no harm was done, and the branch is over
    /// like any other. If not, the coordinator is told, and the branch stays (rules 22 and 23).
    fn decided_after_operator(&mut self, outcome: Decision, told: Decided, ctx: &mut Context, out: &mut Out) {
        let (txn, ticket) = (self.txn, self.ticket);
        let Decided { from, decision, ack, .. } = told;
        out.disarm(Timer::Inquire(txn));
        if decision != outcome {
            let first = !matches!(self.state, State::Heuristic { decided: Some(_), .. });
            self.state = State::Heuristic { outcome, decided: Some(decision), inquiries: 0 };
            if first {
                let record = Record::Heuristic(Box::new(Heuristic { txn, ticket, outcome, decided: Some(decision) }));
                let lsn = out.force(record);
                ctx.outcome_appended(txn, lsn, Write::Forced);
            }
            let answer = acknowledgement(txn, ctx.log, true, Some(outcome), out.last());
            return send_when_durable(txn, ticket, BranchEnd::Heuristic(outcome), from, answer, ctx, out);
        }
        self.state = State::Ended;
        let end = match decision {
            Decision::Commit => BranchEnd::Committed,
            Decision::Abort => BranchEnd::Aborted(ReasonKind::Operator),
        };
        let write = if ack { Write::Forced } else { Write::Lazy };
        ctx.finished.remember_branch(txn, &ticket, end);
        let lsn = out.append(Record::Ended { txn, ticket, end }, write);
        ctx.outcome_appended(txn, lsn, write);
        if ack {
            let answer = acknowledgement(txn, ctx.log, true, None, lsn);
            send_when_durable(txn, ticket, end, from, answer, ctx, out);
        }
    }

    /// What is observed when record `lsn`, its forced outcome, is durable.
    pub(crate) fn owed(&self, lsn: Lsn, ctx: &Context) -> Option<Observation> {
        match &self.state {
            State::Ending { end, prepared: Some(prepared), .. } if end.outcome() == Some(Decision::Commit) => {
                let effects = prepared.updates.clone();
                Some(Observation::Applied { txn: self.txn, effects, log: ctx.log, lsn })
            }
            _ => None,
        }
    }

    /// A READ voter ends, at its vote or at the decision. Nothing is logged and no decision is observed: nobody waits for
    /// its ACK, so the answer to its inquiry may be the presumption about a transaction that ended the other way. That
    /// answer releases its locks and decides nothing.
    pub(super) fn end_read(&mut self, ctx: &mut Context, out: &mut Out) {
        if matches!(self.state, State::ReadKept { .. }) {
            out.disarm(Timer::Inquire(self.txn));
        }
        self.state = State::Ended;
        ctx.finished.remember_branch(self.txn, &self.ticket, BranchEnd::Read);
        ctx.locks.release(branch_owner(self.txn), out);
    }

    /// An operator ends it, whatever the coordinator decided.
    pub(crate) fn resolve(&mut self, decision: Decision, ctx: &mut Context, out: &mut Out) {
        out.observe(Observation::Heuristic { txn: self.txn, outcome: decision });
        if matches!(self.state, State::ReadKept { .. }) {
            // It has no effect, but gives up the locks that keep what it read.
            return self.end_read(ctx, out);
        }
        self.end(BranchEnd::Heuristic(decision), Write::Forced, None, ctx, out);
    }

    /// What a COMMIT in the log applies in recovery.
    pub(crate) fn into_updates(self) -> Option<Vec<Update>> {
        match self.state {
            State::InDoubt { doubt, .. } => Some(Arc::unwrap_or_clone(doubt.prepared).updates),
            _ => None,
        }
    }
}
