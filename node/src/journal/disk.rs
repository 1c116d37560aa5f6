//! The disk operations on which durability depends, as a trait. Tests replace it: they let operations fail or wait, count them, and
//! look at the disk between any two of them.

use std::{fmt::Debug, fs, fs::File, io, os::unix::fs::FileExt, path::Path};

/// The disk operations of the journal.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Creates an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// Those of open, for example if the process has no file descriptor left.
    fn create(&self, path: &Path) -> io::Result<File> {
        File::options().read(true).write(true).create(true).truncate(true).open(path)
    }

    /// Writes `bytes` at `offset`. When it returns, the kernel has them.
    ///
    /// # Errors
    /// Those of pwrite.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Forces the data and the length of `file`. When it returns, the disk has them.
    ///
    /// # Errors
    /// Those of fdatasync.
    fn force(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Renames `from` to `to`, and replaces `to` if it exists.
    ///
    /// # Errors
    /// Those of rename.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Forces the names in a directory.
    ///
    /// # Errors
    /// Those of fsync.
    fn force_names(&self, dir: &File) -> io::Result<()> {
        dir.sync_all()
    }
}

/// The real disk.
#[derive(Clone, Copy, Debug)]
pub struct HostDisk;

impl Disk for HostDisk {}
