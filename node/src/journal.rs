//! The journal, in which the records of a node become durable. It is append-only, has checksums, and commits in groups.
//!
//! The machine's task appends and flushes. The journal's own thread forces. One fdatasync covers every record that was written
//! before it began, so records that come while one is in progress share the next one.
//!
//! A data directory has these files. Only one process at a time may use it, and holds a lock on it.
//!
//! - `journal`: a header, perhaps the records of a compaction, then the records after it (`format.rs`), then zeros. The file grows
//!   by whole steps of zeros, so that forcing records need not force metadata too.
//! - `durable`: how far the journal was known to be durable (`mark.rs`).
//! - `owner`: the node and the protocol to which the directory belongs (`owner.rs`). The header of the journal names them too.
//! - `incarnation`: how often the node was started (`incarnation.rs`). It survives the loss of the journal.

mod copy;
mod cut;
mod disk;
mod error;
mod format;
mod incarnation;
mod mark;
mod open;
mod owner;
mod paths;
mod scan;
mod shared;
mod thread;

pub use copy::{copy, keep_first, restore};
pub use cut::{CutReport, cut_tail, lose, lose_directory};
pub use disk::{Disk, HostDisk};
pub use error::JournalError;
pub use open::Options;
pub use owner::Owner;
pub use scan::{Record, Recovered};

use format::{Header, Sealer};
use indoubt_driver::{conditions::Latency, random::Stream};
use indoubt_proto::{
    ids::{LogId, Lsn},
    time::Micros,
};
use owner::Stamp;
use shared::{Progress, Shared, Snapshot, Stop};
use std::{fs::File, path::Path, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::sync::watch;

/// An open journal. Dropping it ends it at once, like a crash, and records that were not forced may be lost. [`Journal::close`]
/// loses nothing.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Records that are appended and not written yet.
    buffer: Vec<u8>,
    sealer: Sealer,
    log: LogId,
    stamp: Stamp,
    generation: u64,
    last: Lsn,
    /// The last record that was reported as durable.
    told: Lsn,
    progress: watch::Receiver<Progress>,
    /// The lock on the directory, which is held while the journal is open.
    _lock: File,
}

impl Journal {
    /// Opens the journal in `dir` and counts the incarnation. Creates the directory and the journal if they do not exist. Cuts off a
    /// torn tail. All recovered records are durable.
    ///
    /// # Errors
    /// If another process uses the directory, if it cannot be read or written, or if a file in it is corrupt. The error then names
    /// the file and the offset. Nothing is changed in these cases.
    pub fn open(dir: &Path) -> Result<(Journal, Recovered), JournalError> {
        open::open(dir, Options::default())
    }

    /// Like [`Journal::open`], with options.
    ///
    /// # Errors
    /// Those of [`Journal::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<(Journal, Recovered), JournalError> {
        open::open(dir, options)
    }

    /// Appends a record. The next [`Journal::flush`] writes it.
    ///
    /// # Errors
    /// If `lsn` does not follow the last one, or the record is longer than 64 MiB.
    pub fn append(&mut self, lsn: Lsn, payload: &[u8]) -> Result<(), JournalError> {
        if lsn != self.last.next() {
            return Err(JournalError::OutOfOrder { expected: self.last.next(), found: lsn });
        }
        self.sealer.seal(&mut self.buffer, lsn, self.shared.durable(), payload)?;
        self.last = lsn;
        Ok(())
    }

    /// Writes the appended records with one pwrite. With `force` it also asks for an fdatasync, and returns without waiting for it:
    /// [`Journal::durable`] waits. If everything is already durable, or a forced write in progress covers it, `force` does nothing.
    ///
    /// # Errors
    /// If the write fails, or something failed before. `Options::on_failure` has then been called, which ends the process by
    /// default.
    pub fn flush(&mut self, force: bool) -> Result<(), JournalError> {
        self.shared.flush(&mut self.buffer, self.last, force)
    }

    /// Replaces the journal up to `upto`, its last record, by `records`. Returns at once: the journal's thread writes the new file,
    /// forces it and renames it. Records that are appended in the meantime follow in the new file. This counts as a forced write, but
    /// records that were durable before are not reported again. Until it is done, a crash finds the old journal.
    ///
    /// # Errors
    /// If `upto` is not the last record, a record is longer than 64 MiB, or something failed before.
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
        let (stamp, snapshot_end) = (self.stamp, bytes.len() as u64);
        let header = Header { log, generation, base: upto, snapshot_records: count, snapshot_end, stamp };
        bytes[..Header::LENGTH].copy_from_slice(&header.encode());
        // The records that wait to be written are part of the new ones.
        self.buffer.clear();
        (self.generation, self.sealer) = (generation, sealer);
        self.shared.submit(Snapshot { header, bytes })
    }

    /// Sets how long each forced write takes at least; 0 by default. The time is drawn when the forced write begins.
    pub fn set_force_latency(&self, latency: Latency) {
        self.shared.state().force_latency = latency;
    }

    /// Sets the random stream for the times of forced writes. By default it is the same for all journals.
    pub fn draw_forces_from(&self, random: Stream) {
        self.shared.state().random = random;
    }

    /// Sets the least time of all forced writes, for a fault that makes the disk slow. It also applies to one in progress.
    pub fn set_min_force(&self, least: Micros) {
        self.shared.set_min_force(Duration::from_micros(least.0));
    }

    /// Waits until more records are durable than were reported before, and returns the last one. It may report several forced writes
    /// as one. The future may be dropped, and the method called again.
    ///
    /// # Errors
    /// If the journal has failed.
    pub async fn durable(&mut self) -> Result<Lsn, JournalError> {
        let told = self.told;
        let progress = self.progress.wait_for(|progress| progress.failed || progress.durable > told).await;
        progress.map_err(|_| JournalError::Failed { why: "it was closed".into() })?;
        self.try_durable().map(|upto| upto.unwrap_or(self.told))
    }

    /// The last durable record, if more records are durable than were reported before.
    ///
    /// # Errors
    /// If the journal has failed.
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

    /// The number of forced writes that have returned since the journal was opened, including compactions.
    pub fn forces(&self) -> u64 {
        self.shared.forces()
    }

    /// The length of the journal in bytes, without the zeros at its end.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes()
    }

    /// Writes and forces everything, waits for that, and closes the journal. It does not wait for the times that faults add.
    ///
    /// # Errors
    /// Those of [`Journal::flush`].
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
