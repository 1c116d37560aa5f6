//! `slow-disk`: every force of a node takes at least so long.

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

/// Every force of a node takes at least this long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlowDisk {
    /// Whose disk.
    pub node: NodeId,
    /// How long a force takes.
    pub force: Micros,
    /// For how long; `None` until the end of load.
    pub lasts: Option<Micros>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "slow-disk", when: When::Moment, fields: &["node", "force", "for"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.7, most: 1, own_stream: false, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<SlowDisk, ScenarioError> {
    Ok(SlowDisk {
        node: node(&table.need("node")?, context.cluster)?,
        force: table.need("force")?.duration(SOME)?,
        lasts: table.read("for", |v| v.duration(SOME))?,
    })
}

fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let (force, lasts) = (random.random_range(5..100), random.random_range(10..500));
    Some(
        frame.when(node, random)
            + &format!("do = \"slow-disk\"\nnode = \"{node}\"\nforce = \"{force}ms\"\nfor = \"{lasts}ms\"\n"),
    )
}

impl FaultKind for SlowDisk {
    fn word(&self) -> &'static str {
        "slow-disk"
    }

    fn write(&self, file: &mut Writer) {
        file.text("node", self.node);
        file.text("force", self.force);
        file.lasts(&self.lasts);
    }

    fn line(&self, when: &str) -> String {
        format!("slow the disk of {} to {} a force {when}{}", self.node, self.force, lasting(self.lasts))
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::SlowDisk { node: self.node, force: self.force }]
    }

    fn lasts(&self) -> Option<Micros> {
        self.lasts
    }

    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        shorter(&mut self.lasts);
    }

    /// A step may wait for several forces in a row.
    fn outage(&self) -> Option<Micros> {
        Some(self.force * 4)
    }
}
