//! What nodes say to each other. Domain types: the wire's own types appear in `wire.rs` alone.

mod kind;

pub use crate::{
    decision::Decision,
    outcome::{Outcome, OutcomeWord},
    reason::{Reason, ReasonKind},
};
pub use kind::MessageKind;

use crate::{
    ids::{LogId, Lsn, NodeId, Ticket, TxnId},
    operation::{Operation, ReadValue},
    plan::{StepOps, Submission},
};
use serde::{Deserialize, Serialize};

/// A participant's vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// Prepared: from here on only the coordinator decides.
    Yes,
    /// Aborted here.
    No,
    /// Only read, and is out (rule 12).
    ReadOnly,
    /// No vote: somebody answered a failure in the participant's name (a `refuse` fault). The coordinator aborts, but
    /// the participant is not known to have voted NO, so the ABORT goes to it too.
    Failed,
}

impl Vote {
    /// `yes`, `no`, `read-only` or `failed`.
    pub fn word(self) -> &'static str {
        match self {
            Vote::Yes => "yes",
            Vote::No => "no",
            Vote::ReadOnly => "read-only",
            Vote::Failed => "failed",
        }
    }
}

/// Whether and how a participant that only read may vote [`Vote::ReadOnly`] (rule 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReadVote {
    /// It may not: it votes yes like the others.
    Never,
    /// Every participant had finished its work before PREPARE: it releases its locks at its vote.
    Release,
    /// The work travels with PREPARE: it keeps its locks until the decision.
    Keep,
}

/// What a coordinating node says of a transaction that it is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// In flight; the text names its state.
    Running(String),
    /// Over.
    Ended(Outcome),
}

/// How the work of a 2PC branch went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkResult {
    /// Locks are held, the operations are staged. A constraint that does not hold shows as a NO vote, not here.
    Done {
        /// What its reads found.
        reads: Vec<ReadValue>,
    },
    /// Given up; this branch is aborted here (unless somebody answered in the participant's name).
    Failed(Reason),
}

/// How a participant treats a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepStyle {
    /// A saga's: remembered, behind the barrier (rules 38 to 40), its records flagged pending.
    Saga,
    /// An unprotected call: every copy that arrives runs, nothing is remembered.
    Bare,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepOutcome {
    /// Applied, durably.
    Applied {
        /// What its reads found.
        reads: Vec<ReadValue>,
    },
    /// A constraint does not hold: for good, and remembered.
    Refused(Reason),
    /// This attempt came to nothing (a lock timeout); another may succeed. Not remembered.
    Failed(Reason),
    /// Never ran here, and never will: the answer to `Settle` (rule 26).
    Voided,
}

/// What became of a compensation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UndoOutcome {
    /// Undone, durably.
    Undone,
    /// The step had never run (an empty compensation, rule 39), and never will.
    NothingToUndo,
    /// This attempt came to nothing.
    Failed(Reason),
}

