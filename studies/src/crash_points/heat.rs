//! The heat map of crash points. A row has the crash points of all participants, of all counts, and of all surviving prefixes. A
//! cell has the results of one row under one protocol, and names the worst case.

use super::{
    case_result::{Broken, CaseResult},
    crash_point::CrashPoint,
};
use indoubt_driver::gate::{Edge, Verb};
use indoubt_proto::ids::Role;
use indoubt_scenario::protocol::{Family, Protocol};
use std::collections::{BTreeMap, btree_map::Entry};

/// One row: what a kind of node does, and whether it crashes before or after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The family of protocols that has these crash points.
    pub family: Family,
    /// The role of the node that crashes.
    pub role: Role,
    /// The effect, as selectors name it.
    pub effect: String,
    /// What the node does, for people.
    pub deed: String,
    /// Whether it crashes before or after that.
    pub edge: Edge,
    /// Whether it is an observation, whose two edges are the same.
    pub both: bool,
}

/// The results of all cases of one row under one protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The number of cases.
    pub cases: u64,
    /// The number of cases with each outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// The number of cases that broke a promise.
    pub failed: u64,
    /// The number of cases that broke only checks that are not promised.
    pub waived: u64,
    /// The longest time that a branch was blocked, in milliseconds.
    pub blocked_ms: f64,
    /// The longest time that a branch was in doubt, in milliseconds.
    pub in_doubt_ms: f64,
    /// The longest time that a record was pending, in milliseconds.
    pub pending_ms: f64,
    /// The worst case of the cell. Broken promises count first, then other broken checks, then the longest time blocked, the longest
    /// time in doubt, and the longest time pending. Among equals it is the first case.
    pub worst: CaseResult,
}

/// A table with one row per kind of crash point and one column per protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMap {
    /// The rows, for each kind of node in the order in which its crash points come in a run.
    pub rows: Vec<(Row, BTreeMap<Protocol, Cell>)>,
}

impl HeatMap {
    /// Adds empty rows for the crash points of a run, so that rows have the order in which the crash points come in a run. A crash
    /// point that no earlier run had comes after the one that it follows in this run.
    pub fn lay_out<'a>(&mut self, family: Family, points: impl IntoIterator<Item = &'a CrashPoint>) {
        let mut last: BTreeMap<Role, usize> = BTreeMap::new();
        for point in points {
            let row = Row::of(point, family);
            let role = row.role;
            let known = self.rows.iter().position(|(other, _)| *other == row);
            let at = known.unwrap_or_else(|| {
                let at = last.get(&role).map_or(self.rows.len(), |last| last + 1);
                self.rows.insert(at, (row, BTreeMap::new()));
                // The rows behind the new one have moved by one.
                last.values_mut().filter(|other| **other >= at).for_each(|other| *other += 1);
                at
            });
            // A repeated crash point keeps its row. A new one comes after all earlier ones.
            last.entry(role).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
    }

    /// Adds the cells of another map, as if its cases came after those of this one.
    pub fn add(&mut self, other: HeatMap) {
        for (row, cells) in other.rows {
            let mine = self.row(row);
            for (protocol, cell) in cells {
                match mine.entry(protocol) {
                    Entry::Vacant(free) => {
                        free.insert(cell);
                    }
                    Entry::Occupied(mut mine) => mine.get_mut().merge(cell),
                }
            }
        }
    }

    /// Adds one case. A case with two crashes counts at the point of the first.
    pub fn take(&mut self, protocol: Protocol, tried: &CaseResult) {
        let Some(strike) = tried.case.strikes.first() else { return };
        let cells = self.row(Row::of(&strike.point, protocol.family()));
        let cell = Cell::of(tried);
        match cells.entry(protocol) {
            Entry::Vacant(free) => {
                free.insert(cell);
            }
            Entry::Occupied(mut mine) => mine.get_mut().merge(cell),
        }
    }

    fn row(&mut self, row: Row) -> &mut BTreeMap<Protocol, Cell> {
        let at = self.rows.iter().position(|(known, _)| *known == row).unwrap_or_else(|| {
            self.rows.push((row, BTreeMap::new()));
            self.rows.len() - 1
        });
        &mut self.rows[at].1
    }

    /// The rows of one kind of node under one family.
    pub fn of(&self, family: Family, role: Role) -> impl Iterator<Item = &(Row, BTreeMap<Protocol, Cell>)> {
        self.rows.iter().filter(move |(row, _)| row.family == family && row.role == role)
    }
}

impl Row {
    fn of(point: &CrashPoint, family: Family) -> Self {
        Row {
            family,
            role: point.node.role,
            effect: point.effect(),
            deed: point.deed(),
            edge: point.edge,
            both: point.verb == Verb::Observe,
        }
    }
}

impl Cell {
    fn of(tried: &CaseResult) -> Self {
        Cell {
            cases: 1,
            outcomes: BTreeMap::from([(tried.outcome, 1)]),
            failed: tried.is_failure().into(),
            waived: waives(tried).into(),
            blocked_ms: tried.blocked_ms,
            in_doubt_ms: tried.in_doubt_ms,
            pending_ms: tried.pending_ms,
            worst: tried.clone(),
        }
    }

    /// Adds the results of more cases.
    fn merge(&mut self, other: Cell) {
        self.cases += other.cases;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.failed += other.failed;
        self.waived += other.waived;
        self.blocked_ms = self.blocked_ms.max(other.blocked_ms);
        self.in_doubt_ms = self.in_doubt_ms.max(other.in_doubt_ms);
        self.pending_ms = self.pending_ms.max(other.pending_ms);
        if badness(&other.worst) > badness(&self.worst) {
            self.worst = other.worst;
        }
    }
}

/// Whether a case broke only checks that the protocol does not promise.
fn waives(tried: &CaseResult) -> bool {
    !tried.is_failure() && tried.broken.iter().any(|Broken { promised, .. }| !promised)
}

/// How bad a case is. Times are in whole microseconds, so that they can be compared.
fn badness(tried: &CaseResult) -> (bool, bool, u64, u64, u64) {
    let us = |ms: f64| (ms * 1_000.0) as u64;
    (tried.is_failure(), waives(tried), us(tried.blocked_ms), us(tried.in_doubt_ms), us(tried.pending_ms))
}
