//! The decision of an atomic commit.

use serde::{Deserialize, Serialize};

/// Commit or abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Every participant voted YES.
    Commit,
    /// A participant voted NO, or the coordinator did not receive every vote in time.
    Abort,
}

impl Decision {
    /// `commit` or `abort`.
    pub fn word(self) -> &'static str {
        match self {
            Decision::Commit => "commit",
            Decision::Abort => "abort",
        }
    }
}
