//! Enums, which are numbers on the wire.

use super::{error::WireError, v1};
use crate::{
    heuristic::HeuristicOutcome,
    inspect::LockMode,
    message::{Answer, Decision, ReadVote, ReasonKind, StepStyle, Vote},
    plan::StepKind,
};

/// A domain enum whose number on the wire is that of a generated enum.
pub(super) trait Word: Sized {
    fn parse(number: i32) -> Result<Self, WireError>;
    fn number(self) -> i32;
}

macro_rules! words {
    ($domain:ident = $wire:ident { $($name:ident),* }) => {
        impl Word for $domain {
            fn parse(number: i32) -> Result<Self, WireError> {
                match v1::$wire::try_from(number) {
                    $(Ok(v1::$wire::$name) => Ok($domain::$name),)*
                    Ok(v1::$wire::Unspecified) => Err(WireError::missing()),
                    Err(_) => Err(WireError::new(format!("{number} is not a {}", stringify!($wire)))),
                }
            }

            fn number(self) -> i32 {
                match self {
                    $($domain::$name => v1::$wire::$name.into(),)*
                }
            }
        }
    };
}

words!(Decision = DecisionWord { Commit, Abort });
words!(Vote = VoteWord { Yes, No, ReadOnly, Failed });
words!(ReadVote = ReadVoteWord { Never, Release, Keep });
words!(Answer = AnswerWord { InDoubt, Unknown });
words!(StepStyle = StepStyle { Saga, Bare });
words!(HeuristicOutcome = HeuristicWord { Mixed, Rollback, Commit, Hazard });
words!(LockMode = LockModeWord { Shared, Exclusive });
words!(
    ReasonKind = ReasonKind {
        Constraint,
        LockTimeout,
        WorkTimeout,
        VoteTimeout,
        CallTimeout,
        Finished,
        Failure,
        Limit,
        BadPlan,
        Operator,
        Recovery,
        Unreachable,
        Forgotten,
        GaveUp,
        NameTaken
    }
);

/// The only enum whose number 0 has a meaning: a step is compensatable by default.
impl Word for StepKind {
    fn parse(number: i32) -> Result<Self, WireError> {
        match v1::StepKind::try_from(number) {
            Ok(v1::StepKind::Compensatable) => Ok(StepKind::Compensatable),
            Ok(v1::StepKind::Pivot) => Ok(StepKind::Pivot),
            Ok(v1::StepKind::Retriable) => Ok(StepKind::Retriable),
            Err(_) => Err(WireError::new(format!("{number} is not a StepKind"))),
        }
    }

    fn number(self) -> i32 {
        match self {
            StepKind::Compensatable => v1::StepKind::Compensatable.into(),
            StepKind::Pivot => v1::StepKind::Pivot.into(),
            StepKind::Retriable => v1::StepKind::Retriable.into(),
        }
    }
}
