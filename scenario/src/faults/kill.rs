//! `kill`: a node dies; what was not forced may be lost.

use super::{
    act::Act,
    draw::Frame,
    kind::{Context, Drawn, Entry, FaultKind, When, Word},
    text::back_after,
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

/// SIGKILL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kill {
    /// Which node.
    pub node: NodeId,
    /// When it comes back.
    pub restart_after: Option<Micros>,
    /// How many records of the tail that no force covers survive, at most all of it; `None`: the seed draws.
    pub keep: Option<u64>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "kill", when: When::Moment, fields: &["node", "restart_after", "keep"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.2, most: 4, own_stream: false, draw }),
};

/// For parity, a kill leaves the whole tail that was written, forced or not: how much of it a journal has forced by itself,
/// because it was idle, is a question of time.
const WHOLE_TAIL: u64 = 1_000_000;

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<Kill, ScenarioError> {
    Ok(Kill {
        node: node(&table.need("node")?, context.cluster)?,
        restart_after: table.read("restart_after", |v| v.duration(SOME))?,
        keep: table.read("keep", |v| v.integer(0..=u64::MAX))?,
    })
}

fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let mut text = frame.when(node, random) + &format!("do = \"kill\"\nnode = \"{node}\"\n");
    // Mostly soon: what happens to a node that recovers under load matters more than a long silence.
    let away = if random.random_bool(0.6) { 100 } else { 800 };
    text += &format!("restart_after = \"{}ms\"\n", random.random_range(1..away));
    if random.random_bool(0.3) {
        text += &format!("keep = {}\n", random.random_range(0..4));
    }
    Some(text)
}

impl FaultKind for Kill {
    fn word(&self) -> &'static str {
        "kill"
    }

    fn write(&self, file: &mut Writer) {
        file.text("node", self.node);
        if let Some(after) = self.restart_after {
            file.text("restart_after", after);
        }
        if let Some(keep) = self.keep {
            file.plain("keep", keep);
        }
    }

    fn line(&self, when: &str) -> String {
        let kept = match self.keep {
            None => String::new(),
            Some(0) => ", no unforced record survives".into(),
            Some(1) => ", 1 unforced record survives".into(),
            Some(keep) => format!(", {keep} unforced records survive"),
        };
        format!("kill {} {when}{kept}{}", self.node, back_after(self.restart_after))
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Kill { node: self.node, keep: self.keep }]
    }

    fn lasts(&self) -> Option<Micros> {
        self.restart_after
    }

    fn simplify(&mut self) {
        self.keep = None;
    }

    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        shorter(&mut self.restart_after);
        self.keep.get_or_insert(WHOLE_TAIL);
    }
}
