//! The faults in force: nodes that are down or frozen, cut links and slow disks. The fault plan of each node follows from
//! them.

use super::FaultCommand;
use indoubt_driver::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
    gate::{Action, FaultPlan, Rule, RuleId, Selector, Verb},
};
use indoubt_proto::{ids::NodeId, observation::Observation};
use indoubt_scenario::{
    faults::act::Act,
    scenario::{Network, Scenario},
};
use std::collections::{BTreeMap, BTreeSet};

/// One occurrence of a fault: the fault's index, and how often it had acted before.
pub(super) type Occurrence = (usize, usize);

/// The number of the rules of partitions. They drop messages without halting the node.
const CUT: RuleId = RuleId(u32::MAX);

/// The commands for a world, collected while the nemesis works.
#[derive(Debug, Default)]
pub(super) struct Commands {
    pub(super) list: Vec<FaultCommand>,
    /// The nodes whose fault plans have changed.
    pub(super) orders: Vec<NodeId>,
    /// The links that were cut or healed.
    links: Vec<Observation>,
}

impl Commands {
    /// All commands in order. A link is observed as cut or healed after the fault plans that do it.
    pub(super) fn in_order(self) -> Vec<FaultCommand> {
        let Commands { mut list, orders, links } = self;
        list.extend(orders.into_iter().map(FaultCommand::Orders));
        list.extend(links.into_iter().map(FaultCommand::Observe));
        list
    }
}

/// The effect of a fault that acted.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Whether some of it lasts.
    pub(super) lasts: bool,
    /// The earlier occurrences that this fault ended.
    pub(super) ended: Vec<Occurrence>,
}

/// All lasting acts, and the conditions that apply without faults.
#[derive(Clone, Debug)]
pub(super) struct FaultsInForce {
    nodes: Vec<NodeId>,
    network: Network,
    force: Latency,
    clocks: BTreeMap<NodeId, ClockRate>,
    /// The lasting acts of each occurrence. An occurrence without any is removed.
    by_occurrence: BTreeMap<Occurrence, Vec<Act>>,
    /// The nodes whose fault plans must be computed again.
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

