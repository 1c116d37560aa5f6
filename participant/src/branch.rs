//! One branch of a two-phase commit, from its work to its vote. How it ends is in `ending`.

use crate::{
    claim::Claim,
    locks::{Owner, Part},
    memory::{Fate, Past},
    participant::{AtDurable, Participant, Timer},
    record::{Prepared, Record},
    store::Staged,
};
use indoubt_proto::{
    ids::{NodeId, Ticket, TxnId},
    inspect::LockMode,
    machine::{OutOf, Write},
    message::{Message, ReadVote, Reason, ReasonKind, Vote, WorkResult},
    observation::Observation,
    operation::ReadValue,
    plan::StepOps,
    planted::Mutant,
};
use std::sync::Arc;

/// A branch that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Branch {
    pub(crate) ticket: Ticket,
    pub(crate) claim: Claim,
    pub(crate) state: State,
}

/// Where a branch stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Claims its locks. With a ballot, PREPARE is there already.
    Working { steps: Vec<StepOps>, ballot: Option<Ballot> },
    /// Has its locks; waits for PREPARE.
    Worked(Staged),
    /// Its prepared record is being forced; it has not voted.
    Preparing(Doubt),
    /// Voted YES: from here on only the coordinator decides (rule 6). `inquiries` were sent.
    InDoubt { doubt: Doubt, inquiries: u32 },
    /// Voted READ and keeps its locks until the decision (rule 12).
    ReadKept { reads: Vec<ReadValue>, peers: Vec<NodeId>, inquiries: u32 },
    /// Its outcome is being forced; then its locks go and these are told.
    Ending { fate: Fate, prepared: Option<Arc<Prepared>>, tell: Vec<(NodeId, Message)> },
}

/// What PREPARE says besides the operations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ballot {
    pub(crate) peers: Vec<NodeId>,
    pub(crate) read_vote: ReadVote,
    /// Whether the operations came with it, so that the vote tells what the reads found.
    pub(crate) with_work: bool,
}

/// What a prepared branch knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Doubt {
    pub(crate) prepared: Arc<Prepared>,
    /// What its vote tells; nothing after a restart, because nobody asks for a vote of an earlier incarnation.
    pub(crate) reads: Vec<ReadValue>,
}

/// The owner of a branch's locks.
pub(crate) fn branch_owner(txn: TxnId) -> Owner {
    Owner { txn, part: Part::Branch }
}

impl Participant {
    fn vote(&self, txn: TxnId, vote: Vote, reads: Vec<ReadValue>, reason: Option<Reason>) -> Message {
        Message::Vote { txn, vote, log: self.log, reads, reason }
    }

    pub(crate) fn vote_no(&self, txn: TxnId, reason: Reason) -> Message {
        self.vote(txn, Vote::No, Vec::new(), Some(reason))
    }

    /// WORK: claim the locks and stage the operations. A duplicate gets the same answer.
    pub(crate) fn on_work(&mut self, txn: TxnId, ticket: Ticket, steps: Vec<StepOps>, out: &mut OutOf<Self>) {
        let refuse = |reason| Message::WorkDone { txn, result: WorkResult::Failed(reason) };
        if let Some(branch) = self.branches.get(&txn) {
            if let State::Worked(staged) = &branch.state {
                let result = WorkResult::Done { reads: staged.reads.clone() };
                out.send(txn.home, Message::WorkDone { txn, result });
            }
            return;
        }
        match self.memory.branch(txn, &ticket) {
            Some(Past::Forgotten) => out.send(txn.home, refuse(ReasonKind::Finished.into())),
            Some(Past::Known(fate)) => out.send(txn.home, refuse(fate.reason())),
            None => self.open(txn, ticket, steps, None),
        }
    }

    fn open(&mut self, txn: TxnId, ticket: Ticket, steps: Vec<StepOps>, ballot: Option<Ballot>) {
        let claim = Claim::of(steps.iter().flat_map(|step| &step.ops));
        self.branches.insert(txn, Branch { ticket, claim, state: State::Working { steps, ballot } });
        self.ready.push_back(branch_owner(txn));
    }

