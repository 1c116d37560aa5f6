//! The state of the cluster, read from the trace: nodes that are up, links that are cut, journals that were lost.

use super::by_node::ByNode;
use indoubt_proto::{
    ids::{Lsn, NodeId},
    observation::{Observation, Stamped},
};
use std::collections::BTreeSet;

/// What happened to one node so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Life {
    pub(crate) down: bool,
    pub(crate) paused: bool,
    /// Whether it restarted and has taken no input yet. It may not have observed everything that its journal says.
    pub(crate) booting: bool,
    /// How often it crashed.
    pub(crate) crashes: u32,
    /// How often it froze.
    pub(crate) pauses: u32,
    /// How often its clock jumped.
    pub(crate) clock_jumps: u32,
    /// How often it restarted.
    pub(crate) restarts: u32,
    /// How often it restarted without its journal.
    pub(crate) losses: u32,
    /// How often it restarted with an older copy of its journal.
    pub(crate) restores: u32,
    /// Whether its journal is an older copy since its last crash.
    restored: bool,
    /// The time of its last restart without its journal, or with an older copy.
    pub(crate) lost_last: Option<i64>,
    /// The time of its last crash.
    pub(crate) crashed_last: Option<i64>,
    /// The time of the crash before the last restart without its journal, when that was lost.
    pub(crate) log_lost_last: Option<i64>,
    /// The last record known to be durable.
    durable: Lsn,
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    lives: ByNode<Life>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Pairs of nodes that refuse to speak to each other, the lower one first.
    refused: BTreeSet<(NodeId, NodeId)>,
}

fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    (a.min(b), a.max(b))
}

impl Life {
    /// How often it restarted with less in its journal than was durable there.
    pub(crate) fn setbacks(&self) -> u32 {
        self.losses + self.restores
    }
}

impl Topology {
    /// Takes one observation. Returns whether it changed reachability or the state of a journal.
    pub(crate) fn take(&mut self, seen: &Stamped) -> bool {
        match &seen.what {
            Observation::Crashed { .. } => {
                let life = self.life_mut(seen.node);
                life.down = true;
                life.paused = false;
                life.crashes += 1;
                life.crashed_last = Some(seen.t_us);
            }
            Observation::Restarted { upto, lost, .. } => {
                let life = self.life_mut(seen.node);
                life.down = false;
                life.paused = false;
                life.restarts += 1;
                life.booting = true;
                if *lost {
                    life.losses += 1;
                    life.lost_last = Some(seen.t_us);
                    life.log_lost_last = life.crashed_last.or(life.lost_last);
                } else if life.restored {
                    life.restores += 1;
                    life.lost_last = Some(seen.t_us);
                }
                life.restored = false;
                life.durable = *upto;
            }
            Observation::LogRestored { .. } => {
                self.life_mut(seen.node).restored = true;
                return false;
            }
            Observation::SessionRefused { peer } => {
                self.refused.insert(pair(seen.node, *peer));
            }
            Observation::Paused { .. } => {
                let life = self.life_mut(seen.node);
                life.paused = true;
                life.pauses += 1;
            }
            Observation::Resumed { .. } => self.life_mut(seen.node).paused = false,
            Observation::ClockJumped { .. } => {
                self.life_mut(seen.node).clock_jumps += 1;
                return false;
            }
            Observation::LinkCut { from, to } => {
                self.cut.insert((*from, *to));
            }
            Observation::LinkHealed { from, to } => {
                self.cut.remove(&(*from, *to));
            }
            Observation::Durable { upto } => {
                let life = self.life_mut(seen.node);
                life.durable = life.durable.max(*upto);
                life.booting = false;
                return false;
            }
            Observation::Received { id, to, .. } => {
                self.life_mut(*to).booting = false;
                // Whoever hears from the other has a session again.
                return !self.refused.is_empty() && self.refused.remove(&pair(id.from, *to));
            }
            _ => return false,
        }
        true
    }

    fn life_mut(&mut self, node: NodeId) -> &mut Life {
        self.lives.get_mut(node)
    }

    /// What happened to a node. If nothing was observed of it, it is up since the start.
    pub(crate) fn life(&self, node: NodeId) -> Life {
        self.lives.get(node).copied().unwrap_or_default()
    }

    /// The last record known to be durable at a node.
    pub(crate) fn durable(&self, node: NodeId) -> Lsn {
        self.life(node).durable
    }

    /// Whether a node is up and not paused.
    pub(crate) fn running(&self, node: NodeId) -> bool {
        let life = self.life(node);
        !life.down && !life.paused
    }

    /// Whether `to` is running, the link between the two is not cut in either direction, and they speak to each other.
    pub(crate) fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        let cut = self.cut.contains(&(from, to)) || self.cut.contains(&(to, from));
        self.running(to) && !cut && !self.refused.contains(&pair(from, to))
    }

    /// The nodes that are down or paused.
    pub(crate) fn not_running(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.lives.iter().filter(|(_, life)| life.down || life.paused).map(|(node, _)| node)
    }

    /// The links that are cut, each in one direction, and those without a session because it is refused.
    pub(crate) fn cut_links(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.cut.iter().chain(&self.refused).copied()
    }
}
