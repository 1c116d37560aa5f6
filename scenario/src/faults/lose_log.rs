//! `lose-log`: a node dies and comes back without its journal.

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

/// SIGKILL, and the journal is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoseLog {
    /// Which node.
    pub node: NodeId,
    /// When it comes back.
    pub restart_after: Option<Micros>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "lose-log", when: When::Moment, fields: &["node", "restart_after"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.85, most: 1, own_stream: false, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<LoseLog, ScenarioError> {
    let (node, restart_after) = absence::read(table, context)?;
    Ok(LoseLog { node, restart_after })
}

fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let after = random.random_range(1..300);
    Some(frame.when(node, random) + &format!("do = \"lose-log\"\nnode = \"{node}\"\nrestart_after = \"{after}ms\"\n"))
}

impl FaultKind for LoseLog {
    fn word(&self) -> &'static str {
        "lose-log"
    }

    fn write(&self, file: &mut Writer) {
        absence::write(self.node, self.restart_after, file);
    }

    fn line(&self, when: &str) -> String {
        format!("kill {} and lose its log {when}{}", self.node, back_after(self.restart_after))
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Kill { node: self.node, keep: None }, Act::LoseLog { node: self.node }]
    }

    fn lasts(&self) -> Option<Micros> {
        self.restart_after
    }

    /// A journal is seen to be lost by who opens it.
    fn check(&self, all: &[Act]) -> Result<(), String> {
        absence::check(self.node, self.restart_after, all, "miss its log")
    }

    fn waives(&self) -> Option<Waiver> {
        Some(Waiver::LostLog(self.node))
    }

    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        shorter(&mut self.restart_after);
    }
}
