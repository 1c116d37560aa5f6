//! Nodes, which are numbers on links and in the lab's messages.

use super::error::WireError;
use crate::ids::{NodeId, Role};

/// The number of a node on links: 8 × number + role. So 0 stands for no node, and most nodes take one byte.
pub fn node_number(node: NodeId) -> u32 {
    let role = match node.role {
        Role::Coordinating => 1,
        Role::Participant => 2,
        Role::Client => 3,
        Role::Lab => 4,
    };
    u32::from(node.number) * 8 + role
}

/// Reads the node with this number on the wire.
///
/// # Errors
/// If no node has this number.
pub fn node(number: u32) -> Result<NodeId, WireError> {
    let bad = || WireError::new(format!("{number} is not a node"));
    let role = match number % 8 {
        _ if number == 0 => return Err(WireError::missing()),
        1 => Role::Coordinating,
        2 => Role::Participant,
        3 => Role::Client,
        4 => Role::Lab,
        _ => return Err(bad()),
    };
    let number = u16::try_from(number / 8).map_err(|_| bad())?;
    match role {
        Role::Coordinating | Role::Participant if number == 0 => Err(bad()),
        Role::Lab if number != 0 => Err(bad()),
        _ => Ok(NodeId { role, number }),
    }
}
