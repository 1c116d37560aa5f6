//! The gate: every effect is a crash point, and every message can be touched. The driver asks it before and after each
//! effect and each message that is taken; no protocol code knows of it.
//!
//! A scenario's faults compile into [`Rule`]s. A rule that needs counting, or that acts on nodes, is an `Ask`: the node
//! halts there until the lab has counted over the whole run, acted, and said how to go on. Rules that touch every message,
//! or a share of them, are carried out on the spot.

use crate::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
    random::LazyStream,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Message,
    observation::Observation,
    time::Micros,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// The number of a rule; a fault knows its rules by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleId(pub u32);

/// What a node is about to do, or has just done.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// Append this record. *After*: it is in the tail, not forced.
    Append {
        /// The record's word.
        record: &'static str,
        /// Its transaction.
        txn: Option<TxnId>,
    },
    /// Send this message. *After*: the receiver took it as input.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: &'a Message,
    },
    /// Take this message as input. *After*: the whole step is done.
    Deliver {
        /// From whom.
        from: NodeId,
        /// What.
        message: &'a Message,
    },
    /// Observe. Before and after are the same.
    Observe(&'a Observation),
}

impl Moment<'_> {
    /// The transaction that it concerns.
    pub fn txn(&self) -> Option<TxnId> {
        match self {
            Moment::Append { txn, .. } => *txn,
            Moment::Send { message, .. } | Moment::Deliver { message, .. } => message.txn(),
            Moment::Observe(seen) => seen.txn(),
        }
    }

    /// What effect selectors call it: verb, word, qualifier and step.
    pub fn words(&self) -> (Verb, &'static str, Option<&'static str>, Option<u32>) {
        match self {
            Moment::Append { record, .. } => (Verb::Append, record, None, None),
            Moment::Send { message, .. } => (Verb::Send, message.kind().word(), message.qualifier(), message.step()),
            Moment::Deliver { message, .. } => {
                (Verb::Deliver, message.kind().word(), message.qualifier(), message.step())
            }
            Moment::Observe(seen) => (Verb::Observe, seen.kind(), seen.qualifier(), seen.step()),
        }
    }
}

/// The verbs of effect selectors: `append:committed`, `send:decision:commit`, `deliver:vote:yes`, `observe:in-doubt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each stands for the moment of its name")]
pub enum Verb {
    Append,
    Send,
    Deliver,
    Observe,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 4] = [Verb::Append, Verb::Send, Verb::Deliver, Verb::Observe];

    /// What it is called in scenario files.
    pub const fn word(self) -> &'static str {
        match self {
            Verb::Append => "append",
            Verb::Send => "send",
            Verb::Deliver => "deliver",
            Verb::Observe => "observe",
        }
    }

    /// The verb of this word.
    pub fn from_word(word: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.word() == word)
    }
}

/// On which side of a moment a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// Before it is performed.
    #[default]
    Before,
    /// After it was performed; what that means, [`Moment`] says for each.
    After,
}

/// Which moments of a node a rule concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Selector {
    /// What kind of moment.
    pub verb: Verb,
    /// The record's word, the message's kind, or the observation's kind; `None` for any.
    pub word: Option<String>,
    /// `yes`, `commit`, `work-done`, …; `None` for any.
    pub qualifier: Option<String>,
    /// The step of a saga, 1-based; `None` for any.
    pub step: Option<u32>,
    /// The other end of a message; `None` for any.
    pub peer: Option<NodeId>,
    /// The transaction's home; `None` for any.
    pub home: Option<NodeId>,
    /// Before or after.
    pub edge: Edge,
}

impl Selector {
    /// Any moment of this verb, before it is performed.
    pub fn any(verb: Verb) -> Self {
        Selector { verb, word: None, qualifier: None, step: None, peer: None, home: None, edge: Edge::Before }
    }

