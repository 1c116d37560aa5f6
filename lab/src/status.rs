//! The exit status of a command.

/// Whether all promises and expectations hold. A command that cannot run returns an error instead (exit status 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Exit status 0.
    Holds,
    /// Exit status 1.
    DoesNotHold,
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Status::Holds } else { Status::DoesNotHold }
    }
}
