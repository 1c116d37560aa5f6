//! `deadlocks`: cycles of transactions in which each waits for a lock that the next one holds, or for which the next one waits
//! ahead of it. `victims` are the transactions whose wait in a cycle was given up, and `lost_ms` is the time from the moment at which a
//! cycle closes until it is broken.
//!
//! Participants know only their own locks and end such waits by a timeout. The trace shows the locks of all participants, so
//! cycles that span nodes are found too. [`super::locks`] keeps the lock tables and says who waits for whom.

use super::spread::Sample;
use crate::summary::Deadlocks as Summary;
use rustc_hash::FxHashSet;

/// A cycle that is not broken yet.
#[derive(Clone, Debug)]
struct Cycle {
    /// The slots of its transactions, sorted.
    members: Vec<usize>,
    since: i64,
}

/// The deadlocks of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlocks {
    open: Vec<Cycle>,
    count: u64,
    victims: u64,
    lost: Sample,
}

impl Deadlocks {
    /// Notes the shortest cycle of waits through this waiting transaction, if there is one. `blockers` are the transactions for
    /// which a transaction waits.
    pub(super) fn look_for_cycle(&mut self, start: usize, t: i64, blockers: impl Fn(usize) -> Vec<usize>) {
        // Breadth first: each entry is a transaction and the place of the one that waits for it.
        let mut reached = vec![(start, 0)];
        let mut seen = FxHashSet::from_iter([start]);
        let mut next = 0;
        while let Some(&(waiting, _)) = reached.get(next) {
            for blocker in blockers(waiting) {
                if blocker == start {
                    return self.note(members(&reached, next), t);
                }
                if seen.insert(blocker) {
                    reached.push((blocker, next));
                }
            }
            next += 1;
        }
    }

    fn note(&mut self, members: Vec<usize>, t: i64) {
        if self.open.iter().all(|cycle| cycle.members != members) {
            self.count += 1;
            self.open.push(Cycle { members, since: t });
        }
    }

    /// This transaction gives up a wait for these other ones.
    pub(super) fn give_up(&mut self, slot: usize, waited_for: &[usize]) {
        let is_in = |cycle: &Cycle| {
            cycle.members.contains(&slot) && waited_for.iter().any(|other| cycle.members.contains(other))
        };
        self.victims += u64::from(self.open.iter().any(is_in));
    }

    /// This transaction waits for fewer others now, or fewer others wait for it. Ends those of its cycles that are broken: not each
    /// member waits for another member any more.
    pub(super) fn break_cycles(&mut self, slot: usize, t: i64, blockers: impl Fn(usize) -> Vec<usize>) {
        let waits = |member: &usize, members: &[usize]| blockers(*member).iter().any(|other| members.contains(other));
        let is_broken = |cycle: &mut Cycle| {
            let Cycle { members, .. } = cycle;
            members.contains(&slot) && !members.iter().all(|member| waits(member, members))
        };
        for cycle in self.open.extract_if(.., is_broken) {
            self.lost.add(t - cycle.since);
        }
    }

    pub(super) fn finish(mut self, end: i64) -> Summary {
        for cycle in &self.open {
            self.lost.add_open(end - cycle.since);
        }
        Summary { count: self.count, victims: self.victims, lost_ms: self.lost.spread() }
    }
}

/// The transactions on the way from the start to this place, sorted.
fn members(reached: &[(usize, usize)], mut place: usize) -> Vec<usize> {
    let mut members = vec![reached[0].0];
    while place > 0 {
        let (slot, before) = reached[place];
        members.push(slot);
        place = before;
    }
    members.sort_unstable();
    members
}
