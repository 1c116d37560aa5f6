//! What a command answers with.

/// Whether everything that was claimed and promised holds. A command that could not run is an error instead (status 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Status 0.
    Holds,
    /// Status 1.
    DoesNotHold,
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Status::Holds } else { Status::DoesNotHold }
    }
}
