//! Planted bugs: mistakes that real systems made. They prove the checks: a bug that no check catches is a hole in the checks.
//!
//! They exist only with the feature `mutants` of this crate and of the machine crates, which only tests turn on. There each
//! machine crate has a module `mutants`, which changes what its sound machine is told or does. Without the feature nothing
//! can be planted, and [`Planted::is`] is `false` at compile time.

/// One planted bug.
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
    /// A participant in doubt aborts when its patience ends (rule 6).
    AbortInDoubt,
    /// Presumed commit sends PREPARE before its initiation record is durable (rule 16).
    NoInitiation,
    /// Presumed commit forgets an abort before a late YES voter acknowledged it.
    ForgetAbortEarly,
    /// "Unknown branch" counts as an ACK although the participant lost its log (rule 17).
    UnknownIsDone,
    /// A late copy of PREPARE for a finished branch votes afresh (rule 17b).
    VoteAfresh,
    /// A read-only voter unlocks before every participant has finished its work (rule 12).
    ReadUnlocksEarly,
    /// A cooperative peer answers ABORT for what it may have known and forgotten (rule 7).
    PeerGuessesAbort,
    /// A coordinator stops resending a decision that nobody acknowledged.
    ResendStops,
    /// A participant releases its locks at its vote.
    UnlockAtVote,
    /// A compensation restores the pre-image (rule 29).
    RestorePreImage,
    /// Compensations run in forward order (rule 24).
    CompensateForward,
    /// A step is asked for before what it depends on is applied, the pivot included (rule 32).
    StepTooEarly,
    /// A step is undone while a step that depends on it is not (rule 24).
    UndoTooEarly,
    /// A compensation of a step that never ran is applied (no empty compensation, rule 39).
    NoEmptyCompensation,
    /// A step that arrives after its compensation runs (a hanging step, rule 40).
    LateForwardRuns,
    /// A copy of a step runs again (rule 38).
    DuplicateRuns,
    /// A journal leaves a torn record where it is and appends behind it, where no later replay arrives.
    TornRecordIgnored,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 22] = [
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
        Mutant::TornRecordIgnored,
    ];
}

/// Which bug is planted, if any.
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

    /// Whether this bug is planted: never, in this build.
    #[inline]
    #[cfg(not(feature = "mutants"))]
    pub fn is(self, _: Mutant) -> bool {
        false
    }
}
