//! Fault injection on the journal of a node that was killed. After a SIGKILL the kernel still has everything that was written;
//! after a power cut it does not. So after a kill the lab cuts the journal to a prefix of the tail that was not forced. It can also
//! remove the journal, or the whole directory.

use super::{
    error::{JournalError, io_error},
    mark::Mark,
    paths::{Paths, remove},
    scan::Contents,
};
use indoubt_driver::random::stream;
use indoubt_proto::ids::Lsn;
use rand::RngExt;
use std::{fs, fs::File, path::Path};

/// The result of a cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutReport {
    /// The last record before the cut.
    pub last: Lsn,
    /// The last record that is known to be durable. It always survives.
    pub durable: Lsn,
    /// The last record that survives.
    pub kept: Lsn,
    /// Whether a part of the next record is left, as after a write that the power cut interrupted.
    pub torn: bool,
}

/// Cuts the journal in `dir`, which no process may be using. Of the records that were not forced, the first `keep` survive, or all
/// if there are fewer; `None`: `seed` draws the number, all equally likely. One cut in four, which `seed` also draws, leaves a torn
/// record. Without a journal nothing happens.
///
/// # Errors
/// If a process uses the directory, if it cannot be read or written, if the journal is corrupt, or if the durable mark is missing
/// or corrupt, so that it is not known what may be cut. Nothing is changed in these cases.
pub fn cut_tail(dir: &Path, seed: u64, keep: Option<u64>) -> Result<CutReport, JournalError> {
    let paths = Paths::new(dir);
    let _lock = paths.lock()?;
    let Some(contents) = Contents::read(&paths)? else { return Ok(CutReport::default()) };
    if Mark::read(&paths)?.is_none() {
        let why = "it has no durable mark, so it is not known what may be cut".into();
        return Err(JournalError::Corrupt { path: paths.durable(), offset: 0, why });
    }
    let mut report = CutReport { last: contents.last, durable: contents.header.base, kept: contents.last, torn: false };
    // The end of the durable part, then the end of each record after it.
    let mut ends = vec![contents.durable];
    for (end, record) in contents.records() {
        if end as u64 <= contents.durable {
            report.durable = record.lsn;
        } else {
            ends.push(end as u64);
        }
    }
    let mut random = stream(seed, "journal cut");
    let drawn = random.random_range(0..ends.len());
    let kept = keep.map_or(drawn, |keep| (ends.len() - 1).min(usize::try_from(keep).unwrap_or(usize::MAX)));
    let mut length = ends[kept];
    report.kept = Lsn(report.durable.0 + kept as u64);
    if let Some(next) = ends.get(kept + 1)
        && random.random_bool(0.25)
    {
        length = random.random_range(length + 1..*next);
        report.torn = true;
    }
    let path = paths.journal();
    let file = File::options().write(true).open(&path).map_err(io_error("open", &path))?;
    file.set_len(length).map_err(io_error("cut", &path))?;
    Ok(report)
}

/// Removes the journal in `dir`, which no process may be using. The count of incarnations stays.
///
/// # Errors
/// If a process uses the directory, or it cannot be written.
pub fn lose(dir: &Path) -> Result<(), JournalError> {
    let paths = Paths::new(dir);
    let lock = paths.lock()?;
    paths.remove_leftovers()?;
    remove(&paths.journal())?;
    remove(&paths.durable())?;
    lock.sync_all().map_err(io_error("force", dir))
}

/// Removes `dir` with everything in it, which no process may be using. The node that uses it next starts as new.
///
/// # Errors
/// If a process uses the directory, or it cannot be removed.
pub fn lose_directory(dir: &Path) -> Result<(), JournalError> {
    let _lock = Paths::new(dir).lock()?;
    fs::remove_dir_all(dir).map_err(io_error("remove", dir))
}
