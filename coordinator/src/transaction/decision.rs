//! The decision of a transaction: from the last vote to the last ACK.

use super::{State, Transaction};
use crate::{
    branch::{self, Heard},
    context::Context,
    decision_delivery::{Acknowledged, DecisionDelivery, heuristic},
    effects::{CoordinatorTimer, Out},
    record::CoordinatorRecord,
};
use indoubt_proto::{
    ids::{Lsn, NodeId, TxnId},
    machine::Write,
    message::{Answer, Decision, Message, Outcome, ReadVote, Reason, ReasonKind},
    observation::{Observation, Phase},
    settings::AnswerWhen,
};

impl Transaction {
    /// All votes have arrived, and none is NO (rule 3).
    pub(super) fn commit(&mut self, ctx: &mut Context, out: &mut Out) {
        self.reads.sort_by_key(|read| read.step);
        let write = if self.branches.iter().any(|b| matches!(b.heard, Heard::Yes(..))) {
            self.reach(Phase::WorkDone, out);
            Some(ctx.row().commit)
        } else {
            ctx.row().read_only
        };
        let Some(write) = write else { return self.decide(Decision::Commit, None, ctx, out) };
        let committed = out.append(self.committed(ctx), write);
        ctx.wait(committed, self.txn);
        self.state = State::Committing { committed };
    }

    pub(super) fn abort(&mut self, reason: Reason, ctx: &mut Context, out: &mut Out) {
        let Some(write) = ctx.row().abort else { return self.decide(Decision::Abort, Some(reason), ctx, out) };
        let aborted = out.append(self.aborted(&reason), write);
        ctx.wait(aborted, self.txn);
        self.state = State::Aborting { aborted, reason };
    }

    /// This record is durable. If the transaction awaits it, it continues.
    pub(crate) fn durable(&mut self, lsn: Lsn, ctx: &mut Context, out: &mut Out) {
        match &mut self.state {
            State::Working { initiation, .. } if *initiation == Some(lsn) => *initiation = None,
            State::Initiating { initiation } if *initiation == lsn => self.prepare(ctx, out),
            State::Committing { committed } if *committed == lsn => self.decide(Decision::Commit, None, ctx, out),
            State::Aborting { aborted, reason } if *aborted == lsn => {
                let reason = reason.clone();
                self.decide(Decision::Abort, Some(reason), ctx, out);
            }
            _ => {}
        }
    }

    /// The transaction is decided now. Sends the decision to the participants first, then the outcome to the clients.
    /// `reason` belongs to an abort.
    fn decide(&mut self, decision: Decision, reason: Option<Reason>, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        out.observe(Observation::Decided { txn, outcome: decision });
        let due = branch::due(&self.branches, decision);
        // If all participants only read, no participant waits for the decision.
        let counts = decision == Decision::Commit && !due.is_empty();
        if counts {
            self.reach(Phase::Decided, out);
        }
        // READ voters that keep their locks until the decision receive it too, and owe no ACK.
        let readers = self.branches.iter().filter(|b| b.heard == Heard::Read && ctx.read_vote() != ReadVote::Release);
        let told = due.iter().map(|v| (v.node, ctx.row().acks(decision))).chain(readers.map(|b| (b.node, false)));
        let told: Vec<(NodeId, bool)> = told.collect();
        let ticket = ctx.serials.ticket(self.serial);
        for (index, &(node, ack)) in told.iter().enumerate() {
            out.send(node, Message::Decision { txn, ticket, decision, ack });
            if counts && index == 0 && told.len() > 1 {
                self.reach(Phase::HalfTold, out);
            }
        }
        // A commit of READ voters is not acknowledged, so its record needs no end record.
        let owed = ctx.row().acks(decision) && (decision == Decision::Abort || !due.is_empty());
        let overruled = if owed { Vec::new() } else { branch::overruled(&self.branches, decision) };
        // Participants that receive a decision without an ACK send nothing more.
        let told_and_trusted = if owed { 0 } else { due.len().saturating_sub(overruled.len()) };
        let followed = branch::aborted_alone(&self.branches) + told_and_trusted;
        let plain = match reason {
            Some(reason) => Outcome::Aborted(reason),
            None => Outcome::Committed { reads: std::mem::take(&mut self.reads) },
        };
        let outcome = heuristic(decision, followed, &overruled, &[]).unwrap_or(plain);
        observe_heuristic(txn, &outcome, out);
        if owed && !due.is_empty() && ctx.settings.options.answer == AnswerWhen::Acknowledged {
            self.untold = Some(outcome);
        } else {
            self.tell_clients(outcome, ctx, out);
        }
        match (owed, due.is_empty()) {
            (false, _) => self.forget(out),
            (true, true) => self.end(None, ctx, out),
            (true, false) => {
                let delivery = DecisionDelivery::new(decision, due, followed, overruled);
                delivery.arm(txn, ctx, out);
                self.state = State::Delivering(delivery);
            }
        }
        self.branches.clear();
    }

    /// Sends all clients the outcome, and remembers it for clients that ask again.
    fn tell_clients(&mut self, outcome: Outcome, ctx: &mut Context, out: &mut Out) {
        for client in std::mem::take(&mut self.clients) {
            out.send(client, Message::Outcome { txn: self.txn, outcome: outcome.clone() });
        }
        ctx.admission.remember(self.txn, outcome);
    }

