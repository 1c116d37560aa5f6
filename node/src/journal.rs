//! The journal: where a node's records become durable. Append-only, checksummed, group-committed.
//!
//! The machine's task appends and flushes; a thread of the journal's own forces. One fdatasync covers every record that
//! was written before it began, so records that come while one is under way share the next.
//!
//! The files of a data directory, which one process at a time may use (it holds a lock on the directory):
//!
//! - `journal`: a header, perhaps the records of a compaction, then the records after it (format.rs), then zeros: the
//!   file grows by whole steps of zeros, so that a force of records need not force metadata too;
//! - `durable`: how far the journal was known to be durable (mark.rs);
//! - `incarnation`: how often the node was started (incarnation.rs); it survives a lost journal.

mod cut;
mod disk;
mod error;
mod format;
mod incarnation;
mod mark;
mod open;
mod paths;
mod scan;
mod shared;
mod thread;

pub use cut::{CutReport, cut_tail, lose};
pub use disk::{Disk, HostDisk};
pub use error::JournalError;
pub use open::Options;
pub use scan::{Record, Recovered};

use format::{Header, Sealer};
use indoubt_driver::{conditions::Latency, random::Stream};
use indoubt_proto::{
    ids::{LogId, Lsn},
    time::Micros,
};
use shared::{Progress, Shared, Snapshot, Stop};
use std::{fs::File, path::Path, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::sync::watch;

/// An open journal. Dropping it ends it at once, as a crash would: what was not forced may be lost. See
/// [`Journal::close`].
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Records appended and not yet written.
    buffer: Vec<u8>,
    sealer: Sealer,
    log: LogId,
    generation: u64,
    last: Lsn,
    /// What was told to be durable.
    told: Lsn,
    progress: watch::Receiver<Progress>,
    /// Held as long as the journal is open.
    _lock: File,
}

impl Journal {
    /// Opens the journal in `dir`, makes both if they are not there, and counts the incarnation up. A torn tail is cut
    /// off. What is recovered is durable.
    ///
    /// # Errors
    /// Another process has the directory; it cannot be read or written; a file in it is corrupt, which the error names
    /// with the byte where it begins. Nothing is changed then.
    pub fn open(dir: &Path) -> Result<(Journal, Recovered), JournalError> {
        open::open(dir, Options::default())
    }

    /// [`Journal::open`], with another disk or another end.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<(Journal, Recovered), JournalError> {
        open::open(dir, options)
    }

    /// Appends a record. It is not written before the next [`Journal::flush`].
    ///
    /// # Errors
    /// `lsn` does not follow the last one; the record is longer than 64 MiB.
    pub fn append(&mut self, lsn: Lsn, payload: &[u8]) -> Result<(), JournalError> {
        if lsn != self.last.next() {
            return Err(JournalError::OutOfOrder { expected: self.last.next(), found: lsn });
        }
        self.sealer.seal(&mut self.buffer, lsn, self.shared.durable(), payload)?;
        self.last = lsn;
        Ok(())
    }

    /// Writes what was appended, with one pwrite. With `force` it asks for an fdatasync too, and returns without waiting
    /// for it: [`Journal::durable`] tells. Forcing what is durable, or what a force under way covers, does nothing.
    ///
    /// # Errors
    /// The write failed, or something failed before; `Options::on_failure` has been called, and unless it was replaced
    /// the process has ended.
    pub fn flush(&mut self, force: bool) -> Result<(), JournalError> {
        self.shared.flush(&mut self.buffer, self.last, force)
    }

    /// Replaces the journal up to `upto`, its last record, by `records`. Returns at once: the journal's thread writes
    /// the new file, forces it and renames it into place; records appended meanwhile follow there. It counts as a force,
    /// but what was durable before is not told again. Until it is done, a crash finds the old journal.
    ///
    /// # Errors
    /// `upto` is not the last record; a record is longer than 64 MiB; something failed before.
    pub fn compact<R: AsRef<[u8]>>(
        &mut self,
        upto: Lsn,
        records: impl IntoIterator<Item = R>,
    ) -> Result<(), JournalError> {
        if upto != self.last {
            return Err(JournalError::OutOfOrder { expected: self.last, found: upto });
        }
        let (log, generation) = (self.log, self.generation + 1);
        let sealer = Sealer::new(log, generation);
        let mut bytes = vec![0; Header::LENGTH];
        let mut count = 0;
        for record in records {
            sealer.seal(&mut bytes, upto, upto, record.as_ref())?;
            count += 1;
        }
        let header = Header { log, generation, base: upto, snapshot_records: count, snapshot_end: bytes.len() as u64 };
        bytes[..Header::LENGTH].copy_from_slice(&header.encode());
        // What waits to be written is part of the new records.
        self.buffer.clear();
        (self.generation, self.sealer) = (generation, sealer);
        self.shared.submit(Snapshot { header, bytes })
    }

    /// How long each force takes at least, drawn when it begins; nothing unless this is said. A constant draws nothing.
    pub fn set_force_latency(&self, latency: Latency) {
        self.shared.state().force_latency = latency;
    }

    /// Where the times of forces are drawn from, instead of a stream that is the same for all journals.
    pub fn draw_forces_from(&self, random: Stream) {
        self.shared.state().random = random;
    }

    /// What no force takes less than: the slow disk of a scenario. It applies to a force under way, too.
    pub fn set_min_force(&self, least: Micros) {
        self.shared.set_min_force(Duration::from_micros(least.0));
    }

    /// Waits until more is durable than it has told before, and returns up to which record. Several forces may be told as
    /// one. May be cancelled and called again.
    ///
    /// # Errors
    /// Something failed.
    pub async fn durable(&mut self) -> Result<Lsn, JournalError> {
        let told = self.told;
        let progress = self.progress.wait_for(|progress| progress.failed || progress.durable > told).await;
        progress.map_err(|_| JournalError::Failed { why: "it was closed".into() })?;
        self.try_durable().map(|upto| upto.unwrap_or(self.told))
    }

    /// Up to which record the journal is durable, if that is more than it has told before.
    ///
    /// # Errors
    /// Something failed.
    pub fn try_durable(&mut self) -> Result<Option<Lsn>, JournalError> {
        let Progress { durable, failed } = *self.progress.borrow_and_update();
        if failed {
            self.shared.sound()?;
        }
        Ok((durable > self.told).then(|| {
            self.told = durable;
            durable
        }))
    }

    /// How many forces have returned since it was opened, those of compactions included.
    pub fn forces(&self) -> u64 {
        self.shared.forces()
    }

    /// The length of the journal in bytes, without the zeros at its end.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes()
    }

    /// Writes and forces everything, waits for it, and closes. A slow disk is not waited for.
    ///
    /// # Errors
    /// As [`Journal::flush`].
    pub fn close(mut self) -> Result<(), JournalError> {
        self.flush(true)?;
        self.end(Stop::WhenDone);
        self.shared.sound()
    }

    fn end(&mut self, stop: Stop) {
        if let Some(thread) = self.thread.take() {
            self.shared.stop(stop);
            if thread.join().is_err() {
                self.shared.fail(&JournalError::Failed { why: "the journal's thread panicked".into() });
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.end(Stop::AtOnce);
    }
}
