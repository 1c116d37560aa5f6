//! Observations. The trace, a stream of observations, is the only source of all numbers, charts, checks and diagrams. Its shape on
//! disk is in docs/03-measures-and-checks.md.

use crate::{
    heuristic::HeuristicOutcome,
    ids::{LogId, Lsn, MessageId, NodeId, Ticket, TxnId},
    inspect::LockMode,
    machine::Write,
    message::{Decision, MessageKind, OutcomeWord, Vote},
    operation::{Key, Update},
    time::Micros,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The phases of a transaction. Every protocol has the same words for them (docs/02-scenarios.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The transaction is accepted, and nothing was sent. (A saga: its begin record is durable.)
    Begun,
    /// The work was sent to every participant. (A saga: the first step was sent; `none`: the first call.)
    WorkSent,
    /// The first YES vote has arrived, but not the last. (A saga: the first step's result; `none`: the first answer.)
    HalfDone,
    /// All YES votes have arrived, and the decision is not durable. (A saga: the last step's result, and its end is not durable.)
    WorkDone,
    /// The decision is durable, and nobody was told. (A saga: its end, or the turn to compensation, is durable.)
    Decided,
    /// A participant was told the decision, but not all were. (A saga: its first compensation is durable.)
    HalfTold,
    /// The coordinator has forgotten the transaction. (A saga: its end is durable, or after a turn appended; `none`: the client was
    /// answered.)
    Ended,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Phase; 7] = [
        Phase::Begun,
        Phase::WorkSent,
        Phase::HalfDone,
        Phase::WorkDone,
        Phase::Decided,
        Phase::HalfTold,
        Phase::Ended,
    ];

    /// The word in scenarios and traces.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Begun => "begun",
            Phase::WorkSent => "work-sent",
            Phase::HalfDone => "half-done",
            Phase::WorkDone => "work-done",
            Phase::Decided => "decided",
            Phase::HalfTold => "half-told",
            Phase::Ended => "ended",
        }
    }
}

/// The reason why a lock was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Abandoned {
    /// The request waited too long.
    Timeout,
    /// The transaction was aborted while it waited.
    Abort,
}

/// One operation of a plan, in the form of `client-began`. It is a read if it has neither `delta` nor `value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanEntry {
    /// The participant that has the record.
    pub node: NodeId,
    /// The number of the step, from 1.
    pub step: u32,
    /// The record that the operation touches.
    pub key: Key,
    /// The number that is added, if it is an addition.
    pub delta: Option<i64>,
    /// The value that is written, if it is a put.
    pub value: Option<i64>,
}

