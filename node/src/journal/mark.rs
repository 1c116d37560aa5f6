//! The durable mark: how far the journal was durable when the last forced write returned. It is written after each forced write, and
//! never forced itself. So it is exact after a kill. After a power cut it may be old or missing, but it never claims too much.
//!
//! Layout, little-endian: log u64, generation u64, offset u64, crc u32 of these.

use super::{
    disk::Disk,
    error::{JournalError, io_error},
    format::Header,
    paths::{Paths, read},
};
use indoubt_proto::ids::LogId;
use std::{fs::File, path::PathBuf};

const LENGTH: usize = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) log: LogId,
    pub(super) generation: u64,
    pub(super) offset: u64,
}

impl Mark {
    pub(super) fn read(paths: &Paths) -> Result<Option<Mark>, JournalError> {
        Ok(read(&paths.durable())?.and_then(|bytes| Mark::parse(&bytes)))
    }

    fn encode(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        for (slot, number) in bytes.chunks_exact_mut(8).zip([self.log.0, self.generation, self.offset]) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Mark> {
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let mark = Mark { log: LogId(number(0)?), generation: number(8)?, offset: number(16)? };
        (mark.encode() == bytes).then_some(mark)
    }

    /// The number of bytes of the journal with this header that are known to be durable.
    ///
    /// # Errors
    /// If the journal is older than its mark. The error is the reason.
    pub(super) fn durable_bytes(mark: Option<Mark>, header: &Header) -> Result<u64, String> {
        match mark {
            Some(mark) if mark.log == header.log && mark.generation > header.generation => {
                Err(format!("it was compacted {} times since", mark.generation - header.generation))
            }
            Some(mark) if mark.log == header.log && mark.generation == header.generation => {
                Ok(mark.offset.max(header.snapshot_end))
            }
            // The mark belongs to an earlier file, or to a journal that was lost.
            _ => Ok(header.snapshot_end),
        }
    }
}

/// The file that contains the mark.
#[derive(Debug)]
pub(super) struct MarkFile {
    path: PathBuf,
    file: File,
}

impl MarkFile {
    pub(super) fn open(paths: &Paths) -> Result<Self, JournalError> {
        let path = paths.durable();
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        Ok(MarkFile { file: file.map_err(io_error("open", &path))?, path })
    }

    pub(super) fn write(&self, disk: &dyn Disk, mark: Mark) -> Result<(), JournalError> {
        disk.write(&self.file, &mark.encode(), 0).map_err(io_error("write", &self.path))
    }
}
