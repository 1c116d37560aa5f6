//! The state that the machine's task and the journal's thread share: the tail of the file, and the requests to the thread.

use super::{
    disk::Disk,
    error::{JournalError, io_error},
    format::Header,
    mark::MarkFile,
    paths::Paths,
};
use indoubt_driver::{
    conditions::Latency,
    random::{Stream, stream},
};
use indoubt_proto::ids::{LogId, Lsn};
use std::{
    fmt,
    fs::File,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// The length of the file is a multiple of this. Records overwrite zeros, which changes no metadata and so needs no commit of the
/// file system's own journal. Space that is only allocated is not enough, because its first write changes metadata, and with full
/// batches every forced write would need that. Larger steps would make the forced write that carries the zeros slow.
const STEP: u64 = 256 * 1024;

/// Called once, with the reason, when the journal fails.
pub(super) type OnFailure = Box<dyn FnOnce(&JournalError) + Send>;

/// A compaction, whose records replace the journal.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) header: Header,
    /// The contents of the new file: header and records.
    pub(super) bytes: Vec<u8>,
}

/// The progress of the thread, for which the machine's task waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// The last durable record.
    pub(super) durable: Lsn,
    pub(super) failed: bool,
}

/// When the thread ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// After all requests are done.
    WhenDone,
    /// At once, like a crash.
    AtOnce,
}

/// The journal file and its state.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) file: Arc<File>,
    pub(super) generation: u64,
    /// The offset of the next record.
    pub(super) end: u64,
    /// The length of the file. Behind `end` there are zeros.
    pub(super) length: u64,
    /// The last record in the file.
    pub(super) written: Lsn,
    /// The last record that is durable, or that the forced write in progress will make durable.
    pub(super) covered: Lsn,
}

impl Tail {
    fn write(&mut self, disk: &dyn Disk, records: &mut Vec<u8>, last: Lsn) -> std::io::Result<()> {
        let end = self.end + records.len() as u64;
        if end > self.length {
            self.length = end.next_multiple_of(STEP);
            records.resize((self.length - self.end) as usize, 0);
        }
        disk.write(&self.file, records, self.end)?;
        (self.end, self.written) = (end, last);
        records.clear();
        Ok(())
    }
}

pub(super) struct State {
    pub(super) tail: Tail,
    /// Whether a forced write was requested for what is written.
    pub(super) wanted: bool,
    pub(super) snapshot: Option<Snapshot>,
    /// Whether a compaction was requested and is not finished. Then new records go to the backlog.
    pub(super) compacting: bool,
    /// The records after the compaction.
    pub(super) backlog: Vec<u8>,
    pub(super) backlog_last: Lsn,
    pub(super) force_latency: Latency,
    pub(super) random: Stream,
    pub(super) min_force: Duration,
    pub(super) stop: Option<Stop>,
    /// The first failure.
    failed: Option<String>,
    on_failure: Option<OnFailure>,
}

impl State {
    pub(super) fn new(tail: Tail, on_failure: OnFailure) -> Self {
        State {
            wanted: false,
            snapshot: None,
            compacting: false,
            backlog: Vec::new(),
            backlog_last: tail.written,
            force_latency: Latency::ZERO,
            random: stream(0, "disk force"),
            min_force: Duration::ZERO,
            stop: None,
            failed: None,
            on_failure: Some(on_failure),
            tail,
        }
    }

    /// Draws how long the forced write that begins now takes at least.
    pub(super) fn draw_force(&mut self) -> Duration {
        Duration::from_micros(self.force_latency.draw(&mut self.random).0)
    }

    /// Writes the records that came during a compaction to the new file.
    pub(super) fn write_backlog(&mut self, disk: &dyn Disk) -> std::io::Result<()> {
        self.compacting = false;
        let mut backlog = std::mem::take(&mut self.backlog);
        if backlog.is_empty() { Ok(()) } else { self.tail.write(disk, &mut backlog, self.backlog_last) }
    }
}

pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) paths: Paths,
    pub(super) log: LogId,
    pub(super) mark: MarkFile,
    pub(super) wake: Condvar,
    state: Mutex<State>,
    progress: watch::Sender<Progress>,
    forces: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("paths", &self.paths).field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, paths: Paths, log: LogId, mark: MarkFile, state: State) -> Self {
        Shared {
            disk,
            paths,
            log,
            mark,
            wake: Condvar::new(),
            progress: watch::Sender::new(Progress { durable: state.tail.covered, failed: false }),
            state: Mutex::new(state),
            forces: AtomicU64::new(0),
        }
    }

    /// Locks the state. Nothing panics while it holds the lock, so the state is valid even if the lock is poisoned.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn durable(&self) -> Lsn {
        self.progress.borrow().durable
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Notes that a forced write has returned.
    pub(super) fn forced(&self, upto: Lsn) {
        self.forces.fetch_add(1, Ordering::Relaxed);
        self.progress.send_modify(|progress| progress.durable = upto);
    }

    pub(super) fn flush(&self, records: &mut Vec<u8>, last: Lsn, force: bool) -> Result<(), JournalError> {
        let mut state = self.state();
        check(&state)?;
        if state.compacting {
            state.backlog.append(records);
            state.backlog_last = last;
            // The compaction itself covers the earlier records. This requests a forced write after it.
            state.wanted |= force;
            return Ok(());
        }
        if !records.is_empty()
            && let Err(source) = state.tail.write(&*self.disk, records, last)
        {
            drop(state);
            self.fail(&io_error("write", self.paths.journal())(source));
            return self.sound();
        }
        if force && state.tail.written > state.tail.covered {
            state.wanted = true;
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Requests a compaction. It replaces a requested one that has not begun, and contains the records that came after that one.
    pub(super) fn submit(&self, snapshot: Snapshot) -> Result<(), JournalError> {
        let mut state = self.state();
        check(&state)?;
        state.backlog.clear();
        state.backlog_last = snapshot.header.base;
        state.wanted = false;
        state.compacting = true;
        state.snapshot = Some(snapshot);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn set_min_force(&self, least: Duration) {
        self.state().min_force = least;
        self.wake.notify_one();
    }

    pub(super) fn stop(&self, stop: Stop) {
        self.state().stop = Some(stop);
        self.wake.notify_one();
    }

    /// Notes that a write or a forced write failed. Nothing is tried again.
    pub(super) fn fail(&self, error: &JournalError) {
        let mut state = self.state();
        state.failed.get_or_insert_with(|| error.to_string());
        let on_failure = state.on_failure.take();
        drop(state);
        self.progress.send_modify(|progress| progress.failed = true);
        if let Some(on_failure) = on_failure {
            on_failure(error);
        }
    }

    /// Returns an error if something has failed.
    pub(super) fn sound(&self) -> Result<(), JournalError> {
        check(&self.state())
    }

    pub(super) fn forces(&self) -> u64 {
        self.forces.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.state().tail.end
    }
}

fn check(state: &State) -> Result<(), JournalError> {
    state.failed.as_ref().map_or(Ok(()), |why| Err(JournalError::Failed { why: why.clone() }))
}
