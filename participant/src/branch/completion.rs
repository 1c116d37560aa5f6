//! The end of a branch: by a decision, on its own before its vote, or by an operator. The outcome record is forced if a
//! message relies on it (an ACK, an answer to a peer, a reply to an operator). Otherwise it is lazy.

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
    /// Handles a decision, from the coordinator or, with cooperative termination, from a peer.
    pub(crate) fn decided(&mut self, told: Decided, ctx: &mut Context, out: &mut Out) {
        let Decided { from, ticket, decision, ack } = told;
        // The decision comes from another journal than this branch's ticket names. It does not concern this branch (rule
        // 13).
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
            // The operator's record is being forced. The coordinator sends its decision again, or is asked, once the record
            // is durable.
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
            // This branch has not voted, so nobody can have decided COMMIT (rule 3).
            (_, Decision::Commit) => {}
        }
    }

    /// Ends the branch. With a forced outcome, locks and messages wait until it is durable. With a lazy one, they do not
    /// wait.
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
            // The coordinator may not have decided yet, or may want no ACK. It is told of the operator's action at once.
            out.send(self.txn.home, acknowledgement(self.txn, ctx.log, true, Some(outcome), out.last()));
            self.state = State::Heuristic { outcome, decided: None, inquiries: 0 };
            out.arm(Timer::Inquire(self.txn), ctx.settings.timeouts.decision);
        }
    }

    /// The decision arrives at a branch that an operator ended. If both agree, no harm was done, and the branch ends like
    /// any other. If not, the branch tells the coordinator, and stays (rules 22 and 23).
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

    /// The observations for when record `lsn`, its forced outcome, is durable.
    pub(crate) fn owed(&self, lsn: Lsn, ctx: &Context) -> Option<Observation> {
        match &self.state {
            State::Ending { end, prepared: Some(prepared), .. } if end.outcome() == Some(Decision::Commit) => {
                let effects = prepared.updates.clone();
                Some(Observation::Applied { txn: self.txn, effects, log: ctx.log, lsn })
            }
            _ => None,
        }
    }

    /// Ends a READ voter, at its vote or at the decision. It writes no record and observes no decision. Nobody waits for
    /// its ACK, so the coordinator may have forgotten the transaction, and the answer to an inquiry may be a presumption
    /// that is wrong. That answer only releases the locks.
    pub(super) fn end_read(&mut self, ctx: &mut Context, out: &mut Out) {
        if matches!(self.state, State::ReadKept { .. }) {
            out.disarm(Timer::Inquire(self.txn));
        }
        self.state = State::Ended;
        ctx.finished.remember_branch(self.txn, &self.ticket, BranchEnd::Read);
        ctx.locks.release(branch_owner(self.txn), out);
    }

    /// An operator ends the branch, whatever the coordinator decided.
    pub(crate) fn resolve(&mut self, decision: Decision, ctx: &mut Context, out: &mut Out) {
        out.observe(Observation::Heuristic { txn: self.txn, outcome: decision });
        if matches!(self.state, State::ReadKept { .. }) {
            // A READ voter has no effects, but it releases the locks that protect the values it read.
            return self.end_read(ctx, out);
        }
        self.end(BranchEnd::Heuristic(decision), Write::Forced, None, ctx, out);
    }

    /// The updates that a COMMIT in the log applies during recovery.
    pub(crate) fn into_updates(self) -> Option<Vec<Update>> {
        match self.state {
            State::InDoubt { doubt, .. } => Some(Arc::unwrap_or_clone(doubt.prepared).updates),
            _ => None,
        }
    }
}
