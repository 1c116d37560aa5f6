//! The files of a data directory, and its lock.

use super::{
    disk::Disk,
    error::{JournalError, io_error},
};
use std::{
    fs,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) dir: PathBuf,
}

impl Paths {
    pub(super) fn new(dir: &Path) -> Self {
        Paths { dir: dir.to_owned() }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    pub(super) fn durable(&self) -> PathBuf {
        self.dir.join("durable")
    }

    pub(super) fn owner(&self) -> PathBuf {
        self.dir.join("owner")
    }

    pub(super) fn incarnation(&self) -> PathBuf {
        self.dir.join("incarnation")
    }

    /// Opens and locks the directory. The lock is held as long as the returned file is open.
    pub(super) fn lock(&self) -> Result<File, JournalError> {
        let dir = File::open(&self.dir).map_err(io_error("open", &self.dir))?;
        match dir.try_lock() {
            Ok(()) => Ok(dir),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { dir: self.dir.clone() }),
            Err(TryLockError::Error(source)) => Err(io_error("lock", &self.dir)(source)),
        }
    }

    /// Removes files that a crash left half-written.
    pub(super) fn remove_leftovers(&self) -> Result<(), JournalError> {
        remove(&beside(&self.journal()))?;
        remove(&beside(&self.incarnation()))
    }
}

/// Removes a file, if it exists.
pub(super) fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The contents of a file; `None` if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

/// The path at which the next version of a file is written, before it gets the name of the file.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// The next version of a file, which is written beside the file that it will replace.
pub(super) struct Replacement {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl Replacement {
    /// Writes `bytes` and forces them.
    pub(super) fn write(disk: &dyn Disk, path: PathBuf, bytes: &[u8]) -> Result<Self, JournalError> {
        let new = Self::create(disk, path)?;
        new.fill(disk, bytes)?;
        Ok(new)
    }

    /// Creates the file, which is empty.
    pub(super) fn create(disk: &dyn Disk, path: PathBuf) -> Result<Self, JournalError> {
        let beside = beside(&path);
        let file = disk.create(&beside).map_err(io_error("create", &beside))?;
        Ok(Replacement { path, beside, file })
    }

    /// Writes `bytes` to the empty file, and forces them.
    pub(super) fn fill(&self, disk: &dyn Disk, bytes: &[u8]) -> Result<(), JournalError> {
        disk.write(&self.file, bytes, 0).map_err(io_error("write", &self.beside))?;
        disk.force(&self.file).map_err(io_error("force", &self.beside))
    }

    /// Replaces the file durably. After a crash there is either the whole old file or the whole new one.
    pub(super) fn put(self, disk: &dyn Disk, dir: &File) -> Result<File, JournalError> {
        disk.rename(&self.beside, &self.path).map_err(io_error("rename to", &self.path))?;
        disk.force_names(dir).map_err(io_error("force the directory of", &self.path))?;
        Ok(self.file)
    }
}
