//! One transaction, from its acceptance to its decision. Each state takes only the inputs that mean something in it;
//! whatever else arrives is late, doubled or foreign, and changes nothing.
//!
//! ```text
//! Working ──> Initiating ──> Voting ──> Committing ──> Telling ──> Ended
//!    └─────────────────────────┴──────> Aborting ────────┘
//! ```

use crate::{
    branch::{self, Branch, Heard},
    coordinator::{Coordinator, CoordinatorTimer},
    desk::Desk,
    record::{CoordinatorRecord, Voter},
    telling::Telling,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, TxnId},
    machine::OutOf,
    message::{Answer, Decision, Message, Outcome, ReadVote, Reason, ReasonKind, Vote, WorkResult},
    observation::{Observation, Phase},
    operation::ReadValue,
    plan::Submission,
    planted::Mutant,
    settings::AbortWhen,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Transaction {
    txn: TxnId,
    serial: Serial,
    audit: bool,
    /// Who is told the outcome.
    clients: Vec<NodeId>,
    branches: Vec<Branch>,
    reads: Vec<ReadValue>,
    state: State,
}

/// A vote and what comes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) vote: Vote,
    /// The voter's journal.
    pub(crate) log: LogId,
    pub(crate) reads: Vec<ReadValue>,
    /// Why not, for a NO.
    pub(crate) reason: Option<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The work round; `initiation` is the record of presumed commit while it is not durable.
    Working { missing: usize, initiation: Option<Lsn> },
    /// PREPARE could go, but not before the initiation is durable (rule 16).
    Initiating { initiation: Lsn },
    /// PREPARE is sent; `refused` is the first NO, while all votes are waited for.
    Voting { missing: usize, yes: usize, refused: Option<Reason> },
    /// The decision is commit once this record is durable.
    Committing { committed: Lsn },
    /// The decision is abort once this record is durable.
    Aborting { aborted: Lsn, reason: Reason },
    /// Decided; somebody owes an ACK.
    Telling(Telling),
    /// To be forgotten.
    Ended,
}

impl Transaction {
    /// Accepts a submission that nothing speaks against.
    pub(crate) fn accept(
        submission: Submission,
        client: NodeId,
        desk: &mut Desk,
        out: &mut OutOf<Coordinator>,
    ) -> Self {
        let Submission { txn, audit, steps, .. } = submission;
        let branches = branch::branches(steps);
        let missing = branches.len();
        let mut transaction = Transaction {
            txn,
            serial: desk.begin(),
            audit,
            clients: vec![client],
            branches,
            reads: Vec::new(),
            state: State::Working { missing, initiation: None },
        };
        desk.submissions.begin(txn);
        transaction.reach(Phase::Begun, out);
        let initiation = desk.row().initiation.filter(|_| !desk.settings.planted.is(Mutant::NoInitiation));
        let initiation = initiation.map(|write| {
            let lsn = out.append(transaction.initiation(), write);
            desk.wait(lsn, txn);
            lsn
        });
        if !desk.with_prepare() {
            transaction.send_work(desk, out);
            transaction.state = State::Working { missing, initiation };
        } else {
            transaction.work_is_done(initiation, desk, out);
        }
        transaction
    }

    /// A transaction found decided in the log, or presumed aborted (rules 14 and 15): everybody who owes an ACK is told
    /// again.
    pub(crate) fn recovered(txn: TxnId, serial: Serial, audit: bool, telling: Telling) -> Self {
        let (clients, branches, reads) = (Vec::new(), Vec::new(), Vec::new());
        Transaction { txn, serial, audit, clients, branches, reads, state: State::Telling(telling) }
    }

