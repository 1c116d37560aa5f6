//! What the registry says of a kind of fault.

use super::{FaultAction, act::Act, draw::Frame};
use crate::{
    parse::{error::ScenarioError, reader::Table, toml_writer::Writer},
    protocol::Protocol,
    scenario::cluster::Cluster,
};
use indoubt_driver::random::Stream;
use indoubt_proto::{ids::NodeId, time::Micros};
use std::fmt;

/// A kind of fault, as scenarios and the swarm know it.
pub(crate) struct Entry {
    /// The values of `do` that mean it; usually one.
    pub(crate) words: &'static [Word],
    /// Reads its fields.
    pub(crate) parse: fn(&Table<'_, '_>, &Context<'_>) -> Result<FaultAction, ScenarioError>,
    /// How the swarm draws it; `None`: it does not.
    pub(crate) drawn: Option<Drawn>,
}

/// A value of `do`.
pub(crate) struct Word {
    pub(crate) word: &'static str,
    /// When it can strike.
    pub(crate) when: When,
    /// The fields that it knows besides `do`, `protocols` and those of its trigger.
    pub(crate) fields: &'static [&'static str],
}

/// When a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At a time, a phase, a point or an effect.
    Moment,
    /// At messages.
    Messages,
    /// At messages of one kind that can be answered with a failure.
    Requests,
}

/// What a fault is read against.
pub(crate) struct Context<'a> {
    /// Its `do`.
    pub(crate) word: &'static str,
    pub(crate) cluster: Cluster,
    /// The protocols under which it happens.
    pub(crate) protocols: &'a [Protocol],
}

/// How the swarm draws a kind of fault.
pub(crate) struct Drawn {
    /// The share of runs in which it never happens.
    pub(crate) absent: f64,
    /// How many at most happen in one run.
    pub(crate) most: u32,
    /// Whether it is drawn from a random stream of its own. A kind that is added later is: so it changes nothing of what a
    /// seed draws otherwise.
    pub(crate) own_stream: bool,
    /// Its fields in a `[[fault]]` table, its trigger included; `None` if the protocol of the run does not know it. The node
    /// is the one that should suffer.
    pub(crate) draw: fn(&Frame, NodeId, &mut Stream) -> Option<String>,
}

/// What one fault of a kind says of itself.
pub(crate) trait FaultKind: fmt::Debug {
    /// Its `do`.
    fn word(&self) -> &'static str;

    /// Writes its own fields, those of its trigger apart. What [`Entry::parse`] makes of them is an equal fault.
    fn write(&self, file: &mut Writer);

    /// The line by which results name it. `when` is the part of the line that says when.
    fn line(&self, when: &str) -> String;

    /// What it does when it strikes, in order.
    fn acts(&self) -> Vec<Act>;

    /// The journal of which it needs a copy, and from when.
    fn copies(&self) -> Option<(NodeId, Micros)> {
        None
    }

    /// How long it lasts by its own word; `None` if it gives no time, or if it is over at once.
    fn lasts(&self) -> Option<Micros> {
        None
    }

    /// Refuses a fault that can show nothing beside the acts of all faults of its scenario.
    fn check(&self, _all: &[Act]) -> Result<(), String> {
        Ok(())
    }

    /// What it excuses.
    fn waives(&self) -> Option<Waiver> {
        None
    }

    /// Makes it plainer: the shrinker tries whether the plainer one fails too.
    fn simplify(&mut self) {}

    /// Prepares it for parity: its times become shorter, and it leaves nothing to chance.
    fn settle(&mut self, _shorter: &dyn Fn(&mut Option<Micros>)) {}

    /// How long it can keep anybody waiting.
    fn outage(&self) -> Option<Micros> {
        self.lasts()
    }
}

/// What a fault excuses. The judge (`promises.rs`) says which findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiver {
    /// What this node had in its journal may be missing.
    LostLog(NodeId),
    /// The same, and the node cannot know that it was ever there before.
    LostDisk(NodeId),
    /// What this node had in its journal may be missing, although its journal has the identity of before.
    RestoredLog(NodeId),
    /// As long as it touches messages, they may not arrive, and what waits for them does not end.
    HeldUpMessages,
}
