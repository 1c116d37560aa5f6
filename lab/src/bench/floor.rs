//! The floor: machines that exchange the messages of a protocol without logic and without a disk. Only processes, links and
//! the runtime remain, so no implementation of the protocol on this shell can be faster.

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    inspect::Inspection,
    machine::{Input, InputOf, Machine, OutOf, Record},
    message::{Decision, Message, Outcome, ReadVote, StepOutcome, Vote, WorkResult},
    plan::{StepOps, Submission},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The record type of floor machines. It has no values, because they log nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum NoRecord {}

impl Record for NoRecord {
    fn word(&self) -> &'static str {
        match *self {}
    }

    fn txn(&self) -> Option<TxnId> {
        match *self {}
    }
}

/// Which message pattern a floor coordinator follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    /// Work, prepare, decision, each with its answer: 2PC, presumed abort, all commit.
    TwoPhase,
    /// One step after another, each with its answer.
    Saga,
}

/// The coordinator of the floor: takes each transaction through the messages of its pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FloorCoordinator {
    pattern: Pattern,
    /// The ticket of all transactions.
    ticket: Ticket,
    open: BTreeMap<TxnId, Open>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    client: NodeId,
    submission: Submission,
    nodes: Vec<NodeId>,
    missing: usize,
}

impl FloorCoordinator {
    /// A coordinator of this pattern.
    pub(crate) fn new(pattern: Pattern) -> Self {
        let ticket = Ticket { log: LogId(0), serial: Serial(0), finished_below: Serial(0) };
        FloorCoordinator { pattern, ticket, open: BTreeMap::new() }
    }

    fn begin(&mut self, client: NodeId, submission: Submission, out: &mut OutOf<Self>) {
        let txn = submission.txn;
        let nodes = submission.participants();
        match self.pattern {
            Pattern::TwoPhase => {
                for node in &nodes {
                    out.send(*node, Message::Work { txn, ticket: self.ticket, steps: submission.work_of(*node) });
                }
            }
            Pattern::Saga => step(self.ticket, &submission, 0, out),
        }
        let missing = nodes.len();
        self.open.insert(txn, Open { client, submission, nodes, missing });
    }

    /// Counts one answer of a round. The last answer begins the next round.
    fn answered(&mut self, txn: TxnId, next: impl FnOnce(&mut Open, &mut OutOf<Self>), out: &mut OutOf<Self>) {
        if let Some(open) = self.open.get_mut(&txn) {
            open.missing -= 1;
            if open.missing == 0 {
                open.missing = open.nodes.len();
                next(open, out);
            }
        }
    }
}

fn step(ticket: Ticket, submission: &Submission, index: usize, out: &mut OutOf<FloorCoordinator>) {
    let it = &submission.steps[index];
    let step = StepOps { step: index as u32 + 1, ops: it.ops.clone() };
    let style = indoubt_proto::message::StepStyle::Saga;
    out.send(it.node, Message::Step { txn: submission.txn, ticket, step, style });
}

impl Machine for FloorCoordinator {
    type Record = NoRecord;
    type Timer = ();

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        let (from, message) = match input {
            Input::Recover { log, .. } => {
                self.ticket.log = log;
                return;
            }
            Input::Message { from, message } => (from, message),
            Input::Durable { .. } | Input::Fired(()) => return,
        };
        let ticket = self.ticket;
        match message {
            Message::Submit(submission) => self.begin(from, submission, out),
            Message::WorkDone { txn, .. } => self.answered(
                txn,
                |open, out| {
                    for node in &open.nodes {
                        let (steps, peers) = (Vec::new(), Vec::new());
                        let prepare = Message::Prepare { txn, ticket, steps, peers, read_vote: ReadVote::Never };
                        out.send(*node, prepare);
                    }
                },
                out,
            ),
            Message::Vote { txn, .. } => self.answered(
                txn,
                |open, out| {
                    for node in &open.nodes {
                        let decision = Decision::Commit;
                        out.send(*node, Message::Decision { txn, ticket, decision, ack: true });
                    }
                    out.send(open.client, Message::Outcome { txn, outcome: Outcome::Committed { reads: Vec::new() } });
                },
                out,
            ),
            Message::Ack { txn, .. } => {
                if let Some(open) = self.open.get_mut(&txn) {
                    open.missing -= 1;
                    if open.missing == 0 {
                        self.open.remove(&txn);
                    }
                }
            }
            Message::StepResult { txn, step: done, .. } => {
                let Some(open) = self.open.get(&txn) else { return };
                if (done as usize) < open.submission.steps.len() {
                    step(ticket, &open.submission, done as usize, out);
                } else {
                    out.send(open.client, Message::Outcome { txn, outcome: Outcome::Completed { reads: Vec::new() } });
                    self.open.remove(&txn);
                }
            }
            _ => {}
        }
    }

    fn compact(&self, _: &mut Vec<NoRecord>) {}

    fn inspect(&self, _: bool) -> Inspection {
        Inspection::default()
    }
}

/// The participant of the floor: answers every request at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FloorParticipant;

impl Machine for FloorParticipant {
    type Record = NoRecord;
    type Timer = ();

    fn handle(&mut self, input: InputOf<Self>, out: &mut OutOf<Self>) {
        let Input::Message { from, message } = input else { return };
        let answer = match message {
            Message::Work { txn, .. } => Message::WorkDone { txn, result: WorkResult::Done { reads: Vec::new() } },
            Message::Prepare { txn, .. } => {
                Message::Vote { txn, vote: Vote::Yes, log: LogId(0), place: Lsn(0), reads: Vec::new(), reason: None }
            }
            Message::Decision { txn, .. } => {
                Message::Ack { txn, log: LogId(0), known: true, end: Lsn(0), heuristic: None }
            }
            Message::Step { txn, step, .. } => {
                Message::StepResult { txn, step: step.step, outcome: StepOutcome::Applied { reads: Vec::new() } }
            }
            _ => return,
        };
        out.send(from, answer);
    }

    fn compact(&self, _: &mut Vec<NoRecord>) {}

    fn inspect(&self, _: bool) -> Inspection {
        Inspection::default()
    }
}
