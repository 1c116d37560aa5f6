//! `restart`: brings a killed node back.

use super::{
    act::Act,
    kind::{Entry, FaultKind, When, Word},
};
use crate::parse::{toml_writer::Writer, values::node};
use indoubt_proto::ids::NodeId;
use serde::Serialize;

/// Brings a killed node back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restart {
    /// Which node.
    pub node: NodeId,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "restart", when: When::Moment, fields: &["node"] }],
    parse: |table, context| Ok(Restart { node: node(&table.need("node")?, context.cluster)? }.into()),
    drawn: None,
};

impl FaultKind for Restart {
    fn word(&self) -> &'static str {
        "restart"
    }

    fn write(&self, file: &mut Writer) {
        file.text("node", self.node);
    }

    fn line(&self, when: &str) -> String {
        format!("restart {} {when}", self.node)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Restart { node: self.node }]
    }
}
