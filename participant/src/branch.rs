//! One branch of a two-phase commit, from its work to its vote. How it asks for the decision is in `inquiry`, how it ends
//! in `completion`.
//!
//! The states of a branch, and to which of them one input brings it (tests/diagram.rs):
//!
//! ```text
//! new       -> Working | Worked | Preparing | ReadKept
//! Working   -> Worked | Preparing | ReadKept | Ending | over
//! Worked    -> Preparing | ReadKept | Ending | over
//! Preparing -> InDoubt | Ending | over
//! InDoubt   -> Ending | over
//! ReadKept  -> over
//! Ending    -> Heuristic | over
//! Heuristic -> over
//! recovered -> InDoubt | Heuristic
//! ```

use crate::{
    acknowledgement::acknowledgement,
    context::Context,
    durability::AtDurable,
    effects::{Out, Timer},
    locks::{Owner, Part},
    record::{BranchEnd, Heuristic, Prepared, Record},
    store::{Staged, written},
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Ticket, TxnId},
    inspect::{LockMode, OpenView},
    machine::Write,
    message::{Decision, Message, ReadVote, Reason, ReasonKind, Vote, WorkResult},
    observation::Observation,
    operation::{Key, ReadValue},
    plan::StepOps,
};
use std::sync::Arc;

mod completion;
mod inquiry;

/// A branch that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Branch {
    txn: TxnId,
    ticket: Ticket,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Waits for its locks. If `ballot` is there, PREPARE has arrived already.
    Working { steps: Vec<StepOps>, ballot: Option<Ballot> },
    /// Has its locks; waits for PREPARE.
    Worked(Staged),
    /// Its prepared record is being forced; it has not voted.
    Preparing(Doubt),
    /// Voted YES: from here on only the coordinator decides (rule 6). `inquiries` were sent.
    InDoubt { doubt: Doubt, place: Lsn, inquiries: u32 },
    /// Voted READ and keeps its locks until the decision (rule 12).
    ReadKept { reads: Vec<ReadValue>, peers: Vec<NodeId>, inquiries: u32 },
    /// An operator ended it, and it holds nothing any more. It asks its coordinator until it knows what was `decided`, and
    /// stays until an operator has it forgotten (rule 23).
    Heuristic { outcome: Decision, decided: Option<Decision>, inquiries: u32 },
    /// Its outcome is being forced; then its locks are released and the messages in `tell` are sent.
    Ending { end: BranchEnd, prepared: Option<Arc<Prepared>>, tell: Vec<(NodeId, Message)> },
    /// To be removed.
    Ended,
}

/// What PREPARE says besides the operations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ballot {
    pub(crate) peers: Vec<NodeId>,
    pub(crate) read_vote: ReadVote,
    /// Whether the operations came with it, so that the vote tells what the reads found.
    pub(crate) with_work: bool,
}

/// A decision as it arrived: the ticket of its sender, and whether it asks for an ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided {
    pub(crate) from: NodeId,
    pub(crate) ticket: Ticket,
    pub(crate) decision: Decision,
    pub(crate) ack: bool,
}

/// What a prepared branch knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Doubt {
    prepared: Arc<Prepared>,
    /// What its vote tells. Empty after a restart, because nobody asks for the vote of an earlier incarnation.
    reads: Vec<ReadValue>,
}

/// The owner of a branch's locks.
pub(crate) fn branch_owner(txn: TxnId) -> Owner {
    Owner { txn, part: Part::Branch }
}

/// A vote of this participant, whose journal is `log`.
/// `place` is that of the prepared record of a YES.
pub(crate) fn vote(
    txn: TxnId,
    log: LogId,
    vote: Vote,
    place: Lsn,
    reads: Vec<ReadValue>,
    reason: Option<Reason>,
) -> Message {
    Message::Vote { txn, vote, log, place, reads, reason }
}

/// A NO, with its reason.
pub(crate) fn vote_no(txn: TxnId, log: LogId, reason: Reason) -> Message {
    vote(txn, log, Vote::No, Lsn(0), Vec::new(), Some(reason))
}

impl Branch {
    /// Begins the work of a branch. With `ballot` it goes on to its vote by itself.
    pub(crate) fn open(
        txn: TxnId,
        ticket: Ticket,
        steps: Vec<StepOps>,
        ballot: Option<Ballot>,
        ctx: &mut Context,
    ) -> Self {
        ctx.locks.begin(branch_owner(txn), steps.iter().flat_map(|step| &step.ops));
        Branch { txn, ticket, state: State::Working { steps, ballot } }
    }

    /// A branch that was found prepared in the log, at `place`. Most are over by the end of the log; those that are not take their
    /// locks back in [`Branch::resume`].
    pub(crate) fn recovered(prepared: Arc<Prepared>, place: Lsn) -> Self {
        let (txn, ticket) = (prepared.txn, prepared.ticket);
        let doubt = Doubt { prepared, reads: Vec::new() };
        Branch { txn, ticket, state: State::InDoubt { doubt, place, inquiries: 0 } }
    }

