//! The gate, at which faults act. The driver asks it before and after each effect and each message that is taken as input, so every
//! effect is a crash point. Protocol code does not know the gate.
//!
//! The faults of a scenario become [`Rule`]s. A rule that counts, or that acts on nodes, has the action `Ask`: the node halts there
//! until the lab has counted over the whole run, has acted, and has answered. Rules that concern every message, or a share of
//! them, are carried out at once.

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

/// The number of a rule, by which the lab finds the fault of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleId(pub u32);

/// The word of the record under which gates, faults and crash points know a compaction, as if it were appended.
pub const COMPACTION: &str = "compaction";

/// What a node is about to do, or has just done.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// Append this record. *After* means that it is in the tail of the journal and not forced. For a compaction it means that the
    /// journal was told to replace its file, and may or may not have done so.
    Append {
        /// The word of the record.
        record: &'static str,
        /// The transaction of the record, if it has one.
        txn: Option<TxnId>,
    },
    /// Send this message. *After* means that the receiver has taken it as input.
    Send {
        /// The receiver.
        to: NodeId,
        /// The message to send.
        message: &'a Message,
    },
    /// Take this message as input. *After* means that the whole step is done.
    Deliver {
        /// The sender.
        from: NodeId,
        /// The message to take.
        message: &'a Message,
    },
    /// Make this observation. Nothing happens between *before* and *after*.
    Observe(&'a Observation),
}

impl Moment<'_> {
    /// The transaction that the moment concerns, if there is one.
    pub fn txn(&self) -> Option<TxnId> {
        match self {
            Moment::Append { txn, .. } => *txn,
            Moment::Send { message, .. } | Moment::Deliver { message, .. } => message.txn(),
            Moment::Observe(seen) => seen.txn(),
        }
    }

    /// The words by which effect selectors name this moment: verb, word, qualifier and step.
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
    /// All verbs.
    pub const ALL: [Verb; 4] = [Verb::Append, Verb::Send, Verb::Deliver, Verb::Observe];

    /// The word in scenario files.
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

/// Whether a rule acts before or after a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// Before the effect is performed.
    #[default]
    Before,
    /// After the effect was performed. [`Moment`] says for each kind what that means.
    After,
}

/// Selects the moments of a node to which a rule applies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Selector {
    /// The kind of moment.
    pub verb: Verb,
    /// The word of the record, message or observation; `None` for any.
    pub word: Option<String>,
    /// The word after the first one, such as `yes`, `commit` or `work-done`; `None` for any.
    pub qualifier: Option<String>,
    /// The step of a saga, from 1; `None` for any.
    pub step: Option<u32>,
    /// The other end of a message; `None` for any.
    pub peer: Option<NodeId>,
    /// The coordinating node of the transaction; `None` for any.
    pub home: Option<NodeId>,
    /// Whether the rule acts before or after the moment.
    pub edge: Edge,
}

impl Selector {
    /// Selects every moment of this verb, before its effect is performed.
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
    /// Halt and ask the lab how to continue.
    Ask,
    /// Report to the lab, and continue. So the lab learns that a message for which it waits was taken.
    Report,
    /// Lose the message.
    Drop,
    /// Let the message arrive later by this time.
    Delay(Micros),
    /// Let the message arrive twice.
    Duplicate,
    /// Answer the message with a failure instead of giving it to the machine. Such a rule belongs to the receiver, on `deliver`.
    Refuse,
}

/// A rule of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The number of the rule.
    pub id: RuleId,
    /// The moments to which the rule applies.
    pub selector: Selector,
    /// The share of these moments to which the rule applies, 0 to 1; `None` for all.
    pub share: Option<f64>,
    /// What the rule does.
    pub action: Action,
}

/// What faults do to one message, in addition to the network conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// The message and its copies are lost.
    pub drop: bool,
    /// The message arrives later by this time.
    pub delay: Micros,
    /// The message arrives twice.
    pub duplicate: bool,
    /// The message is answered with a failure and not given to the machine, if it is a request that can fail.
    pub refuse: bool,
}

impl Disposition {
    /// Adds what the action of a rule does to a message.
    pub fn add(&mut self, action: Action) {
        match action {
            Action::Drop => self.drop = true,
            Action::Delay(by) => self.delay += by,
            Action::Duplicate => self.duplicate = true,
            Action::Refuse => self.refuse = true,
            Action::Ask | Action::Report => {}
        }
    }

    /// Combines two dispositions.
    pub fn and(mut self, other: Disposition) -> Disposition {
        self.drop |= other.drop;
        self.delay += other.delay;
        self.duplicate |= other.duplicate;
        self.refuse |= other.refuse;
        self
    }
}

/// The decision of the gate about one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateDecision {
    /// The rules for which the node must halt and ask the lab.
    pub ask: Vec<RuleId>,
    /// The rules that are reported to the lab.
    pub report: Vec<RuleId>,
    /// What all other rules do to the message.
    pub disposition: Disposition,
}

/// Everything that the lab sets for a node. It is always replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// The rules of this node.
    pub rules: Vec<Rule>,
    /// The rate of this node's clock.
    pub clock: ClockRate,
    /// How long each forced write takes; in the real world, how long it takes at least.
    pub force: Latency,
    /// The least time of each forced write, which faults on disks set.
    pub min_force: Micros,
    /// The conditions of the outgoing links. A link that is not listed is [`Conditions::PERFECT`].
    pub links: Vec<(NodeId, Conditions)>,
}

/// The gate of one node.
#[derive(Clone, Debug)]
pub struct Gate {
    plan: FaultPlan,
    random: LazyStream,
}

impl Gate {
    /// A gate without rules. Rules that apply to a share of moments draw from `random`.
    pub fn new(random: LazyStream) -> Self {
        Gate { plan: FaultPlan::default(), random }
    }

    /// Replaces the fault plan.
    pub fn set(&mut self, plan: FaultPlan) {
        self.plan = plan;
    }

    /// Replaces the random stream. Each start of a node has its own.
    pub fn draw_from(&mut self, random: LazyStream) {
        self.random = random;
    }

    /// The current fault plan.
    pub fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// Whether there is any rule. If not, nobody needs to ask the gate.
    pub fn has_rules(&self) -> bool {
        !self.plan.rules.is_empty()
    }

    /// Whether any rule concerns moments of this kind.
    pub fn concerns(&self, edge: Edge, verb: Verb) -> bool {
        self.plan.rules.iter().any(|rule| rule.selector.verb == verb && rule.selector.edge == edge)
    }

    /// Decides what happens at this edge of this moment. `None` if no rule concerns it, which is the fast case.
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
