//! One branch of a two-phase commit, from its work to its vote. The module `inquiry` asks for the decision, and
//! `completion` ends the branch.
//!
//! The states of a branch, and the states that one input can lead to (checked by tests/diagram.rs):
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

/// An unfinished branch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Branch {
    txn: TxnId,
    ticket: Ticket,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Waits for its locks. `ballot` is set if PREPARE has already arrived.
    Working { steps: Vec<StepOps>, ballot: Option<Ballot> },
    /// Holds its locks and waits for PREPARE.
    Worked(Staged),
    /// Its prepared record is being forced. It has not voted.
    Preparing(Doubt),
    /// Voted YES. From here on only the coordinator decides (rule 6). `inquiries` counts the inquiries sent.
    InDoubt { doubt: Doubt, place: Lsn, inquiries: u32 },
    /// Voted READ and keeps its locks until the decision (rule 12).
    ReadKept { reads: Vec<ReadValue>, peers: Vec<NodeId>, inquiries: u32 },
    /// An operator ended the branch, and it holds no locks any more. It asks its coordinator until it knows what was
    /// `decided`, and stays until an operator orders the participant to forget it (rule 23).
    Heuristic { outcome: Decision, decided: Option<Decision>, inquiries: u32 },
    /// Its outcome is being forced. Then it releases its locks and sends the messages in `tell`.
    Ending { end: BranchEnd, prepared: Option<Arc<Prepared>>, tell: Vec<(NodeId, Message)> },
    /// Finished; the participant removes it.
    Ended,
}

/// The contents of PREPARE without the operations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ballot {
    pub(crate) peers: Vec<NodeId>,
    pub(crate) read_vote: ReadVote,
    /// Whether PREPARE carried the operations, so that the vote carries the values read.
    pub(crate) with_work: bool,
}

/// A decision as it arrived: the sender's ticket, and whether the sender wants an ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided {
    pub(crate) from: NodeId,
    pub(crate) ticket: Ticket,
    pub(crate) decision: Decision,
    pub(crate) ack: bool,
}

/// The data of a prepared branch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Doubt {
    prepared: Arc<Prepared>,
    /// The values read, for the vote. Empty after a restart, because an earlier incarnation's vote is not sent again.
    reads: Vec<ReadValue>,
}

/// The owner of a branch's locks.
pub(crate) fn branch_owner(txn: TxnId) -> Owner {
    Owner { txn, part: Part::Branch }
}

/// A vote of this participant, whose journal is `log`. For a YES, `place` is the position of the prepared record.
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

/// The vote NO with its reason.
pub(crate) fn vote_no(txn: TxnId, log: LogId, reason: Reason) -> Message {
    vote(txn, log, Vote::No, Lsn(0), Vec::new(), Some(reason))
}

impl Branch {
    /// Starts a branch. With `ballot` it votes as soon as its work is done.
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

    /// Recreates a branch that the log shows as prepared, with that record at `place`. Most of them end later in the same
    /// log. The others take their locks back in [`Branch::resume`].
    pub(crate) fn recovered(prepared: Arc<Prepared>, place: Lsn) -> Self {
        let (txn, ticket) = (prepared.txn, prepared.ticket);
        let doubt = Doubt { prepared, reads: Vec::new() };
        Branch { txn, ticket, state: State::InDoubt { doubt, place, inquiries: 0 } }
    }

    /// Recreates a branch that an operator ended, according to the log.
    pub(crate) fn ended_by_operator(txn: TxnId, ticket: Ticket, outcome: Decision, decided: Option<Decision>) -> Self {
        Branch { txn, ticket, state: State::Heuristic { outcome, decided, inquiries: 0 } }
    }

    /// Takes the locks back after a restart (rule 11).
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

    /// Whether the branch belongs to the transaction of this ticket. If the coordinator lost its journal, it numbers
    /// transactions from the start again, so another transaction may have the same name.
    pub(crate) fn is_of(&self, ticket: &Ticket) -> bool {
        (self.ticket.log, self.ticket.serial) == (ticket.log, ticket.serial)
    }

    /// The record that recreates this branch, if an operator ended it.
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

    /// Whether the branch has voted YES or READ and waits for the decision.
    pub(crate) fn awaits_decision(&self) -> bool {
        matches!(self.state, State::InDoubt { .. } | State::ReadKept { .. })
    }

    /// The prepared record, if the branch is unfinished and may receive a COMMIT.
    pub(crate) fn prepared(&self) -> Option<&Arc<Prepared>> {
        match &self.state {
            State::Preparing(doubt) | State::InDoubt { doubt, .. } => Some(&doubt.prepared),
            _ => None,
        }
    }

    /// Handles a copy of WORK. It gets the same answer when the work is done.
    pub(crate) fn work_again(&self, out: &mut Out) {
        if let State::Worked(staged) = &self.state {
            let result = WorkResult::Done { reads: staged.reads.clone() };
            out.send(self.txn.home, Message::WorkDone { txn: self.txn, result });
        }
    }

    /// Handles PREPARE: the branch votes. A copy of PREPARE gets the same vote again.
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

    /// All locks are held. Stages the operations.
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

    /// The work is done and PREPARE has arrived. If a constraint does not hold, the branch votes NO. A branch that only
    /// read may vote READ. Before a YES it forces its prepared record.
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

    /// The prepared record, at position `place`, is durable. Only now may the vote be sent (rule 11). ABORT may have
    /// arrived first.
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

    /// A lock was not granted in time. The branch has not voted, so it aborts on its own (rule 6).
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

    /// PREPARE never arrived. The branch has not voted, so it may abort on its own (rule 6).
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

/// How an operator ended a branch, as text.
fn ended_by_hand(outcome: Decision, decided: Option<Decision>) -> &'static str {
    match (outcome, decided) {
        (Decision::Commit, None) => "committed by an operator, decision not known",
        (Decision::Abort, None) => "aborted by an operator, decision not known",
        (Decision::Commit, Some(_)) => "committed by an operator, but the decision was abort",
        (Decision::Abort, Some(_)) => "aborted by an operator, but the decision was commit",
    }
}

/// The locks of a prepared branch, in key order. A record that it wrote is locked exclusively, even if it also read it.
fn locks_of(prepared: &Prepared) -> Vec<(Key, LockMode)> {
    let mut locks: Vec<(Key, LockMode)> = prepared.shared.iter().map(|key| (key.clone(), LockMode::Shared)).collect();
    locks.extend(written(&prepared.updates).into_iter().map(|key| (key, LockMode::Exclusive)));
    locks.sort_unstable();
    locks
}
