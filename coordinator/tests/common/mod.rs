//! A bench for a coordinator. The test plays its driver, its participants and its clients. Nothing happens by itself, so a
//! test can write down every order of events.
#![allow(dead_code, reason = "each test file uses its own part of the bench")]

use indoubt_coordinator::{Coordinator, CoordinatorRecord, CoordinatorTimer, Presumption};
use indoubt_driver::manual::{ManualNode, ManualWorld};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine::{Logged, Machine},
    message::{Decision, Message, Outcome, Reason, ReasonKind, Status, Vote, WorkResult},
    observation::{Observation, Phase},
    operation::{Key, Operation, ReadValue},
    plan::{PlanStep, StepKind, Submission},
    settings::{AbortWhen, Settings, WorkRound},
};
use std::ops::{Deref, DerefMut};

pub(crate) const HOME: NodeId = NodeId::coordinating(1);
pub(crate) const CLIENT: NodeId = NodeId::client(1);
/// The coordinator's journal.
pub(crate) const LOG: LogId = LogId(0xc1);

pub(crate) fn p(number: u16) -> NodeId {
    NodeId::participant(number)
}

/// The position of every participant's prepared record, and the end of its journal.
pub(crate) const PLACE: Lsn = Lsn(5);

/// The journal of a participant.
pub(crate) fn log_of(node: NodeId) -> LogId {
    LogId(u64::from(node.number))
}

pub(crate) fn txn(number: u64) -> TxnId {
    TxnId { home: HOME, client: CLIENT, number }
}

/// A transfer that touches p1 to p`n`, first sent to the first incarnation.
pub(crate) fn plan(number: u64, n: u16) -> Submission {
    let step = |node: u16| {
        let key = Key::new(format!("p{node}/a"));
        let ops = vec![Operation::Add { key: key.clone(), delta: 1, min: None }];
        let undo = vec![Operation::Add { key, delta: -1, min: None }];
        PlanStep { node: p(node), ops, undo, kind: StepKind::Compensatable }
    };
    Submission { txn: txn(number), epoch: 1, log: LOG, audit: false, steps: (1..=n).map(step).collect() }
}

pub(crate) fn with_prepare() -> Settings {
    let mut settings = Settings::default();
    settings.options.work = WorkRound::WithPrepare;
    settings
}

pub(crate) fn after_all_votes() -> Settings {
    let mut settings = Settings::default();
    settings.options.abort = AbortWhen::AfterAllVotes;
    settings
}

/// A test's coordinator.
#[derive(Clone)]
pub(crate) struct Bench {
    node: ManualNode<Coordinator>,
    /// Messages between the coordinator and its participants, both ways, without the work round.
    pub(crate) commit_messages: usize,
}

/// What the coordinator has done.
impl Deref for Bench {
    type Target = ManualWorld<Coordinator>;

    fn deref(&self) -> &Self::Target {
        &self.node.world
    }
}

impl DerefMut for Bench {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.node.world
    }
}

impl Bench {
    pub(crate) fn new(presumption: Presumption) -> Self {
        Bench::with(presumption, Settings::default(), false)
    }

    pub(crate) fn with(presumption: Presumption, settings: Settings, cooperative: bool) -> Self {
        let machine = Coordinator::new(HOME, settings, presumption, cooperative);
        Bench { node: ManualNode::start(HOME, machine, LOG), commit_messages: 0 }
    }

    pub(crate) fn machine(&self) -> &Coordinator {
        self.node.machine()
    }

    /// Crashes, and restarts from what survived: all records up to `last`.
    pub(crate) fn crash(&mut self, last: Lsn) {
        let survived = self.journal.iter().filter(|r| r.lsn <= last).cloned().collect();
        self.restart_from(LOG, survived);
    }

    /// Crashes, and restarts from the whole journal.
    pub(crate) fn restart(&mut self) {
        self.crash(self.last());
    }

    /// Crashes, and restarts with another, empty journal.
    pub(crate) fn lose_log(&mut self) {
        self.restart_from(LogId(0xc1c1), Vec::new());
    }

