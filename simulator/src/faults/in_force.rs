//! The faults in force: nodes that are down or frozen, links that are cut, disks that are slow. Each node's orders follow
//! from them.

use super::FaultCommand;
use indoubt_driver::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
    gate::{Action, FaultPlan, Rule, RuleId, Selector, Verb},
};
use indoubt_proto::{ids::NodeId, observation::Observation, time::Micros};
use indoubt_scenario::scenario::{FaultAction, Network, Scenario};
use std::collections::{BTreeMap, BTreeSet};

/// One time that a fault acted: the fault's index, and how many times it had acted before.
pub(super) type Occurrence = (usize, usize);

/// The rules of partitions: nobody ever asks about them.
const CUT: RuleId = RuleId(u32::MAX);

/// What a world will be told to do, gathered while the nemesis works.
#[derive(Debug, Default)]
pub(super) struct Commands {
    pub(super) list: Vec<FaultCommand>,
    /// Whose orders have changed.
    pub(super) orders: Vec<NodeId>,
    /// Links that were cut or healed.
    links: Vec<Observation>,
}

impl Commands {
    /// A link counts as cut, or healed, once the orders hold that make it so.
    pub(super) fn in_order(self) -> Vec<FaultCommand> {
        let Commands { mut list, orders, links } = self;
        list.extend(orders.into_iter().map(FaultCommand::Orders));
        list.extend(links.into_iter().map(FaultCommand::Observe));
        list
    }
}

#[derive(Clone, Debug)]
enum InForce {
    Down(NodeId),
    Paused(NodeId),
    /// From, to.
    Cut(BTreeSet<(NodeId, NodeId)>),
    Slow(NodeId, Micros),
}

/// Everything that lasts, and the conditions that hold without any fault.
#[derive(Clone, Debug)]
pub(super) struct FaultsInForce {
    nodes: Vec<NodeId>,
    network: Network,
    force: Latency,
    clocks: BTreeMap<NodeId, ClockRate>,
    by_occurrence: BTreeMap<Occurrence, InForce>,
    /// Nodes whose orders must be worked out again.
    stale: BTreeSet<NodeId>,
}