/// What a participant answers to a peer, or a coordinator to a participant, that cannot be told a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// In doubt as well, or not decided yet.
    InDoubt,
    /// May have known and forgotten, or lost its log (rules 7 and 13).
    Unknown,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Client to coordinating node: run this.
    Submit(Submission),
    /// Coordinating node to client: what became of it.
    Outcome {
        /// Which.
        txn: TxnId,
        /// What.
        outcome: Outcome,
    },
    /// Client to coordinating node: how is it going?
    StatusQuery {
        /// Which.
        txn: TxnId,
    },
    /// The answer.
    StatusReply {
        /// Which.
        txn: TxnId,
        /// How.
        status: Status,
    },

    /// Coordinator to participant, the work round: take the locks, stage the operations.
    Work {
        /// Which transaction.
        txn: TxnId,
        /// Its coordinator's word on it.
        ticket: Ticket,
        /// What to do.
        steps: Vec<StepOps>,
    },
    /// Participant to coordinator.
    WorkDone {
        /// Which transaction.
        txn: TxnId,
        /// How it went.
        result: WorkResult,
    },
    /// Coordinator to participant: can you commit?
    Prepare {
        /// Which transaction.
        txn: TxnId,
        /// Its coordinator's word on it.
        ticket: Ticket,
        /// The operations, when they travel with PREPARE; else empty.
        steps: Vec<StepOps>,
        /// The other participants, whom to ask when in doubt (`2pc-cooperative`); else empty.
        peers: Vec<NodeId>,
        /// Whether it may vote READ.
        read_vote: ReadVote,
    },
    /// Participant to coordinator.
    Vote {
        /// Which transaction.
        txn: TxnId,
        /// The vote.
        vote: Vote,
        /// The voter's journal, so that a lost log is noticed later (rule 17).
        log: LogId,
        /// Where the prepared record of a YES stands in that journal, so that a journal restored from an older copy is
        /// noticed later; 0 for other votes.
        place: Lsn,
        /// What its reads found, when the work travelled with PREPARE.
        reads: Vec<ReadValue>,
        /// Why not, for a NO.
        reason: Option<Reason>,
    },
    /// Coordinator (or, cooperating, a peer) to participant. Answers to inquiries have this form too.
    Decision {
        /// Which transaction.
        txn: TxnId,
        /// Its coordinator's word on it.
        ticket: Ticket,
        /// The decision.
        decision: Decision,
        /// Whether an ACK is due, and with it a forced outcome record (docs/08-costs.md). Participants need to
        /// know no more than this of presumptions.
        ack: bool,
    },
    /// Participant to coordinator.
    Ack {
        /// Which transaction.
        txn: TxnId,
        /// The participant's journal.
        log: LogId,
        /// Whether it knew the branch, or knows that it is finished. `false` for a branch that voted YES means that the
        /// participant lost its log, or has an older copy of it (rule 17).
        known: bool,
        /// The last record of that journal. If it lies before the place of the vote, an older copy of the journal was
        /// restored.
        end: Lsn,
        /// How an operator ended the branch, whatever was decided (rule 21). A participant sends this also unasked,
        /// when the operator acts.
        heuristic: Option<Decision>,
    },
    /// Participant in doubt to coordinator or peer: what was decided?
    Inquire {
        /// Which transaction.
        txn: TxnId,
        /// The coordinator's word on it when it sent PREPARE: whose log must know it.
        ticket: Ticket,
    },
    /// To a participant in doubt that cannot be told a decision.
    Answer {
        /// Which transaction.
        txn: TxnId,
        /// Why not.
        answer: Answer,
    },

    /// Orchestrator to participant: run this step as a local transaction.
    Step {
        /// Which saga.
        txn: TxnId,
        /// Its orchestrator's word on it.
        ticket: Ticket,
        /// What to do, and which step it is.
        step: StepOps,
        /// How to treat it.
        style: StepStyle,
    },
    /// Participant to orchestrator: the answer to `Step` and `Settle`.
    StepResult {
        /// Which saga.
        txn: TxnId,
        /// Which step, 1-based.
        step: u32,
        /// What became of it.
        outcome: StepOutcome,
    },
    /// Orchestrator to participant: tell whether this step ran; if it did not, never let it run (rule 26).
    Settle {
        /// Which saga.
        txn: TxnId,
        /// Its orchestrator's word on it.
        ticket: Ticket,
        /// Which step, 1-based.
        step: u32,
    },
    /// Orchestrator to participant: undo this step.
    Compensate {
        /// Which saga.
        txn: TxnId,
        /// Its orchestrator's word on it.
        ticket: Ticket,
        /// Which step, 1-based.
        step: u32,
        /// Its compensation.
        ops: Vec<Operation>,
    },
    /// Participant to orchestrator.
    CompensateResult {
        /// Which saga.
        txn: TxnId,
        /// Which step, 1-based.
        step: u32,
        /// What became of it.
        outcome: UndoOutcome,
    },

    /// The operator's hand, to a participant: end this branch in doubt, or all of them.
    Resolve {
        /// Which; `None` for every branch in doubt here.
        txn: Option<TxnId>,
        /// How.
        decision: Decision,
    },
    /// The operator's hand, to an orchestrator: try a stuck saga again.
    Resume {
        /// Which.
        txn: TxnId,
    },
    /// From an operator. To a participant: forget that an operator ended this branch (rule 23). To a coordinator: stop
    /// waiting for the ACKs of this transaction.
    Forget {
        /// Which transaction.
        txn: TxnId,
    },
    /// The answer to the operator.
    Done {
        /// How many branches or sagas it concerned.
        count: u32,
        /// A sentence for people.
        detail: String,
    },
}

impl Message {
    /// Its kind.
    pub fn kind(&self) -> MessageKind {
        match self {
            Message::Submit(_) => MessageKind::Submit,
            Message::Outcome { .. } => MessageKind::Outcome,
            Message::StatusQuery { .. } => MessageKind::StatusQuery,
            Message::StatusReply { .. } => MessageKind::StatusReply,
            Message::Work { .. } => MessageKind::Work,
            Message::WorkDone { .. } => MessageKind::WorkDone,
            Message::Prepare { .. } => MessageKind::Prepare,
            Message::Vote { .. } => MessageKind::Vote,
            Message::Decision { .. } => MessageKind::Decision,
            Message::Ack { .. } => MessageKind::Ack,
            Message::Inquire { .. } => MessageKind::Inquire,
            Message::Answer { .. } => MessageKind::Answer,
            Message::Step { .. } => MessageKind::Step,
            Message::StepResult { .. } => MessageKind::StepResult,
            Message::Settle { .. } => MessageKind::Settle,
            Message::Compensate { .. } => MessageKind::Compensate,
            Message::CompensateResult { .. } => MessageKind::CompensateResult,
            Message::Resolve { .. } => MessageKind::Resolve,
            Message::Resume { .. } => MessageKind::Resume,
            Message::Forget { .. } => MessageKind::Forget,
            Message::Done { .. } => MessageKind::Done,
        }
    }

