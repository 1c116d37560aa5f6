//! Why a journal cannot be opened, or cannot go on.

use indoubt_proto::ids::Lsn;
use std::{io, path::PathBuf};

/// Why a journal cannot be opened, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// What was tried, for example `write`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another process uses the data directory.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// A journal of another version.
    #[error("{} has format version {found}, and this program reads version {}", path.display(), super::format::VERSION)]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A file is not what was written to it. Nothing was changed; it cannot be repaired without losing what was durable.
    #[error("{} is corrupt at byte {offset}: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        offset: u64,
        /// How.
        why: String,
    },
    /// The records do not follow one another: an error of the caller.
    #[error("record {} comes where {} is due", found.0, expected.0)]
    OutOfOrder {
        /// The record that is due.
        expected: Lsn,
        /// The one that came.
        found: Lsn,
    },
    /// A record longer than 64 MiB.
    #[error("a record of {bytes} bytes is longer than any may be")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A write or a force failed: what is durable is no longer known, and nothing is tried again.
    #[error("the journal has failed: {why}")]
    Failed {
        /// What failed first.
        why: String,
    },
}

/// Names what was tried on which file.
pub(super) fn io_error(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.into();
    move |error| JournalError::Io { action, path, error }
}
