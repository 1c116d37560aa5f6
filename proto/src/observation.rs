//! What is worth measuring. The stream of observations is the only source of every number, chart, check and diagram.
//! Its shape on disk is in docs/03-measures-and-checks.md.

use crate::{
    ids::{LogId, Lsn, MessageId, NodeId, Ticket, TxnId},
    inspect::LockMode,
    machine::Write,
    message::{Decision, MessageKind, OutcomeWord, Vote},
    operation::{Key, Update},
    time::Micros,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The neutral phases of a transaction, the same words for every protocol (docs/02-scenarios.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Accepted (a saga: its begin is durable), nothing sent.
    Begun,
    /// Every participant was sent its work (a saga: the first step; `none`: the first call).
    WorkSent,
    /// The first yes vote arrived, not the last (a saga: the first step's result; `none`: the first answer).
    HalfDone,
    /// All yes votes arrived, the decision is not durable (a saga: the last step's result, the end is not durable).
    WorkDone,
    /// The decision is durable, nobody told (a saga: its end, or the turn to compensation, is durable).
    Decided,
    /// A participant told, not all (a saga: its first compensation is durable).
    HalfTold,
    /// Forgotten by the coordinator (a saga: end durable; after a turn: appended; `none`: answered).
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

    /// Its word.
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

/// Why a lock was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Abandoned {
    /// It waited too long.
    Timeout,
    /// Its transaction was aborted meanwhile.
    Abort,
}

/// One operation of a plan, as `client-began` lists it: with neither `delta` nor `value` it is a read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlanEntry {
    /// Where.
    pub node: NodeId,
    /// The step, 1-based.
    pub step: u32,
    /// The record.
    pub key: Key,
    /// What is added.
    pub delta: Option<i64>,
    /// What is put.
    pub value: Option<i64>,
}

