//! `partition`: cuts the links between two lists of nodes.

use super::{
    act::Act,
    draw::Frame,
    kind::{Context, Drawn, Entry, FaultKind, When, Word},
    text::{lasting, names},
};
use crate::{
    parse::{
        error::ScenarioError,
        reader::{Table, Value},
        toml_writer::{Writer, list},
        values::{SOME, node},
    },
    scenario::cluster::Cluster,
};
use indoubt_driver::random::Stream;
use indoubt_proto::{ids::NodeId, time::Micros};
use rand::RngExt;
use serde::Serialize;

/// Cuts the links between two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// One side.
    pub left: Vec<NodeId>,
    /// The other.
    pub right: Vec<NodeId>,
    /// Only from left to right.
    pub one_way: bool,
    /// How long; `None` until `heal` or the end of load.
    pub lasts: Option<Micros>,
}

pub(super) static ENTRY: Entry = Entry {
    words: &[Word { word: "partition", when: When::Moment, fields: &["between", "one_way", "for"] }],
    parse: |table, context| Ok(parse(table, context)?.into()),
    drawn: Some(Drawn { absent: 0.5, most: 2, own_stream: false, draw }),
};

fn parse(table: &Table<'_, '_>, context: &Context<'_>) -> Result<Partition, ScenarioError> {
    let (left, right) = between(&table.need("between")?, context.cluster)?;
    let one_way = table.read("one_way", Value::bool)?.unwrap_or(false);
    Ok(Partition { left, right, one_way, lasts: table.read("for", |v| v.duration(SOME))? })
}

fn between(value: &Value<'_, '_>, cluster: Cluster) -> Result<(Vec<NodeId>, Vec<NodeId>), ScenarioError> {
    const WANTED: &str = "`between` must be two lists of nodes, such as [[\"coordinator\"], [\"p2\"]]";
    let sides = value.list().map_err(|_| value.error(WANTED))?;
    let [left, right] = sides.as_slice() else { return Err(value.error(WANTED)) };
    let mut seen: Vec<NodeId> = Vec::new();
    let mut side = |value: &Value<'_, '_>| {
        let mut nodes = Vec::new();
        for item in value.list().map_err(|_| value.error(WANTED))? {
            let node = node(&item, cluster)?;
            if seen.contains(&node) {
                return Err(item.error(format!("{node} is in `between` twice")));
            }
            seen.push(node);
            nodes.push(node);
        }
        if nodes.is_empty() { Err(value.error(WANTED)) } else { Ok(nodes) }
    };
    Ok((side(left)?, side(right)?))
}

fn draw(frame: &Frame, node: NodeId, random: &mut Stream) -> Option<String> {
    let mut others: Vec<NodeId> = frame.cluster.participants().chain(frame.cluster.coordinating()).collect();
    others.retain(|other| *other != node && random.random_bool(0.5));
    if others.is_empty() {
        others.push(NodeId::participant(if node == NodeId::participant(1) { 2 } else { 1 }));
    }
    let (left, right) = (list([node].into_iter()), list(others.iter()));
    let (left, right) = if random.random_bool(0.5) { (left, right) } else { (right, left) };
    let (one_way, lasts) = (random.random_bool(0.4), random.random_range(1..400));
    Some(
        frame.when(node, random)
            + &format!("do = \"partition\"\nbetween = [{left}, {right}]\none_way = {one_way}\nfor = \"{lasts}ms\"\n"),
    )
}

impl FaultKind for Partition {
    fn word(&self) -> &'static str {
        "partition"
    }

    fn write(&self, file: &mut Writer) {
        file.plain("between", format!("[{}, {}]", list(self.left.iter()), list(self.right.iter())));
        file.plain("one_way", self.one_way);
        file.lasts(&self.lasts);
    }

    fn line(&self, when: &str) -> String {
        let arrow = if self.one_way { "to" } else { "and" };
        format!("cut {} {arrow} {} {when}{}", names(&self.left), names(&self.right), lasting(self.lasts))
    }

    fn acts(&self) -> Vec<Act> {
        let pairs = self.left.iter().flat_map(|left| self.right.iter().map(move |right| (*left, *right)));
        let back = |(left, right)| (!self.one_way).then_some((right, left));
        let links = pairs.flat_map(|pair| [Some(pair), back(pair)]).flatten().collect();
        vec![Act::Cut { links }]
    }

    fn lasts(&self) -> Option<Micros> {
        self.lasts
    }

    fn settle(&mut self, shorter: &dyn Fn(&mut Option<Micros>)) {
        shorter(&mut self.lasts);
    }
}