    /// PREPARE: vote. A duplicate finds the branch prepared (the same vote again) or over (never YES afresh, rule 17b).
    pub(crate) fn on_prepare(
        &mut self,
        txn: TxnId,
        ticket: Ticket,
        steps: Vec<StepOps>,
        peers: Vec<NodeId>,
        read_vote: ReadVote,
        out: &mut OutOf<Self>,
    ) {
        let id = self.id;
        let peers = peers.into_iter().filter(|peer| *peer != id).collect();
        let ballot = Ballot { peers, read_vote, with_work: !steps.is_empty() };
        let refusal = self.vote_no(txn, ReasonKind::Finished.into());
        if let Some(branch) = self.branches.get_mut(&txn) {
            let again = match &mut branch.state {
                State::Working { ballot: slot, .. } => {
                    slot.get_or_insert(ballot);
                    return;
                }
                State::Worked(_) => return self.decide_vote(txn, ballot, out),
                State::InDoubt { doubt, .. } => (Vote::Yes, doubt.reads.clone()),
                State::ReadKept { reads, .. } => (Vote::ReadOnly, reads.clone()),
                State::Ending { fate: Fate::Aborted(_), prepared: None, tell } => {
                    out.observe(Observation::Voted { txn, vote: Vote::No });
                    tell.push((txn.home, refusal));
                    return;
                }
                State::Preparing(_) | State::Ending { .. } => return,
            };
            out.send(txn.home, self.vote(txn, again.0, again.1, None));
            return;
        }
        if self.settings.planted.is(Mutant::VoteAfresh) && ballot.with_work {
            return self.open(txn, ticket, steps, Some(ballot));
        }
        match self.memory.branch(txn, &ticket) {
            Some(Past::Forgotten) => out.send(txn.home, refusal),
            // Its coordinator had this vote, or it could not have decided so.
            Some(Past::Known(Fate::Committed)) => {}
            Some(Past::Known(Fate::Read)) => out.send(txn.home, self.vote(txn, Vote::ReadOnly, Vec::new(), None)),
            Some(Past::Known(fate)) => {
                let aborted_alone = Fate::Aborted(ReasonKind::GaveUp) == fate
                    || Fate::Aborted(ReasonKind::LockTimeout) == fate
                    || Fate::Barred == fate;
                if aborted_alone {
                    out.observe(Observation::Voted { txn, vote: Vote::No });
                }
                out.send(txn.home, self.vote_no(txn, fate.reason()));
            }
            None if ballot.with_work => self.open(txn, ticket, steps, Some(ballot)),
            None => {
                // The work was lost in a restart: not in doubt, so it aborts alone (rule 11).
                out.observe(Observation::Voted { txn, vote: Vote::No });
                self.note_abort(txn, ticket, Fate::Aborted(ReasonKind::GaveUp), Write::Lazy, out);
                let reason = Reason::new(ReasonKind::GaveUp, "its work is not here");
                out.send(txn.home, self.vote_no(txn, reason));
            }
        }
    }

    /// All locks are held: the work is done.
    pub(crate) fn branch_locked(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let Some(branch) = self.branches.get_mut(&txn) else { return };
        let State::Working { steps, ballot } = &mut branch.state else { return };
        let ballot = ballot.take();
        let staged = self.store.stage(steps.iter().flat_map(|s| s.ops.iter().map(|op| (s.step, op))));
        for ReadValue { step, key, value } in staged.reads.iter().cloned() {
            out.observe(Observation::Read { txn, key, value, step });
        }
        if !ballot.as_ref().is_some_and(|ballot| ballot.with_work) {
            let result = WorkResult::Done { reads: staged.reads.clone() };
            out.send(txn.home, Message::WorkDone { txn, result });
        }
        branch.state = State::Worked(staged);
        match ballot {
            Some(ballot) => self.decide_vote(txn, ballot, out),
            None => out.arm(Timer::GiveUp(txn), self.settings.timeouts.work() * 2),
        }
    }

