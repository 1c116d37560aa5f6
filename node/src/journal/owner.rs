//! The owner of a data directory: a node and a protocol. The journal's header names both, and the file `owner` contains
//! them as text. Another machine could not read the records, and another node must not answer for this node's promises.

use indoubt_proto::ids::{NodeId, Role};
use std::fmt;

/// The node that writes a journal, and its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The node that writes the journal.
    pub node: NodeId,
    /// The name of its protocol.
    pub protocol: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.node, self.protocol)
    }
}

/// Owner and protocol in the header of a journal: role, number, and the checksum of the protocol's name. 0 if there is no
/// owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) u64);

impl Stamp {
    pub(super) fn of(owner: Option<&Owner>) -> Self {
        let Some(Owner { node, protocol }) = owner else { return Stamp::default() };
        let role = node.role as u64 + 1;
        Stamp(role << 48 | u64::from(node.number) << 32 | u64::from(crc32fast::hash(protocol.as_bytes())))
    }

    /// The owner of this header as text.
    pub(super) fn describe(self, expected: &Owner) -> String {
        let roles = [Role::Coordinating, Role::Participant, Role::Client, Role::Lab];
        let role = (self.0 >> 48).checked_sub(1).and_then(|role| roles.get(usize::try_from(role).ok()?));
        let node = role.map(|role| NodeId { role: *role, number: (self.0 >> 32) as u16 });
        match node {
            Some(node) if node == expected.node => format!("{node} under another protocol"),
            Some(node) => node.to_string(),
            None => "an unknown node".into(),
        }
    }
}
