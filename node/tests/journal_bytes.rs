//! Tries every truncation and every flipped bit of a small log. Either all durable records are recovered, or the journal refuses to
//! open. It never returns a wrong record, and never panics.

mod journal_support;

use indoubt_node::journal::JournalError;
use indoubt_proto::ids::Lsn;
use journal_support::{Found, copy, directory, force, found, open, plain, try_open, wait_for, write};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A closed data directory, what it holds, and how many of those records, in how many bytes, are durable.
struct Log {
    dir: tempfile::TempDir,
    records: Vec<Found>,
    durable_records: usize,
    durable_bytes: usize,
    bytes: Vec<u8>,
}

impl Log {
    /// Four records, perhaps compacted to two; then two that are durable, and two that are not.
    fn new(compaction: bool) -> Log {
        let dir = directory();
        let (mut journal, _) = open(dir.path());
        force(&mut journal, 1..=3);
        write(&mut journal, 4..=4);
        let mut records = plain(1..=4);
        if compaction {
            journal.compact(Lsn(4), ["all", "of it"]).unwrap();
            wait_for(&mut journal, 4);
            records = vec![(4, true, b"all".to_vec()), (4, true, b"of it".to_vec())];
        }
        force(&mut journal, 5..=5);
        force(&mut journal, 6..=6);
        let durable_bytes = journal.bytes() as usize;
        write(&mut journal, 7..=8);
        let length = journal.bytes() as usize;
        drop(journal);
        records.extend(plain(5..=8));
        // A record's head of zeros at the end is as good as all of them.
        let mut bytes = fs::read(dir.path().join("journal")).unwrap();
        assert!(bytes[length..].iter().all(|byte| *byte == 0));
        bytes.truncate(length + 24);
        fs::write(dir.path().join("journal"), &bytes).unwrap();
        Log { dir, durable_records: records.len() - 2, records, durable_bytes, bytes }
    }

    /// Opens a copy whose `file` is replaced by `bytes`.
    fn open_with(&self, file: &str, bytes: &[u8]) -> (tempfile::TempDir, Result<Vec<Found>, JournalError>) {
        let dir = copy(self.dir.path());
        fs::write(dir.path().join(file), bytes).unwrap();
        let opened = try_open(dir.path()).map(|(_, recovered)| found(&recovered));
        (dir, opened)
    }

    /// Nothing but what was appended, and everything durable.
    fn check_prefix(&self, recovered: &[Found]) {
        assert!(self.records.starts_with(recovered), "{recovered:?}");
        assert!(recovered.len() >= self.durable_records, "only {} records", recovered.len());
    }

    /// The journal goes on from there.
    fn check_future(&self, dir: &Path, recovered: &[Found]) {
        let last = recovered.last().map_or(0, |record| record.0);
        let (mut journal, again) = open(dir);
        assert_eq!(again, recovered);
        force(&mut journal, last + 1..=last + 1);
        drop(journal);
        assert_eq!(open(dir).1, [recovered, &plain([last + 1])].concat());
    }

    /// With one bit of the journal flipped: refused below the durable mark; above it the tail is cut.
    fn check_flip(&self, place: usize, bit: usize, dir: &Path, opened: Result<Vec<Found>, JournalError>) {
        if place < self.durable_bytes {
            check_refusal(&opened.unwrap_err(), &dir.join("journal"), place);
            return;
        }
        let recovered = opened.unwrap();
        self.check_prefix(&recovered);
        // One bit of each byte is enough here: where the tail was cut depends on the byte.
        if bit == place % 8 {
            self.check_future(dir, &recovered);
        }
    }
}

/// The refusal names the file and a place in it.
fn check_refusal(error: &JournalError, file: &Path, bytes: usize) {
    match error {
        JournalError::Corrupt { path, offset, .. } => {
            assert_eq!(path, file);
            assert!(*offset <= bytes as u64, "{error}");
        }
        JournalError::Version { path, found } => {
            assert_eq!(path, file);
            assert_ne!(*found, 1);
        }
        other => panic!("{other}"),
    }
}

/// Every flip of one bit, with its byte and its place there.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, bit % 8, flipped)
    })
}

#[test]
fn a_truncation_keeps_everything_durable_or_is_refused() {
    for compaction in [false, true] {
        let log = Log::new(compaction);
        let mut lengths = std::collections::BTreeSet::new();
        for length in 0..=log.bytes.len() {
            let (dir, opened) = log.open_with("journal", &log.bytes[..length]);
            if length < log.durable_bytes {
                check_refusal(&opened.unwrap_err(), &dir.path().join("journal"), length);
            } else {
                let recovered = opened.unwrap();
                lengths.insert(recovered.len());
                log.check_prefix(&recovered);
                log.check_future(dir.path(), &recovered);
            }
        }
        assert_eq!(lengths.len(), 3, "neither, the first, or both of the unforced records");
    }
}

