//! The records that nodes append while a protocol runs, by their words in journals and traces.

use crate::protocol::{Family, Protocol};
use indoubt_proto::ids::Role;
use serde::Serialize;

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "what each holds is said where the machines define their records")]
pub enum RecordKind {
    Booted,
    // Atomic commit.
    Initiation,
    Prepared,
    Committed,
    Aborted,
    // Sagas, and steps without a protocol.
    Begin,
    StepDone,
    Turn,
    StepUndone,
    Stuck,
    Resumed,
    End,
    StepApplied,
    StepRefused,
    Voided,
    Compensated,
    // Status rows of `none-retry`.
    Pending,
    Done,
    Failed,
}

impl RecordKind {
    /// As traces and effect selectors write it.
    pub fn word(self) -> &'static str {
        match self {
            RecordKind::Booted => "booted",
            RecordKind::Initiation => "initiation",
            RecordKind::Prepared => "prepared",
            RecordKind::Committed => "committed",
            RecordKind::Aborted => "aborted",
            RecordKind::Begin => "begin",
            RecordKind::StepDone => "step-done",
            RecordKind::Turn => "turn",
            RecordKind::StepUndone => "step-undone",
            RecordKind::Stuck => "stuck",
            RecordKind::Resumed => "resumed",
            RecordKind::End => "end",
            RecordKind::StepApplied => "step-applied",
            RecordKind::StepRefused => "step-refused",
            RecordKind::Voided => "voided",
            RecordKind::Compensated => "compensated",
            RecordKind::Pending => "pending",
            RecordKind::Done => "done",
            RecordKind::Failed => "failed",
        }
    }
}

/// The records that a node of this role appends under this protocol. Those that only compactions hold are no effects of their
/// own, and are not among them.
pub fn records(protocol: Protocol, role: Role) -> &'static [RecordKind] {
    use RecordKind::*;
    match (protocol.family(), role) {
        (_, Role::Client | Role::Lab) => &[],
        (Family::TwoPhase, Role::Coordinating) if protocol == Protocol::PresumedCommit => {
            &[Initiation, Committed, Aborted, End]
        }
        (Family::TwoPhase, Role::Coordinating) => &[Committed, Aborted, End],
        (Family::TwoPhase, Role::Participant) => &[Booted, Prepared, Committed, Aborted],
        (Family::Saga, Role::Coordinating) => &[Begin, StepDone, Turn, StepUndone, Stuck, Resumed, End],
        (Family::Saga, Role::Participant) => &[Booted, StepApplied, StepRefused, Voided, Compensated],
        (Family::Unprotected, Role::Coordinating) if protocol == Protocol::NoneRetry => &[Pending, Done, Failed],
        (Family::Unprotected, Role::Coordinating) => &[],
        (Family::Unprotected, Role::Participant) => &[Booted, StepApplied, StepRefused],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_as_its_word() {
        let roles = [Role::Coordinating, Role::Participant];
        for record in Protocol::ALL.into_iter().flat_map(|p| roles.into_iter().flat_map(move |role| records(p, role))) {
            assert_eq!(serde_json::to_value(record).unwrap(), record.word());
        }
    }
}
