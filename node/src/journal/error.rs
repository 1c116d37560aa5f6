//! The error of a journal.

use indoubt_proto::ids::Lsn;
use std::{io, path::PathBuf};

/// The reason why a journal cannot be opened or cannot continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// An operation of the operating system failed.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// The operation, for example `write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// Another process uses the data directory.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The data directory or its journal belongs to another node or protocol.
    #[error("{} belongs to {found}, not to {expected}", path.display())]
    Belongs {
        /// The data directory or the journal.
        path: PathBuf,
        /// The node and protocol to which it belongs.
        found: String,
        /// The node and protocol that opened it.
        expected: String,
    },
    /// The journal has another format version.
    #[error("{} has format version {found}, and this program reads version {}", path.display(), super::format::VERSION)]
    Version {
        /// The journal file.
        path: PathBuf,
        /// The version of the file.
        found: u32,
    },
    /// A file does not contain what was written to it. Nothing was changed. It cannot be repaired without losing durable records.
    #[error("{} is corrupt at byte {offset}: {why}", path.display())]
    Corrupt {
        /// The corrupt file.
        path: PathBuf,
        /// The offset at which the corruption begins.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// The caller appended a record that does not follow the last one.
    #[error("record {} was appended, but record {} is next", found.0, expected.0)]
    OutOfOrder {
        /// The number that must come next.
        expected: Lsn,
        /// The number that was appended.
        found: Lsn,
    },
    /// A record is longer than 64 MiB.
    #[error("a record of {bytes} bytes is longer than the limit of 64 MiB")]
    TooLong {
        /// The length of the record.
        bytes: usize,
    },
    /// A write or a forced write failed. It is not known what is durable, so nothing is tried again.
    #[error("the journal has failed: {why}")]
    Failed {
        /// The first failure.
        why: String,
    },
}

/// Makes an error that names the operation and the file.
pub(super) fn io_error(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.into();
    move |error| JournalError::Io { action, path, error }
}
