//! What a cluster is told once: timeouts, limits, protocol options.

use crate::{planted::Planted, time::Micros};
use serde::{Deserialize, Serialize};

/// The timeouts of a cluster, as a scenario's `[timeouts]` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timeouts {
    /// From PREPARE sent until a missing vote means abort; also how long an unprotected call waits for its answer.
    pub vote: Micros,
    /// How long a participant stays in doubt before it first inquires.
    pub decision: Micros,
    /// How long a lock request waits.
    pub lock: Micros,
    /// The first pause before something is sent again; doubled each time, at most ten times this.
    pub retry: Micros,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            vote: Micros::from_millis(500),
            decision: Micros::from_millis(500),
            lock: Micros::from_secs(1),
            retry: Micros::from_millis(100),
        }
    }
}

impl Timeouts {
    /// The pause before the `attempt`-th resend (0 is the first): `retry` doubled each time, capped at 10 × `retry`.
    /// Without jitter, because machines draw nothing; the shell's reconnects have it.
    pub fn backoff(&self, attempt: u32) -> Micros {
        self.retry * (1u64 << attempt.min(4)).min(10)
    }

    /// How long the work round may take: every lock may be waited for, and the answer must come back.
    pub fn work(&self) -> Micros {
        self.lock + self.vote
    }
}

/// What a coordinating node accepts; beyond it a submission is `refused`, with the limit in the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Operations in one transaction.
    pub operations: usize,
    /// Participants of one transaction.
    pub participants: usize,
    /// Bytes of one transaction, as [`crate::operation::Operation::bytes`] counts them.
    pub bytes: usize,
    /// Transactions in flight at one coordinating node.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { operations: 256, participants: 64, bytes: 64 * 1024, in_flight: 100_000 }
    }
}

/// Where the operations of a 2PC branch travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkRound {
    /// In a round of their own before PREPARE (docs/02-scenarios.md).
    #[default]
    Separate,
    /// Inside PREPARE.
    WithPrepare,
}

/// Which step a saga's backward recovery starts from when step k was refused (docs/rules.md, 30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompensateFrom {
    /// From k-1: the refused step did nothing, so it is left alone (Eventuate).
    #[default]
    Previous,
    /// From k: the refused step's compensation runs too, and the barrier makes it an empty one (DTM).
    Failed,
}

/// When a coordinator that has a NO vote decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortWhen {
    /// At the first NO: ABORT goes to everyone not known to have voted NO or READ.
    #[default]
    AtOnce,
    /// Once every vote arrived, or the vote timeout ran out: what the papers' tables count (docs/08-costs.md).
    AfterAllVotes,
}

/// When a coordinator of the 2PC family tells its client the outcome. X/Open TX calls it the commit return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerWhen {
    /// Once the decision is durable. If an operator ended a branch otherwise, the client has been told too much.
    #[default]
    Decided,
    /// Once every participant that owes an ACK has acknowledged. The client learns what operators did, and waits for
    /// every participant that is down.
    Acknowledged,
}

/// Protocol options, as a scenario's `[options]` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Options {
    /// Where the operations travel.
    pub work: WorkRound,
    /// Whether participants that only read may vote READ and drop out (docs/rules.md, 12).
    pub read_only: bool,
    /// When a NO vote becomes the decision to abort.
    pub abort: AbortWhen,
    /// When the client is told.
    #[serde(default)]
    pub answer: AnswerWhen,
    /// A restarted orchestrator goes on (rule 27) instead of turning back (rule 26).
    pub forward_recovery: bool,
    /// Rule 30.
    pub compensate_from: CompensateFrom,
    /// Answered failures of one compensation before its saga is `stuck`.
    pub compensation_attempts: u32,
    /// Answered failures (not refusals) of one compensatable step before the saga turns back.
    pub step_attempts: u32,
    /// Retries of `none-retry` after the first attempt.
    pub retries: u32,
    /// Outcomes that a coordinating node remembers for clients that ask again. No protocol depends on it: with 0 an inquiry
    /// about a forgotten transaction is answered by the presumption alone (docs/rules.md, 13).
    pub remembered: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            work: WorkRound::Separate,
            read_only: true,
            abort: AbortWhen::AtOnce,
            answer: AnswerWhen::Decided,
            forward_recovery: false,
            compensate_from: CompensateFrom::Previous,
            compensation_attempts: 10,
            step_attempts: 3,
            retries: 3,
            remembered: 10_000,
        }
    }
}

/// Everything that a machine is told about its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Limits.
    pub limits: Limits,
    /// Protocol options.
    pub options: Options,
    /// A planted bug; never one outside of tests.
    #[serde(skip)]
    pub planted: Planted,
}
