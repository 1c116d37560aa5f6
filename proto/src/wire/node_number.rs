//! Nodes, which are numbers on links and in the lab's messages.

use super::error::WireError;
use crate::ids::{NodeId, Role};

/// The number of a node on links: 8 × number + role. So 0 stands for no node, and most nodes take one byte.
pub fn node_number(node: NodeId) -> u32 {
    u32::from(node.number) * 8 + node.role.entry().wire
}

/// Reads the node with this number on the wire.
///
/// # Errors
/// If no node has this number.
pub fn node(number: u32) -> Result<NodeId, WireError> {
    if number == 0 {
        return Err(WireError::missing());
    }
    let entry = Role::ALL.into_iter().map(Role::entry).find(|entry| entry.wire == number % 8);
    let of_role = u16::try_from(number / 8).ok();
    match (entry, of_role) {
        (Some(entry), Some(number)) if entry.has_number(number) => Ok(NodeId { role: entry.role, number }),
        _ => Err(WireError::new(format!("{number} is not a node"))),
    }
}