    /// The work is done and PREPARE is there. A constraint that does not hold is a NO; who only read may vote READ; for
    /// a YES the prepared record comes first.
    fn decide_vote(&mut self, txn: TxnId, ballot: Ballot, out: &mut OutOf<Self>) {
        let Some(branch) = self.branches.get_mut(&txn) else { return };
        let State::Worked(staged) = &mut branch.state else { return };
        let reads = if ballot.with_work { std::mem::take(&mut staged.reads) } else { Vec::new() };
        let updates = match &mut staged.outcome {
            Ok(updates) => std::mem::take(updates),
            Err(reason) => {
                let reason = reason.clone();
                out.observe(Observation::Voted { txn, vote: Vote::No });
                let kind = reason.kind;
                let vote = self.vote_no(txn, reason);
                return self.end_branch(txn, Fate::Aborted(kind), Write::Lazy, Some((txn.home, vote)), out);
            }
        };
        if !ballot.with_work {
            out.disarm(Timer::GiveUp(txn));
        }
        if updates.is_empty() && ballot.read_vote != ReadVote::Never {
            return self.vote_read(txn, ballot, reads, out);
        }
        let prepared = Arc::new(Prepared {
            txn,
            ticket: branch.ticket,
            updates,
            shared: branch.claim.keys(LockMode::Shared),
            peers: ballot.peers,
        });
        branch.state = State::Preparing(Doubt { prepared: prepared.clone(), reads });
        let lsn = out.force(Record::Prepared(prepared));
        if self.settings.planted.is(Mutant::VoteBeforeDurable) {
            return self.prepared(txn, out);
        }
        self.when_durable(lsn, AtDurable::Prepared(txn));
    }

    fn vote_read(&mut self, txn: TxnId, ballot: Ballot, reads: Vec<ReadValue>, out: &mut OutOf<Self>) {
        out.observe(Observation::Voted { txn, vote: Vote::ReadOnly });
        out.send(txn.home, self.vote(txn, Vote::ReadOnly, reads.clone(), None));
        if ballot.read_vote == ReadVote::Release || self.settings.planted.is(Mutant::ReadUnlocksEarly) {
            return self.end_read(txn, out);
        }
        let Some(branch) = self.branches.get_mut(&txn) else { return };
        branch.state = State::ReadKept { reads, peers: ballot.peers, inquiries: 0 };
        out.arm(Timer::Inquire(txn), self.settings.timeouts.decision);
    }

    /// The prepared record is durable: only now may the vote leave (rule 11). An ABORT may have come first.
    pub(crate) fn prepared(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let Some(branch) = self.branches.get_mut(&txn) else { return };
        let State::Preparing(doubt) = &branch.state else { return };
        let doubt = doubt.clone();
        let reads = doubt.reads.clone();
        branch.state = State::InDoubt { doubt, inquiries: 0 };
        out.observe(Observation::InDoubt { txn });
        out.observe(Observation::Voted { txn, vote: Vote::Yes });
        out.send(txn.home, self.vote(txn, Vote::Yes, reads, None));
        if self.settings.planted.is(Mutant::UnlockAtVote) {
            let claim = self.branches.get_mut(&txn).map(|branch| std::mem::take(&mut branch.claim));
            self.let_go(branch_owner(txn), claim.unwrap_or_default(), out);
        }
        out.arm(Timer::Inquire(txn), self.settings.timeouts.decision);
    }

    /// A lock did not come in time: the branch is given up here, before any vote (rule 6).
    pub(crate) fn branch_timed_out(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let Some(branch) = self.branches.get(&txn) else { return };
        let State::Working { ballot, .. } = &branch.state else { return };
        let reason = Reason::from(ReasonKind::LockTimeout);
        let answer = if ballot.is_some() {
            out.observe(Observation::Voted { txn, vote: Vote::No });
            self.vote_no(txn, reason)
        } else {
            Message::WorkDone { txn, result: WorkResult::Failed(reason) }
        };
        let fate = Fate::Aborted(ReasonKind::LockTimeout);
        self.end_branch(txn, fate, Write::Lazy, Some((txn.home, answer)), out);
    }

    /// PREPARE never came: the branch has not voted, so it may abort alone (rule 6).
    pub(crate) fn give_up(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        if self.branches.get(&txn).is_some_and(|branch| matches!(branch.state, State::Worked(_))) {
            self.end_branch(txn, Fate::Aborted(ReasonKind::GaveUp), Write::Lazy, None, out);
        }
    }
}
