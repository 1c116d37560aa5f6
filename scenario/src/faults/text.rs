//! Parts of the lines that name faults.

use indoubt_proto::{ids::NodeId, time::Micros};

/// ` for 2s`, or nothing.
pub(super) fn lasting(lasts: Option<Micros>) -> String {
    lasts.map_or(String::new(), |lasts| format!(" for {lasts}"))
}

/// `, back after 2s`, or nothing.
pub(super) fn back_after(restart_after: Option<Micros>) -> String {
    restart_after.map_or(String::new(), |after| format!(", back after {after}"))
}

/// `p1, p2`.
pub(super) fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}
