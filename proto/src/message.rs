//! The messages between nodes, as domain types. Only `wire.rs` knows the types of the wire.

mod kind;

pub use crate::{
    decision::Decision,
    outcome::{Outcome, OutcomeWord},
    reason::{Reason, ReasonKind},
};
pub use kind::{KindEntry, MessageKind};

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
    /// Prepared. From here on only the coordinator decides.
    Yes,
    /// The participant aborted its branch.
    No,
    /// The branch only read, and takes no further part (rule 12).
    ReadOnly,
    /// Not a vote of the participant: a `refuse` fault answered PREPARE with a failure. The coordinator aborts. It does not
    /// know that the participant voted NO, so it sends ABORT to it too.
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
    /// Never: the participant votes YES even if it only read.
    Never,
    /// All participants finished their work before PREPARE. A READ voter releases its locks at its vote.
    Release,
    /// The operations are part of PREPARE. A READ voter keeps its locks until the decision.
    Keep,
}

/// The answer of a coordinating node to a status query.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// The transaction is in flight. The text describes its state.
    Running(String),
    /// The transaction has ended.
    Ended(Outcome),
}

/// The result of the work of a 2PC branch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkResult {
    /// The locks are held and the operations are staged. A constraint that does not hold gives a NO vote later, not a
    /// failure here.
    Done {
        /// The values read.
        reads: Vec<ReadValue>,
    },
    /// The work failed, and the branch is aborted. If a `refuse` fault sent this answer, the branch may still run.
    Failed(Reason),
}

/// The protocol under which a participant runs a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepStyle {
    /// A step of a saga. It passes the barrier (rules 38 to 40), is remembered, and flags its records as pending.
    Saga,
    /// An unprotected call. Every copy that arrives runs, and nothing is remembered.
    Bare,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepOutcome {
    /// The step is durably applied.
    Applied {
        /// The values read.
        reads: Vec<ReadValue>,
    },
    /// A constraint does not hold. This is final, and remembered.
    Refused(Reason),
    /// This attempt failed, for example at a lock timeout. It is not remembered, and another attempt may succeed.
    Failed(Reason),
    /// The step never ran here, and never will. This answers `Settle` (rule 26) and late steps (rule 40).
    Voided,
}

/// The result of a compensation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UndoOutcome {
    /// The step is durably undone.
    Undone,
    /// The step had not run, and now never will (an empty compensation, rule 39).
    NothingToUndo,
    /// This attempt failed. Another attempt may succeed.
    Failed(Reason),
}

/// The answer to a participant in doubt from a node that cannot give the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// This participant is in doubt too, or the coordinator has not decided.
    InDoubt,
    /// This node may have known the decision and forgotten it, or it lost its log (rules 7 and 13).
    Unknown,
}

/// A message. `txn` is the transaction or saga that it concerns. `ticket` comes with requests and names the coordinating
/// node's journal, the transaction's serial number and the node's mark. `step` is the number of a step, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the text of the enum describes the fields that recur")]
pub enum Message {
    /// Client to coordinating node: run this transaction.
    Submit(Submission),
    /// Coordinating node to client: the outcome of the transaction.
    Outcome { txn: TxnId, outcome: Outcome },
    /// Client to coordinating node: report the state of the transaction.
    StatusQuery { txn: TxnId },
    /// Coordinating node to client: the state of the transaction.
    StatusReply { txn: TxnId, status: Status },

