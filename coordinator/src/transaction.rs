//! One transaction, from its submission to its last vote. The module `decision` has the rest. Each state handles only the
//! inputs that have a meaning in it. Any other input is late, a copy or not meant for this state, and changes nothing.
//!
//! The states of a transaction, and the states that one input can lead to (checked by tests/diagram.rs):
//!
//! ```text
//! new        -> Working | Initiating | Voting
//! Working    -> Initiating | Voting | Aborting | Delivering | over
//! Initiating -> Voting
//! Voting     -> Committing | Aborting | Delivering | over
//! Committing -> Delivering | over
//! Aborting   -> Delivering | over
//! Delivering -> over
//! recovered  -> Delivering
//! ```

use crate::{
    branch::{self, Branch, Heard},
    context::Context,
    decision_delivery::DecisionDelivery,
    effects::{CoordinatorTimer, Out},
    record::CoordinatorRecord,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, TxnId},
    message::{Message, Outcome, Reason, ReasonKind, Vote, WorkResult},
    observation::{Observation, Phase},
    operation::ReadValue,
    plan::Submission,
    settings::AbortWhen,
};

pub(crate) mod decision;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Transaction {
    txn: TxnId,
    serial: Serial,
    audit: bool,
    /// The clients that are told the outcome.
    clients: Vec<NodeId>,
    /// The outcome that they are told after the last ACK, if they wait for it.
    untold: Option<Outcome>,
    branches: Vec<Branch>,
    reads: Vec<ReadValue>,
    state: State,
}

/// A vote and the data in its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) vote: Vote,
    /// The voter's journal.
    pub(crate) log: LogId,
    /// The position of the prepared record in that journal, for a YES.
    pub(crate) place: Lsn,
    pub(crate) reads: Vec<ReadValue>,
    /// The reason, for a NO.
    pub(crate) reason: Option<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The work round. `initiation` is the record of presumed commit while it is not durable.
    Working { missing: usize, initiation: Option<Lsn> },
    /// All work is done, but PREPARE must wait until the initiation is durable (rule 16).
    Initiating { initiation: Lsn },
    /// PREPARE is sent. `refused` is the first NO, if the coordinator still waits for the other votes.
    Voting { missing: usize, yes: usize, refused: Option<Reason> },
    /// The decision is commit once this record is durable.
    Committing { committed: Lsn },
    /// The decision is abort once this record is durable.
    Aborting { aborted: Lsn, reason: Reason },
    /// Decided. The decision is sent until all ACKs have arrived.
    Delivering(DecisionDelivery),
    /// Finished; the coordinator removes it.
    Ended,
}

impl Transaction {
    /// Starts a transaction for a submission that was accepted.
    pub(crate) fn accept(submission: Submission, client: NodeId, ctx: &mut Context, out: &mut Out) -> Self {
        ctx.admission.begin(&submission);
        let Submission { txn, audit, steps, .. } = submission;
        let branches = branch::branches(steps);
        let missing = branches.len();
        let mut transaction = Transaction {
            txn,
            serial: ctx.serials.begin(),
            audit,
            clients: vec![client],
            untold: None,
            branches,
            reads: Vec::new(),
            state: State::Working { missing, initiation: None },
        };
        transaction.reach(Phase::Begun, out);
        let initiation = ctx.row().initiation.map(|write| {
            let lsn = out.append(transaction.initiation(), write);
            ctx.wait(lsn, txn);
            lsn
        });
        if !ctx.with_prepare() {
            transaction.send_work(ctx, out);
            transaction.state = State::Working { missing, initiation };
        } else {
            transaction.work_is_done(initiation, ctx, out);
        }
        transaction
    }

