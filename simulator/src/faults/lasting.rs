//! What faults have done that lasts: nodes that are down or frozen, links that are cut, disks that are slow. And what
//! follows from it for each node.

use super::Deed;
use crate::scenario::{FaultAction, Network, Scenario};
use indoubt_driver::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
    gate::{Action, FaultPlan, Rule, RuleId, Selector, Verb},
};
use indoubt_proto::{ids::NodeId, observation::Observation, time::Micros};
use std::collections::{BTreeMap, BTreeSet};

/// One time that a fault acted: its place among the faults, and which time.
pub(super) type Token = (usize, usize);

/// The rules of partitions: nobody ever asks about them.
const CUT: RuleId = RuleId(u32::MAX);

/// What a world will be told to do.
#[derive(Debug, Default)]
pub(super) struct Acts {
    pub(super) deeds: Vec<Deed>,
    /// Whose orders have changed.
    pub(super) orders: Vec<NodeId>,
    /// Links that were cut or healed.
    links: Vec<Observation>,
}

impl Acts {
    /// A link counts as cut, or healed, once the orders hold that make it so.
    pub(super) fn in_order(self) -> Vec<Deed> {
        let Acts { mut deeds, orders, links } = self;
        deeds.extend(orders.into_iter().map(Deed::Orders));
        deeds.extend(links.into_iter().map(Deed::Observe));
        deeds
    }
}

#[derive(Clone, Debug)]
enum Lasting {
    Down(NodeId),
    Paused(NodeId),
    /// From, to.
    Cut(BTreeSet<(NodeId, NodeId)>),
    Slow(NodeId, Micros),
}

/// Everything that lasts.
#[derive(Clone, Debug)]
pub(super) struct Board {
    nodes: Vec<NodeId>,
    network: Network,
    force: Latency,
    clocks: BTreeMap<NodeId, ClockRate>,
    lasting: BTreeMap<Token, Lasting>,
    /// Nodes for which something else follows since this was last asked.
    stirred: BTreeSet<NodeId>,
}

impl FaultAction {
    /// How long it lasts by its own word; `None` if it gives none, or if it is over at once.
    pub(crate) fn lasts(&self) -> Option<Micros> {
        match self {
            FaultAction::Kill { restart_after: lasts, .. }
            | FaultAction::Pause { lasts, .. }
            | FaultAction::Partition { lasts, .. }
            | FaultAction::Message { lasts, .. }
            | FaultAction::SlowDisk { lasts, .. } => *lasts,
            FaultAction::Restart { .. }
            | FaultAction::Resume { .. }
            | FaultAction::Heal
            | FaultAction::Resolve { .. } => None,
        }
    }

    /// Whether it lasts until the end of load, if it gives no time of its own.
    pub(crate) fn can_last(&self) -> bool {
        match self {
            FaultAction::Pause { .. }
            | FaultAction::Partition { .. }
            | FaultAction::Message { .. }
            | FaultAction::SlowDisk { .. } => true,
            FaultAction::Kill { .. }
            | FaultAction::Restart { .. }
            | FaultAction::Resume { .. }
            | FaultAction::Heal
            | FaultAction::Resolve { .. } => false,
        }
    }
}

