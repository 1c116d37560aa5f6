//! `restore-log`: a node dies, and an older copy of its journal is put back.

use super::{
    absence,
    act::{Act, OlderCopy},
    draw::Frame,
    kind::{Context, Drawn, Entry, FaultKind, Waiver, When, Word},
    text::back_after,
};
use crate::{
    parse::{error::ScenarioError, reader::Table, toml_writer::Writer, values::ANY},
    protocol::Family,
};
use indoubt_driver::random::Stream;
use indoubt_proto::{
    ids::{NodeId, Role},
    time::Micros,
};
use rand::RngExt;
use serde::Serialize;

/// SIGKILL, and the journal goes back to what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreLog {
    /// Which node.
    pub node: NodeId,
    /// What its journal is when it comes back.
    pub to: OlderCopy,
    /// When it comes back.
    pub restart_after: Option<Micros>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "restore-log", when: When::Moment, fields: &["node", "records", "as_of", "restart_after"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.8, most: 2, own_stream: true, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<RestoreLog, ScenarioError> {
    let (node, restart_after) = absence::read(table, context)?;
    let records = table.read("records", |v| v.integer(0..=u64::MAX))?;
    let as_of = table.read("as_of", |v| v.duration(ANY))?;
    let to = match (records, as_of) {
        (Some(records), None) => OlderCopy::Records(records),
        (None, Some(as_of)) => OlderCopy::AsOf(as_of),
        _ => {
            let what = "a journal goes back to its first `records`, or to what it was `as_of` a time: give one of them";
            return Err(table.error(what));
        }
    };
    Ok(RestoreLog { node, to, restart_after })
}

/// Often right after a vote: then a decision is on its way to a participant that has forgotten it.
fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let to = if random.random_bool(0.7) {
        format!("records = {}", random.random_range(0..20))
    } else {
        format!("as_of = \"{}ms\"", random.random_range(0..frame.duration_ms))
    };
    let after = random.random_range(1..300);
    let votes = frame.protocol.family() == Family::TwoPhase && node.role == Role::Participant;
    let when = if votes && random.random_bool(0.5) {
        let nth = random.random_range(1..=8);
        format!("on = {{ node = \"{node}\", effect = \"send:vote:yes\", edge = \"after\", nth = {nth} }}\n")
    } else {
        frame.when(node, random)
    };
    Some(format!("{when}do = \"restore-log\"\nnode = \"{node}\"\n{to}\nrestart_after = \"{after}ms\"\n"))
}

impl FaultKind for RestoreLog {
    fn word(&self) -> &'static str {
        "restore-log"
    }

    fn write(&self, file: &mut Writer) {
        absence::write(self.node, self.restart_after, file);
        match self.to {
            OlderCopy::Records(records) => file.plain("records", records),
            OlderCopy::AsOf(time) => file.text("as_of", time),
        }
    }

    fn line(&self, when: &str) -> String {
        let to = match self.to {
            OlderCopy::Records(0) => "no record".into(),
            OlderCopy::Records(1) => "its first record".into(),
            OlderCopy::Records(records) => format!("its first {records} records"),
            OlderCopy::AsOf(time) => format!("what it was at {time}"),
        };
        format!("kill {} and set its log back to {to} {when}{}", self.node, back_after(self.restart_after))
    }

    fn acts(&self) -> Vec<Act> {
        vec![Act::Kill { node: self.node, keep: None }, Act::RestoreLog { node: self.node, to: self.to }]
    }

    fn copies(&self) -> Option<(NodeId, Micros)> {
        match self.to {
            OlderCopy::Records(_) => None,
            OlderCopy::AsOf(time) => Some((self.node, time)),
        }
    }

    fn lasts(&self) -> Option<Micros> {
        self.restart_after
    }

    /// The worst copy is the plainest.
    fn simplify(&mut self) {
        self.to = OlderCopy::Records(0);
    }

    /// An older copy is found out by who opens it, or speaks to who has.
    fn check(&self, all: &[Act]) -> Result<(), String> {
        absence::check(self.node, self.restart_after, all, "open its log")
    }

    fn waives(&self) -> Option<Waiver> {
        Some(Waiver::RestoredLog(self.node))
    }

    /// How many records a journal has at a time depends on the speed of the world.
    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        self.to = OlderCopy::Records(0);
        shorter(&mut self.restart_after);
    }
}
