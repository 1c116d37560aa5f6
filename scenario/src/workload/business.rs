//! The three kinds of business transactions: their records, what a transaction does to them, and the correct answer of an audit.
//!
//! Records form closed groups, numbered from 1. A group's *columns* are its records:
//!
//! - `transfer`: one account per participant, for example `p2/acct-17`. A transfer debits one account and credits the others that
//!   it touches, so the group's total never changes. The debit is the first step. So, during a saga, money may be missing for a
//!   while, but is never there twice (rule 44).
//! - `order`: `stock` (one line, or `touch` − 2 lines), `credit` and `billed`. Step 1 writes the row of the order as PENDING; its
//!   compensation writes CANCELLED. The next steps take from the stock lines. The pivot takes the price from `credit` and adds
//!   the goods to `billed`. The last step, which is retriable, writes the row as CONFIRMED. The group's total is the sum of the
//!   stock lines and `billed`.
//! - `trip`: `flight`, `hotel`, `car` (and `leg4`, … up to `touch`), one seat of each. The last step also adds the seats to
//!   `sold`. The group's total is the sum of the free seats and `sold`.
//!
//! So the correct answer of an audit depends on several participants, and an audit that sees half of a transaction is wrong.

use crate::scenario::{Scenario, WorkloadKind};
use indoubt_driver::random::Stream;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
};
use rand::{RngExt, seq::SliceRandom};
use std::collections::BTreeMap;

/// The value of the row of an order that has begun.
pub const PENDING: i64 = 1;
/// The value of the row of an order that has completed.
pub const CONFIRMED: i64 = 2;
/// The value of the row of an order that was compensated.
pub const CANCELLED: i64 = 3;

/// The opening balance of an account. Millions of random transfers do not exhaust it.
const OPENING_ACCOUNT: i64 = 1_000_000;
/// The opening balance of stock, seats and credit. Ordinary transactions do not exhaust it.
const OPENING_GOODS: i64 = 1_000_000_000;
/// A `min` that no balance reaches. An addition with it must be refused.
const UNREACHABLE: i64 = i64::MAX;

/// One sort of record, one for each group.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    /// The site of the group that has the record.
    site: usize,
    opening: i64,
    /// Whether the record is part of the group's total.
    audited: bool,
    /// The keys of the records, by group.
    keys: Vec<Key>,
}

/// One kind of business: its records and its transactions.
#[derive(Clone, Debug)]
pub(super) struct Business {
    kind: WorkloadKind,
    participants: usize,
    /// The number of participants that a transaction touches.
    touch: usize,
    columns: Vec<Column>,
    /// The share of transactions that begin with a read at a participant where they change nothing.
    lookup: f64,
    /// A reused buffer for the sites of a transfer.
    chosen: Vec<usize>,
}

