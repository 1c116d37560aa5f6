//! The scan of a journal: a damaged file is refused, or gives a prefix of its records with everything that was durable.

use indoubt_node::journal::{Disk, Journal, JournalError, Options, Recovered};
use indoubt_proto::ids::Lsn;
use std::{fs, fs::File, io, path::Path, sync::Arc};

/// Writes a journal, damages it as `bytes` say, and opens it: whether it was accepted. The first byte tells how many records
/// it has, the second how many of them are durable; then three bytes each for a place of the file and what is mixed into it.
///
/// # Panics
/// If the journal comes back with a wrong record, or without a durable one.
pub(crate) fn accepts(bytes: &[u8]) -> bool {
    let [records, durable, damage @ ..] = bytes else { return false };
    let records = u64::from(records % 16);
    let durable = u64::from(*durable).min(records);
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    write(folder.path(), records, durable);

    let file = folder.path().join("journal");
    let mut journal = fs::read(&file).expect("it was written");
    // The file goes on with zeros. Damage beyond its records is a torn tail.
    journal.truncate(4096);
    for [low, high, mixed] in damage.as_chunks().0 {
        let place = usize::from(u16::from_le_bytes([*low, *high])) % journal.len();
        journal[place] ^= mixed;
    }
    fs::write(&file, journal).expect("it can be written");

    let Ok((_, recovered)) = open(folder.path()) else { return false };
    let found: Vec<_> = recovered.records().map(|record| (record.lsn.0, record.payload.to_vec())).collect();
    let count = found.len() as u64;
    assert_eq!(found, (1..=count).map(|lsn| (lsn, payload(lsn))).collect::<Vec<_>>());
    assert!((durable..=records).contains(&count), "{count} of {records} records came back, {durable} were durable");
    true
}

/// Writes a journal of so many records, of which the first ones are durable.
fn write(folder: &Path, records: u64, durable: u64) {
    let (mut journal, _) = open(folder).expect("a new journal");
    let append = |journal: &mut Journal, lsn| journal.append(Lsn(lsn), &payload(lsn)).expect("in order");
    (1..=durable).for_each(|lsn| append(&mut journal, lsn));
    journal.close().expect("the disk takes everything");
    let (mut journal, _) = open(folder).expect("a sound journal");
    (durable + 1..=records).for_each(|lsn| append(&mut journal, lsn));
    journal.flush(false).expect("the disk takes everything");
}

fn payload(lsn: u64) -> Vec<u8> {
    vec![lsn as u8; 1 + lsn as usize % 7]
}

fn open(folder: &Path) -> Result<(Journal, Recovered), JournalError> {
    let on_failure = Box::new(|error: &JournalError| panic!("{error}"));
    Journal::open_with(folder, Options { disk: Arc::new(QuickDisk), on_failure, owner: None })
}

/// A disk that forces nothing: what a later process reads is the same, and a case takes microseconds.
#[derive(Debug)]
struct QuickDisk;

impl Disk for QuickDisk {
    fn force(&self, _: &File) -> io::Result<()> {
        Ok(())
    }

    fn force_names(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}
