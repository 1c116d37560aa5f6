//! What the faults share after which a node is away and comes back.

use super::{act::Act, kind::Context};
use crate::parse::{
    error::ScenarioError,
    reader::Table,
    toml_writer::Writer,
    values::{SOME, node},
};
use indoubt_proto::{ids::NodeId, time::Micros};

/// Reads the node, and after which time it comes back.
pub(super) fn read(table: &Table<'_, '_>, context: &Context<'_>) -> Result<(NodeId, Option<Micros>), ScenarioError> {
    let node = node(&table.need("node")?, context.cluster)?;
    Ok((node, table.read("restart_after", |v| v.duration(SOME))?))
}

/// Writes what [`read`] reads.
pub(super) fn write(node: NodeId, restart_after: Option<Micros>, file: &mut Writer) {
    file.text("node", node);
    if let Some(after) = restart_after {
        file.text("restart_after", after);
    }
}

/// Refuses a fault whose effect only a restart shows, if the node never restarts. `unseen` says what nobody would notice.
pub(super) fn check(node: NodeId, restart_after: Option<Micros>, all: &[Act], unseen: &str) -> Result<(), String> {
    if restart_after.is_some() || all.contains(&Act::Restart { node }) {
        return Ok(());
    }
    Err(format!("{node} never comes back, so nobody would {unseen}: `restart_after`, or a `restart` fault"))
}