    /// Coordinator to participant, in the work round: acquire the locks and stage the operations.
    Work {
        txn: TxnId,
        ticket: Ticket,
        /// The operations, by step.
        steps: Vec<StepOps>,
    },
    /// Participant to coordinator: the work has ended.
    WorkDone { txn: TxnId, result: WorkResult },
    /// Coordinator to participant: prepare and vote.
    Prepare {
        txn: TxnId,
        ticket: Ticket,
        /// The operations, if they are part of PREPARE; otherwise empty.
        steps: Vec<StepOps>,
        /// The other participants, which a branch in doubt may ask (`2pc-cooperative`); otherwise empty.
        peers: Vec<NodeId>,
        /// Whether and how the participant may vote READ.
        read_vote: ReadVote,
    },
    /// Participant to coordinator: the vote.
    Vote {
        txn: TxnId,
        vote: Vote,
        /// The voter's journal, which shows later whether its log was lost (rule 17).
        log: LogId,
        /// The position of a YES's prepared record in that journal, which shows later whether an older copy of the journal
        /// was restored. 0 for other votes.
        place: Lsn,
        /// The values read, if the operations were part of PREPARE.
        reads: Vec<ReadValue>,
        /// The reason of a NO.
        reason: Option<Reason>,
    },
    /// Coordinator, or under cooperative termination a peer, to participant: the decision. It also answers inquiries.
    Decision {
        txn: TxnId,
        ticket: Ticket,
        decision: Decision,
        /// Whether the sender wants an ACK, which requires a forced outcome record (docs/08-costs.md). This is all that
        /// participants know of presumptions.
        ack: bool,
    },
    /// Participant to coordinator: the branch has ended durably.
    Ack {
        txn: TxnId,
        /// The participant's journal.
        log: LogId,
        /// Whether the participant knew the branch, or knows that it is finished. `false` for a branch that voted YES means
        /// that the participant lost its log, or has an older copy of it (rule 17).
        known: bool,
        /// The last record of that journal. If the vote's record comes after it, an older copy of the journal was restored.
        end: Lsn,
        /// How an operator ended the branch, whatever the decision is (rule 21). When the operator acts, the participant
        /// sends this even without a decision.
        heuristic: Option<Decision>,
    },
    /// Participant in doubt to coordinator or peer: what is the decision?
    Inquire {
        txn: TxnId,
        /// The ticket of the coordinator's PREPARE. It names the journal that must know the decision.
        ticket: Ticket,
    },
    /// To a participant in doubt, from a node that cannot give the decision.
    Answer {
        txn: TxnId,
        /// Why there is no decision.
        answer: Answer,
    },

    /// Orchestrator to participant: run this step as a local transaction.
    Step {
        txn: TxnId,
        ticket: Ticket,
        /// The number of the step, and its operations.
        step: StepOps,
        style: StepStyle,
    },
    /// Participant to orchestrator: the answer to `Step` or `Settle`.
    StepResult { txn: TxnId, step: u32, outcome: StepOutcome },
    /// Orchestrator to participant: report whether this step ran. If it did not, never run it (rule 26).
    Settle { txn: TxnId, ticket: Ticket, step: u32 },
    /// Orchestrator to participant: undo this step.
    Compensate {
        txn: TxnId,
        ticket: Ticket,
        step: u32,
        /// The operations of the compensation.
        ops: Vec<Operation>,
    },
    /// Participant to orchestrator: the answer to `Compensate`.
    CompensateResult { txn: TxnId, step: u32, outcome: UndoOutcome },

    /// Operator action at a participant: end one branch in doubt, or all of them.
    Resolve {
        /// The transaction of the branch; `None` for every branch in doubt at the participant.
        txn: Option<TxnId>,
        /// The operator's decision.
        decision: Decision,
    },
    /// Operator action at an orchestrator: try a stuck saga again.
    Resume { txn: TxnId },
    /// Operator action. At a participant: forget that an operator ended this branch (rule 23). At a coordinator: stop
    /// waiting for the ACKs of this transaction.
    Forget { txn: TxnId },
    /// The answer to an operator.
    Done {
        /// The number of branches or sagas that the action changed.
        count: u32,
        /// A text for people.
        detail: String,
    },
}

impl Message {
    /// The kind of message.
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

    /// The transaction that the message concerns; `None` for messages about all branches, and for answers to operators.
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

    /// The ticket of a request; `None` for other messages.
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

    /// The number of the step that the message concerns, from 1; `None` if it concerns a whole transaction.
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

    /// The word that distinguishes messages of one kind in selectors: `yes` of a vote, `commit` of a decision, `applied` of
    /// a result.
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

    /// The failure with which a `refuse` fault answers this request instead of its receiver; `None` if the message is not a
    /// request that can fail.
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
