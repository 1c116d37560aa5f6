//! `lose-disk`: a node dies and comes back as new, without its journal and its count of incarnations.

use super::{
    absence,
    act::Act,
    draw::Frame,
    kind::{Context, Drawn, Entry, FaultKind, Waiver, When, Word},
    text::back_after,
};
use crate::parse::{error::ScenarioError, reader::Table, toml_writer::Writer};
use indoubt_driver::random::Stream;
use indoubt_proto::{ids::NodeId, time::Micros};
use rand::RngExt;
use serde::Serialize;

/// SIGKILL, and the whole data folder is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoseDisk {
    /// Which node.
    pub node: NodeId,
    /// When it comes back.
    pub restart_after: Option<Micros>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "lose-disk", when: When::Moment, fields: &["node", "restart_after"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.8, most: 2, own_stream: true, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<LoseDisk, ScenarioError> {
    let (node, restart_after) = absence::read(table, context)?;
    Ok(LoseDisk { node, restart_after })
}

fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let after = random.random_range(1..300);
    Some(frame.when(node, random) + &format!("do = \"lose-disk\"\nnode = \"{node}\"\nrestart_after = \"{after}ms\"\n"))
}

impl FaultKind for LoseDisk {
    fn word(&self) -> &'static str {
        "lose-disk"
    }

    fn write(&self, file: &mut Writer) {
        absence::write(self.node, self.restart_after, file);
    }

    fn line(&self, when: &str) -> String {
        format!("kill {} and lose its disk {when}{}", self.node, back_after(self.restart_after))
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Kill { node: self.node, keep: None }, Act::LoseDisk { node: self.node }]
    }

    fn lasts(&self) -> Option<Micros> {
        self.restart_after
    }

    /// A node that starts as new shows what is lost.
    fn check(&self, all: &[Act]) -> Result<(), String> {
        absence::check(self.node, self.restart_after, all, "miss its disk")
    }

    fn waives(&self) -> Option<Waiver> {
        Some(Waiver::LostDisk(self.node))
    }

    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        shorter(&mut self.restart_after);
    }
}
