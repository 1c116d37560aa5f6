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
    /// A step is asked for before what it depends on is applied, the pivot included (rule 32).
    StepTooEarly,
    /// A step is undone while a step that depends on it is not (rule 24).
    UndoTooEarly,
    /// A compensation is applied although its step never ran (no empty compensation, rule 39).
    NoEmptyCompensation,
    /// A step that arrives after its compensation is run (a hanging step, rule 40).
    LateForwardRuns,
    /// A participant runs the copy of a step again (rule 38).
    DuplicateRuns,
    /// A participant acknowledges a decision that an operator had overruled as if it had followed it (rule 22).
    HeuristicIsAck,
    /// A participant tells a peer in doubt how an operator ended the branch, as if it were the decision (rule 7).
    HeuristicSpreads,
    /// A coordinating node that lost its disk runs what was submitted to it before (decision 57).
    LostDiskRunsAgain,
    /// Nobody notices that an older copy of a journal was put back (rule 17).
    RestoredIsTrusted,
    /// A world hands a message to whatever incarnation of its receiver it meets (duty 7 of a driver).
    SessionsForgotten,
    /// A journal leaves a torn record and appends behind it. A later replay ends at the torn record.
    TornRecordIgnored,
}

impl Mutant {
    /// All bugs that can be planted.
    pub const ALL: [Mutant; 27] = [
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