    pub(crate) fn serial(&self) -> Serial {
        self.serial
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Another submission of the same: whoever asks is told.
    pub(crate) fn add_client(&mut self, client: NodeId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    fn send_work(&mut self, desk: &Desk, out: &mut OutOf<Coordinator>) {
        let ticket = desk.ticket(self.serial);
        out.arm(CoordinatorTimer::Work(self.txn), desk.settings.timeouts.work());
        for branch in &mut self.branches {
            let steps = std::mem::take(&mut branch.work);
            out.send(branch.node, Message::Work { txn: self.txn, ticket, steps });
        }
        self.reach(Phase::WorkSent, out);
    }

    pub(crate) fn worked(&mut self, node: NodeId, result: WorkResult, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
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
                    self.work_is_done(initiation, desk, out);
                }
            }
            WorkResult::Failed(reason) => {
                out.disarm(CoordinatorTimer::Work(self.txn));
                self.abort(reason, desk, out);
            }
        }
    }

    fn work_is_done(&mut self, initiation: Option<Lsn>, desk: &Desk, out: &mut OutOf<Coordinator>) {
        match initiation {
            Some(initiation) => self.state = State::Initiating { initiation },
            None => self.prepare(desk, out),
        }
    }

    fn prepare(&mut self, desk: &Desk, out: &mut OutOf<Coordinator>) {
        let ticket = desk.ticket(self.serial);
        let nodes: Vec<NodeId> =
            if desk.cooperative { self.branches.iter().map(|b| b.node).collect() } else { Vec::new() };
        out.arm(CoordinatorTimer::Vote(self.txn), desk.settings.timeouts.vote);
        for branch in &mut self.branches {
            let node = branch.node;
            let peers = nodes.iter().copied().filter(|peer| *peer != node).collect();
            let steps = std::mem::take(&mut branch.work);
            let read_vote = desk.read_vote();
            out.send(node, Message::Prepare { txn: self.txn, ticket, steps, peers, read_vote });
        }
        self.state = State::Voting { missing: self.branches.len(), yes: 0, refused: None };
        if desk.with_prepare() {
            self.reach(Phase::WorkSent, out);
        }
    }

    pub(crate) fn voted(&mut self, node: NodeId, ballot: Ballot, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        let Ballot { vote, log, reads, reason } = ballot;
        if let State::Telling(telling) = &mut self.state {
            if vote == Vote::Yes {
                telling.learn_log(node, log);
            }
            return;
        }
        let unheard = |b: &&mut Branch| b.node == node && matches!(b.heard, Heard::Nothing | Heard::WorkDone);
        let Some(branch) = self.branches.iter_mut().find(unheard) else { return };
        let heard = match vote {
            Vote::Yes => Heard::Yes(log),
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
                // A failure is no vote: there is nothing to wait for that could still be counted.
                let waits = vote != Vote::Failed && desk.settings.options.abort == AbortWhen::AfterAllVotes;
                if let Some(reason) = refused.take_if(|_| *missing == 0 || !waits) {
                    out.disarm(CoordinatorTimer::Vote(self.txn));
                    return self.abort(reason, desk, out);
                }
                self.reads.extend(reads);
                *yes += usize::from(vote == Vote::Yes);
                if *missing == 0 {
                    out.disarm(CoordinatorTimer::Vote(self.txn));
                    self.commit(desk, out);
                } else if vote == Vote::Yes && *yes == 1 {
                    self.reach(Phase::HalfDone, out);
                }
            }
            // Too late to count, but whoever voted NO or READ needs no ABORT, and a YES tells the log of its branch.
            State::Aborting { .. } => branch.heard = heard,
            _ => {}
        }
    }

    /// Every vote is in and none is NO (rule 3).
    fn commit(&mut self, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        self.reads.sort_by_key(|read| read.step);
        let write = if self.branches.iter().any(|b| matches!(b.heard, Heard::Yes(_))) {
            self.reach(Phase::WorkDone, out);
            Some(desk.row().commit)
        } else {
            desk.row().read_only
        };
        let Some(write) = write else { return self.decide(Decision::Commit, None, desk, out) };
        let committed = out.append(self.committed(desk), write);
        if desk.settings.planted.is(Mutant::DecideBeforeDurable) {
            return self.decide(Decision::Commit, None, desk, out);
        }
        desk.wait(committed, self.txn);
        self.state = State::Committing { committed };
    }

    fn abort(&mut self, reason: Reason, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        let Some(write) = desk.row().abort else { return self.decide(Decision::Abort, Some(reason), desk, out) };
        let aborted = out.append(self.aborted(&reason, desk), write);
        desk.wait(aborted, self.txn);
        self.state = State::Aborting { aborted, reason };
    }

    /// This record is durable: go on, if it is the one that is waited for.
    pub(crate) fn durable(&mut self, lsn: Lsn, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        match &mut self.state {
            State::Working { initiation, .. } if *initiation == Some(lsn) => *initiation = None,
            State::Initiating { initiation } if *initiation == lsn => self.prepare(desk, out),
            State::Committing { committed } if *committed == lsn => self.decide(Decision::Commit, None, desk, out),
            State::Aborting { aborted, reason } if *aborted == lsn => {
                let reason = reason.clone();
                self.decide(Decision::Abort, Some(reason), desk, out);
            }
            _ => {}
        }
    }

    /// From here on it is decided: participants first, then the clients. `reason` goes with an abort.
    fn decide(&mut self, decision: Decision, reason: Option<Reason>, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        let txn = self.txn;
        let outcome = match reason {
            Some(reason) => Outcome::Aborted(reason),
            None => Outcome::Committed { reads: std::mem::take(&mut self.reads) },
        };
        out.observe(Observation::Decided { txn, outcome: decision });
        let due = self.due(decision, desk);
        // A transaction in which everybody only read has no decision that anybody waits for.
        let counts = decision == Decision::Commit && !due.is_empty();
        if counts {
            self.reach(Phase::Decided, out);
        }
        // Readers that keep their locks until the decision are told too, and owe nothing.
        let readers = self.branches.iter().filter(|b| b.heard == Heard::Read && desk.read_vote() != ReadVote::Release);
        let told = due.iter().map(|v| (v.node, desk.row().acks(decision))).chain(readers.map(|b| (b.node, false)));
        let told: Vec<(NodeId, bool)> = told.collect();
        let ticket = desk.ticket(self.serial);
        for (place, &(node, ack)) in told.iter().enumerate() {
            out.send(node, Message::Decision { txn, ticket, decision, ack });
            if counts && place == 0 && told.len() > 1 {
                self.reach(Phase::HalfTold, out);
            }
        }
        for client in std::mem::take(&mut self.clients) {
            out.send(client, Message::Outcome { txn, outcome: outcome.clone() });
        }
        desk.submissions.remember(txn, outcome);
        // Nobody acknowledges the commit of a transaction that only read: no record of it needs an end either.
        let owed = desk.row().acks(decision) && (decision == Decision::Abort || !due.is_empty());
        match (owed, due.is_empty()) {
            (false, _) => self.forget(out),
            (true, true) => self.end(desk, out),
            (true, false) => {
                let telling = Telling::new(decision, due);
                telling.arm(txn, desk, out);
                self.state = State::Telling(telling);
            }
        }
        self.branches.clear();
    }

    pub(crate) fn acked(&mut self, node: NodeId, log: LogId, desk: &Desk, out: &mut OutOf<Coordinator>) {
        let State::Telling(telling) = &mut self.state else { return };
        if telling.acked(self.txn, node, log, out) {
            out.disarm(CoordinatorTimer::Resend(self.txn));
            self.end(desk, out);
        }
    }

    /// Every ACK is in.
    fn end(&mut self, desk: &Desk, out: &mut OutOf<Coordinator>) {
        let row = desk.row();
        // Presumed commit has no record of its aborts: the reason would be lost.
        let aborted = match desk.submissions.outcome(self.txn) {
            Some(Outcome::Aborted(reason)) if row.abort.is_none() => Some(reason.clone()),
            _ => None,
        };
        out.append(CoordinatorRecord::End { txn: self.txn, aborted }, row.end);
        self.forget(out);
    }

    fn forget(&mut self, out: &mut OutOf<Coordinator>) {
        self.reach(Phase::Ended, out);
        self.state = State::Ended;
    }

    /// The work round is over time.
    pub(crate) fn work_timed_out(&mut self, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        if matches!(self.state, State::Working { .. }) {
            let reason = Reason::new(ReasonKind::WorkTimeout, branch::names(&self.branches, Heard::Nothing));
            self.abort(reason, desk, out);
        }
    }

    /// A vote is over time.
    pub(crate) fn vote_timed_out(&mut self, desk: &mut Desk, out: &mut OutOf<Coordinator>) {
        if let State::Voting { refused, .. } = &mut self.state {
            let before = if desk.with_prepare() { Heard::Nothing } else { Heard::WorkDone };
            let missing = || Reason::new(ReasonKind::VoteTimeout, branch::names(&self.branches, before));
            let reason = refused.take().unwrap_or_else(missing);
            self.abort(reason, desk, out);
        }
    }

    /// Tells everybody who owes an ACK, first thing after a restart (rules 14 and 15).
    pub(crate) fn tell_again(&self, desk: &Desk, out: &mut OutOf<Coordinator>) {
        if let State::Telling(telling) = &self.state {
            telling.tell(self.txn, desk.ticket(self.serial), out);
            telling.arm(self.txn, desk, out);
        }
    }

    /// Some ACKs are over time (rule 15).
    pub(crate) fn resend(&mut self, desk: &Desk, out: &mut OutOf<Coordinator>) {
        if let State::Telling(telling) = &mut self.state {
            telling.resend(self.txn, desk.ticket(self.serial), out);
            if desk.settings.planted.is(Mutant::ResendStops) {
                return self.forget(out);
            }
            telling.arm(self.txn, desk, out);
        }
    }

    /// What a participant in doubt is answered (rules 13 to 15): while this is not decided, never a decision.
    pub(crate) fn answer(&self, node: NodeId, desk: &Desk) -> Message {
        match &self.state {
            State::Telling(telling) => telling.decision(self.txn, desk.ticket(self.serial), node),
            _ => Message::Answer { txn: self.txn, answer: Answer::InDoubt },
        }
    }

    /// Its state, for people.
    pub(crate) fn describe(&self) -> String {
        match &self.state {
            State::Working { missing, .. } => format!("working, {missing} of {} not done", self.branches.len()),
            State::Initiating { .. } => "writing the initiation".into(),
            State::Voting { missing, .. } => format!("preparing, {missing} of {} votes missing", self.branches.len()),
            State::Committing { .. } => "writing the decision to commit".into(),
            State::Aborting { .. } => "writing the decision to abort".into(),
            State::Telling(telling) => telling.describe(),
            State::Ended => "ended".into(),
        }
    }

    /// The record that recreates it, if a restart should find it, and the one whose durability it waits for.
    pub(crate) fn compacted(&self, desk: &Desk) -> Option<(Lsn, CoordinatorRecord)> {
        match &self.state {
            State::Working { .. } | State::Initiating { .. } | State::Voting { .. } => {
                desk.row().initiation.map(|_| (Lsn(0), self.initiation()))
            }
            State::Committing { committed } => Some((*committed, self.committed(desk))),
            State::Aborting { aborted, reason } => Some((*aborted, self.aborted(reason, desk))),
            State::Telling(telling) => Some((Lsn(0), telling.record(self.txn, self.serial, self.audit))),
            State::Ended => None,
        }
    }

    /// Who is told this decision.
    fn due(&self, decision: Decision, desk: &Desk) -> Vec<Voter> {
        let mut due = branch::due(&self.branches, decision);
        if desk.settings.planted.is(Mutant::ForgetAbortEarly) && decision == Decision::Abort {
            due.retain(|voter| voter.log.is_some());
        }
        if desk.settings.planted.is(Mutant::UnknownIsDone) {
            due.iter_mut().for_each(|voter| voter.log = None);
        }
        due
    }

    fn initiation(&self) -> CoordinatorRecord {
        let participants = self.branches.iter().map(|b| b.node).collect();
        CoordinatorRecord::Initiation { txn: self.txn, serial: self.serial, audit: self.audit, participants }
    }

    fn committed(&self, desk: &Desk) -> CoordinatorRecord {
        let due = if desk.row().ack_commit { self.due(Decision::Commit, desk) } else { Vec::new() };
        let reads = self.reads.clone();
        CoordinatorRecord::Committed { txn: self.txn, serial: self.serial, audit: self.audit, reads, due }
    }

    fn aborted(&self, reason: &Reason, desk: &Desk) -> CoordinatorRecord {
        let (reason, due) = (reason.clone(), self.due(Decision::Abort, desk));
        CoordinatorRecord::Aborted { txn: self.txn, serial: self.serial, audit: self.audit, reason, due }
    }

    fn reach(&self, phase: Phase, out: &mut OutOf<Coordinator>) {
        if !self.audit {
            out.observe(Observation::Reached { txn: self.txn, phase });
        }
    }
}