    /// The transaction that it concerns.
    pub fn txn(&self) -> Option<TxnId> {
        match self {
            Message::Submit(submission) => Some(submission.txn),
            Message::Outcome { txn, .. }
            | Message::StatusQuery { txn }
            | Message::StatusReply { txn, .. }
            | Message::Work { txn, .. }
            | Message::WorkDone { txn, .. }
            | Message::Prepare { txn, .. }
            | Message::Vote { txn, .. }
            | Message::Decision { txn, .. }
            | Message::Ack { txn, .. }
            | Message::Inquire { txn, .. }
            | Message::Answer { txn, .. }
            | Message::Step { txn, .. }
            | Message::StepResult { txn, .. }
            | Message::Settle { txn, .. }
            | Message::Compensate { txn, .. }
            | Message::CompensateResult { txn, .. }
            | Message::Resume { txn }
            | Message::Forget { txn } => Some(*txn),
            Message::Resolve { txn, .. } => *txn,
            Message::Done { .. } => None,
        }
    }

    /// What its coordinating node says of the transaction, on every request.
    pub fn ticket(&self) -> Option<&Ticket> {
        match self {
            Message::Work { ticket, .. }
            | Message::Prepare { ticket, .. }
            | Message::Decision { ticket, .. }
            | Message::Inquire { ticket, .. }
            | Message::Step { ticket, .. }
            | Message::Settle { ticket, .. }
            | Message::Compensate { ticket, .. } => Some(ticket),
            Message::Submit(_)
            | Message::Outcome { .. }
            | Message::StatusQuery { .. }
            | Message::StatusReply { .. }
            | Message::WorkDone { .. }
            | Message::Vote { .. }
            | Message::Ack { .. }
            | Message::Answer { .. }
            | Message::StepResult { .. }
            | Message::CompensateResult { .. }
            | Message::Resolve { .. }
            | Message::Resume { .. }
            | Message::Forget { .. }
            | Message::Done { .. } => None,
        }
    }

    /// The step of a saga that it concerns, 1-based.
    pub fn step(&self) -> Option<u32> {
        match self {
            Message::Step { step, .. } => Some(step.step),
            Message::StepResult { step, .. }
            | Message::Settle { step, .. }
            | Message::Compensate { step, .. }
            | Message::CompensateResult { step, .. } => Some(*step),
            _ => None,
        }
    }

    /// What distinguishes messages of one kind, for selectors: a vote's `yes`, a decision's `commit`, a result's `applied`.
    pub fn qualifier(&self) -> Option<&'static str> {
        match self {
            Message::Vote { vote, .. } => Some(vote.word()),
            Message::Decision { decision, .. } => Some(decision.word()),
            Message::Outcome { outcome, .. } => Some(outcome.word().word()),
            Message::WorkDone { result, .. } => Some(match result {
                WorkResult::Done { .. } => "done",
                WorkResult::Failed(_) => "failed",
            }),
            Message::StepResult { outcome, .. } => Some(match outcome {
                StepOutcome::Applied { .. } => "applied",
                StepOutcome::Refused(_) => "refused",
                StepOutcome::Failed(_) => "failed",
                StepOutcome::Voided => "voided",
            }),
            Message::CompensateResult { outcome, .. } => Some(match outcome {
                UndoOutcome::Undone => "undone",
                UndoOutcome::NothingToUndo => "nothing-to-undo",
                UndoOutcome::Failed(_) => "failed",
            }),
            _ => None,
        }
    }

    /// The failure that a `refuse` fault answers in the receiver's name, or `None` if this is no request that can fail.
    pub fn failure(&self) -> Option<Message> {
        let reason = || Reason::from(ReasonKind::Failure);
        match self {
            Message::Work { txn, .. } => Some(Message::WorkDone { txn: *txn, result: WorkResult::Failed(reason()) }),
            Message::Prepare { txn, .. } => Some(Message::Vote {
                txn: *txn,
                vote: Vote::Failed,
                log: LogId(0),
                place: Lsn(0),
                reads: Vec::new(),
                reason: Some(reason()),
            }),
            Message::Step { txn, step, .. } => {
                Some(Message::StepResult { txn: *txn, step: step.step, outcome: StepOutcome::Failed(reason()) })
            }
            Message::Settle { txn, step, .. } => {
                Some(Message::StepResult { txn: *txn, step: *step, outcome: StepOutcome::Failed(reason()) })
            }
            Message::Compensate { txn, step, .. } => {
                Some(Message::CompensateResult { txn: *txn, step: *step, outcome: UndoOutcome::Failed(reason()) })
            }
            _ => None,
        }
    }
}
