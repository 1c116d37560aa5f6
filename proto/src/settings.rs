//! The settings of a cluster: timeouts, limits, and protocol options. They never change during a run.

use crate::{planted::Planted, time::Micros};
use serde::{Deserialize, Serialize};

/// The timeouts of a cluster, as a scenario's `[timeouts]` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timeouts {
    /// How long a coordinator waits for votes after it has sent PREPARE. Then it aborts. Also how long an unprotected call waits for
    /// its answer.
    pub vote: Micros,
    /// How long a participant stays in doubt before it first inquires.
    pub decision: Micros,
    /// How long a lock request waits.
    pub lock: Micros,
    /// The pause before the first resend. Each further pause is doubled, up to ten times this.
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
    /// The pause before a resend; `attempt` counts resends from 0. It is `retry`, doubled each time, at most 10 × `retry`. There is no
    /// jitter, because machines have no randomness.
    pub fn backoff(&self, attempt: u32) -> Micros {
        self.retry.backoff(attempt)
    }

    /// How long the work round may take. It includes waiting for locks and for the answer.
    pub fn work(&self) -> Micros {
        self.lock + self.vote
    }
}

/// The limits of a coordinating node. A submission that exceeds one is `refused`, and the reason names the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// The most operations of one transaction.
    pub operations: usize,
    /// The most participants of one transaction.
    pub participants: usize,
    /// The most bytes of one transaction, as [`crate::operation::Operation::bytes`] counts them.
    pub bytes: usize,
    /// The most transactions in flight at one coordinating node.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { operations: 256, participants: 64, bytes: 64 * 1024, in_flight: 100_000 }
    }
}

/// How the operations of a 2PC branch reach its participant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkRound {
    /// They are sent in a separate round before PREPARE (docs/02-scenarios.md).
    #[default]
    Separate,
    /// They are part of PREPARE.
    WithPrepare,
}

/// The step with which a saga starts compensating when step k was refused (docs/rules.md, 30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompensateFrom {
    /// Step k-1. The refused step has no effects, so it is not compensated (as in Eventuate).
    #[default]
    Previous,
    /// Step k. The refused step is compensated too, and the barrier makes this an empty compensation (as in DTM).
    Failed,
}

/// When a coordinator with a NO vote decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortWhen {
    /// At the first NO. ABORT goes to every participant that is not known to have voted NO or READ.
    #[default]
    AtOnce,
    /// When every vote has arrived, or after the vote timeout. The tables of the papers count this case (docs/08-costs.md).
    AfterAllVotes,
}

/// When a coordinator of the 2PC family tells its client the outcome. X/Open TX calls it the commit return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerWhen {
    /// Once the decision is durable. If an operator then ends a branch against it, the client has been told a wrong
    /// outcome.
    #[default]
    Decided,
    /// Once all participants that owe an ACK have acknowledged. The client learns what operators did, but it waits for
    /// every participant that is down.
    Acknowledged,
}

/// Protocol options, as a scenario's `[options]` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Options {
    /// How the operations of a branch reach its participant.
    pub work: WorkRound,
    /// Whether participants that only read may vote READ and need no decision (docs/rules.md, 12).
    pub read_only: bool,
    /// When a coordinator with a NO vote decides to abort.
    pub abort: AbortWhen,
    /// When the client is told the outcome.
    #[serde(default)]
    pub answer: AnswerWhen,
    /// Whether a restarted orchestrator continues its sagas (rule 27) instead of compensating them (rule 26).
    pub forward_recovery: bool,
    /// The step with which a saga starts compensating (rule 30).
    pub compensate_from: CompensateFrom,
    /// The number of answered failures of one compensation after which its saga is `stuck`.
    pub compensation_attempts: u32,
    /// The number of answered failures (refusals do not count) of one compensatable step after which the saga compensates.
    pub step_attempts: u32,
    /// The number of retries of `none-retry` after the first attempt.
    pub retries: u32,
    /// The number of outcomes that a coordinating node remembers for clients that ask again. No protocol depends on it: with 0, an
    /// inquiry about a forgotten transaction is answered by the presumption alone (docs/rules.md, 13).
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

/// All settings of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// The timeouts of the cluster.
    pub timeouts: Timeouts,
    /// The limits of coordinating nodes.
    pub limits: Limits,
    /// The options of the protocols.
    pub options: Options,
    /// A planted bug. Only tests plant one.
    #[serde(skip)]
    pub planted: Planted,
}