    /// A branch that was found ended by an operator in the log.
    pub(crate) fn ended_by_operator(txn: TxnId, ticket: Ticket, outcome: Decision, decided: Option<Decision>) -> Self {
        Branch { txn, ticket, state: State::Heuristic { outcome, decided, inquiries: 0 } }
    }

    /// Takes its locks back after a restart (rule 11).
    pub(crate) fn resume(&self, ctx: &mut Context, out: &mut Out) {
        if let Some(prepared) = self.prepared() {
            ctx.locks.retake(branch_owner(self.txn), locks_of(prepared), out);
            out.observe(Observation::InDoubt { txn: self.txn });
        }
    }

    pub(crate) fn txn(&self) -> TxnId {
        self.txn
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Whether it belongs to the transaction of this ticket. Another one may have its name, if their coordinator lost its
    /// journal in between and counts from the start again.
    pub(crate) fn is_of(&self, ticket: &Ticket) -> bool {
        (self.ticket.log, self.ticket.serial) == (ticket.log, ticket.serial)
    }

    /// The record that recreates it, if an operator ended it.
    pub(crate) fn heuristic(&self) -> Option<Heuristic> {
        let (outcome, decided) = match self.state {
            State::Heuristic { outcome, decided, .. } => (outcome, decided),
            State::Ending { end: BranchEnd::Heuristic(outcome), .. } => (outcome, None),
            _ => return None,
        };
        Some(Heuristic { txn: self.txn, ticket: self.ticket, outcome, decided })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(self.state, State::InDoubt { .. })
    }

    /// Whether it voted and waits for the decision, as a YES or a READ voter.
    pub(crate) fn awaits_decision(&self) -> bool {
        matches!(self.state, State::InDoubt { .. } | State::ReadKept { .. })
    }

    /// Its prepared record, if it may have been told to commit and is not over.
    pub(crate) fn prepared(&self) -> Option<&Arc<Prepared>> {
        match &self.state {
            State::Preparing(doubt) | State::InDoubt { doubt, .. } => Some(&doubt.prepared),
            _ => None,
        }
    }

    /// A copy of WORK. It gets the same answer once the work is done.
    pub(crate) fn work_again(&self, out: &mut Out) {
        if let State::Worked(staged) = &self.state {
            let result = WorkResult::Done { reads: staged.reads.clone() };
            out.send(self.txn.home, Message::WorkDone { txn: self.txn, result });
        }
    }

    /// PREPARE: vote. A copy of it gets the same vote again.
    pub(crate) fn prepare(&mut self, ballot: Ballot, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        let (yes_or_read, place, reads) = match &mut self.state {
            State::Working { ballot: slot, .. } => {
                slot.get_or_insert(ballot);
                return;
            }
            State::Worked(_) => return self.decide_vote(ballot, ctx, out),
            State::InDoubt { doubt, place, .. } => (Vote::Yes, *place, doubt.reads.clone()),
            State::ReadKept { reads, .. } => (Vote::ReadOnly, Lsn(0), reads.clone()),
            State::Heuristic { outcome, .. } => {
                out.send(txn.home, acknowledgement(txn, ctx.log, true, Some(*outcome), out.last()));
                return;
            }
            State::Ending { end: BranchEnd::Aborted(_), prepared: None, tell } => {
                out.observe(Observation::Voted { txn, vote: Vote::No });
                tell.push((txn.home, vote_no(txn, ctx.log, ReasonKind::Finished.into())));
                return;
            }
            State::Preparing(_) | State::Ending { .. } | State::Ended => return,
        };
        out.send(txn.home, vote(txn, ctx.log, yes_or_read, place, reads, None));
    }

    /// All its locks are held: the operations are staged.
    pub(crate) fn locked(&mut self, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        let State::Working { steps, ballot } = &mut self.state else { return };
        let ballot = ballot.take();
        let staged = ctx.store.stage(steps.iter().flat_map(|s| s.ops.iter().map(|op| (s.step, op))));
        for ReadValue { step, key, value } in staged.reads.iter().cloned() {
            out.observe(Observation::Read { txn, key, value, step });
        }
        if !ballot.as_ref().is_some_and(|ballot| ballot.with_work) {
            let result = WorkResult::Done { reads: staged.reads.clone() };
            out.send(txn.home, Message::WorkDone { txn, result });
        }
        self.state = State::Worked(staged);
        match ballot {
            Some(ballot) => self.decide_vote(ballot, ctx, out),
            None => out.arm(Timer::GiveUp(txn), ctx.settings.timeouts.work() * 2),
        }
    }

    /// The work is done and PREPARE is here. If a constraint does not hold, the vote is NO. A branch that only read may
    /// vote READ. Before a YES the prepared record is forced.
    fn decide_vote(&mut self, ballot: Ballot, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        let State::Worked(staged) = &mut self.state else { return };
        let reads = if ballot.with_work { std::mem::take(&mut staged.reads) } else { Vec::new() };
        let updates = match &mut staged.outcome {
            Ok(updates) => std::mem::take(updates),
            Err(reason) => {
                let reason = reason.clone();
                out.observe(Observation::Voted { txn, vote: Vote::No });
                let end = BranchEnd::Aborted(reason.kind);
                let no = vote_no(txn, ctx.log, reason);
                return self.end(end, Write::Lazy, Some((txn.home, no)), ctx, out);
            }
        };
        if !ballot.with_work {
            out.disarm(Timer::GiveUp(txn));
        }
        if updates.is_empty() && ballot.read_vote != ReadVote::Never {
            return self.vote_read(ballot, reads, ctx, out);
        }
        let prepared = Arc::new(Prepared {
            txn,
            ticket: self.ticket,
            updates,
            shared: ctx.locks.keys(branch_owner(txn), LockMode::Shared),
            peers: ballot.peers,
        });
        self.state = State::Preparing(Doubt { prepared: prepared.clone(), reads });
        let lsn = out.force(Record::Prepared(prepared));
        ctx.awaited.wait(lsn, AtDurable::Prepared(txn));
    }

    fn vote_read(&mut self, ballot: Ballot, reads: Vec<ReadValue>, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        out.observe(Observation::Voted { txn, vote: Vote::ReadOnly });
        out.send(txn.home, vote(txn, ctx.log, Vote::ReadOnly, Lsn(0), reads.clone(), None));
        if ballot.read_vote == ReadVote::Release {
            return self.end_read(ctx, out);
        }
        self.state = State::ReadKept { reads, peers: ballot.peers, inquiries: 0 };
        out.arm(Timer::Inquire(txn), ctx.settings.timeouts.decision);
    }

    /// The prepared record, at `place`, is durable: only now may the vote leave (rule 11). An ABORT may have come first.
    pub(crate) fn prepared_is_durable(&mut self, place: Lsn, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        let State::Preparing(doubt) = &self.state else { return };
        let doubt = doubt.clone();
        let reads = doubt.reads.clone();
        self.state = State::InDoubt { doubt, place, inquiries: 0 };
        out.observe(Observation::InDoubt { txn });
        out.observe(Observation::Voted { txn, vote: Vote::Yes });
        out.send(txn.home, vote(txn, ctx.log, Vote::Yes, place, reads, None));
        out.arm(Timer::Inquire(txn), ctx.settings.timeouts.decision);
    }

    /// A lock did not come in time: the branch aborts alone, before any vote (rule 6).
    pub(crate) fn lock_timed_out(&mut self, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        let State::Working { ballot, .. } = &self.state else { return };
        let reason = Reason::from(ReasonKind::LockTimeout);
        let answer = if ballot.is_some() {
            out.observe(Observation::Voted { txn, vote: Vote::No });
            vote_no(txn, ctx.log, reason)
        } else {
            Message::WorkDone { txn, result: WorkResult::Failed(reason) }
        };
        let end = BranchEnd::Aborted(ReasonKind::LockTimeout);
        self.end(end, Write::Lazy, Some((txn.home, answer)), ctx, out);
    }

    /// PREPARE never came: the branch has not voted, so it may abort alone (rule 6).
    pub(crate) fn give_up(&mut self, ctx: &mut Context, out: &mut Out) {
        if matches!(self.state, State::Worked(_)) {
            self.end(BranchEnd::Aborted(ReasonKind::GaveUp), Write::Lazy, None, ctx, out);
        }
    }

    pub(crate) fn view(&self) -> OpenView {
        let state = match &self.state {
            State::Working { .. } => "waiting for locks",
            State::Worked(_) => "work done",
            State::Preparing(_) => "preparing",
            State::InDoubt { .. } => "in doubt",
            State::ReadKept { .. } => "voted read",
            State::Heuristic { outcome, decided, .. } => ended_by_hand(*outcome, *decided),
            State::Ending { end: BranchEnd::Committed | BranchEnd::Heuristic(Decision::Commit), .. } => "committing",
            State::Ending { .. } => "aborting",
            State::Ended => "ended",
        };
        OpenView { txn: self.txn, state: state.into(), in_doubt: self.is_in_doubt(), since_us: None }
    }
}

/// How an operator ended a branch, for people.
fn ended_by_hand(outcome: Decision, decided: Option<Decision>) -> &'static str {
    match (outcome, decided) {
        (Decision::Commit, None) => "committed by an operator, decision not known",
        (Decision::Abort, None) => "aborted by an operator, decision not known",
        (Decision::Commit, Some(_)) => "committed by an operator, but the decision was abort",
        (Decision::Abort, Some(_)) => "aborted by an operator, but the decision was commit",
    }
}

/// The locks of a prepared branch, in key order. A record that it wrote is locked exclusively even if it read it too.
fn locks_of(prepared: &Prepared) -> Vec<(Key, LockMode)> {
    let mut locks: Vec<(Key, LockMode)> = prepared.shared.iter().map(|key| (key.clone(), LockMode::Shared)).collect();
    locks.extend(written(&prepared.updates).into_iter().map(|key| (key, LockMode::Exclusive)));
    locks.sort_unstable();
    locks
}