    /// A participant acknowledged the decision, or reports that an operator ended its branch before the decision.
    pub(crate) fn acked(&mut self, node: NodeId, said: Acknowledged, ctx: &mut Context, out: &mut Out) {
        match &mut self.state {
            State::Delivering(delivery) => {
                if delivery.acked(self.txn, node, said, out) {
                    self.all_acked(ctx, out);
                }
            }
            State::Voting { .. } | State::Committing { .. } | State::Aborting { .. } => {
                let Some(by_operator) = said.heuristic else { return };
                let Some(branch) = self.branches.iter_mut().find(|branch| branch.node == node) else { return };
                branch.heuristic = Some(by_operator);
                if by_operator == Decision::Abort && matches!(self.state, State::Voting { .. }) {
                    // Nothing is decided yet. A commit would now leave this branch out.
                    self.abort(Reason::new(ReasonKind::Operator, format!("aborted at {node}")), ctx, out);
                }
            }
            State::Working { .. } | State::Initiating { .. } | State::Ended => {}
        }
    }

    /// An operator gives up waiting for the due ACKs. Returns `false` if none are due.
    pub(crate) fn give_up_on_acks(&mut self, ctx: &mut Context, out: &mut Out) -> bool {
        let delivering = matches!(self.state, State::Delivering(_));
        if delivering {
            self.all_acked(ctx, out);
        }
        delivering
    }

    /// All ACKs have arrived, or an operator gave up waiting.
    fn all_acked(&mut self, ctx: &mut Context, out: &mut Out) {
        let State::Delivering(delivery) = &self.state else { return };
        out.disarm(CoordinatorTimer::Resend(self.txn));
        let heuristic = delivery.heuristic();
        if let Some(outcome) = &heuristic {
            observe_heuristic(self.txn, outcome, out);
        }
        if let Some(outcome) = heuristic.clone().or(self.untold.take()) {
            self.tell_clients(outcome, ctx, out);
        }
        self.end(heuristic, ctx, out);
    }

    /// No ACK is due any more. `heuristic` is the outcome if operators ended branches against the decision.
    fn end(&mut self, heuristic: Option<Outcome>, ctx: &Context, out: &mut Out) {
        let row = ctx.row();
        // Presumed commit writes no abort record, so this record must keep the reason.
        let abort = match ctx.admission.outcome(self.txn) {
            Some(outcome @ Outcome::Aborted(_)) if row.abort.is_none() => Some(outcome.clone()),
            _ => None,
        };
        // The participant forgets a heuristic end when an operator tells it to. After that, only this record keeps it.
        let write = if heuristic.is_some() { Write::Forced } else { row.end };
        out.append(CoordinatorRecord::End { txn: self.txn, outcome: heuristic.or(abort) }, write);
        self.forget(out);
    }

    /// The transaction is finished and can be removed.
    pub(crate) fn forget(&mut self, out: &mut Out) {
        self.reach(Phase::Ended, out);
        self.state = State::Ended;
    }

    /// Sends the decision to all participants that owe an ACK, as the first action after a restart (rules 14 and 15).
    pub(crate) fn deliver_again(&self, ctx: &Context, out: &mut Out) {
        if let State::Delivering(delivery) = &self.state {
            delivery.send(self.txn, ctx.serials.ticket(self.serial), out);
            delivery.arm(self.txn, ctx, out);
        }
    }

    /// The retry timeout for missing ACKs fired (rule 15).
    pub(crate) fn resend(&mut self, ctx: &Context, out: &mut Out) {
        if let State::Delivering(delivery) = &mut self.state {
            delivery.resend(self.txn, ctx.serials.ticket(self.serial), out);
            delivery.arm(self.txn, ctx, out);
        }
    }

    /// Answers the inquiry of a participant in doubt (rules 13 to 15). Before the decision, the answer is never a decision.
    pub(crate) fn answer(&self, node: NodeId, ctx: &Context) -> Message {
        match &self.state {
            State::Delivering(delivery) => delivery.decision(self.txn, ctx.serials.ticket(self.serial), node),
            _ => Message::Answer { txn: self.txn, answer: Answer::InDoubt },
        }
    }

    /// The record of a commit.
    pub(super) fn committed(&self, ctx: &Context) -> CoordinatorRecord {
        let due = if ctx.row().ack_commit { branch::due(&self.branches, Decision::Commit) } else { Vec::new() };
        let reads = self.reads.clone();
        CoordinatorRecord::Committed { txn: self.txn, serial: self.serial, audit: self.audit, reads, due }
    }

    /// The record of an abort.
    pub(super) fn aborted(&self, reason: &Reason) -> CoordinatorRecord {
        let (reason, due) = (reason.clone(), branch::due(&self.branches, Decision::Abort));
        CoordinatorRecord::Aborted {
            txn: self.txn,
            serial: self.serial,
            audit: self.audit,
            reason,
            due,
            followed: branch::aborted_alone(&self.branches),
        }
    }
}

/// Observes the outcome of a transaction in which operators ended branches.
pub(crate) fn observe_heuristic(txn: TxnId, outcome: &Outcome, out: &mut Out) {
    if let Outcome::Heuristic { outcome, .. } = outcome {
        out.observe(Observation::HeuristicOutcome { txn, outcome: *outcome });
    }
}
