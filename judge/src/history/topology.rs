//! Which nodes are up, which links are cut, and which journals were lost, as the trace tells it.

use indoubt_proto::{
    ids::{Lsn, NodeId, Role},
    observation::{Observation, Stamped},
};
use std::collections::BTreeSet;

/// One node's life so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Life {
    pub(crate) down: bool,
    pub(crate) paused: bool,
    /// It came back and has taken nothing yet: what it finds in its journal it may not have said.
    pub(crate) booting: bool,
    /// How often it crashed.
    pub(crate) crashes: u32,
    /// How often it froze.
    pub(crate) pauses: u32,
    /// How often its clock jumped.
    pub(crate) clock_jumps: u32,
    /// How often it came back.
    pub(crate) restarts: u32,
    /// How often it came back without its journal, and when it last did.
    pub(crate) losses: u32,
    pub(crate) lost_last: Option<i64>,
    /// When it died, the last time, and the last time that it came back without its journal.
    pub(crate) crashed_last: Option<i64>,
    pub(crate) log_lost_last: Option<i64>,
    /// The last record known to be durable.
    durable: Lsn,
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    /// By role and number.
    lives: [Vec<Life>; 4],
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Topology {
    /// Takes one observation; whether reachability or a journal changed with it.
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
                }
                life.durable = *upto;
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
            Observation::Received { to, .. } => {
                self.life_mut(*to).booting = false;
                return false;
            }
            _ => return false,
        }
        true
    }

    fn life_mut(&mut self, node: NodeId) -> &mut Life {
        let lives = &mut self.lives[node.role as usize];
        let at = usize::from(node.number);
        if lives.len() <= at {
            lives.resize(at + 1, Life::default());
        }
        &mut lives[at]
    }

    /// A node's life; one that nothing was seen of is up since the beginning.
    pub(crate) fn life(&self, node: NodeId) -> Life {
        self.lives[node.role as usize].get(usize::from(node.number)).copied().unwrap_or_default()
    }

    /// The last record known to be durable at a node.
    pub(crate) fn durable(&self, node: NodeId) -> Lsn {
        self.life(node).durable
    }

    /// Up and not paused.
    pub(crate) fn running(&self, node: NodeId) -> bool {
        let life = self.life(node);
        !life.down && !life.paused
    }

    /// Whether `to` runs and both directions between the two are uncut.
    pub(crate) fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        self.running(to) && !self.cut.contains(&(from, to)) && !self.cut.contains(&(to, from))
    }

    /// Nodes that do not run now.
    pub(crate) fn not_running(&self) -> impl Iterator<Item = NodeId> + '_ {
        [Role::Coordinating, Role::Participant, Role::Client, Role::Lab].into_iter().flat_map(|role| {
            let still =
                move |(number, life): (u16, &Life)| (life.down || life.paused).then_some(NodeId { role, number });
            (0..).zip(&self.lives[role as usize]).filter_map(still)
        })
    }

    /// Links that are cut now, in one direction each.
    pub(crate) fn cut_links(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.cut.iter().copied()
    }
}
