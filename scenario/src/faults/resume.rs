//! `resume`: ends a pause.

use super::{
    act::Act,
    kind::{Entry, FaultKind, When, Word},
};
use crate::parse::{toml_writer::Writer, values::node};
use indoubt_proto::ids::NodeId;
use serde::Serialize;

/// SIGCONT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// Which node.
    pub node: NodeId,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "resume", when: When::Moment, fields: &["node"] }],
    parse: |table, context| Ok(Resume { node: node(&table.need("node")?, context.cluster)? }.into()),
    drawn: None,
};

impl FaultKind for Resume {
    fn word(&self) -> &'static str {
        "resume"
    }

    fn write(&self, file: &mut Writer) {
        file.text("node", self.node);
    }

    fn line(&self, when: &str) -> String {
        format!("resume {} {when}", self.node)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Resume { node: self.node }]
    }
}
