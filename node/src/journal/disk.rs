//! The operations on which durability rests, behind a trait: tests make them fail, wait and be counted, and look at
//! what is on the disk between any two of them.

use std::{fmt::Debug, fs, fs::File, io, os::unix::fs::FileExt, path::Path};

/// What the journal asks of the disk.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Writes `bytes` at `offset`; the kernel has them when it returns.
    ///
    /// # Errors
    /// Those of pwrite.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Forces what was written to `file`, and its length; the disk has it when it returns.
    ///
    /// # Errors
    /// Those of fdatasync.
    fn force(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Renames `from` to `to`, which it replaces.
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

/// The disk as it is.
#[derive(Clone, Copy, Debug)]
pub struct HostDisk;

impl Disk for HostDisk {}