#[test]
fn a_flipped_bit_below_the_durable_mark_is_refused_and_above_it_cuts_the_tail() {
    for compaction in [false, true] {
        let log = Log::new(compaction);
        for (place, bit, flipped) in flips(&log.bytes) {
            let (dir, opened) = log.open_with("journal", &flipped);
            log.check_flip(place, bit, dir.path(), opened);
        }
    }
}

#[test]
fn without_a_mark_the_records_themselves_tell_what_was_durable() {
    // A power cut may take the mark. Record 7 knows that record 6 was durable, so only what follows may be missing.
    for compaction in [false, true] {
        let log = Log::new(compaction);
        for (place, bit, flipped) in flips(&log.bytes) {
            let dir = copy(log.dir.path());
            fs::remove_file(dir.path().join("durable")).unwrap();
            fs::write(dir.path().join("journal"), &flipped).unwrap();
            let opened = try_open(dir.path()).map(|(_, recovered)| found(&recovered));
            log.check_flip(place, bit, dir.path(), opened);
        }
    }
}

#[test]
fn a_damaged_mark_is_no_mark_and_harms_nothing() {
    let log = Log::new(true);
    let mark = fs::read(log.dir.path().join("durable")).unwrap();
    let cuts = (0..mark.len()).map(|length| mark[..length].to_vec());
    for damaged in flips(&mark).map(|(_, _, flipped)| flipped).chain(cuts) {
        let (_dir, opened) = log.open_with("durable", &damaged);
        assert_eq!(opened.unwrap(), log.records);
    }
}

#[test]
fn a_damaged_count_of_incarnations_is_refused() {
    // A smaller count would number things again.
    let log = Log::new(false);
    let count = fs::read(log.dir.path().join("incarnation")).unwrap();
    let cuts = (0..count.len()).map(|length| count[..length].to_vec());
    for damaged in flips(&count).map(|(_, _, flipped)| flipped).chain(cuts) {
        let (dir, opened) = log.open_with("incarnation", &damaged);
        check_refusal(&opened.unwrap_err(), &dir.path().join("incarnation"), 0);
    }
}

#[test]
fn a_refused_journal_is_left_as_it_is() {
    let log = Log::new(false);
    let mut damaged = log.bytes.clone();
    damaged[log.durable_bytes - 1] ^= 1;
    let (dir, opened) = log.open_with("journal", &damaged);
    opened.unwrap_err();
    for file in ["journal", "durable", "incarnation"] {
        let before = if file == "journal" { damaged.clone() } else { fs::read(log.dir.path().join(file)).unwrap() };
        assert_eq!(fs::read(dir.path().join(file)).unwrap(), before, "{file}");
    }
}

#[test]
fn what_is_no_journal_is_refused_in_clear_words() {
    let log = Log::new(false);
    let said = |file: &str, bytes: &[u8]| {
        let (dir, opened) = log.open_with(file, bytes);
        let text = opened.unwrap_err().to_string();
        text.replace(&format!("{}/", dir.path().display()), "")
    };
    assert_eq!(said("journal", b""), "journal is corrupt at byte 0: the file is empty");
    assert_eq!(said("journal", b"#!/bin/sh\n"), "journal is corrupt at byte 0: this is not a journal");
    assert_eq!(said("journal", &log.bytes[64..]), "journal is corrupt at byte 0: this is not a journal");
    assert_eq!(said("journal", &log.bytes[..30]), "journal is corrupt at byte 30: the file ends within its header");
    let mut newer = log.bytes.clone();
    newer[8] = 3;
    assert_eq!(said("journal", &newer), "journal has format version 3, and this program reads version 2");
    let mut damaged = log.bytes.clone();
    damaged[70] ^= 1;
    let text = format!(
        "journal is corrupt at byte 64: record 1 is damaged, although {} bytes of the file were durable",
        log.durable_bytes
    );
    assert_eq!(said("journal", &damaged), text);
    assert_eq!(said("incarnation", b"seven"), "incarnation is corrupt at byte 0: it has no count of incarnations");
}

#[test]
fn a_journal_without_its_count_of_incarnations_is_refused() {
    let log = Log::new(false);
    fs::remove_file(log.dir.path().join("incarnation")).unwrap();
    let error = try_open(log.dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("incarnation is corrupt at byte 0: it is missing beside a journal"), "{error}");
}

#[test]
fn a_journal_that_is_older_than_its_mark_is_refused() {
    let dir = directory();
    let (mut journal, _) = open(dir.path());
    force(&mut journal, 1..=4);
    let old = fs::read(dir.path().join("journal")).unwrap();
    journal.compact(Lsn(4), ["all"]).unwrap();
    journal.close().unwrap();
    fs::write(dir.path().join("journal"), old).unwrap();
    let error = try_open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("is corrupt at byte 0: it was compacted 1 times since"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = directory();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file, PathBuf::from("/proc"), PathBuf::from("/proc/journal")] {
        let error = try_open(&path).unwrap_err();
        assert!(matches!(&error, JournalError::Io { path: named, .. } if named.starts_with(&path)), "{error}");
    }
}