/// An observation. Machines observe what happens in the protocol. Drivers observe messages, the journal and the life of processes.
/// The lab observes clients, faults and links. In JSON, the fields of a variant are beside `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "fields are the columns of docs/03-measures-and-checks.md")]
pub enum Observation {
    /// A client's transaction is due. `what` is transfer, order, trip or audit. `total` is the correct answer of an audit.
    ClientBegan {
        txn: TxnId,
        due_us: Micros,
        what: Cow<'static, str>,
        plan: Vec<PlanEntry>,
        total: Option<i64>,
    },
    /// A client was told an outcome.
    ClientEnded {
        txn: TxnId,
        outcome: OutcomeWord,
        detail: String,
    },
    /// A client no longer waits for an outcome: none came in time, or the client died.
    ClientGaveUp {
        txn: TxnId,
        died: bool,
    },
    /// A message left. `copy` means that it is a duplicate that a fault made.
    Sent {
        id: MessageId,
        from: NodeId,
        to: NodeId,
        message: MessageKind,
        txn: Option<TxnId>,
        copy: bool,
    },
    /// A message was taken as input. `ticket` is set for requests. The receiver may forget all transactions below its mark (rule
    /// 17b).
    Received {
        id: MessageId,
        from: NodeId,
        to: NodeId,
        message: MessageKind,
        txn: Option<TxnId>,
        copy: bool,
        ticket: Option<Ticket>,
    },
    /// A message was lost by a fault, by the network, or because a link was down.
    Dropped {
        id: MessageId,
        from: NodeId,
        to: NodeId,
        message: MessageKind,
        txn: Option<TxnId>,
        copy: bool,
    },
    /// A record was appended.
    Appended {
        txn: Option<TxnId>,
        lsn: Lsn,
        record: Cow<'static, str>,
        write: Write,
    },
    /// Records up to `upto` are durable.
    Durable {
        upto: Lsn,
    },
    /// The journal is told to replace everything up to `upto` by so many records. The line `durable` tells when that is done.
    Compacted {
        upto: Lsn,
        records: u64,
    },
    LockRequested {
        txn: TxnId,
        key: Key,
        mode: LockMode,
    },
    LockGranted {
        txn: TxnId,
        key: Key,
        mode: LockMode,
    },
    LockReleased {
        txn: TxnId,
        key: Key,
    },
    /// A wait ended without the lock.
    LockAbandoned {
        txn: TxnId,
        key: Key,
        why: Abandoned,
    },
    Read {
        txn: TxnId,
        key: Key,
        value: i64,
        step: u32,
    },
    /// A participant voted. The vote leaves in the same step.
    Voted {
        txn: TxnId,
        vote: Vote,
    },
    /// The prepared record of a branch is durable.
    InDoubt {
        txn: TxnId,
    },
    /// At a coordinator, the decision is durable, or it is made if the presumption logs no record. At a participant, the branch has
    /// learned the decision.
    Decided {
        txn: TxnId,
        outcome: Decision,
    },
    /// An operator ends a branch in doubt, independently of the decision (a heuristic decision). `decided` follows in the same step.
    Heuristic {
        txn: TxnId,
        outcome: Decision,
    },
    /// A coordinator learned the outcome of a transaction in which operators ended branches against its decision.
    HeuristicOutcome {
        txn: TxnId,
        outcome: HeuristicOutcome,
    },
    /// The effects of a committed branch. Written when the record is durable.
    Applied {
        txn: TxnId,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// The effects of a step. Written when the record is durable.
    StepApplied {
        txn: TxnId,
        step: u32,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// A step was refused, because a constraint does not hold.
    StepRefused {
        txn: TxnId,
        step: u32,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// The effects of a compensation, which are empty if the step never ran. Written when the record is durable.
    Compensated {
        txn: TxnId,
        step: u32,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// A record is flagged as pending, because an unfinished saga has written it.
    Pending {
        txn: TxnId,
        key: Key,
    },
    /// The pending flag of a record is cleared. The node that clears it writes this.
    Settled {
        txn: TxnId,
        key: Key,
    },
    /// A transaction reached a phase at its coordinating node.
    Reached {
        txn: TxnId,
        phase: Phase,
    },
    /// A saga cannot continue without an operator. `resumed` means that an operator told it to try again.
    Stuck {
        txn: TxnId,
        step: u32,
        resumed: bool,
    },
    /// A participant that voted no longer knows the branch and has another log, so the effect of the branch is lost (rule 17).
    LostLog {
        txn: TxnId,
        participant: NodeId,
    },
    Crashed {
        incarnation: u32,
    },
    /// A node restarted with its journal up to `upto`. `lost` means that the node lost its journal, and that `log` is a new one.
    Restarted {
        incarnation: u32,
        log: LogId,
        upto: Lsn,
        lost: bool,
    },
    /// The journal of a node that is down was replaced by an older copy of it, which ends with record `upto`.
    LogRestored {
        upto: Lsn,
    },
    Paused {
        incarnation: u32,
    },
    Resumed {
        incarnation: u32,
    },
    /// A node's clock jumped by this time, forward or back.
    ClockJumped {
        incarnation: u32,
        by: Micros,
        back: bool,
    },
    LinkCut {
        from: NodeId,
        to: NodeId,
    },
    LinkHealed {
        from: NodeId,
        to: NodeId,
    },
    /// Two nodes have no session: one of them knows less than it once said, so an older copy of its journal was put back. Both write
    /// this (rule 17).
    SessionRefused {
        peer: NodeId,
    },
    /// A fault of the scenario fired.
    Fault {
        text: String,
    },
    /// The end of the run.
    End,
}

impl Observation {
    /// The transaction that the observation concerns, if there is one.
    pub fn txn(&self) -> Option<TxnId> {
        use Observation::*;
        match self {
            ClientBegan { txn, .. }
            | ClientEnded { txn, .. }
            | ClientGaveUp { txn, .. }
            | LockRequested { txn, .. }
            | LockGranted { txn, .. }
            | LockReleased { txn, .. }
            | LockAbandoned { txn, .. }
            | Read { txn, .. }
            | Voted { txn, .. }
            | InDoubt { txn }
            | Decided { txn, .. }
            | Heuristic { txn, .. }
            | HeuristicOutcome { txn, .. }
            | Applied { txn, .. }
            | StepApplied { txn, .. }
            | StepRefused { txn, .. }
            | Compensated { txn, .. }
            | Pending { txn, .. }
            | Settled { txn, .. }
            | Reached { txn, .. }
            | Stuck { txn, .. }
            | LostLog { txn, .. } => Some(*txn),
            Sent { txn, .. } | Received { txn, .. } | Dropped { txn, .. } | Appended { txn, .. } => *txn,
            Durable { .. } | Compacted { .. } | Crashed { .. } | Restarted { .. } | Paused { .. } | Resumed { .. } => {
                None
            }
            ClockJumped { .. } | LogRestored { .. } | SessionRefused { .. } => None,
            LinkCut { .. } | LinkHealed { .. } | Fault { .. } | End => None,
        }
    }

    /// The kind of observation: its word in traces and in effect selectors.
    pub fn kind(&self) -> &'static str {
        use Observation::*;
        match self {
            ClientBegan { .. } => "client-began",
            ClientEnded { .. } => "client-ended",
            ClientGaveUp { .. } => "client-gave-up",
            Sent { .. } => "sent",
            Received { .. } => "received",
            Dropped { .. } => "dropped",
            Appended { .. } => "appended",
            Durable { .. } => "durable",
            Compacted { .. } => "compacted",
            LockRequested { .. } => "lock-requested",
            LockGranted { .. } => "lock-granted",
            LockReleased { .. } => "lock-released",
            LockAbandoned { .. } => "lock-abandoned",
            Read { .. } => "read",
            Voted { .. } => "voted",
            InDoubt { .. } => "in-doubt",
            Decided { .. } => "decided",
            Heuristic { .. } => "heuristic",
            HeuristicOutcome { .. } => "heuristic-outcome",
            Applied { .. } => "applied",
            StepApplied { .. } => "step-applied",
            StepRefused { .. } => "step-refused",
            Compensated { .. } => "compensated",
            Pending { .. } => "pending",
            Settled { .. } => "settled",
            Reached { .. } => "reached",
            Stuck { .. } => "stuck",
            LostLog { .. } => "lost-log",
            Crashed { .. } => "crashed",
            Restarted { .. } => "restarted",
            LogRestored { .. } => "log-restored",
            SessionRefused { .. } => "session-refused",
            Paused { .. } => "paused",
            Resumed { .. } => "resumed",
            ClockJumped { .. } => "clock-jumped",
            LinkCut { .. } => "link-cut",
            LinkHealed { .. } => "link-healed",
            Fault { .. } => "fault",
            End => "end",
        }
    }

    /// The word that distinguishes observations of one kind in effect selectors, if there is one.
    pub fn qualifier(&self) -> Option<&'static str> {
        match self {
            Observation::Reached { phase, .. } => Some(phase.word()),
            Observation::Voted { vote, .. } => Some(vote.word()),
            Observation::Decided { outcome, .. } | Observation::Heuristic { outcome, .. } => Some(outcome.word()),
            Observation::HeuristicOutcome { outcome, .. } => Some(outcome.word()),
            _ => None,
        }
    }

    /// The step of a saga that the observation concerns, from 1, if there is one.
    pub fn step(&self) -> Option<u32> {
        match self {
            Observation::StepApplied { step, .. }
            | Observation::StepRefused { step, .. }
            | Observation::Compensated { step, .. }
            | Observation::Stuck { step, .. } => Some(*step),
            _ => None,
        }
    }
}

/// An observation with its time and its node: one line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// The time since the start of the load. In the file of a single node, the time of the host's monotonic clock.
    pub t_us: i64,
    /// The position in the trace, from 0.
    pub seq: u64,
    /// The node, client or lab that made the observation.
    pub node: NodeId,
    /// The observation.
    pub what: Observation,
}