    /// Recreates a transaction that the log shows as decided, or that is presumed aborted (rules 14 and 15). All
    /// participants that owe an ACK receive the decision again. `untold` is the outcome that its clients are told after the
    /// ACKs, if they wait for them.
    pub(crate) fn recovered(
        txn: TxnId,
        serial: Serial,
        audit: bool,
        delivery: DecisionDelivery,
        untold: Option<Outcome>,
    ) -> Self {
        let (clients, branches, reads) = (Vec::new(), Vec::new(), Vec::new());
        Transaction { txn, serial, audit, clients, untold, branches, reads, state: State::Delivering(delivery) }
    }

    pub(crate) fn serial(&self) -> Serial {
        self.serial
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Adds another client that submitted the same transaction. It is told the outcome too.
    pub(crate) fn add_client(&mut self, client: NodeId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    /// The outcome that its clients will be told after the last ACK.
    pub(crate) fn untold(&self) -> Option<(TxnId, &Outcome)> {
        self.untold.as_ref().map(|outcome| (self.txn, outcome))
    }

    fn send_work(&mut self, ctx: &Context, out: &mut Out) {
        let ticket = ctx.serials.ticket(self.serial);
        out.arm(CoordinatorTimer::Work(self.txn), ctx.settings.timeouts.work());
        for branch in &mut self.branches {
            let steps = std::mem::take(&mut branch.work);
            out.send(branch.node, Message::Work { txn: self.txn, ticket, steps });
        }
        self.reach(Phase::WorkSent, out);
    }

    pub(crate) fn worked(&mut self, node: NodeId, result: WorkResult, ctx: &mut Context, out: &mut Out) {
        let State::Working { missing, initiation } = &mut self.state else { return };
        let Some(branch) = self.branches.iter_mut().find(|b| b.node == node && b.heard == Heard::Nothing) else {
            return;
        };
        match result {
            WorkResult::Done { reads } => {
                branch.heard = Heard::WorkDone;
                self.reads.extend(reads);
                *missing -= 1;
                if *missing == 0 {
                    let initiation = *initiation;
                    out.disarm(CoordinatorTimer::Work(self.txn));
                    self.work_is_done(initiation, ctx, out);
                }
            }
            WorkResult::Failed(reason) => {
                out.disarm(CoordinatorTimer::Work(self.txn));
                self.abort(reason, ctx, out);
            }
        }
    }

    fn work_is_done(&mut self, initiation: Option<Lsn>, ctx: &Context, out: &mut Out) {
        match initiation {
            Some(initiation) => self.state = State::Initiating { initiation },
            None => self.prepare(ctx, out),
        }
    }

    fn prepare(&mut self, ctx: &Context, out: &mut Out) {
        let ticket = ctx.serials.ticket(self.serial);
        let nodes: Vec<NodeId> =
            if ctx.cooperative { self.branches.iter().map(|b| b.node).collect() } else { Vec::new() };
        out.arm(CoordinatorTimer::Vote(self.txn), ctx.settings.timeouts.vote);
        for branch in &mut self.branches {
            let node = branch.node;
            let peers = nodes.iter().copied().filter(|peer| *peer != node).collect();
            let steps = std::mem::take(&mut branch.work);
            let read_vote = ctx.read_vote();
            out.send(node, Message::Prepare { txn: self.txn, ticket, steps, peers, read_vote });
        }
        self.state = State::Voting { missing: self.branches.len(), yes: 0, refused: None };
        if ctx.with_prepare() {
            self.reach(Phase::WorkSent, out);
        }
    }

    pub(crate) fn voted(&mut self, node: NodeId, ballot: Ballot, ctx: &mut Context, out: &mut Out) {
        let Ballot { vote, log, place, reads, reason } = ballot;
        if let State::Delivering(delivery) = &mut self.state {
            if vote == Vote::Yes {
                delivery.learn_log(node, log, place);
            }
            return;
        }
        let unheard = |b: &&mut Branch| b.node == node && matches!(b.heard, Heard::Nothing | Heard::WorkDone);
        let Some(branch) = self.branches.iter_mut().find(unheard) else { return };
        let heard = match vote {
            Vote::Yes => Heard::Yes(log, place),
            Vote::No => Heard::No,
            Vote::ReadOnly => Heard::Read,
            Vote::Failed => branch.heard,
        };
        match &mut self.state {
            State::Voting { missing, yes, refused } => {
                branch.heard = heard;
                *missing -= 1;
                if matches!(vote, Vote::No | Vote::Failed) {
                    let reason = reason.unwrap_or_else(|| Reason::new(ReasonKind::Failure, format!("at {node}")));
                    refused.get_or_insert(reason);
                }
                // The work failed, so a commit is impossible. No vote can change that, and none is awaited.
                let waits_for_all = vote != Vote::Failed && ctx.settings.options.abort == AbortWhen::AfterAllVotes;
                let must_wait = waits_for_all && *missing > 0;
                if let Some(reason) = refused.clone()
                    && !must_wait
                {
                    out.disarm(CoordinatorTimer::Vote(self.txn));
                    return self.abort(reason, ctx, out);
                }
                self.reads.extend(reads);
                *yes += usize::from(vote == Vote::Yes);
                if *missing == 0 {
                    out.disarm(CoordinatorTimer::Vote(self.txn));
                    self.commit(ctx, out);
                } else if vote == Vote::Yes && *yes == 1 {
                    self.reach(Phase::HalfDone, out);
                }
            }
            // Too late to count. But a NO or READ voter needs no ABORT, and a YES names the journal of its branch.
            State::Aborting { .. } => branch.heard = heard,
            _ => {}
        }
    }

    /// The work timeout fired.
    pub(crate) fn work_timed_out(&mut self, ctx: &mut Context, out: &mut Out) {
        if matches!(self.state, State::Working { .. }) {
            let reason = Reason::new(ReasonKind::WorkTimeout, branch::names(&self.branches, Heard::Nothing));
            self.abort(reason, ctx, out);
        }
    }

    /// The vote timeout fired.
    pub(crate) fn vote_timed_out(&mut self, ctx: &mut Context, out: &mut Out) {
        if let State::Voting { refused, .. } = &mut self.state {
            let before = if ctx.with_prepare() { Heard::Nothing } else { Heard::WorkDone };
            let missing = || Reason::new(ReasonKind::VoteTimeout, branch::names(&self.branches, before));
            let reason = refused.take().unwrap_or_else(missing);
            self.abort(reason, ctx, out);
        }
    }

    /// The state as text for the status query.
    pub(crate) fn describe(&self) -> String {
        match &self.state {
            State::Working { missing, .. } => format!("working, {missing} of {} not done", self.branches.len()),
            State::Initiating { .. } => "writing the initiation".into(),
            State::Voting { missing, .. } => format!("preparing, {missing} of {} votes missing", self.branches.len()),
            State::Committing { .. } => "writing the decision to commit".into(),
            State::Aborting { .. } => "writing the decision to abort".into(),
            State::Delivering(delivery) => delivery.describe(),
            State::Ended => "ended".into(),
        }
    }

    /// The record from which a restart should recreate this transaction, if any, and the record whose durability it awaits.
    pub(crate) fn compacted(&self, ctx: &Context) -> Option<(Lsn, CoordinatorRecord)> {
        match &self.state {
            State::Working { .. } | State::Initiating { .. } | State::Voting { .. } => {
                ctx.row().initiation.map(|_| (Lsn(0), self.initiation()))
            }
            State::Committing { committed } => Some((*committed, self.committed(ctx))),
            State::Aborting { aborted, reason } => Some((*aborted, self.aborted(reason))),
            State::Delivering(delivery) => Some((Lsn(0), delivery.record(self.txn, self.serial, self.audit))),
            State::Ended => None,
        }
    }

    fn initiation(&self) -> CoordinatorRecord {
        let participants = self.branches.iter().map(|b| b.node).collect();
        CoordinatorRecord::Initiation { txn: self.txn, serial: self.serial, audit: self.audit, participants }
    }

    fn reach(&self, phase: Phase, out: &mut Out) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }
}
