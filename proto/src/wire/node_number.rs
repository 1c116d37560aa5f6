//! Nodes, which travel as numbers on links and in the lab's messages.

use super::error::WireError;
use crate::ids::{NodeId, Role};

/// A node as links carry it: 8 × number + role, so that 0 is no node and most take one byte.
pub fn node_number(node: NodeId) -> u32 {
    u32::from(node.number) * 8 + node.role.entry().wire
}

/// The node of this number on the wire.
///
/// # Errors
/// No node has it.
pub fn node(number: u32) -> Result<NodeId, WireError> {
    if number == 0 {
        return Err(WireError::missing());
    }
    let entry = Role::ALL.into_iter().map(Role::entry).find(|entry| entry.wire == number % 8);
    let of_role = u16::try_from(number / 8).ok();
    match (entry, of_role) {
        (Some(entry), Some(number)) if entry.has_number(number) => Ok(NodeId { role: entry.role, number }),
        _ => Err(WireError::new(format!("{number} is no node"))),
    }
}
