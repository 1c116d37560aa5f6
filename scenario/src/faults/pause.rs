//! `pause`: a node is frozen but not dead; messages to it wait.

use super::{
    act::Act,
    draw::Frame,
    kind::{Context, Drawn, Entry, FaultKind, When, Word},
    text::lasting,
};
use crate::parse::{
    error::ScenarioError,
    reader::Table,
    toml_writer::Writer,
    values::{SOME, node},
};
use indoubt_driver::random::Stream;
use indoubt_proto::{ids::NodeId, time::Micros};
use rand::RngExt;
use serde::Serialize;

/// SIGSTOP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// Which node.
    pub node: NodeId,
    /// How long; `None` until `resume` or the end of load.
    pub lasts: Option<Micros>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "pause", when: When::Moment, fields: &["node", "for"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.6, most: 2, own_stream: false, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<Pause, ScenarioError> {
    let node = node(&table.need("node")?, context.cluster)?;
    Ok(Pause { node, lasts: table.read("for", |v| v.duration(SOME))? })
}

fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let lasts = random.random_range(1..400);
    Some(frame.when(node, random) + &format!("do = \"pause\"\nnode = \"{node}\"\nfor = \"{lasts}ms\"\n"))
}

impl FaultKind for Pause {
    fn word(&self) -> &'static str {
        "pause"
    }

    fn write(&self, file: &mut Writer) {
        file.text("node", self.node);
        file.lasts(&self.lasts);
    }

    fn line(&self, when: &str) -> String {
        format!("pause {} {when}{}", self.node, lasting(self.lasts))
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Pause { node: self.node }]
    }

    fn lasts(&self) -> Option<Micros> {
        self.lasts
    }

    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        shorter(&mut self.lasts);
    }
}
