//! `jump-clock`: a node's clock jumps forward or back, and its armed timers fire earlier or later.

use super::{
    act::Act,
    draw::{Frame, one_of},
    kind::{Context, Drawn, Entry, FaultKind, When, Word},
};
use crate::parse::{
    error::ScenarioError,
    reader::Table,
    toml_writer::Writer,
    values::{LONGEST_DURATION, SOME, node},
};
use indoubt_driver::{clock::ClockJump, random::Stream};
use indoubt_proto::{ids::NodeId, time::Micros};
use rand::RngExt;
use serde::Serialize;

/// A node's clock jumps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JumpClock {
    /// Whose.
    pub node: NodeId,
    /// Which way, and by how much.
    pub jump: ClockJump,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "jump-clock", when: When::Moment, fields: &["node", "forward", "back"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.7, most: 2, own_stream: true, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<JumpClock, ScenarioError> {
    let node = node(&table.need("node")?, context.cluster)?;
    let by = |field| table.read(field, |v| v.duration(SOME));
    let jump = match (by("forward")?, by("back")?) {
        (Some(by), None) => ClockJump::Forward(by),
        (None, Some(by)) => ClockJump::Back(by),
        _ => return Err(table.error("a clock jumps `forward` or `back` by a time: give one of them")),
    };
    Ok(JumpClock { node, jump })
}

/// Mostly further than most timeouts.
fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let (way, by) = (one_of(random, &["forward", "forward", "back"]), random.random_range(1..1_000));
    Some(frame.when(node, random) + &format!("do = \"jump-clock\"\nnode = \"{node}\"\n{way} = \"{by}ms\"\n"))
}

impl JumpClock {
    fn way(&self) -> (&'static str, Micros) {
        match self.jump {
            ClockJump::Forward(by) => ("forward", by),
            ClockJump::Back(by) => ("back", by),
        }
    }
}

impl FaultKind for JumpClock {
    fn word(&self) -> &'static str {
        "jump-clock"
    }

    fn write(&self, file: &mut Writer) {
        let (way, by) = self.way();
        file.text("node", self.node);
        file.text(way, by);
    }

    fn line(&self, when: &str) -> String {
        let (way, by) = self.way();
        format!("jump the clock of {} {way} by {by} {when}", self.node)
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::JumpClock { node: self.node, jump: self.jump }]
    }

    /// A jump forward passes every armed timer, so that it does not depend on how long each has run.
    fn settle(&mut self, _shorter: &dyn Fn(&mut Option<Micros>)) {
        if let ClockJump::Forward(by) = &mut self.jump {
            *by = LONGEST_DURATION;
        }
    }
}