/// One observation. Machines write what happens in the protocol; drivers write messages, journal and process life; the
/// lab writes clients, faults and links. In JSON each field stands beside `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "fields are the columns of docs/03-measures-and-checks.md")]
pub enum Observation {
    /// A client's transaction is due. `what` is transfer, order, trip or audit; `total` is an audit's right answer.
    ClientBegan {
        txn: TxnId,
        due_us: Micros,
        what: Cow<'static, str>,
        plan: Vec<PlanEntry>,
        total: Option<i64>,
    },
    /// A client was told.
    ClientEnded {
        txn: TxnId,
        outcome: OutcomeWord,
        detail: String,
    },
    /// A message left. `copy`: a duplicate that a fault made.
    Sent {
        id: MessageId,
        from: NodeId,
        to: NodeId,
        message: MessageKind,
        txn: Option<TxnId>,
        copy: bool,
    },
    /// A message was taken as input. `ticket`: of a request, how far its coordinating node had finished; whoever hears it may
    /// forget what it passed (rule 17b).
    Received {
        id: MessageId,
        from: NodeId,
        to: NodeId,
        message: MessageKind,
        txn: Option<TxnId>,
        copy: bool,
        ticket: Option<Ticket>,
    },
    /// A message was lost: a fault, the network, a link that is down.
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
    /// A participant voted (its vote leaves in the same step).
    Voted {
        txn: TxnId,
        vote: Vote,
    },
    /// Its prepared record is durable.
    InDoubt {
        txn: TxnId,
    },
    /// At a coordinator: durable, or, where the presumption logs nothing, taken. At a participant: learned.
    Decided {
        txn: TxnId,
        outcome: Decision,
    },
    /// An operator ends a branch in doubt so, whatever the decision is or will be: a heuristic decision. `decided` follows in the
    /// same step.
    Heuristic {
        txn: TxnId,
        outcome: Decision,
    },
    /// A committed branch's effects; written when the record is durable.
    Applied {
        txn: TxnId,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// A step's effects; written when the record is durable.
    StepApplied {
        txn: TxnId,
        step: u32,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// A step's constraint does not hold.
    StepRefused {
        txn: TxnId,
        step: u32,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// A compensation's effects (none if the step had never run); written when the record is durable.
    Compensated {
        txn: TxnId,
        step: u32,
        effects: Vec<Update>,
        log: LogId,
        lsn: Lsn,
    },
    /// A record is flagged: a saga that is not over has written it.
    Pending {
        txn: TxnId,
        key: Key,
    },
    /// The flag is gone; written by whoever ends it.
    Settled {
        txn: TxnId,
        key: Key,
    },
    /// A transaction reached a phase at its coordinating node.
    Reached {
        txn: TxnId,
        phase: Phase,
    },
    /// A saga cannot go on without an operator (`resumed`: it was told to try again).
    Stuck {
        txn: TxnId,
        step: u32,
        resumed: bool,
    },
    /// A participant that once voted no longer knows the branch, under another log: its effect is lost (rule 17).
    LostLog {
        txn: TxnId,
        participant: NodeId,
    },
    Crashed {
        incarnation: u32,
    },
    /// A node is back, with its journal up to `upto`. `lost`: the one that it had is gone, and `log` is a new one.
    Restarted {
        incarnation: u32,
        log: LogId,
        upto: Lsn,
        lost: bool,
    },
    Paused {
        incarnation: u32,
    },
    Resumed {
        incarnation: u32,
    },
    /// A node's clock jumped by so much: forward, or back.
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
    /// A scripted fault fired.
    Fault {
        text: String,
    },
    /// The end of the run.
    End,
}

impl Observation {
    /// The transaction that it concerns.
    pub fn txn(&self) -> Option<TxnId> {
        use Observation::*;
        match self {
            ClientBegan { txn, .. }
            | ClientEnded { txn, .. }
            | LockRequested { txn, .. }
            | LockGranted { txn, .. }
            | LockReleased { txn, .. }
            | LockAbandoned { txn, .. }
            | Read { txn, .. }
            | Voted { txn, .. }
            | InDoubt { txn }
            | Decided { txn, .. }
            | Heuristic { txn, .. }
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
            Durable { .. } | Crashed { .. } | Restarted { .. } | Paused { .. } | Resumed { .. } => None,
            ClockJumped { .. } => None,
            LinkCut { .. } | LinkHealed { .. } | Fault { .. } | End => None,
        }
    }

    /// Its kind: the word in traces and in effect selectors.
    pub fn kind(&self) -> &'static str {
        use Observation::*;
        match self {
            ClientBegan { .. } => "client-began",
            ClientEnded { .. } => "client-ended",
            Sent { .. } => "sent",
            Received { .. } => "received",
            Dropped { .. } => "dropped",
            Appended { .. } => "appended",
            Durable { .. } => "durable",
            LockRequested { .. } => "lock-requested",
            LockGranted { .. } => "lock-granted",
            LockReleased { .. } => "lock-released",
            LockAbandoned { .. } => "lock-abandoned",
            Read { .. } => "read",
            Voted { .. } => "voted",
            InDoubt { .. } => "in-doubt",
            Decided { .. } => "decided",
            Heuristic { .. } => "heuristic",
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
            Paused { .. } => "paused",
            Resumed { .. } => "resumed",
            ClockJumped { .. } => "clock-jumped",
            LinkCut { .. } => "link-cut",
            LinkHealed { .. } => "link-healed",
            Fault { .. } => "fault",
            End => "end",
        }
    }

    /// What distinguishes observations of one kind, for selectors.
    pub fn qualifier(&self) -> Option<&'static str> {
        match self {
            Observation::Reached { phase, .. } => Some(phase.word()),
            Observation::Voted { vote, .. } => Some(vote.word()),
            Observation::Decided { outcome, .. } | Observation::Heuristic { outcome, .. } => Some(outcome.word()),
            _ => None,
        }
    }

    /// The step of a saga that it concerns, 1-based.
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

/// An observation with its time and place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// Since the start of load; in a node's own file since an arbitrary moment of the host's monotonic clock.
    pub t_us: i64,
    /// Its place in the run.
    pub seq: u64,
    /// Who wrote it: a node, a client, or the lab.
    pub node: NodeId,
    /// What.
    pub what: Observation,
}
