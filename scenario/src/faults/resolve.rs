//! `resolve`: an operator ends branches in doubt.

use super::{
    act::Act,
    draw::{Frame, one_of},
    kind::{Context, Drawn, Entry, FaultKind, When, Word},
    text::names,
};
use crate::{
    parse::{
        error::ScenarioError,
        reader::Table,
        toml_writer::Writer,
        values::{lacks, node},
    },
    protocol::entry::Waiting,
};
use indoubt_driver::random::Stream;
use indoubt_proto::{
    ids::{NodeId, Role},
    message::Decision,
};
use rand::RngExt;
use serde::Serialize;

/// An operator ends branches in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolve {
    /// At which participants.
    pub nodes: Vec<NodeId>,
    /// How.
    pub decision: Decision,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "resolve", when: When::Moment, fields: &["node", "decision"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.8, most: 2, own_stream: true, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<Resolve, ScenarioError> {
    if let Some(other) = context.protocols.iter().find(|p| p.family().entry().waiting != Waiting::Doubt) {
        return Err(lacks(&table.need("do")?, *other, "no branches in doubt to resolve"));
    }
    let words = [Decision::Commit, Decision::Abort].map(|d| (d.word(), d));
    let decision = table.need("decision")?.word("decision", words.into_iter())?;
    let nodes = match table.get("node") {
        None => context.cluster.participants().collect(),
        Some(value) => match node(&value, context.cluster)? {
            node if node.role == Role::Participant => vec![node],
            node => return Err(value.error(format!("{node} has no branches to resolve: name a participant"))),
        },
    };
    Ok(Resolve { nodes, decision })
}

/// At any time, which mostly strikes branches in doubt for the usual moment, and while something is broken.
fn draw(frame: &Frame, _: NodeId, random: &mut Stream) -> Option<String> {
    if frame.protocol.family().entry().waiting != Waiting::Doubt {
        return None;
    }
    let at = random.random_range(1..frame.duration_ms);
    let node = NodeId::participant(random.random_range(1..=frame.cluster.participants));
    let decision = one_of(random, &["commit", "abort"]);
    Some(format!("at = \"{at}ms\"\ndo = \"resolve\"\ndecision = \"{decision}\"\nnode = \"{node}\"\n"))
}

impl FaultKind for Resolve {
    fn word(&self) -> &'static str {
        "resolve"
    }

    fn write(&self, file: &mut Writer) {
        file.text("decision", self.decision.word());
        // Without a node it is all of them.
        if let [node] = self.nodes.as_slice() {
            file.text("node", node);
        }
    }

    fn line(&self, when: &str) -> String {
        format!("resolve what is in doubt at {} by {} {when}", names(&self.nodes), self.decision.word())
    }

    fn acts(&self) -> Vec<Act> {
        self.nodes.iter().map(|node| Act::Resolve { node: *node, decision: self.decision }).collect()
    }
}
