//! The thread of the journal: it forces, compacts, and reports what is durable.

use super::{
    error::{JournalError, io_error},
    mark::Mark,
    paths::Replacement,
    shared::{Shared, Snapshot, Stop, Tail},
};
use indoubt_proto::ids::Lsn;
use std::{
    fs::File,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// Runs until it is stopped, or until something fails. `dir` is the data directory.
pub(super) fn run(shared: &Shared, dir: &File) {
    let mut reserve = Reserve::new();
    loop {
        let done = match next(shared) {
            Task::Force(tail) => force(shared, &tail),
            Task::Compact(snapshot) => compact(shared, dir, &snapshot, &mut reserve),
            Task::End => return,
        };
        match done {
            Ok(Some(upto)) => shared.forced(upto),
            Ok(None) => return,
            Err(error) => return shared.fail(&error),
        }
    }
}

enum Task {
    /// Force everything that is written now.
    Force(Tail),
    Compact(Snapshot),
    End,
}

/// Waits for something to do.
fn next(shared: &Shared) -> Task {
    let mut state = shared.state();
    loop {
        if state.stop == Some(Stop::AtOnce) {
            return Task::End;
        }
        if let Some(snapshot) = state.snapshot.take() {
            return Task::Compact(snapshot);
        }
        if std::mem::take(&mut state.wanted) && state.tail.written > state.tail.covered {
            state.tail.covered = state.tail.written;
            return Task::Force(state.tail.clone());
        }
        if state.stop.is_some() {
            return Task::End;
        }
        state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Forces the file. Returns the last record that is now durable; `None` if the thread must end at once.
fn force(shared: &Shared, tail: &Tail) -> Result<Option<Lsn>, JournalError> {
    let pace = Pace::begin(shared);
    shared.disk.force(&tail.file).map_err(io_error("force", shared.paths.journal()))?;
    if pace.wait_out(shared).is_none() {
        return Ok(None);
    }
    mark(shared, tail)?;
    Ok(Some(tail.written))
}

/// Writes the new file beside the old one, forces it, and replaces the old one.
fn compact(
    shared: &Shared,
    dir: &File,
    snapshot: &Snapshot,
    reserve: &mut Reserve,
) -> Result<Option<Lsn>, JournalError> {
    let pace = Pace::begin(shared);
    let disk = &*shared.disk;
    let Some(new) = create(shared, reserve)? else { return Ok(None) };
    new.fill(disk, &snapshot.bytes)?;
    // Until the forced write has taken its time, which faults may lengthen, a kill must find the old journal.
    if pace.wait_out(shared).is_none() {
        return Ok(None);
    }
    let file = new.put(disk, dir)?;
    let end = snapshot.bytes.len() as u64;
    let (generation, upto) = (snapshot.header.generation, snapshot.header.base);
    let tail = Tail { file: Arc::new(file), generation, end, length: end, written: upto, covered: upto };
    mark(shared, &tail)?;
    let mut state = shared.state();
    // This closes the old file.
    state.tail = tail;
    *reserve = Reserve::new();
    // If another compaction is already requested, the waiting records follow that one.
    if state.snapshot.is_none() {
        state.write_backlog(disk).map_err(io_error("write", shared.paths.journal()))?;
    }
    Ok(Some(upto))
}

/// A file descriptor that is kept so that a compaction has one when the process has no other left.
struct Reserve(Option<File>);

impl Reserve {
    fn new() -> Self {
        Reserve(File::open("/dev/null").ok())
    }
}

/// The first pause before the new file of a compaction is created again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest such pause.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Creates the new file. If that fails, nothing durable is in danger: the old journal is whole. So this tries again, first with the
/// descriptor of the reserve; new records wait in the meantime. `None` if the thread must end at once.
fn create(shared: &Shared, reserve: &mut Reserve) -> Result<Option<Replacement>, JournalError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match Replacement::create(&*shared.disk, shared.paths.journal()) {
            Ok(new) => return Ok(Some(new)),
            Err(error) => error,
        };
        if reserve.0.take().is_some() {
            continue;
        }
        tracing::warn!("a compaction waits: {error}");
        let until = Instant::now() + pause;
        let mut state = shared.state();
        loop {
            match state.stop {
                Some(Stop::AtOnce) => return Ok(None),
                Some(Stop::WhenDone) => return Err(error),
                None => {}
            }
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            state = shared.wake.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        pause = LAST_PAUSE.min(pause * 2);
    }
}

fn mark(shared: &Shared, tail: &Tail) -> Result<(), JournalError> {
    let header = Mark { log: shared.log, generation: tail.generation, offset: tail.end };
    shared.mark.write(&*shared.disk, header)
}

/// A forced write in progress, and how long it takes at least.
struct Pace {
    began: Instant,
    takes: Duration,
}

impl Pace {
    fn begin(shared: &Shared) -> Self {
        Pace { began: Instant::now(), takes: shared.state().draw_force() }
    }

    /// Waits until the forced write has taken its least time. `None` if the thread must end at once.
    fn wait_out(&self, shared: &Shared) -> Option<()> {
        let mut state = shared.state();
        loop {
            match state.stop {
                Some(Stop::AtOnce) => return None,
                Some(Stop::WhenDone) => return Some(()),
                None => {}
            }
            let rest = self.takes.max(state.min_force).saturating_sub(self.began.elapsed());
            if rest.is_zero() {
                return Some(());
            }
            state = shared.wake.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