    fn matches(&self, moment: &Moment<'_>) -> bool {
        let (verb, word, qualifier, step) = moment.words();
        let peer = match moment {
            Moment::Send { to: peer, .. } | Moment::Deliver { from: peer, .. } => Some(*peer),
            Moment::Append { .. } | Moment::Observe(_) => None,
        };
        self.verb == verb
            && self.word.as_deref().is_none_or(|w| w == word)
            && (self.qualifier.is_none() || self.qualifier.as_deref() == qualifier)
            && (self.step.is_none() || self.step == step)
            && (self.peer.is_none() || self.peer == peer)
            && (self.home.is_none() || self.home == moment.txn().map(|t| t.home))
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Halt, tell the lab, and do as it says.
    Ask,
    /// Tell the lab, and go on: how it learns that a message which it waits for was taken.
    Report,
    /// Lose the message.
    Drop,
    /// Let the message arrive later by this much.
    Delay(Micros),
    /// Let it arrive twice.
    Duplicate,
    /// Answer with a failure in the receiver's name (a rule of the receiver, on `deliver`).
    Refuse,
}

/// A rule of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its number.
    pub id: RuleId,
    /// Where it applies.
    pub selector: Selector,
    /// The share of moments to which it applies, 0 to 1; `None` for all.
    pub share: Option<f64>,
    /// What it does.
    pub action: Action,
}

/// What faults do to one message, beyond what the network does to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// It is lost, and so are its copies.
    pub drop: bool,
    /// It arrives later by this much.
    pub delay: Micros,
    /// It arrives once more.
    pub duplicate: bool,
    /// It is answered with a failure and not handed over, if it is a request that can fail.
    pub refuse: bool,
}

impl Disposition {
    /// Adds what a rule's action does to a message.
    pub fn add(&mut self, action: Action) {
        match action {
            Action::Drop => self.drop = true,
            Action::Delay(by) => self.delay += by,
            Action::Duplicate => self.duplicate = true,
            Action::Refuse => self.refuse = true,
            Action::Ask | Action::Report => {}
        }
    }

    /// Both together.
    pub fn and(mut self, other: Disposition) -> Disposition {
        self.drop |= other.drop;
        self.delay += other.delay;
        self.duplicate |= other.duplicate;
        self.refuse |= other.refuse;
        self
    }
}

/// What the gate says of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateDecision {
    /// Rules for which the node must halt and ask.
    pub ask: Vec<RuleId>,
    /// Rules of which the lab is told.
    pub report: Vec<RuleId>,
    /// What the other rules do to the message.
    pub disposition: Disposition,
}

/// All that the lab sets for a node. It is replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// The rules of this node.
    pub rules: Vec<Rule>,
    /// How fast its timers run.
    pub clock: ClockRate,
    /// How long each force takes (in the real world: at least).
    pub force: Latency,
    /// A slow disk: no force takes less.
    pub min_force: Micros,
    /// The conditions of its outgoing links; a link that is not listed is perfect.
    pub links: Vec<(NodeId, Conditions)>,
}

/// The gate of one node.
#[derive(Clone, Debug)]
pub struct Gate {
    plan: FaultPlan,
    random: LazyStream,
}

impl Gate {
    /// A gate without rules. `random` decides where rules apply to a share.
    pub fn new(random: LazyStream) -> Self {
        Gate { plan: FaultPlan::default(), random }
    }

    /// Replaces the plan.
    pub fn set(&mut self, plan: FaultPlan) {
        self.plan = plan;
    }

    /// Draws from this stream from now on: another incarnation of the node has begun.
    pub fn draw_from(&mut self, random: LazyStream) {
        self.random = random;
    }

    /// The present plan.
    pub fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// Whether it has any rule. Without one, nobody need ask it.
    pub fn has_rules(&self) -> bool {
        !self.plan.rules.is_empty()
    }

    /// Whether some rule is about moments of this kind.
    pub fn concerns(&self, edge: Edge, verb: Verb) -> bool {
        self.plan.rules.iter().any(|rule| rule.selector.verb == verb && rule.selector.edge == edge)
    }

    /// What is to happen at this edge of this moment; `None`, fast, if no rule concerns it.
    pub fn ask(&mut self, edge: Edge, moment: &Moment<'_>) -> Option<GateDecision> {
        let mut decision: Option<GateDecision> = None;
        for rule in &self.plan.rules {
            if rule.selector.edge != edge || !rule.selector.matches(moment) {
                continue;
            }
            if rule.share.is_some_and(|share| !self.random.get().random_bool(share.clamp(0.0, 1.0))) {
                continue;
            }
            let decision = decision.get_or_insert_default();
            match rule.action {
                Action::Ask => decision.ask.push(rule.id),
                Action::Report => decision.report.push(rule.id),
                action => decision.disposition.add(action),
            }
        }
        decision
    }
}
