//! Scans a journal: finds its records and their end, and decides whether the bytes behind them are a torn tail or corruption.

use super::{
    error::JournalError,
    format::{BadHeader, Header, Sealed, Sealer},
    mark::Mark,
    paths::{Paths, read},
};
use indoubt_proto::ids::{LogId, Lsn};

/// The contents of a journal when it was opened.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The identity of the journal. After a loss, the new journal has another one.
    pub log: LogId,
    /// Whether there was no journal, and this one was made just now.
    pub fresh: bool,
    /// The number of starts of this node, including this one.
    pub incarnation: u32,
    /// The last record that survived; 0 if there is none.
    pub last: Lsn,
    /// The number of bytes of a torn tail that were cut off.
    pub torn: u64,
    /// Whether there was a journal without a durable mark. Then it is not known whether durable records are missing at its
    /// end.
    pub unmarked: bool,
    pub(super) contents: Contents,
}

/// A record that survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The number of the record. All records of a compaction have the number of the last record that it replaced.
    pub lsn: Lsn,
    /// Whether the record comes from a compaction.
    pub compacted: bool,
    /// The bytes that were appended.
    pub payload: &'a [u8],
}

impl Recovered {
    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.contents.records().map(|(_, record)| record)
    }
}

/// The valid part of a journal file.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) header: Header,
    /// The whole file.
    bytes: Vec<u8>,
    /// The end of the records.
    pub(super) end: usize,
    pub(super) last: Lsn,
    /// The number of bytes that are known to be durable. It is always the end of a record.
    pub(super) durable: u64,
}

impl Contents {
    /// Reads and checks the journal. `None` if there is none.
    pub(super) fn read(paths: &Paths) -> Result<Option<Contents>, JournalError> {
        let Some(bytes) = read(&paths.journal())? else { return Ok(None) };
        let corrupt = |offset, why| JournalError::Corrupt { path: paths.journal(), offset, why };
        let header = Header::parse(&bytes).map_err(|bad| match bad {
            BadHeader::Version(found) => JournalError::Version { path: paths.journal(), found },
            BadHeader::Corrupt { offset, why } => corrupt(offset, why),
        })?;
        let durable = Mark::durable_bytes(Mark::read(paths)?, &header).map_err(|why| corrupt(0, why))?;
        scan(header, bytes, durable).map(Some).map_err(|Bad { offset, why }| corrupt(offset as u64, why))
    }

    /// The contents of a new journal.
    pub(super) fn of_new(header: Header) -> Contents {
        let (bytes, durable) = (header.encode().to_vec(), header.snapshot_end);
        Contents { header, bytes, end: Header::LENGTH, last: header.base, durable }
    }

    /// The records in order, each with the offset of its end. They are already checked.
    pub(super) fn records(&self) -> impl Iterator<Item = (usize, Record<'_>)> {
        let mut at = Header::LENGTH;
        let snapshot_end = self.header.snapshot_end;
        std::iter::from_fn(move || {
            let sealed = Sealed::read(&self.bytes[at..self.end])?;
            let compacted = (at as u64) < snapshot_end;
            at += sealed.length();
            Some((at, Record { lsn: sealed.lsn, compacted, payload: sealed.payload }))
        })
    }

    /// The length of the file.
    pub(super) fn file_length(&self) -> usize {
        self.bytes.len()
    }

    /// The number of bytes of a torn tail behind the records. Zeros do not count, because they are room for more records.
    pub(super) fn torn(&self) -> usize {
        length_without_zeros(&self.bytes[self.end..])
    }
}

struct Bad {
    offset: usize,
    why: String,
}

fn scan(header: Header, bytes: Vec<u8>, durable: u64) -> Result<Contents, Bad> {
    let sealer = Sealer::new(header.log, header.generation);
    let mut at = Header::LENGTH;
    for _ in 0..header.snapshot_records {
        match sealer.unseal(&bytes[at..]) {
            Some(record) if record.lsn == header.base => at += record.length(),
            _ => return Err(Bad { offset: at, why: "a record of the compaction is damaged".into() }),
        }
    }
    if at as u64 != header.snapshot_end {
        return Err(Bad { offset: at, why: "the records of the compaction do not end where they should".into() });
    }
    let mut last = header.base;
    while let Some(record) = sealer.unseal(&bytes[at..])
        && record.lsn.0 == last.0.wrapping_add(1)
    {
        at += record.length();
        last = record.lsn;
    }
    if (at as u64) < durable {
        let why = format!("record {} is damaged, although {durable} bytes of the file were durable", last.0 + 1);
        return Err(Bad { offset: at, why });
    }
    if let Some((witness, lsn)) = witness(&sealer, &bytes, at, last) {
        let why = format!(
            "record {} is damaged, although it was durable before record {} at byte {witness} was written",
            last.0 + 1,
            lsn.0
        );
        return Err(Bad { offset: at, why });
    }
    Ok(Contents { header, end: at, last, durable, bytes })
}

/// Finds a valid record behind `from` that was appended when the record after `last` was already durable. Then the bytes at `from`
/// are not a torn tail. It is not known where records begin there, so every offset is tried.
fn witness(sealer: &Sealer, bytes: &[u8], from: usize, last: Lsn) -> Option<(usize, Lsn)> {
    let until = from + length_without_zeros(&bytes[from..]);
    let most = last.0.saturating_add((until - from) as u64);
    (from..until).find_map(|at| {
        let seen = Sealed::read(&bytes[at..])?;
        // The cheap tests come first. Hardly any offset passes them by chance.
        let tells = seen.lsn > last && seen.lsn.0 <= most && seen.durable > last;
        (tells && sealer.unseal(&bytes[at..]).is_some()).then_some((at, seen.lsn))
    })
}

fn length_without_zeros(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}