impl Business {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let kind = scenario.workload.kind;
        let participants = usize::from(scenario.cluster.participants.max(1));
        let touch = usize::from(scenario.workload.touch.max(1)).min(participants);
        let column = |name: &str, site, plenty: i64, audited| {
            // What was sold so far begins with nothing.
            let opening = scenario.workload.opening.filter(|_| plenty > 0).unwrap_or(plenty);
            Column { name: name.into(), site, opening, audited, keys: Vec::new() }
        };
        let columns: Vec<Column> = match kind {
            WorkloadKind::Transfer => {
                (0..participants).map(|site| column("acct", site, OPENING_ACCOUNT, true)).collect()
            }
            WorkloadKind::Order => {
                let lines = touch.saturating_sub(2).max(1);
                let mut columns: Vec<Column> = (1..=lines)
                    .map(|line| {
                        let name = if line == 1 { "stock".into() } else { format!("stock{line}") };
                        column(&name, line % touch, OPENING_GOODS, true)
                    })
                    .collect();
                columns.push(column("credit", (lines + 1) % touch, OPENING_GOODS, false));
                columns.push(column("billed", (lines + 1) % touch, 0, true));
                columns
            }
            WorkloadKind::Trip => {
                let legs = touch.max(3);
                let mut columns: Vec<Column> = (0..legs)
                    .map(|leg| {
                        let name =
                            ["flight", "hotel", "car"].get(leg).map_or(format!("leg{}", leg + 1), |n| (*n).into());
                        column(&name, leg % touch, OPENING_GOODS, true)
                    })
                    .collect();
                columns.push(column("sold", (legs - 1) % touch, 0, true));
                columns
            }
        };
        let lookup = scenario.workload.lookup;
        let mut business = Business { kind, participants, touch, columns, lookup, chosen: Vec::new() };
        for at in 0..business.columns.len() {
            let column = &business.columns[at];
            let keys = (0..scenario.workload.keys.max(1) as usize)
                .map(|group| Key::new(format!("{}/{}-{}", business.node(group, column.site), column.name, group + 1)))
                .collect();
            business.columns[at].keys = keys;
        }
        business
    }

    /// The participant at one site of a group. Groups of orders and trips start at different participants, so that each
    /// participant has records of each sort. A group of accounts has one account at every participant.
    fn node(&self, group: usize, site: usize) -> NodeId {
        let first = if self.kind == WorkloadKind::Transfer { 0 } else { group };
        NodeId::participant(((first + site) % self.participants) as u16 + 1)
    }

    /// The opening balances of every participant.
    pub(super) fn opening(&self) -> BTreeMap<NodeId, BTreeMap<Key, i64>> {
        let mut accounts: BTreeMap<NodeId, BTreeMap<Key, i64>> =
            (1..=self.participants as u16).map(|p| (NodeId::participant(p), BTreeMap::new())).collect();
        for column in &self.columns {
            for (group, key) in column.keys.iter().enumerate() {
                accounts.entry(self.node(group, column.site)).or_default().insert(key.clone(), column.opening);
            }
        }
        accounts
    }

    /// An audit of a group, and its correct answer.
    pub(super) fn audit(&self, group: usize) -> (Vec<PlanStep>, i64) {
        let mut steps: Vec<PlanStep> = Vec::with_capacity(self.columns.len());
        let mut total = 0;
        for column in self.columns.iter().filter(|c| c.audited) {
            total += column.opening;
            let node = self.node(group, column.site);
            let read = Operation::Get { key: column.keys[group].clone() };
            match steps.iter_mut().find(|step| step.node == node) {
                Some(step) => step.ops.push(read),
                None => steps.push(PlanStep { node, ops: vec![read], undo: vec![], kind: StepKind::Compensatable }),
            }
        }
        (steps, total)
    }

    /// One transaction on a group. With `refuse`, some participant must refuse it.
    pub(super) fn act(&mut self, group: usize, txn: TxnId, refuse: bool, random: &mut Stream) -> Vec<PlanStep> {
        let (mut steps, refusable) = match self.kind {
            WorkloadKind::Transfer => self.transfer(group, random),
            WorkloadKind::Order => self.order(group, txn, random),
            WorkloadKind::Trip => self.trip(group),
        };
        // This is always drawn, so that another share of refusals does not change the later draws.
        let step = refusable[random.random_range(0..refusable.len())];
        if refuse && let Some(Operation::Add { min, .. }) = steps[step].ops.first_mut() {
            *min = Some(UNREACHABLE);
        }
        // Without look-ups nothing is drawn, so that the draws of scenarios without look-ups stay as they are.
        if self.lookup > 0.0 && random.random::<f64>() < self.lookup {
            steps.splice(0..0, self.look_up(group, &steps));
        }
        steps
    }

    /// A read at the first participant that has no other step of the transaction: of its account, or of its price list.
    fn look_up(&self, group: usize, steps: &[PlanStep]) -> Option<PlanStep> {
        let mut nodes = (0..self.participants).map(|site| (site, self.node(group, site)));
        let (site, node) = nodes.find(|(_, node)| steps.iter().all(|step| step.node != *node))?;
        let key = match self.kind {
            WorkloadKind::Transfer => self.columns[site].keys[group].clone(),
            WorkloadKind::Order | WorkloadKind::Trip => Key::new(format!("{node}/prices")),
        };
        Some(PlanStep { node, ops: vec![Operation::Get { key }], undo: vec![], kind: StepKind::Compensatable })
    }

    fn transfer(&mut self, group: usize, random: &mut Stream) -> (Vec<PlanStep>, Vec<usize>) {
        self.chosen.clear();
        self.chosen.extend(0..self.participants);
        let mut sites = std::mem::take(&mut self.chosen);
        let (chosen, _) = sites.partial_shuffle(random, self.touch);
        let mut steps = Vec::with_capacity(self.touch);
        let mut debit = 0;
        for site in chosen[1..].iter() {
            let amount = random.random_range(1..=100);
            debit += amount;
            steps.push(self.add(*site, group, amount, None));
        }
        steps.insert(0, self.add(chosen[0], group, -debit, Some(0)));
        self.chosen = sites;
        (steps, (0..self.touch).collect())
    }

    fn order(&self, group: usize, txn: TxnId, random: &mut Stream) -> (Vec<PlanStep>, Vec<usize>) {
        let row_at = self.node(group, 0);
        let row = Key::new(format!("{row_at}/order-{}-{}", txn.client, txn.number));
        let put = |value| vec![Operation::Put { key: row.clone(), value }];
        let lines = self.columns.len() - 2;
        let mut steps = Vec::with_capacity(lines + 3);
        steps.push(PlanStep { node: row_at, ops: put(PENDING), undo: put(CANCELLED), kind: StepKind::Compensatable });
        let mut goods = 0;
        for line in 0..lines {
            let quantity = random.random_range(1..=5);
            goods += quantity;
            steps.push(self.add(line, group, -quantity, Some(0)));
        }
        let price = goods * random.random_range(1..=20);
        let mut charge = self.add(lines, group, -price, Some(0));
        charge.ops.push(Operation::Add { key: self.columns[lines + 1].keys[group].clone(), delta: goods, min: None });
        charge.undo = Vec::new();
        charge.kind = StepKind::Pivot;
        steps.push(charge);
        steps.push(PlanStep { node: row_at, ops: put(CONFIRMED), undo: Vec::new(), kind: StepKind::Retriable });
        (steps, (1..=lines + 1).collect())
    }

    fn trip(&self, group: usize) -> (Vec<PlanStep>, Vec<usize>) {
        let legs = self.columns.len() - 1;
        let mut steps: Vec<PlanStep> = (0..legs).map(|leg| self.add(leg, group, -1, Some(0))).collect();
        let sold = &self.columns[legs].keys[group];
        let add = |delta| Operation::Add { key: sold.clone(), delta, min: None };
        let last = &mut steps[legs - 1];
        last.ops.push(add(legs as i64));
        last.undo.push(add(-(legs as i64)));
        // The hotel is full.
        (steps, vec![1])
    }

    /// A step that adds to one column of a group. Its compensation subtracts the same amount from the current value, which others
    /// may have changed since (rule 29).
    fn add(&self, column: usize, group: usize, delta: i64, min: Option<i64>) -> PlanStep {
        let column = &self.columns[column];
        let key = &column.keys[group];
        PlanStep {
            node: self.node(group, column.site),
            ops: vec![Operation::Add { key: key.clone(), delta, min }],
            undo: vec![Operation::Add { key: key.clone(), delta: -delta, min: None }],
            kind: StepKind::Compensatable,
        }
    }
}