    /// All nodes, including clients.
    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Removes and returns the nodes whose fault plans may have changed since the last call.
    pub(super) fn take_stale(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.stale)
    }

    /// Stops the network's own loss and duplication.
    pub(super) fn calm(&mut self) {
        let links = self.network.links.iter_mut().map(|link| &mut link.conditions);
        for conditions in links.chain([&mut self.network.base]) {
            if (conditions.loss, conditions.duplicate) != (0.0, 0.0) {
                (conditions.loss, conditions.duplicate) = (0.0, 0.0);
                self.stale.extend(&self.nodes);
            }
        }
    }

    /// Begins the acts of a fault. A node that is already down cannot be killed or frozen again, nor can a frozen node be
    /// frozen again. Such an act has no lasting effect.
    pub(super) fn begin(&mut self, occurrence: Occurrence, acts: Vec<Act>, commands: &mut Commands) -> Begun {
        let mut ended = Vec::new();
        for act in acts {
            self.act(occurrence, act, commands, &mut ended);
        }
        Begun { lasts: self.by_occurrence.contains_key(&occurrence), ended }
    }

    fn act(&mut self, occurrence: Occurrence, act: Act, commands: &mut Commands, ended: &mut Vec<Occurrence>) {
        match act {
            Act::Kill { node, keep } => {
                if !self.is_down(node) {
                    // A kill also ends a freeze.
                    ended.extend(self.forget(|act| *act == Act::Pause { node }));
                    commands.list.push(FaultCommand::Kill(node, keep));
                    self.lasting(occurrence, act);
                }
            }
            Act::LoseLog { node } => commands.list.push(FaultCommand::LoseLog(node)),
            Act::LoseDisk { node } => commands.list.push(FaultCommand::LoseDisk(node)),
            Act::RestoreLog { node, to } => commands.list.push(FaultCommand::RestoreLog(node, to)),
            Act::Restart { node } => ended.extend(self.end_all(commands, |act| is_kill_of(act, node))),
            Act::Pause { node } => {
                if !self.is_down(node) && !self.any(|act| *act == Act::Pause { node }) {
                    commands.list.push(FaultCommand::Pause(node));
                    self.lasting(occurrence, act);
                }
            }
            Act::Resume { node } => ended.extend(self.end_all(commands, |act| *act == Act::Pause { node })),
            Act::Cut { ref links } => {
                let fresh: BTreeSet<_> = links.iter().copied().filter(|link| !self.is_cut(*link)).collect();
                commands.links.extend(fresh.into_iter().map(|(from, to)| Observation::LinkCut { from, to }));
                self.stale.extend(links.iter().map(|(from, _)| *from));
                self.lasting(occurrence, act);
            }
            Act::Heal => ended.extend(self.end_all(commands, |act| matches!(act, Act::Cut { .. }))),
            Act::SlowDisk { node, .. } => {
                self.stale.insert(node);
                self.lasting(occurrence, act);
            }
            Act::JumpClock { node, jump } => commands.list.push(FaultCommand::JumpClock(node, jump)),
            Act::Resolve { node, decision } => commands.list.push(FaultCommand::Resolve(node, decision)),
            // Rules act on messages where they pass, so this act is never begun here.
            Act::Touch(_) => {}
        }
    }

    /// Ends the lasting acts of this occurrence. Returns `false` if it has none left.
    pub(super) fn end(&mut self, occurrence: Occurrence, commands: &mut Commands) -> bool {
        let Some(acts) = self.by_occurrence.remove(&occurrence) else { return false };
        for act in acts {
            self.undo(act, commands);
        }
        true
    }

    /// Undoes an act that no longer lasts.
    fn undo(&mut self, act: Act, commands: &mut Commands) {
        match act {
            Act::Kill { node, .. } => commands.list.push(FaultCommand::Restart(node)),
            Act::Pause { node } => commands.list.push(FaultCommand::Resume(node)),
            Act::Cut { links } => {
                self.stale.extend(links.iter().map(|(from, _)| *from));
                let whole: BTreeSet<_> = links.into_iter().filter(|link| !self.is_cut(*link)).collect();
                commands.links.extend(whole.into_iter().map(|(from, to)| Observation::LinkHealed { from, to }));
            }
            Act::SlowDisk { node, .. } => {
                self.stale.insert(node);
            }
            Act::LoseLog { .. }
            | Act::LoseDisk { .. }
            | Act::RestoreLog { .. }
            | Act::Restart { .. }
            | Act::Resume { .. }
            | Act::Heal
            | Act::Touch(_)
            | Act::JumpClock { .. }
            | Act::Resolve { .. } => unreachable!("it does not last"),
        }
    }

    /// The occurrences with lasting acts of all faults for which `ends_now` holds.
    pub(super) fn of_faults(&self, ends_now: impl Fn(usize) -> bool) -> Vec<Occurrence> {
        self.by_occurrence.keys().filter(|(fault, _)| ends_now(*fault)).copied().collect()
    }

    /// The fault plan of a node, without the rules of faults that watch for a moment.
    pub(super) fn orders(&self, node: NodeId) -> FaultPlan {
        let cut: BTreeSet<NodeId> = self.cuts().filter(|(from, _)| *from == node).map(|(_, to)| to).collect();
        let rules = cut.into_iter().map(|to| Rule {
            id: CUT,
            selector: Selector { peer: Some(to), ..Selector::any(Verb::Send) },
            share: None,
            action: Action::Drop,
        });
        let slow = self.acts().filter_map(|act| match act {
            Act::SlowDisk { node: slow, force } if *slow == node => Some(*force),
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

    /// The conditions of one direction of one link. Links of clients never lose or duplicate messages.
    fn conditions(&self, from: NodeId, to: NodeId) -> Conditions {
        let exception = self.network.links.iter().rfind(|link| link.from == from && link.to == to);
        let conditions = exception.map_or(self.network.base, |link| link.conditions);
        if from.is_client() || to.is_client() {
            Conditions { loss: 0.0, duplicate: 0.0, ..conditions }
        } else {
            conditions
        }
    }

    fn acts(&self) -> impl Iterator<Item = &Act> {
        self.by_occurrence.values().flatten()
    }

    fn any(&self, which: impl Fn(&Act) -> bool) -> bool {
        self.acts().any(which)
    }

    fn is_down(&self, node: NodeId) -> bool {
        self.any(|act| is_kill_of(act, node))
    }

    fn cuts(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        let links = self.acts().filter_map(|act| if let Act::Cut { links } = act { Some(links) } else { None });
        links.flatten().copied()
    }

    fn is_cut(&self, link: (NodeId, NodeId)) -> bool {
        self.cuts().any(|cut| cut == link)
    }

    fn lasting(&mut self, occurrence: Occurrence, act: Act) {
        self.by_occurrence.entry(occurrence).or_default().push(act);
    }

    /// Ends acts without undoing them. Returns the occurrences that have no lasting acts left.
    fn forget(&mut self, which: impl Fn(&Act) -> bool) -> Vec<Occurrence> {
        self.take_each(which, |_, _| {})
    }

    /// Ends acts and undoes them, one after another. Returns the occurrences that have no lasting acts left.
    fn end_all(&mut self, commands: &mut Commands, which: impl Fn(&Act) -> bool) -> Vec<Occurrence> {
        self.take_each(which, |in_force, act| in_force.undo(act, commands))
    }

    /// Removes all lasting acts for which `which` holds, one after another.
    fn take_each(&mut self, which: impl Fn(&Act) -> bool, mut then: impl FnMut(&mut Self, Act)) -> Vec<Occurrence> {
        let found = self.by_occurrence.iter().filter(|(_, acts)| acts.iter().any(&which));
        let occurrences: Vec<Occurrence> = found.map(|(occurrence, _)| *occurrence).collect();
        let mut ended = Vec::new();
        for occurrence in occurrences {
            let acts = self.by_occurrence.remove(&occurrence).unwrap_or_default();
            let (taken, left): (Vec<Act>, Vec<Act>) = acts.into_iter().partition(&which);
            if left.is_empty() {
                ended.push(occurrence);
            } else {
                self.by_occurrence.insert(occurrence, left);
            }
            taken.into_iter().for_each(|act| then(self, act));
        }
        ended
    }
}

fn is_kill_of(act: &Act, node: NodeId) -> bool {
    matches!(act, Act::Kill { node: killed, .. } if *killed == node)
}

/// Whether there is a link between two nodes.
fn speak(a: NodeId, b: NodeId) -> bool {
    use indoubt_proto::ids::Role::{Client, Coordinating, Participant};
    !matches!((a.role, b.role), (Client, Client | Participant) | (Participant, Client) | (Coordinating, Coordinating))
}
