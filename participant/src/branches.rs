//! The 2PC branches of a participant: routes each message to its branch, and answers for branches that are finished or were
//! never here.

use crate::{
    acknowledgement::{acknowledgement, send_when_durable},
    branch::{Ballot, Branch, Decided, vote, vote_no},
    context::Context,
    durability::AtDurable,
    effects::{Out, Timer},
    finished_log::Past,
    record::{BranchEnd, Record},
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Ticket, TxnId},
    inspect::OpenView,
    machine::Write,
    message::{Answer, Decision, Message, Reason, ReasonKind, Vote, WorkResult},
    observation::Observation,
    plan::StepOps,
};
use std::collections::BTreeMap;

/// The unfinished branches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Branches {
    open: BTreeMap<TxnId, Branch>,
}

impl Branches {
    /// Lets an unfinished branch handle an event, and removes it if that finished it. Returns `false` if the branch is not
    /// here.
    pub(crate) fn with(&mut self, txn: TxnId, act: impl FnOnce(&mut Branch)) -> bool {
        let Some(branch) = self.open.get_mut(&txn) else { return false };
        act(branch);
        if branch.has_ended() {
            self.open.remove(&txn);
        }
        true
    }

    pub(crate) fn get(&self, txn: TxnId) -> Option<&Branch> {
        self.open.get(&txn)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Branch> {
        self.open.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Branch> {
        self.open.values_mut()
    }

    /// Adds a branch that the log shows as prepared.
    pub(crate) fn insert(&mut self, branch: Branch) {
        self.open.insert(branch.txn(), branch);
    }

    /// Removes a branch that the log shows as finished.
    pub(crate) fn remove(&mut self, txn: TxnId, ticket: &Ticket) -> Option<Branch> {
        self.open.get(&txn).filter(|branch| branch.is_of(ticket))?;
        self.open.remove(&txn)
    }

    /// Whether an unfinished branch here has this name but belongs to another transaction, from a journal that their
    /// coordinator lost. A request about one transaction is never answered with the state of the other.
    fn is_taken(&self, txn: TxnId, ticket: &Ticket) -> bool {
        self.open.get(&txn).is_some_and(|branch| !branch.is_of(ticket))
    }

    /// Handles WORK: the branch locks its records and stages its operations.
    pub(crate) fn work(&mut self, txn: TxnId, ticket: Ticket, steps: Vec<StepOps>, ctx: &mut Context, out: &mut Out) {
        if self.is_taken(txn, &ticket) {
            let result = WorkResult::Failed(ReasonKind::NameTaken.into());
            return out.send(txn.home, Message::WorkDone { txn, result });
        }
        if let Some(branch) = self.open.get(&txn) {
            return branch.work_again(out);
        }
        let reason = match ctx.finished.branch(txn, &ticket) {
            Some(Past::Forgotten) => ReasonKind::Finished.into(),
            Some(Past::Known(end)) => end.reason(),
            None => {
                self.open.insert(txn, Branch::open(txn, ticket, steps, None, ctx));
                return;
            }
        };
        out.send(txn.home, Message::WorkDone { txn, result: WorkResult::Failed(reason) });
    }

    /// Handles PREPARE: the branch votes. A finished branch never votes YES again (rule 17b).
    pub(crate) fn prepare(
        &mut self,
        txn: TxnId,
        ticket: Ticket,
        steps: Vec<StepOps>,
        ballot: Ballot,
        ctx: &mut Context,
        out: &mut Out,
    ) {
        if self.is_taken(txn, &ticket) {
            out.observe(Observation::Voted { txn, vote: Vote::No });
            return out.send(txn.home, vote_no(txn, ctx.log, ReasonKind::NameTaken.into()));
        }
        if let Some(branch) = self.open.get_mut(&txn) {
            branch.prepare(ballot, ctx, out);
            if branch.has_ended() {
                self.open.remove(&txn);
            }
            return;
        }
        let answer = match ctx.finished.branch(txn, &ticket) {
            Some(Past::Forgotten) => vote_no(txn, ctx.log, ReasonKind::Finished.into()),
            // The coordinator had this vote already; otherwise it could not have decided COMMIT.
            Some(Past::Known(BranchEnd::Committed)) => return,
            Some(Past::Known(BranchEnd::Heuristic(by_operator))) => {
                acknowledgement(txn, ctx.log, true, Some(by_operator), out.last())
            }
            Some(Past::Known(BranchEnd::Read)) => vote(txn, ctx.log, Vote::ReadOnly, Lsn(0), Vec::new(), None),
            Some(Past::Known(end)) => {
                if aborted_alone(end) {
                    out.observe(Observation::Voted { txn, vote: Vote::No });
                }
                vote_no(txn, ctx.log, end.reason())
            }
            None if ballot.with_work => {
                self.open.insert(txn, Branch::open(txn, ticket, steps, Some(ballot), ctx));
                return;
            }
            None => {
                // The work was lost in a restart. The branch has not voted, so it aborts on its own (rule 11).
                out.observe(Observation::Voted { txn, vote: Vote::No });
                log_abort(txn, ticket, BranchEnd::Aborted(ReasonKind::GaveUp), Write::Lazy, ctx, out);
                vote_no(txn, ctx.log, Reason::new(ReasonKind::GaveUp, "its work is not here"))
            }
        };
        out.send(txn.home, answer);
    }

    /// Handles a decision. Only an unfinished branch follows it (rule 2).
    pub(crate) fn decided(&mut self, txn: TxnId, told: Decided, ctx: &mut Context, out: &mut Out) {
        let Decided { from, ticket, decision, ack } = told;
        if !self.is_taken(txn, &ticket) && self.with(txn, |branch| branch.decided(told, ctx, out)) {
            return;
        }
        let log = ctx.log;
        match ctx.finished.branch(txn, &ticket) {
            Some(Past::Known(BranchEnd::Heuristic(by_operator))) if ack || by_operator != decision => {
                out.send(from, acknowledgement(txn, log, true, Some(by_operator), out.last()));
            }
            Some(Past::Known(end)) if ack => {
                let answer = acknowledgement(txn, log, end != BranchEnd::Barred, None, out.last());
                send_when_durable(txn, ticket, end, from, answer, ctx, out);
            }
            Some(Past::Known(_)) => {}
            None if decision == Decision::Abort => {
                let write = if ack { Write::Forced } else { Write::Lazy };
                let lsn = log_abort(txn, ticket, BranchEnd::Barred, write, ctx, out);
                if ack {
                    let answer = acknowledgement(txn, log, false, None, lsn);
                    ctx.awaited.wait(lsn, AtDurable::Send(from, Box::new(answer)));
                }
            }
            // Below the mark it is finished, whatever it was. Otherwise this journal never had it.
            past @ (Some(Past::Forgotten) | None) if ack => {
                out.send(from, acknowledgement(txn, log, past.is_some(), None, out.last()));
            }
            Some(Past::Forgotten) | None => {}
        }
    }

    /// Handles the inquiry of a peer in doubt. A participant that knows the decision answers with it. One that has not
    /// voted aborts durably and answers ABORT. One that may have known the outcome and forgotten it answers UNKNOWN, never
    /// ABORT (rule 7).
    pub(crate) fn inquired(&mut self, from: NodeId, txn: TxnId, ticket: Ticket, ctx: &mut Context, out: &mut Out) {
        if !self.is_taken(txn, &ticket) && self.with(txn, |branch| branch.inquired(from, ticket, ctx, out)) {
            return;
        }
        let decided = |decision| Message::Decision { txn, ticket, decision, ack: false };
        match ctx.finished.branch(txn, &ticket) {
            Some(Past::Known(BranchEnd::Committed)) => out.send(from, decided(Decision::Commit)),
            Some(Past::Known(end @ (BranchEnd::Aborted(_) | BranchEnd::Barred))) => {
                send_when_durable(txn, ticket, end, from, decided(Decision::Abort), ctx, out);
            }
            None if !ctx.may_have_forgotten_a_vote() => {
                let lsn = log_abort(txn, ticket, BranchEnd::Barred, Write::Forced, ctx, out);
                ctx.awaited.wait(lsn, AtDurable::Send(from, Box::new(decided(Decision::Abort))));
            }
            // An operator's action does not reveal the decision.
            Some(Past::Known(BranchEnd::Read | BranchEnd::Heuristic(_)) | Past::Forgotten) | None => {
                out.send(from, Message::Answer { txn, answer: Answer::Unknown });
            }
        }
    }

    /// An operator ends one branch that waits for its decision, or all such branches.
    pub(crate) fn resolve(
        &mut self,
        from: NodeId,
        txn: Option<TxnId>,
        decision: Decision,
        ctx: &mut Context,
        out: &mut Out,
    ) {
        let waiting = |branch: &&Branch| branch.awaits_decision();
        let found: Vec<TxnId> = match txn {
            Some(txn) => self.open.get(&txn).filter(waiting).map(Branch::txn).into_iter().collect(),
            None => self.open.values().filter(waiting).map(Branch::txn).collect(),
        };
        for txn in &found {
            self.with(*txn, |branch| branch.resolve(decision, ctx, out));
        }
        let detail = match (txn, found.len()) {
            (Some(txn), 0) => format!("{txn} is not in doubt at {}", ctx.id),
            (None, 0) => format!("nothing is in doubt at {}", ctx.id),
            (_, 1) => format!("{} ended {} by {}", ctx.id, found[0], decision.word()),
            (_, count) => format!("{} ended {count} branches by {}", ctx.id, decision.word()),
        };
        let done = Message::Done { count: u32::try_from(found.len()).unwrap_or(u32::MAX), detail };
        match found.is_empty() {
            true => out.send(from, done),
            false => ctx.awaited.wait(out.last(), AtDurable::Send(from, Box::new(done))),
        }
    }

    /// An operator orders the participant to forget a branch that an operator had ended (rule 23). Until its coordinator
    /// has finished the transaction, the participant still answers how the branch ended.
    pub(crate) fn forget(&mut self, from: NodeId, txn: TxnId, ctx: &mut Context, out: &mut Out) {
        let ticket = self.open.get(&txn).filter(|branch| branch.heuristic().is_some()).map(Branch::ticket);
        let Some(ticket) = ticket else {
            let detail = format!("no operator ended {txn} at {}", ctx.id);
            return out.send(from, Message::Done { count: 0, detail });
        };
        self.open.remove(&txn);
        out.disarm(Timer::Inquire(txn));
        let lsn = out.force(Record::Forgotten { txn, ticket });
        let detail = format!("{} forgot {txn}", ctx.id);
        ctx.awaited.wait(lsn, AtDurable::Send(from, Box::new(Message::Done { count: 1, detail })));
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = OpenView> {
        self.open.values().map(Branch::view)
    }
}

/// Whether the branch aborted before its vote. Then it answers PREPARE with NO.
fn aborted_alone(end: BranchEnd) -> bool {
    matches!(end, BranchEnd::Aborted(ReasonKind::GaveUp | ReasonKind::LockTimeout) | BranchEnd::Barred)
}

/// Records an abort for a branch that is not here, so that a late request is refused.
fn log_abort(txn: TxnId, ticket: Ticket, end: BranchEnd, write: Write, ctx: &mut Context, out: &mut Out) -> Lsn {
    out.observe(Observation::Decided { txn, outcome: Decision::Abort });
    ctx.finished.remember_branch(txn, &ticket, end);
    let lsn = out.append(Record::Ended { txn, ticket, end }, write);
    ctx.outcome_appended(txn, lsn, write);
    lsn
}
