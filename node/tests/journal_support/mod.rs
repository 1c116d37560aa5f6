//! Helpers of the journal's tests: short functions, and a disk whose operations can be stopped, made to fail and counted, and that
//! can copy its directory between any two of them.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

use indoubt_node::journal::{Disk, Journal, JournalError, Options, Recovered};
use indoubt_proto::ids::Lsn;
use std::{
    fs,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
};

/// A recovered record: number, whether it comes from a compaction, payload.
pub type Found = (u64, bool, Vec<u8>);

pub fn found(recovered: &Recovered) -> Vec<Found> {
    recovered.records().map(|record| (record.lsn.0, record.compacted, record.payload.to_vec())).collect()
}

/// A disk that forces nothing: what a kill leaves is the same, and thousands of cases take seconds.
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

/// Opens without real forces.
pub fn try_open(dir: &Path) -> Result<(Journal, Recovered), JournalError> {
    let on_failure = Box::new(|error: &JournalError| panic!("{error}"));
    Journal::open_with(dir, Options { disk: Arc::new(QuickDisk), on_failure, owner: None })
}

pub fn open(dir: &Path) -> (Journal, Vec<Found>) {
    let (journal, recovered) = try_open(dir).unwrap_or_else(|error| panic!("refused: {error}"));
    (journal, found(&recovered))
}

pub fn open_on(disk: &Arc<TestDisk>, dir: &Path) -> (Journal, Vec<Found>) {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    let on_failure = Box::new(|error: &JournalError| panic!("{error}"));
    let (journal, recovered) =
        Journal::open_with(dir, Options { disk, on_failure, owner: None }).expect("a sound journal");
    (journal, found(&recovered))
}

/// The payload of record `lsn`: unlike every other, and of changing length.
pub fn payload(lsn: u64) -> Vec<u8> {
    format!("record {lsn} {}", "x".repeat((lsn % 7) as usize)).into_bytes()
}

pub fn plain(lsns: impl IntoIterator<Item = u64>) -> Vec<Found> {
    lsns.into_iter().map(|lsn| (lsn, false, payload(lsn))).collect()
}

pub fn append(journal: &mut Journal, lsns: impl IntoIterator<Item = u64>) {
    for lsn in lsns {
        journal.append(Lsn(lsn), &payload(lsn)).expect("in order");
    }
}

/// Waits until this record is durable.
pub fn wait_for(journal: &mut Journal, upto: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut durable = Lsn(0);
    while durable < Lsn(upto) {
        durable = runtime.block_on(journal.durable()).expect("nothing fails");
    }
}

/// Appends and forces.
pub fn force(journal: &mut Journal, lsns: std::ops::RangeInclusive<u64>) {
    let last = *lsns.end();
    append(journal, lsns);
    journal.flush(true).expect("nothing fails");
    wait_for(journal, last);
}

/// Appends and writes without a force.
pub fn write(journal: &mut Journal, lsns: std::ops::RangeInclusive<u64>) {
    append(journal, lsns);
    journal.flush(false).expect("nothing fails");
}

/// A directory, in memory where there is such a place: thousands of files come and go.
pub fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

/// A data directory as it was, in a directory of its own.
pub fn copy(dir: &Path) -> tempfile::TempDir {
    let to = directory();
    for entry in fs::read_dir(dir).expect("the directory is there") {
        let entry = entry.expect("readable");
        // A file may be renamed between its listing and its copy: then the picture has it under its new name.
        let _ = fs::copy(entry.path(), to.path().join(entry.file_name()));
    }
    to
}

#[derive(Debug, Default)]
struct Inner {
    forces: usize,
    writes: usize,
    /// Forces from this one on wait.
    hold_from: Option<usize>,
    fail: Option<Failing>,
    refusals: usize,
    photograph: Option<PathBuf>,
    pictures: Vec<tempfile::TempDir>,
    done: Vec<Done>,
}

/// What a disk did. Files go by their inodes, which outlive their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Wrote(u64),
    Forced(u64),
    Renamed(u64),
    ForcedNames,
}

pub fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("the file is there").ino()
}

fn inode_of(file: &File) -> u64 {
    file.metadata().expect("the file is open").ino()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    Creations,
    Writes,
    Forces,
}

/// A disk that does as it is told.
#[derive(Debug, Default)]
pub struct TestDisk {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl TestDisk {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Forces wait, from the next one on.
    pub fn hold(&self) {
        let mut inner = self.inner();
        inner.hold_from = Some(inner.forces);
    }

    /// Forces wait no longer.
    pub fn release(&self) {
        self.inner().hold_from = None;
        self.changed.notify_all();
    }

    pub fn fail(&self, what: Failing) {
        self.inner().fail = Some(what);
    }

    pub fn mend(&self) {
        self.inner().fail = None;
    }

    pub fn forces(&self) -> usize {
        self.inner().forces
    }

    pub fn writes(&self) -> usize {
        self.inner().writes
    }

    /// Waits until so many forces have begun.
    pub fn wait_for_forces(&self, count: usize) {
        let inner = self.inner();
        drop(self.changed.wait_while(inner, |inner| inner.forces < count));
    }

    /// Waits until so many operations have failed.
    pub fn wait_for_refusals(&self, count: usize) {
        let inner = self.inner();
        drop(self.changed.wait_while(inner, |inner| inner.refusals < count));
    }

    /// From now on keeps the directory as it is before and after every operation.
    pub fn photograph(&self, dir: &Path) {
        self.inner().photograph = Some(dir.to_owned());
    }

    pub fn pictures(&self) -> Vec<tempfile::TempDir> {
        std::mem::take(&mut self.inner().pictures)
    }

    /// What it did since this was asked last.
    pub fn done(&self) -> Vec<Done> {
        std::mem::take(&mut self.inner().done)
    }

    fn did(&self, what: Done) {
        self.inner().done.push(what);
    }

    fn click(&self) {
        let mut inner = self.inner();
        if let Some(dir) = &inner.photograph {
            let picture = copy(dir);
            inner.pictures.push(picture);
        }
    }

    fn broken(&self, what: Failing) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.fail != Some(what) {
            return Ok(());
        }
        inner.refusals += 1;
        self.changed.notify_all();
        Err(io::Error::other("the disk is broken"))
    }
}

impl Disk for TestDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.broken(Failing::Creations)?;
        File::options().read(true).write(true).create(true).truncate(true).open(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner().writes += 1;
        self.broken(Failing::Writes)?;
        self.click();
        file.write_all_at(bytes, offset)?;
        self.did(Done::Wrote(inode_of(file)));
        self.click();
        Ok(())
    }

    fn force(&self, file: &File) -> io::Result<()> {
        self.click();
        let mut inner = self.inner();
        inner.forces += 1;
        let number = inner.forces;
        self.changed.notify_all();
        drop(self.changed.wait_while(inner, |inner| inner.hold_from.is_some_and(|from| number > from)));
        self.broken(Failing::Forces)?;
        file.sync_data()?;
        self.did(Done::Forced(inode_of(file)));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.click();
        fs::rename(from, to)?;
        self.did(Done::Renamed(inode(to)));
        self.click();
        Ok(())
    }

    fn force_names(&self, dir: &File) -> io::Result<()> {
        self.click();
        dir.sync_all()?;
        self.did(Done::ForcedNames);
        Ok(())
    }
}