impl FaultsInForce {
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        FaultsInForce {
            nodes: scenario.cluster.nodes().chain(scenario.clients()).collect(),
            network: scenario.network.clone(),
            force: scenario.force,
            clocks: scenario.cluster.nodes().map(|node| (node, scenario.clocks.rate(node, seed))).collect(),
            by_occurrence: BTreeMap::new(),
            stale: BTreeSet::new(),
        }
    }

    /// All nodes, clients included.
    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The nodes whose orders may have changed since the last call.
    pub(super) fn take_stale(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.stale)
    }

    /// The network loses and duplicates nothing any more.
    pub(super) fn calm(&mut self) {
        let links = self.network.links.iter_mut().map(|link| &mut link.conditions);
        for conditions in links.chain([&mut self.network.base]) {
            if (conditions.loss, conditions.duplicate) != (0.0, 0.0) {
                (conditions.loss, conditions.duplicate) = (0.0, 0.0);
                self.stale.extend(&self.nodes);
            }
        }
    }

    /// A fault acts. Returns the occurrence that lasts from now on, if one does, and the occurrences that this one ends. A
    /// node that is already down (frozen) cannot be killed (frozen) again: then this fault leaves nothing that lasts.
    pub(super) fn begin(
        &mut self,
        occurrence: Occurrence,
        action: FaultAction,
        commands: &mut Commands,
    ) -> (Option<Occurrence>, Vec<Occurrence>) {
        let mut ended = Vec::new();
        let begun = match action {
            FaultAction::Kill { node, lose_log, keep, .. } => {
                let down = self.find(|it| matches!(it, InForce::Down(n) if *n == node)).first().copied();
                if down.is_none() {
                    // Death ends a freeze.
                    ended = self.find(|it| matches!(it, InForce::Paused(n) if *n == node));
                    self.by_occurrence.retain(|occurrence, _| !ended.contains(occurrence));
                    self.by_occurrence.insert(occurrence, InForce::Down(node));
                    commands.list.push(FaultCommand::Kill(node, keep));
                }
                if lose_log {
                    commands.list.push(FaultCommand::LoseLog(node));
                }
                down.is_none().then_some(occurrence)
            }
            FaultAction::Restart { node } => {
                ended = self.end_all(commands, |it| matches!(it, InForce::Down(n) if *n == node));
                None
            }
            FaultAction::Pause { node, .. } => {
                let held = self.find(|it| matches!(it, InForce::Paused(n) | InForce::Down(n) if *n == node));
                held.is_empty().then(|| {
                    self.by_occurrence.insert(occurrence, InForce::Paused(node));
                    commands.list.push(FaultCommand::Pause(node));
                    occurrence
                })
            }
            FaultAction::Resume { node } => {
                ended = self.end_all(commands, |it| matches!(it, InForce::Paused(n) if *n == node));
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
                commands.links.extend(fresh.map(|&(from, to)| Observation::LinkCut { from, to }));
                self.stale.extend(pairs.iter().map(|(from, _)| *from));
                self.by_occurrence.insert(occurrence, InForce::Cut(pairs));
                Some(occurrence)
            }
            FaultAction::Heal => {
                ended = self.end_all(commands, |it| matches!(it, InForce::Cut(_)));
                None
            }
            FaultAction::SlowDisk { node, force, .. } => {
                self.by_occurrence.insert(occurrence, InForce::Slow(node, force));
                self.stale.insert(node);
                Some(occurrence)
            }
            FaultAction::Resolve { nodes, decision } => {
                commands.list.extend(nodes.into_iter().map(|node| FaultCommand::Resolve(node, decision)));
                None
            }
            // Messages are touched where they pass: their faults never strike.
            FaultAction::Message { .. } => None,
        };
        (begun, ended)
    }

    /// Ends what lasts under this occurrence; `false` if nothing does any more.
    pub(super) fn end(&mut self, occurrence: Occurrence, commands: &mut Commands) -> bool {
        let Some(it) = self.by_occurrence.remove(&occurrence) else { return false };
        match it {
            InForce::Down(node) => commands.list.push(FaultCommand::Restart(node)),
            InForce::Paused(node) => commands.list.push(FaultCommand::Resume(node)),
            InForce::Cut(pairs) => {
                self.stale.extend(pairs.iter().map(|(from, _)| *from));
                let whole = pairs.into_iter().filter(|pair| !self.is_cut(*pair));
                commands.links.extend(whole.map(|(from, to)| Observation::LinkHealed { from, to }));
            }
            InForce::Slow(node, _) => {
                self.stale.insert(node);
            }
        }
        true
    }

    /// What lasts, deaths apart, by faults of which `endless` is true.
    pub(super) fn without_end(&self, endless: impl Fn(Occurrence) -> bool) -> Vec<Occurrence> {
        let in_force = self.by_occurrence.iter().filter(|(_, it)| !matches!(it, InForce::Down(_)));
        in_force.map(|(occurrence, _)| *occurrence).filter(|occurrence| endless(*occurrence)).collect()
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
        let slow = self.by_occurrence.values().filter_map(|it| match it {
            InForce::Slow(slow, force) if *slow == node => Some(*force),
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
        let pairs = self.by_occurrence.values().filter_map(|it| match it {
            InForce::Cut(pairs) => Some(pairs),
            _ => None,
        });
        pairs.flatten().copied()
    }

    fn is_cut(&self, pair: (NodeId, NodeId)) -> bool {
        self.cuts().any(|cut| cut == pair)
    }

    fn find(&self, which: impl Fn(&InForce) -> bool) -> Vec<Occurrence> {
        self.by_occurrence.iter().filter(|(_, it)| which(it)).map(|(occurrence, _)| *occurrence).collect()
    }

    fn end_all(&mut self, commands: &mut Commands, which: impl Fn(&InForce) -> bool) -> Vec<Occurrence> {
        let occurrences = self.find(which);
        for occurrence in &occurrences {
            self.end(*occurrence, commands);
        }
        occurrences
    }
}

/// Whether there is a link between two nodes.
fn speak(a: NodeId, b: NodeId) -> bool {
    use indoubt_proto::ids::Role::{Client, Coordinating, Participant};
    !matches!((a.role, b.role), (Client, Client | Participant) | (Participant, Client) | (Coordinating, Coordinating))
}
