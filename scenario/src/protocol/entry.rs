//! The properties of a protocol and of a family, as the registry has them.

use super::{costs::Costs, point::Point};
use crate::checks::CheckName;
use indoubt_coordinator::Presumption;
use indoubt_proto::{
    ids::{NodeId, Role},
    message::MessageKind,
    observation::Phase,
    settings::WorkRound,
};

/// The properties of one protocol.
#[derive(Debug)]
pub struct Entry {
    /// The name in scenarios and results.
    pub name: &'static str,
    /// A short description for people.
    pub about: &'static str,
    /// The family, which has the properties that similar protocols share.
    pub family: Family,
    /// The machine of coordinating nodes. Participants run the same machine under every protocol.
    pub machine: CoordinatingMachine,
    /// The words of the records that nodes append. Records that occur only in compactions are not listed, because they are not
    /// effects.
    pub records: ByRole,
    /// Which steps of one transaction wait for each other.
    pub order: StepOrder,
    /// Whether participants in doubt ask each other. Then they need links to each other.
    pub cooperates: bool,
    /// Whether a coordinator remembers a commit until every participant that voted YES has acknowledged it.
    pub acknowledges_commits: bool,
    /// The costs of a transaction, by the formulas of the literature.
    pub costs: Costs,
    /// How charts draw this protocol.
    pub line: Line,
}

/// The machine of a protocol's coordinating nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatingMachine {
    /// Two-phase commit with this presumption.
    Coordinator(Presumption),
    /// Sagas, step by step.
    Orchestrator,
    /// Sagas, independent steps at the same time.
    ParallelOrchestrator,
    /// The baselines, which call the participants without a protocol.
    Unprotected {
        /// Whether it repeats a call that was not answered, at most `options.retries` times.
        retries: bool,
    },
}

/// Which steps of one transaction wait for each other, forward and on the way back. (A branch of two-phase commit has one
/// decision for all its steps.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepOrder {
    /// Each step waits for all before it.
    OneByOne,
    /// A step waits for those before it at its own participant. (It may wait for more: for the pivot.)
    AtEachParticipant,
}

impl StepOrder {
    /// Whether a step waits for an earlier one of the plan, by where they run.
    pub fn waits(self, later: NodeId, earlier: NodeId) -> bool {
        self == StepOrder::OneByOne || later == earlier
    }
}

/// The model by which a transaction is judged. It defines what the effects of a transaction are and when the transaction has
/// ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Two-phase commit: each participant has a branch and votes, and a coordinator decides.
    TwoPhase,
    /// Sagas: each step commits on its own, and is compensated if the saga fails.
    Saga,
    /// The unprotected baselines: each step commits on its own, and nothing undoes it.
    Unprotected,
}

impl Family {
    /// All families, in the order in which they are shown.
    pub const ALL: [Family; 3] = [Family::TwoPhase, Family::Saga, Family::Unprotected];
}

/// The properties that the protocols of one family share.
#[derive(Debug)]
pub struct FamilyEntry {
    /// The word in the names of files.
    pub word: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// The name of a coordinating node, for example `orchestrator`.
    pub coordinating: &'static str,
    /// The subcommand that starts a coordinating node.
    pub command: &'static str,
    /// The phases, in the order in which a transaction reaches them.
    pub phases: &'static [PhaseEntry],
    /// The points, in the order of a transaction's life. A protocol does not have points of records that it does not have.
    pub points: &'static [Point],
    /// The messages that nodes send.
    pub messages: &'static [MessageKind],
    /// The words of the observations that machines make. Observations of drivers and of the lab are not listed, because faults
    /// cannot name them.
    pub observations: ByRole,
    /// The checks that the family promises, unless a fault waives them.
    pub promises: &'static [CheckName],
    /// The words for the ends of a transaction, besides aborted and refused. Success comes first.
    pub outcomes: &'static [&'static str],
    /// What a transaction holds at participants while it waits for a node that is down.
    pub waiting: Waiting,
}

/// Two lists of words: one for coordinating nodes, one for participants.
#[derive(Clone, Copy, Debug)]
pub struct ByRole {
    /// The words for coordinating nodes.
    pub coordinating: &'static [&'static str],
    /// The words for participants.
    pub participant: &'static [&'static str],
}

impl ByRole {
    /// The words for nodes of this role. Clients and the lab have none.
    pub fn of(&self, role: Role) -> &'static [&'static str] {
        match role {
            Role::Coordinating => self.coordinating,
            Role::Participant => self.participant,
            Role::Client | Role::Lab => &[],
        }
    }
}

/// What a transaction holds at participants while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Branches in doubt, with their locks.
    Doubt,
    /// Records that everybody can read, flagged as pending.
    Pending,
    /// Nothing, because nothing resumes the transaction.
    Nothing,
}

/// The properties of one phase under one family.
#[derive(Debug)]
pub struct PhaseEntry {
    #[allow(missing_docs, reason = "the phase that the entry describes")]
    pub phase: Phase,
    /// What the phase means under this family (the table of docs/02-scenarios.md).
    pub meaning: &'static str,
    /// How a fault recognises that a transaction reaches the phase.
    pub sign: PhaseSign,
}

impl PhaseEntry {
    pub(super) const fn new(phase: Phase, meaning: &'static str) -> Self {
        PhaseEntry { phase, meaning, sign: PhaseSign::Reached }
    }

    pub(super) const fn with(self, sign: PhaseSign) -> Self {
        PhaseEntry { sign, ..self }
    }
}

/// How a fault recognises that a transaction reaches a phase.
#[derive(Clone, Copy, Debug)]
pub enum PhaseSign {
    /// The coordinating node observes the phase.
    Reached,
    /// The coordinating node observes the phase when it sends this message. The fault waits until a participant has received the
    /// message, because a crash could still lose it.
    Sent {
        /// The message, which depends on how the work travels.
        message: fn(WorkRound) -> MessageKind,
        /// Whether the message must arrive: if it is lost, the phase is not reached.
        must_arrive: bool,
    },
    /// Any participant makes this observation. The first one counts.
    Participant(&'static str),
}

/// How charts draw a protocol beside others.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The colour of the line.
    pub colour: Colour,
    /// The mark at each value, so that lines differ without colour too.
    pub mark: Symbol,
}

/// The colours of Okabe and Ito, which colour-blind readers can tell apart, and a grey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the colour of its name")]
pub enum Colour {
    Black,
    Orange,
    SkyBlue,
    Green,
    Yellow,
    Blue,
    Vermillion,
    Purple,
    Grey,
}

/// The marks of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the mark of its name")]
pub enum Symbol {
    Disc,
    Ring,
    Cross,
    Triangle,
    Square,
    Frame,
}