impl Board {
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        Board {
            nodes: scenario.cluster.nodes().chain(scenario.clients()).collect(),
            network: scenario.network.clone(),
            force: scenario.force,
            clocks: scenario.cluster.nodes().map(|node| (node, scenario.clocks.rate(node, seed))).collect(),
            lasting: BTreeMap::new(),
            stirred: BTreeSet::new(),
        }
    }

    /// All nodes, clients included.
    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The nodes for which something else may follow since this was last asked.
    pub(super) fn take_stirred(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.stirred)
    }

    /// The network loses and duplicates nothing any more.
    pub(super) fn calm(&mut self) {
        let links = self.network.links.iter_mut().map(|link| &mut link.conditions);
        for conditions in links.chain([&mut self.network.base]) {
            if (conditions.loss, conditions.duplicate) != (0.0, 0.0) {
                (conditions.loss, conditions.duplicate) = (0.0, 0.0);
                self.stirred.extend(&self.nodes);
            }
        }
    }

    /// A fault acts. Returns under which token what it did lasts, if it lasts, and what is over by it. A node that is
    /// already down (frozen) cannot be killed (frozen) again: then nothing lasts by this fault.
    pub(super) fn begin(&mut self, token: Token, action: FaultAction, acts: &mut Acts) -> (Option<Token>, Vec<Token>) {
        let mut ended = Vec::new();
        let begun = match action {
            FaultAction::Kill { node, lose_log, keep, .. } => {
                let down = self.find(|it| matches!(it, Lasting::Down(n) if *n == node)).first().copied();
                if down.is_none() {
                    // Death ends a freeze.
                    ended = self.find(|it| matches!(it, Lasting::Paused(n) if *n == node));
                    self.lasting.retain(|token, _| !ended.contains(token));
                    self.lasting.insert(token, Lasting::Down(node));
                    acts.deeds.push(Deed::Kill(node, keep));
                }
                if lose_log {
                    acts.deeds.push(Deed::LoseLog(node));
                }
                down.is_none().then_some(token)
            }
            FaultAction::Restart { node } => {
                ended = self.end_all(acts, |it| matches!(it, Lasting::Down(n) if *n == node));
                None
            }
            FaultAction::Pause { node, .. } => {
                let held = self.find(|it| matches!(it, Lasting::Paused(n) | Lasting::Down(n) if *n == node));
                held.is_empty().then(|| {
                    self.lasting.insert(token, Lasting::Paused(node));
                    acts.deeds.push(Deed::Pause(node));
                    token
                })
            }
            FaultAction::Resume { node } => {
                ended = self.end_all(acts, |it| matches!(it, Lasting::Paused(n) if *n == node));
                None
            }
            FaultAction::Partition { left, right, one_way, .. } => {
                let mut pairs: BTreeSet<(NodeId, NodeId)> = BTreeSet::new();
                for (left, right) in left.iter().flat_map(|left| right.iter().map(move |right| (*left, *right))) {
                    pairs.insert((left, right));
                    if !one_way {
                        pairs.insert((right, left));
                    }
                }
                let fresh = pairs.iter().filter(|pair| !self.is_cut(**pair));
                acts.links.extend(fresh.map(|&(from, to)| Observation::LinkCut { from, to }));
                self.stirred.extend(pairs.iter().map(|(from, _)| *from));
                self.lasting.insert(token, Lasting::Cut(pairs));
                Some(token)
            }
            FaultAction::Heal => {
                ended = self.end_all(acts, |it| matches!(it, Lasting::Cut(_)));
                None
            }
            FaultAction::SlowDisk { node, force, .. } => {
                self.lasting.insert(token, Lasting::Slow(node, force));
                self.stirred.insert(node);
                Some(token)
            }
            FaultAction::Resolve { nodes, decision } => {
                acts.deeds.extend(nodes.into_iter().map(|node| Deed::Resolve(node, decision)));
                None
            }
            // Messages are touched where they pass: their faults never strike.
            FaultAction::Message { .. } => None,
        };
        (begun, ended)
    }

    /// Ends what lasts under this token; `false` if nothing does any more.
    pub(super) fn end(&mut self, token: Token, acts: &mut Acts) -> bool {
        let Some(it) = self.lasting.remove(&token) else { return false };
        match it {
            Lasting::Down(node) => acts.deeds.push(Deed::Restart(node)),
            Lasting::Paused(node) => acts.deeds.push(Deed::Resume(node)),
            Lasting::Cut(pairs) => {
                self.stirred.extend(pairs.iter().map(|(from, _)| *from));
                let whole = pairs.into_iter().filter(|pair| !self.is_cut(*pair));
                acts.links.extend(whole.map(|(from, to)| Observation::LinkHealed { from, to }));
            }
            Lasting::Slow(node, _) => {
                self.stirred.insert(node);
            }
        }
        true
    }

    /// What lasts, deaths apart, by faults of which `endless` is true.
    pub(super) fn without_end(&self, endless: impl Fn(Token) -> bool) -> Vec<Token> {
        let lasting = self.lasting.iter().filter(|(_, it)| !matches!(it, Lasting::Down(_)));
        lasting.map(|(token, _)| *token).filter(|token| endless(*token)).collect()
    }

    /// The orders of a node, but for the rules of the faults that watch.
    pub(super) fn orders(&self, node: NodeId) -> FaultPlan {
        let cut: BTreeSet<NodeId> = self.cuts().filter(|(from, _)| *from == node).map(|(_, to)| to).collect();
        let rules = cut.into_iter().map(|to| Rule {
            id: CUT,
            selector: Selector { peer: Some(to), ..Selector::any(Verb::Send) },
            share: None,
            action: Action::Drop,
        });
        let slow = self.lasting.values().filter_map(|it| match it {
            Lasting::Slow(slow, force) if *slow == node => Some(*force),
            _ => None,
        });
        let peers = self.nodes.iter().filter(|peer| **peer != node && speak(node, **peer));
        FaultPlan {
            rules: rules.collect(),
            clock: self.clocks.get(&node).copied().unwrap_or_default(),
            force: self.force,
            min_force: slow.max().unwrap_or_default(),
            links: peers.map(|peer| (*peer, self.conditions(node, *peer))).collect(),
        }
    }

    /// The conditions of one direction of one link. Clients' links lose and duplicate nothing.
    fn conditions(&self, from: NodeId, to: NodeId) -> Conditions {
        let exception = self.network.links.iter().rfind(|link| link.from == from && link.to == to);
        let conditions = exception.map_or(self.network.base, |link| link.conditions);
        if from.is_client() || to.is_client() {
            Conditions { loss: 0.0, duplicate: 0.0, ..conditions }
        } else {
            conditions
        }
    }

    fn cuts(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        let pairs = self.lasting.values().filter_map(|it| match it {
            Lasting::Cut(pairs) => Some(pairs),
            _ => None,
        });
        pairs.flatten().copied()
    }

    fn is_cut(&self, pair: (NodeId, NodeId)) -> bool {
        self.cuts().any(|cut| cut == pair)
    }

    fn find(&self, which: impl Fn(&Lasting) -> bool) -> Vec<Token> {
        self.lasting.iter().filter(|(_, it)| which(it)).map(|(token, _)| *token).collect()
    }

    fn end_all(&mut self, acts: &mut Acts, which: impl Fn(&Lasting) -> bool) -> Vec<Token> {
        let tokens = self.find(which);
        for token in &tokens {
            self.end(*token, acts);
        }
        tokens
    }
}

/// Whether there is a link between two nodes.
fn speak(a: NodeId, b: NodeId) -> bool {
    use indoubt_proto::ids::Role::{Client, Coordinating, Participant};
    !matches!((a.role, b.role), (Client, Client | Participant) | (Participant, Client) | (Coordinating, Coordinating))
}
