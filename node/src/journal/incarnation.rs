//! The count of a node's starts. It is kept in a file beside the journal and survives the loss of the journal, so that no
//! incarnation number is used twice.

use super::{
    disk::Disk,
    error::JournalError,
    paths::{Paths, Replacement, read},
};
use indoubt_proto::ids::LAST_INCARNATION;
use std::fs::File;

/// Increments the count durably and returns it, from 1. `has_journal` means that the node was started before.
pub(super) fn bump(disk: &dyn Disk, paths: &Paths, dir: &File, has_journal: bool) -> Result<u32, JournalError> {
    let path = paths.incarnation();
    let corrupt = |why: String| JournalError::Corrupt { path: path.clone(), offset: 0, why };
    let before = match read(&path)? {
        Some(bytes) => parse(&bytes).ok_or_else(|| corrupt("it has no count of incarnations".into()))?,
        None if has_journal => return Err(corrupt("it is missing beside a journal".into())),
        None => 0,
    };
    if before >= LAST_INCARNATION {
        return Err(corrupt(format!("incarnation {before} has no successor: {LAST_INCARNATION} is the last one")));
    }
    let now = before + 1;
    Replacement::write(disk, path.clone(), text(now).as_bytes())?.put(disk, dir)?;
    Ok(now)
}

/// Writes a count of 0 if there is none, so that a journal that was put back into an empty directory can be opened.
pub(super) fn keep(disk: &dyn Disk, paths: &Paths, dir: &File) -> Result<(), JournalError> {
    let path = paths.incarnation();
    if read(&path)?.is_none() {
        Replacement::write(disk, path, text(0).as_bytes())?.put(disk, dir)?;
    }
    Ok(())
}

/// The count and its checksum as text.
fn text(count: u32) -> String {
    let digits = count.to_string();
    format!("{digits} {:08x}\n", crc32fast::hash(digits.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<u32> {
    let count = std::str::from_utf8(bytes).ok()?.split(' ').next()?.parse().ok()?;
    (text(count).as_bytes() == bytes).then_some(count)
}