    /// Replaces the journal by a compaction, and restarts from that.
    pub(crate) fn compact_and_restart(&mut self) {
        self.node.compact();
        self.restart();
    }

    /// Restarts from another journal. What was sent and observed before is forgotten.
    pub(crate) fn restart_from(&mut self, log: LogId, journal: Vec<Logged<CoordinatorRecord>>) {
        self.sent.clear();
        self.observed.clear();
        self.act(|node| node.restart_from(log, journal));
    }

    /// Lets the coordinator act, and counts its messages.
    fn act(&mut self, act: impl FnOnce(&mut ManualNode<Coordinator>)) {
        let before = self.sent.len();
        act(&mut self.node);
        let counts = |(to, message): &&(NodeId, Message)| !to.is_client() && !message.kind().is_work();
        self.commit_messages += self.sent[before..].iter().filter(counts).count();
    }

    pub(crate) fn message(&mut self, from: NodeId, message: Message) {
        self.commit_messages += usize::from(!from.is_client() && !message.kind().is_work());
        self.act(|node| node.deliver(from, message));
    }

    /// Everything appended so far is durable.
    pub(crate) fn force(&mut self) {
        self.act(ManualNode::force);
    }

    /// A forced write returns that covers the records up to `upto`.
    pub(crate) fn force_upto(&mut self, upto: Lsn) {
        self.act(|node| node.force_upto(upto));
    }

    pub(crate) fn fire(&mut self, timer: CoordinatorTimer) {
        assert!(self.timers.contains_key(&timer), "{timer:?} is not armed: {:?}", self.timers);
        self.fire_late(timer);
    }

    /// Fires a timer that need not be armed any more.
    pub(crate) fn fire_late(&mut self, timer: CoordinatorTimer) {
        self.act(|node| _ = node.fire(&timer));
    }

    pub(crate) fn submit(&mut self, submission: Submission) {
        self.message(submission.txn.client, Message::Submit(submission));
    }

    pub(crate) fn work_done(&mut self, node: NodeId, number: u64) {
        let result = WorkResult::Done { reads: vec![] };
        self.message(node, Message::WorkDone { txn: txn(number), result });
    }

    pub(crate) fn work_failed(&mut self, node: NodeId, number: u64) {
        let result = WorkResult::Failed(ReasonKind::LockTimeout.into());
        self.message(node, Message::WorkDone { txn: txn(number), result });
    }

    pub(crate) fn vote(&mut self, node: NodeId, number: u64, vote: Vote) {
        let reason = (vote == Vote::No).then(|| Reason::from(ReasonKind::Constraint));
        let (log, place, reads) = (log_of(node), PLACE, vec![]);
        self.message(node, Message::Vote { txn: txn(number), vote, log, place, reads, reason });
    }

    pub(crate) fn ack(&mut self, node: NodeId, number: u64, log: LogId, known: bool) {
        self.message(node, Message::Ack { txn: txn(number), log, known, end: PLACE, heuristic: None });
    }

    /// An ACK that says how an operator ended the branch.
    pub(crate) fn ack_by_operator(&mut self, node: NodeId, number: u64, by_operator: Decision) {
        let (log, heuristic) = (log_of(node), Some(by_operator));
        self.message(node, Message::Ack { txn: txn(number), log, known: true, end: PLACE, heuristic });
    }

    /// An ACK from a journal that ends at record `end`.
    pub(crate) fn ack_from_end(&mut self, node: NodeId, number: u64, end: Lsn) {
        let log = log_of(node);
        self.message(node, Message::Ack { txn: txn(number), log, known: true, end, heuristic: None });
    }

    /// The answer to a participant in doubt. `log` is the journal in the ticket of its PREPARE.
    pub(crate) fn inquire(&mut self, node: NodeId, number: u64, log: LogId) -> Message {
        let ticket = Ticket { log, serial: Serial(1), finished_below: Serial(0) };
        self.sent.clear();
        self.message(node, Message::Inquire { txn: txn(number), ticket });
        let (to, answer) = self.sent.pop().expect("an inquiry is always answered");
        assert_eq!((to, self.sent.len()), (node, 0));
        answer
    }

