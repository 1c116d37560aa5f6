//! To whom a data directory belongs: a node and a protocol. The journal's header names both, and the file `owner` says them for
//! people. Another machine could not read the records, and another node would answer for promises that it never made.

use super::{
    error::{JournalError, io_error},
    paths::{Paths, read},
};
use indoubt_proto::ids::{NodeId, Role};
use std::{fmt, fs};

/// The node that writes a journal, and its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The node.
    pub node: NodeId,
    /// The name of its protocol.
    pub protocol: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.node, self.protocol)
    }
}

/// Owner and protocol in the header of a journal: role, number, and the checksum of the protocol's name. 0 if nobody is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) u64);

impl Stamp {
    pub(super) fn of(owner: Option<&Owner>) -> Self {
        let Some(Owner { node, protocol }) = owner else { return Stamp::default() };
        let role = node.role as u64 + 1;
        Stamp(role << 48 | u64::from(node.number) << 32 | u64::from(crc32fast::hash(protocol.as_bytes())))
    }

    /// Who wrote this, for people.
    fn describe(self, expected: &Owner) -> String {
        let roles = [Role::Coordinating, Role::Participant, Role::Client, Role::Lab];
        let role = (self.0 >> 48).checked_sub(1).and_then(|role| roles.get(usize::try_from(role).ok()?));
        let node = role.map(|role| NodeId { role: *role, number: (self.0 >> 32) as u16 });
        match node {
            Some(node) if node == expected.node => format!("{node} under another protocol"),
            Some(node) => node.to_string(),
            None => "an unknown node".into(),
        }
    }

    /// Checks that a journal with this stamp is one of `owner`. A journal without a stamp says nothing.
    pub(super) fn check(self, paths: &Paths, owner: Option<&Owner>) -> Result<(), JournalError> {
        match owner {
            Some(owner) if self != Stamp::default() && self != Stamp::of(Some(owner)) => Err(JournalError::Belongs {
                path: paths.journal(),
                found: self.describe(owner),
                expected: owner.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// Checks the file `owner`. The caller holds the lock on the directory.
pub(super) fn check_file(paths: &Paths, owner: &Owner) -> Result<(), JournalError> {
    let found = read(&paths.owner())?.unwrap_or_default();
    let found = String::from_utf8_lossy(&found);
    // The file is empty if the process was killed between creating and writing it.
    match found.trim_end() {
        "" => Ok(()),
        found if found == owner.to_string() => Ok(()),
        found => Err(JournalError::Belongs { path: paths.dir.clone(), found: found.into(), expected: owner.clone() }),
    }
}

/// Writes the file `owner`.
pub(super) fn write_file(paths: &Paths, owner: &Owner) -> Result<(), JournalError> {
    fs::write(paths.owner(), format!("{owner}\n")).map_err(io_error("write", paths.owner()))
}
