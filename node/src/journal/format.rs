//! The format of a journal file. All numbers are little-endian.
//!
//! Header: magic (8), version u32, crc u32 of what follows, log u64, generation u64, base u64, records of the
//! compaction u64, their end u64, owner u64 (`owner.rs`).
//! Record: length of the payload u32, crc u32, lsn u64, unforced u32, payload.
//!
//! A compaction writes a new file of the next *generation*. Every checksum covers log and generation, so bytes of another file are
//! never taken for a record. `unforced` is the number of records, up to this one, that were not yet known to be durable when it was
//! appended. So a record says which earlier records *were* durable. If one of those is damaged, the file is corrupt. If a record
//! that was never forced is damaged, the tail is only torn.

use super::{error::JournalError, owner::Stamp};
use indoubt_proto::ids::{LogId, Lsn};

pub(super) const VERSION: u32 = 2;
const MAGIC: &[u8; 8] = b"indoubtJ";
const MAX_PAYLOAD: usize = 64 << 20;

/// The reason why a header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Version(u32),
    Corrupt { offset: u64, why: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) log: LogId,
    /// The number of this file among the files of the log, from 1. Each compaction makes the next one.
    pub(super) generation: u64,
    /// The last record that the compaction replaced; 0 if there was no compaction.
    pub(super) base: Lsn,
    /// The number of records of the compaction.
    pub(super) snapshot_records: u64,
    /// The end of these records. Up to here the file was durable before it got its name.
    pub(super) snapshot_end: u64,
    /// The node and protocol of the journal.
    pub(super) stamp: Stamp,
}

impl Header {
    pub(super) const LENGTH: usize = 64;

    /// The header of a new log.
    pub(super) fn of_new(log: LogId, stamp: Stamp) -> Self {
        Header { log, generation: 1, base: Lsn(0), snapshot_records: 0, snapshot_end: Self::LENGTH as u64, stamp }
    }

    pub(super) fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let Header { log, generation, base, snapshot_records, snapshot_end, stamp } = *self;
        let numbers = [log.0, generation, base.0, snapshot_records, snapshot_end, stamp.0];
        for (slot, number) in bytes[16..].chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn parse(file: &[u8]) -> Result<Self, BadHeader> {
        let corrupt = |offset: usize, why: &str| BadHeader::Corrupt { offset: offset as u64, why: why.into() };
        if file.is_empty() {
            return Err(corrupt(0, "the file is empty"));
        }
        if !file.starts_with(MAGIC) {
            return Err(corrupt(0, "this is not a journal"));
        }
        let Some(bytes) = file.get(..Self::LENGTH) else {
            return Err(corrupt(file.len(), "the file ends within its header"));
        };
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        if u32_at(bytes, 12) != crc32fast::hash(&bytes[16..]) {
            return Err(corrupt(12, "the checksum of the header is wrong"));
        }
        Ok(Header {
            log: LogId(u64_at(bytes, 16)),
            generation: u64_at(bytes, 24),
            base: Lsn(u64_at(bytes, 32)),
            snapshot_records: u64_at(bytes, 40),
            snapshot_end: u64_at(bytes, 48),
            stamp: Stamp(u64_at(bytes, 56)),
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A record in its file format, checked or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed<'a> {
    pub(super) lsn: Lsn,
    /// The last record that was durable when this one was appended.
    pub(super) durable: Lsn,
    pub(super) payload: &'a [u8],
    crc: u32,
}

impl<'a> Sealed<'a> {
    const HEAD: usize = 20;

    /// The record at the beginning of `bytes`; `None` if it is not complete. This does not check its checksum.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..Self::HEAD)?;
        let length = u32_at(head, 0) as usize;
        if length > MAX_PAYLOAD {
            return None;
        }
        let payload = bytes.get(Self::HEAD..Self::HEAD + length)?;
        let lsn = u64_at(head, 8);
        let durable = Lsn(lsn.saturating_sub(u64::from(u32_at(head, 16))));
        Some(Sealed { lsn: Lsn(lsn), durable, payload, crc: u32_at(head, 4) })
    }

    /// The length of the record in the file.
    pub(super) fn length(&self) -> usize {
        Self::HEAD + self.payload.len()
    }
}

/// Writes and checks the records of one file.
#[derive(Clone, Debug)]
pub(super) struct Sealer {
    /// A hasher that has already hashed log and generation.
    salted: crc32fast::Hasher,
}

impl Sealer {
    pub(super) fn new(log: LogId, generation: u64) -> Self {
        let mut salted = crc32fast::Hasher::new();
        salted.update(&log.0.to_le_bytes());
        salted.update(&generation.to_le_bytes());
        Sealer { salted }
    }

    /// Adds a record to `out`. `durable` is the last record known to be durable.
    pub(super) fn seal(&self, out: &mut Vec<u8>, lsn: Lsn, durable: Lsn, payload: &[u8]) -> Result<(), JournalError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(JournalError::TooLong { bytes: payload.len() });
        }
        // If more than 2^32 records are unforced, the record states a smaller number. This is harmless.
        let unforced = u32::try_from(lsn.0.saturating_sub(durable.0)).unwrap_or(u32::MAX);
        let start = out.len();
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&lsn.0.to_le_bytes());
        out.extend_from_slice(&unforced.to_le_bytes());
        out.extend_from_slice(payload);
        let crc = self.crc(&out[start..]);
        out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    /// The record at the beginning of `bytes`; `None` if it is not complete or its checksum is wrong.
    pub(super) fn unseal<'a>(&self, bytes: &'a [u8]) -> Option<Sealed<'a>> {
        Sealed::read(bytes).filter(|sealed| self.crc(&bytes[..sealed.length()]) == sealed.crc)
    }

    fn crc(&self, record: &[u8]) -> u32 {
        let mut hasher = self.salted.clone();
        hasher.update(&record[..4]);
        hasher.update(&record[8..]);
        hasher.finalize()
    }
}