    /// The decision with which an inquiry is answered, if it is one.
    pub(crate) fn told(&mut self, node: NodeId, number: u64) -> Option<Decision> {
        match self.inquire(node, number, LOG) {
            Message::Decision { decision, .. } => Some(decision),
            _ => None,
        }
    }

    pub(crate) fn status(&mut self, number: u64) -> Status {
        self.sent.clear();
        self.message(CLIENT, Message::StatusQuery { txn: txn(number) });
        match self.sent.pop() {
            Some((CLIENT, Message::StatusReply { status, .. })) => status,
            other => panic!("no status reply but {other:?}"),
        }
    }

    /// Runs a transaction over p1 to p`n` up to its votes.
    pub(crate) fn prepare(&mut self, number: u64, n: u16) {
        self.submit(plan(number, n));
        for node in 1..=n {
            self.work_done(p(node), number);
        }
        self.force();
    }

    /// Runs a whole transaction over p1 to p`n` with these votes, and delivers all due ACKs.
    pub(crate) fn run(&mut self, number: u64, votes: &[Vote]) {
        self.prepare(number, votes.len() as u16);
        for (vote, node) in votes.iter().zip(1..) {
            self.vote(p(node), number, *vote);
        }
        self.force();
        self.ack_all();
    }

    /// Every participant acknowledges the decisions that it was sent and must acknowledge.
    pub(crate) fn ack_all(&mut self) {
        for (node, number) in self.acks_due() {
            self.ack(node, number, log_of(node), true);
        }
    }

    fn acks_due(&self) -> Vec<(NodeId, u64)> {
        let due = |(to, message): &(NodeId, Message)| match message {
            Message::Decision { txn, ack: true, .. } => Some((*to, txn.number)),
            _ => None,
        };
        self.sent.iter().filter_map(due).collect()
    }

    /// The decisions sent since the test last looked: the receiver, the decision, and whether an ACK is due.
    pub(crate) fn decisions(&mut self) -> Vec<(NodeId, Decision, bool)> {
        let decision = |(to, message): (NodeId, Message)| match message {
            Message::Decision { decision, ack, .. } => Some((to, decision, ack)),
            _ => None,
        };
        self.sent.drain(..).filter_map(decision).collect()
    }

    /// The receivers of PREPARE since the test last looked.
    pub(crate) fn prepared(&self) -> Vec<NodeId> {
        self.sent.iter().filter(|(_, m)| matches!(m, Message::Prepare { .. })).map(|(to, _)| *to).collect()
    }

    /// The outcomes that clients were told since the test last looked.
    pub(crate) fn outcomes(&self) -> Vec<(NodeId, Outcome)> {
        let outcome = |(to, message): &(NodeId, Message)| match message {
            Message::Outcome { outcome, .. } => Some((*to, outcome.clone())),
            _ => None,
        };
        self.sent.iter().filter_map(outcome).collect()
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        let phase = |o: &Observation| match o {
            Observation::Reached { phase, .. } => Some(*phase),
            _ => None,
        };
        self.observed.iter().filter_map(phase).collect()
    }

    pub(crate) fn decided(&self, number: u64) -> Vec<Decision> {
        let decided = |o: &Observation| match o {
            Observation::Decided { txn: t, outcome } if *t == txn(number) => Some(*outcome),
            _ => None,
        };
        self.observed.iter().filter_map(decided).collect()
    }

    /// The number of unfinished transactions.
    pub(crate) fn open(&self) -> usize {
        self.machine().inspect(false).open.len()
    }
}

pub(crate) fn committed() -> Outcome {
    Outcome::Committed { reads: vec![] }
}

pub(crate) fn aborted(kind: ReasonKind) -> Outcome {
    Outcome::Aborted(kind.into())
}

pub(crate) fn read(step: u32, value: i64) -> ReadValue {
    ReadValue { step, key: Key::new("p1/a"), value }
}
