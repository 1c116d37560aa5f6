//! The heat map: places, gathered over participants, counts and surviving prefixes, by protocol. Each cell says what came
//! of it all and names its worst case.

use super::{
    case_result::{Broken, CaseResult},
    crash_point::CrashPoint,
};
use indoubt_driver::gate::{Edge, Verb};
use indoubt_proto::ids::Role;
use indoubt_scenario::protocol::{Family, Protocol};
use std::collections::{BTreeMap, btree_map::Entry};

/// One row: what a kind of node does, and the edge at which it dies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Which family has it.
    pub family: Family,
    /// Whose: a coordinating node's or a participant's.
    pub role: Role,
    /// The effect's name.
    pub effect: String,
    /// What happens there, for people.
    pub deed: String,
    /// Before or after it.
    pub edge: Edge,
    /// Whether it is an observation: before and after are the same.
    pub both: bool,
}

/// What came of all cases of one place under one protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// How many cases.
    pub cases: u64,
    /// How many by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How many failed: something promised does not hold.
    pub failed: u64,
    /// How many broke something that is not promised.
    pub waived: u64,
    /// The longest time that a branch was blocked, in milliseconds.
    pub blocked_ms: f64,
    /// The longest time that a branch was in doubt, in milliseconds.
    pub in_doubt_ms: f64,
    /// The longest time that a record was pending, in milliseconds.
    pub pending_ms: f64,
    /// The worst case of the cell: one that failed, else one that broke what is not promised, else the one longest
    /// blocked, longest in doubt, longest pending; of equals the first.
    pub worst: CaseResult,
}

/// Rows by protocols.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMap {
    /// The rows of each kind of node, in the order in which things happen.
    pub rows: Vec<(Row, BTreeMap<Protocol, Cell>)>,
}

impl HeatMap {
    /// Lays out the rows of a run's crash points, before anything is known of them, so that rows stand in the order in which
    /// things happen: a point that no earlier run had follows the one that it follows in this run.
    pub fn lay_out<'a>(&mut self, family: Family, points: impl IntoIterator<Item = &'a CrashPoint>) {
        let mut last: BTreeMap<Role, usize> = BTreeMap::new();
        for point in points {
            let row = Row::of(point, family);
            let role = row.role;
            let known = self.rows.iter().position(|(other, _)| *other == row);
            let at = known.unwrap_or_else(|| {
                let at = last.get(&role).map_or(self.rows.len(), |last| last + 1);
                self.rows.insert(at, (row, BTreeMap::new()));
                // Rows behind it have moved.
                last.values_mut().filter(|other| **other >= at).for_each(|other| *other += 1);
                at
            });
            // What happens again stands where it happened first, and what is new comes after all that was.
            last.entry(role).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
    }

    /// Adds what another map holds, as if its cases had come after those of this one.
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

    /// Adds one case. A pair of crashes counts at the point of the first.
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

    /// Adds what came of further cases.
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

/// Whether only promises that the protocol does not make are broken.
fn waives(tried: &CaseResult) -> bool {
    !tried.is_failure() && tried.broken.iter().any(|Broken { promised, .. }| !promised)
}

/// How bad a case is; the times in whole microseconds.
fn badness(tried: &CaseResult) -> (bool, bool, u64, u64, u64) {
    let us = |ms: f64| (ms * 1_000.0) as u64;
    (tried.is_failure(), waives(tried), us(tried.blocked_ms), us(tried.in_doubt_ms), us(tried.pending_ms))
}
