//! Older copies of a journal, for the lab: what an operator does who restores a backup. The count of incarnations is not part of a
//! copy.

use super::{
    disk::{Disk, HostDisk},
    error::{JournalError, io_error},
    format::Header,
    incarnation,
    mark::{Mark, MarkFile},
    paths::{Paths, Replacement, read, remove},
    scan::Contents,
};
use indoubt_proto::ids::Lsn;
use std::{fs, fs::File, path::Path};

/// Copies what is durable in the journal of `dir` to the directory `to`. A process may be using `dir`. Without a journal the copy is
/// empty.
///
/// # Errors
/// If a file cannot be read or written, or the journal is corrupt.
pub fn copy(dir: &Path, to: &Path) -> Result<(), JournalError> {
    let (paths, copy) = (Paths::new(dir), Paths::new(to));
    fs::create_dir_all(to).map_err(io_error("create", to))?;
    // The mark comes first, so the journal has at least what it says. A compaction in between leaves a mark of an older file.
    let mark = Mark::read(&paths)?;
    let Some(mut bytes) = read(&paths.journal())? else { return Ok(()) };
    let corrupt = |why| JournalError::Corrupt { path: paths.journal(), offset: 0, why };
    let header = Header::parse(&bytes).map_err(|_| corrupt("its header cannot be read".into()))?;
    let durable = Mark::durable_bytes(mark, &header).map_err(corrupt)?;
    bytes.truncate(usize::try_from(durable).unwrap_or(usize::MAX));
    fs::write(copy.journal(), bytes).map_err(io_error("write", copy.journal()))?;
    mark_durable(&copy, &header, durable)
}

/// Replaces the journal in `dir`, which no process may be using, by the copy in `from`. Returns the last record of the copy; `None`
/// if there is no such directory, and then nothing is changed.
///
/// # Errors
/// If a process uses the directory, if a file cannot be read or written, or the copy is corrupt.
pub fn restore(dir: &Path, from: &Path) -> Result<Option<Lsn>, JournalError> {
    if !from.exists() {
        return Ok(None);
    }
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let (paths, copy) = (Paths::new(dir), Paths::new(from));
    let lock = paths.lock()?;
    paths.remove_leftovers()?;
    for (file, to) in [(copy.journal(), paths.journal()), (copy.durable(), paths.durable())] {
        match read(&file)? {
            Some(bytes) => drop(Replacement::write(&HostDisk, to, &bytes)?.put(&HostDisk, &lock)?),
            None => remove(&to)?,
        }
    }
    incarnation::keep(&HostDisk, &paths, &lock)?;
    Ok(Some(Contents::read(&paths)?.map_or(Lsn(0), |contents| contents.last)))
}

/// Cuts the journal in `dir`, which no process may be using, behind its first records, so many. What a compaction has replaced stays
/// together. Returns the last record that is left; `None` if there is no journal.
///
/// # Errors
/// If a process uses the directory, if a file cannot be read or written, or the journal is corrupt.
pub fn keep_first(dir: &Path, records: u64) -> Result<Option<Lsn>, JournalError> {
    if !dir.exists() {
        return Ok(None);
    }
    let paths = Paths::new(dir);
    let _lock = paths.lock()?;
    let Some(contents) = Contents::read(&paths)? else { return Ok(None) };
    let kept = contents.records().filter(|(_, record)| record.compacted || record.lsn.0 <= records).last();
    let (end, last) =
        kept.map_or((contents.header.snapshot_end, contents.header.base), |(end, record)| (end as u64, record.lsn));
    let path = paths.journal();
    let file = File::options().write(true).open(&path).map_err(io_error("open", &path))?;
    file.set_len(end).map_err(io_error("cut", &path))?;
    HostDisk.force(&file).map_err(io_error("force", &path))?;
    mark_durable(&paths, &contents.header, end)?;
    Ok(Some(last))
}

/// Marks this much of the journal as durable.
fn mark_durable(paths: &Paths, header: &Header, offset: u64) -> Result<(), JournalError> {
    let Header { log, generation, .. } = *header;
    MarkFile::open(paths)?.write(&HostDisk, Mark { log, generation, offset })
}
