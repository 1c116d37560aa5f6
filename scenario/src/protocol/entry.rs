//! What the registry says of a protocol and of a family.

use super::{costs::Costs, point::Point};
use crate::checks::CheckName;
use indoubt_coordinator::Presumption;
use indoubt_proto::{
    ids::{NodeId, Role},
    message::MessageKind,
    observation::Phase,
    settings::WorkRound,
};

/// One protocol.
#[derive(Debug)]
pub struct Entry {
    /// Its name in scenarios and results.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What it shares with similar protocols.
    pub family: Family,
    /// The machine of its coordinating nodes. All participants run the same machine.
    pub machine: CoordinatingMachine,
    /// The words of the records that its nodes append. Records that only compactions hold are no effects of their own.
    pub records: ByRole,
    /// Which steps of one transaction wait for each other.
    pub order: StepOrder,
    /// Whether participants in doubt ask each other, and so need links to each other.
    pub cooperates: bool,
    /// Whether a coordinator keeps a commit until every participant that voted YES has acknowledged it.
    pub acknowledges_commits: bool,
    /// What a transaction costs by the literature's formulas.
    pub costs: Costs,
    /// How charts draw it beside other protocols.
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
    /// Calls without a protocol.
    Unprotected {
        /// Whether it makes a call again that was not answered, as often as `options.retries` says.
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

/// The model by which a transaction is judged. It decides what its effects are and when they are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Two-phase commit: each participant has a branch and votes, and a coordinator decides.
    TwoPhase,
    /// Sagas: steps commit one by one, and are compensated if the saga turns back.
    Saga,
    /// The unprotected baselines: steps commit one by one, and nothing undoes them.
    Unprotected,
}

impl Family {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Family; 3] = [Family::TwoPhase, Family::Saga, Family::Unprotected];
}

/// What the protocols of one family share.
#[derive(Debug)]
pub struct FamilyEntry {
    /// Its word in the names of files.
    pub word: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What a coordinating node is called.
    pub coordinating: &'static str,
    /// The subcommand that starts a coordinating node.
    pub command: &'static str,
    /// Its phases, in the order in which a transaction reaches them.
    pub phases: &'static [PhaseEntry],
    /// Its points, in the order of a transaction's life. A protocol has those whose records it has.
    pub points: &'static [Point],
    /// The messages that its nodes send.
    pub messages: &'static [MessageKind],
    /// The words of what its nodes observe. What drivers and the lab observe is no effect.
    pub observations: ByRole,
    /// The checks that it promises, faults that waive them aside.
    pub promises: &'static [CheckName],
    /// The words for how a transaction can end, besides aborted and refused. Success comes first.
    pub outcomes: &'static [&'static str],
    /// What a transaction leaves at participants while it waits for a node that is down.
    pub waiting: Waiting,
}

/// Words of nodes, by what the nodes are for.
#[derive(Clone, Copy, Debug)]
pub struct ByRole {
    /// Of coordinating nodes.
    pub coordinating: &'static [&'static str],
    /// Of participants.
    pub participant: &'static [&'static str],
}

impl ByRole {
    /// Those of nodes of this role. Clients and the lab have none.
    pub fn of(&self, role: Role) -> &'static [&'static str] {
        match role {
            Role::Coordinating => self.coordinating,
            Role::Participant => self.participant,
            Role::Client | Role::Lab => &[],
        }
    }
}

/// What a transaction leaves at participants while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Branches in doubt, with their locks.
    Doubt,
    /// Records that everybody can read, flagged as pending.
    Pending,
    /// Nothing: nobody comes back to it.
    Nothing,
}

/// One phase under one family.
#[derive(Debug)]
pub struct PhaseEntry {
    /// Which.
    pub phase: Phase,
    /// What it means here (the table of docs/02-scenarios.md).
    pub meaning: &'static str,
    /// How a fault sees that it is reached.
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

/// How a fault sees that a transaction reaches a phase.
#[derive(Clone, Copy, Debug)]
pub enum PhaseSign {
    /// The coordinating node observes it.
    Reached,
    /// The coordinating node observes it when it sends this message. Until a participant has taken the message, the fault
    /// waits: a crash could still take it back.
    Sent {
        /// Which message, by how the work travels.
        message: fn(WorkRound) -> MessageKind,
        /// Whether the phase is not reached if the message is lost.
        must_arrive: bool,
    },
    /// The first participant that observes this, whichever it is.
    Participant(&'static str),
}

/// How a protocol is drawn where several stand side by side.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its colour.
    pub colour: Colour,
    /// Its mark at each value, so that lines read without colour.
    pub mark: Symbol,
}

/// The colours of Okabe and Ito, and a grey.
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
