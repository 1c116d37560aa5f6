//! Opens a journal: locks the directory, cleans up, recovers, counts the incarnation, and forces what was recovered.

use super::{
    Journal,
    disk::{Disk, HostDisk},
    error::{JournalError, io_error},
    format::{Header, Sealer},
    incarnation,
    mark::{Mark, MarkFile},
    owner::{Owner, Stamp},
    paths::{Paths, Replacement, read},
    scan::{Contents, Recovered},
    shared::{OnFailure, Shared, State, Tail},
    thread,
};
use indoubt_proto::ids::LogId;
use std::{fmt, fs, fs::File, io::Read, path::Path, sync::Arc};

/// The options of a journal.
pub struct Options {
    /// Called once, when a write or a forced write failed. It is then not known what is durable, so by default this ends the process.
    pub on_failure: OnFailure,
    /// The disk operations, which tests replace.
    pub disk: Arc<dyn Disk>,
    /// The node and the protocol that open the journal; `None` in tools that only look at one.
    pub owner: Option<Owner>,
}

impl Default for Options {
    /// The real disk, and an end of the process after a failure.
    fn default() -> Self {
        Options { on_failure: Box::new(end_process), disk: Arc::new(HostDisk), owner: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("disk", &self.disk).finish_non_exhaustive()
    }
}

/// The exit status of `sysexits.h` for a failed disk.
const EX_IOERR: i32 = 74;

fn end_process(error: &JournalError) {
    // This does not use the log, which may be filtered or asynchronous, because the process ends now.
    eprintln!("indoubt: {error}; what is durable is not known, so this process ends");
    std::process::exit(EX_IOERR);
}

pub(super) fn open(dir: &Path, options: Options) -> Result<(Journal, Recovered), JournalError> {
    let Options { on_failure, disk, owner } = options;
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let paths = Paths::new(dir);
    let lock = paths.lock()?;
    if let Some(owner) = &owner {
        check_owner_file(&paths, owner)?;
    }
    let found = Contents::read(&paths)?;
    if let (Some(owner), Some(contents)) = (&owner, &found) {
        check_stamp(&paths, contents.header.stamp, owner)?;
    }
    let unmarked = found.is_some() && Mark::read(&paths)?.is_none();
    if let Some(owner) = &owner {
        fs::write(paths.owner(), format!("{owner}\n")).map_err(io_error("write", paths.owner()))?;
    }
    paths.remove_leftovers()?;
    // The incarnation is counted before a journal is made, so a crash never leaves a journal without a count. This also forces the
    // directory, and with it the name of a journal whose compaction a crash interrupted.
    let incarnation = incarnation::bump(&*disk, &paths, &lock, found.is_some())?;
    let mark = MarkFile::open(&paths)?;
    let fresh = found.is_none();
    let (contents, file) = match found {
        Some(contents) => {
            let file = reopen(&*disk, &paths, &contents)?;
            (contents, file)
        }
        None => create(&*disk, &paths, &lock, Stamp::of(owner.as_ref()))?,
    };
    let (header, torn) = (contents.header, contents.torn() as u64);
    let (end, last) = (contents.end as u64, contents.last);
    mark.write(&*disk, Mark { log: header.log, generation: header.generation, offset: end })?;
    let tail = Tail {
        file: Arc::new(file),
        generation: header.generation,
        end,
        length: if torn == 0 { contents.file_length() as u64 } else { end },
        written: last,
        covered: last,
    };
    let shared = Arc::new(Shared::new(disk, paths, header.log, mark, State::new(tail, on_failure)));
    let names = lock.try_clone().map_err(io_error("open", dir))?;
    let thread = std::thread::Builder::new().name("journal".into()).spawn({
        let shared = Arc::clone(&shared);
        move || thread::run(&shared, &names)
    });
    let journal = Journal {
        told: last,
        progress: shared.progress(),
        shared,
        thread: Some(thread.map_err(io_error("start the thread of", dir))?),
        buffer: Vec::new(),
        sealer: Sealer::new(header.log, header.generation),
        log: header.log,
        stamp: header.stamp,
        generation: header.generation,
        last,
        _lock: lock,
    };
    Ok((journal, Recovered { log: header.log, fresh, incarnation, last, torn, unmarked, contents }))
}

/// Checks the file `owner`. The caller holds the lock on the directory.
fn check_owner_file(paths: &Paths, owner: &Owner) -> Result<(), JournalError> {
    let found = read(&paths.owner())?.unwrap_or_default();
    let found = String::from_utf8_lossy(&found);
    // The file is empty if the process was killed between creating and writing it.
    match found.trim_end() {
        "" => Ok(()),
        found if found == owner.to_string() => Ok(()),
        found => Err(belongs(&paths.dir, found.into(), owner)),
    }
}

/// Checks the owner in the header of the journal. A header without an owner is accepted.
fn check_stamp(paths: &Paths, stamp: Stamp, owner: &Owner) -> Result<(), JournalError> {
    if stamp == Stamp::default() || stamp == Stamp::of(Some(owner)) {
        return Ok(());
    }
    Err(belongs(&paths.journal(), stamp.describe(owner), owner))
}

fn belongs(path: &Path, found: String, owner: &Owner) -> JournalError {
    JournalError::Belongs { path: path.to_owned(), found, expected: owner.to_string() }
}

/// Cuts off a torn tail, and forces what survived, because the machine will rely on it.
fn reopen(disk: &dyn Disk, paths: &Paths, contents: &Contents) -> Result<File, JournalError> {
    let path = paths.journal();
    let file = File::options().read(true).write(true).open(&path).map_err(io_error("open", &path))?;
    if contents.torn() > 0 {
        file.set_len(contents.end as u64).map_err(io_error("cut", &path))?;
    }
    disk.force(&file).map_err(io_error("force", &path))?;
    Ok(file)
}

fn create(disk: &dyn Disk, paths: &Paths, dir: &File, stamp: Stamp) -> Result<(Contents, File), JournalError> {
    let header = Header::of_new(new_log_id()?, stamp);
    let file = Replacement::write(disk, paths.journal(), &header.encode())?.put(disk, dir)?;
    Ok((Contents::of_new(header), file))
}

/// A random log id from the operating system. It is never 0, which means that there is no journal.
fn new_log_id() -> Result<LogId, JournalError> {
    let source = Path::new("/dev/urandom");
    let mut random = File::open(source).map_err(io_error("open", source))?;
    loop {
        let mut bytes = [0; 8];
        random.read_exact(&mut bytes).map_err(io_error("read", source))?;
        match u64::from_le_bytes(bytes) {
            0 => {}
            id => return Ok(LogId(id)),
        }
    }
}
