//! Planted bugs: mistakes that real systems have made. They test the checks: if no check catches a planted bug, a check is missing.
//!
//! They exist only with the feature `mutants` of this crate and of the machine crates, which only tests turn on. With it, each
//! machine crate has a module `mutants`, which changes the inputs or effects of the correct machine. Without the feature no bug can
//! be planted, and [`Planted::is`] is `false` at compile time.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutant {
    /// A participant votes YES before its prepared record is durable.
    VoteBeforeDurable,
    /// A coordinator tells its decision before the record is durable.
    DecideBeforeDurable,
    /// A participant acknowledges a decision before its outcome record is forced.
    AckBeforeForce,
    /// A participant forgets its prepared branches when it restarts.
    ForgetPrepared,
    /// A participant does not take the locks of its prepared branches back when it restarts (rule 11).
    LocksNotRetaken,
    /// A participant in doubt aborts after its decision timeout (rule 6).
    AbortInDoubt,
    /// Presumed commit sends PREPARE before its initiation record is durable (rule 16).
    NoInitiation,
    /// Presumed commit forgets an abort before a late YES voter acknowledged it.
    ForgetAbortEarly,
    /// "Unknown branch" counts as an ACK although the participant lost its log (rule 17).
    UnknownIsDone,
    /// A participant votes again for a late copy of PREPARE, although the branch has finished (rule 17b).
    VoteAfresh,
    /// A read-only voter unlocks before every participant has finished its work (rule 12).
    ReadUnlocksEarly,
    /// Under cooperative termination, a participant answers ABORT for a transaction that it may have known and forgotten (rule 7).
    PeerGuessesAbort,
    /// A coordinator stops resending a decision that nobody acknowledged.
    ResendStops,
    /// A participant releases its locks at its vote.
    UnlockAtVote,
    /// A compensation restores the values from before the step (rule 29).
    RestorePreImage,
    /// Compensations run in forward order (rule 24).
    CompensateForward,
    /// A step is requested before the steps that it depends on are applied, such as the pivot (rule 32).
    StepTooEarly,
    /// A step is compensated before a step that depends on it (rule 24).
    UndoTooEarly,
    /// A compensation is applied although its step never ran (no empty compensation, rule 39).
    NoEmptyCompensation,
    /// A step that arrives after its compensation is run (a hanging step, rule 40).
    LateForwardRuns,
    /// A participant runs the copy of a step again (rule 38).
    DuplicateRuns,
    /// A participant acknowledges a decision that an operator had overruled as if it had followed it (rule 22).
    HeuristicIsAck,
    /// A participant answers a peer in doubt with the operator's action, as if it were the decision (rule 7).
    HeuristicSpreads,
    /// A coordinating node that lost its disk runs what was submitted to it before (decision 57).
    LostDiskRunsAgain,
    /// Nobody notices that an older copy of a journal was put back (rule 17).
    RestoredIsTrusted,
    /// A world delivers a message to a later incarnation of its receiver (duty 7 of a driver).
    SessionsForgotten,
    /// A journal keeps a torn record and appends after it. A later replay ends at the torn record.
    TornRecordIgnored,
    /// The decision of another journal of the coordinator counts: a coordinator that lost its journal answers for the lost one by its
    /// presumption, and participants obey (rule 13).
    OtherJournalDecides,
    /// A participant acknowledges a decision although it has only a lazy record of it, because a peer had told it before (rule 15).
    AckOfLazyEnd,
    /// A saga turns back at a failure of its pivot, without finding out whether the pivot was applied (rule 32).
    PivotNotSettled,
    /// A saga takes every refusal of a step for the last word, although its participant may forget it and apply the step that was asked
    /// for again.
    RefusalTrusted,
    /// A restarted orchestrator counts the sagas that it goes on with as finished (rule 17b).
    NotReopened,
    /// A saga that turned back counts as finished before its lazy end is durable (rule 17b).
    FinishedEarly,
    /// A participant's compaction leaves out its branches in doubt (rule 11).
    CompactionForgetsDoubt,
    /// A participant's compaction leaves out the outcomes of what is over (rule 17b).
    CompactionForgetsOutcomes,
    /// A coordinator's compaction leaves out decisions that are not acknowledged (rule 15).
    CompactionForgetsAcks,
    /// An orchestrator's compaction leaves out the sagas that are not over (rule 26).
    CompactionForgetsSagas,
    /// A compaction replaces the journal before the new file is durable. A crash in between leaves nothing of what it replaced.
    ReplacedTooEarly,
    /// A disk says that records are durable while they are in its cache: only the next forced write puts them down (duty 3 of a
    /// driver).
    DurableTooEarly,
    /// A world never flushes lazy records, if nothing must be forced (duty 4 of a driver).
    NeverFlushed,
    /// A world writes what a machine observes after the next line, so that a message can leave before it (duty 5 of a driver).
    ObservedLate,
}

impl Mutant {
    /// All bugs that can be planted.
    pub const ALL: [Mutant; 41] = [
        Mutant::VoteBeforeDurable,
        Mutant::DecideBeforeDurable,
        Mutant::AckBeforeForce,
        Mutant::ForgetPrepared,
        Mutant::LocksNotRetaken,
        Mutant::AbortInDoubt,
        Mutant::NoInitiation,
        Mutant::ForgetAbortEarly,
        Mutant::UnknownIsDone,
        Mutant::VoteAfresh,
        Mutant::ReadUnlocksEarly,
        Mutant::PeerGuessesAbort,
        Mutant::ResendStops,
        Mutant::UnlockAtVote,
        Mutant::RestorePreImage,
        Mutant::CompensateForward,
        Mutant::StepTooEarly,
        Mutant::UndoTooEarly,
        Mutant::NoEmptyCompensation,
        Mutant::LateForwardRuns,
        Mutant::DuplicateRuns,
        Mutant::HeuristicIsAck,
        Mutant::HeuristicSpreads,
        Mutant::LostDiskRunsAgain,
        Mutant::RestoredIsTrusted,
        Mutant::SessionsForgotten,
        Mutant::TornRecordIgnored,
        Mutant::OtherJournalDecides,
        Mutant::AckOfLazyEnd,
        Mutant::PivotNotSettled,
        Mutant::RefusalTrusted,
        Mutant::NotReopened,
        Mutant::FinishedEarly,
        Mutant::CompactionForgetsDoubt,
        Mutant::CompactionForgetsOutcomes,
        Mutant::CompactionForgetsAcks,
        Mutant::CompactionForgetsSagas,
        Mutant::ReplacedTooEarly,
        Mutant::DurableTooEarly,
        Mutant::NeverFlushed,
        Mutant::ObservedLate,
    ];
}

/// The bug that is planted, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Planted {
    #[cfg(feature = "mutants")]
    mutant: Option<Mutant>,
}

impl Planted {
    /// Plants a bug.
    #[cfg(feature = "mutants")]
    pub fn bug(mutant: Mutant) -> Self {
        Planted { mutant: Some(mutant) }
    }

    /// The bug that is planted.
    #[cfg(feature = "mutants")]
    pub fn mutant(self) -> Option<Mutant> {
        self.mutant
    }

    /// Whether this bug is planted.
    #[inline]
    #[cfg(feature = "mutants")]
    pub fn is(self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether this bug is planted, which is never true in this build.
    #[inline]
    #[cfg(not(feature = "mutants"))]
    pub fn is(self, _: Mutant) -> bool {
        false
    }
}
