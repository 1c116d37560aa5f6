//! The load: which transactions arrive, when, and at which coordinating node. It depends only on the seed, so every protocol and
//! both worlds get the same transactions.
//!
//! Open loop: transactions arrive as a Poisson process over the whole cluster, and go to the coordinating nodes in turn. Client
//! `k<i>` submits those of `c<i>`. Closed loop: each client asks for its next transaction when the last one has ended. Each client
//! submits to the coordinating nodes in turn, and clients start at different nodes.

mod business;

use crate::scenario::{Arrivals, Scenario};
use business::Business;
pub use business::{CANCELLED, CONFIRMED, PENDING};
use indoubt_driver::random::{Stream, stream};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
    plan::PlanStep,
    time::Micros,
};
use rand::RngExt;
use rand_distr::{Distribution, Exp1, Zipf};
use std::collections::{BTreeMap, VecDeque};

/// A transaction that arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When it arrives, since the start of the load. In a closed loop this is when its client asked for it.
    pub due: Micros,
    /// The id, which says which client submits it to which coordinating node.
    pub txn: TxnId,
    /// Its kind: `transfer`, `order`, `trip` or `audit`.
    pub what: &'static str,
    /// The steps of its plan.
    pub steps: Vec<PlanStep>,
    /// The correct answer of an audit: the sum of everything that it reads. `None` for other kinds.
    pub total: Option<i64>,
}

/// The random stream of a client, and the number of transactions that it has made.
#[derive(Clone, Debug)]
struct Source {
    random: Stream,
    made: u64,
}

/// The load of one run.
#[derive(Clone, Debug)]
pub struct Workload {
    business: Business,
    arrivals: Arrivals,
    duration: Micros,
    /// How many transactions may still be made.
    left: u64,
    coordinating: u64,
    groups: Zipf<f64>,
    refuse: f64,
    audit: f64,
    kind: &'static str,
    /// The transactions that arrive if the load is scripted instead of drawn.
    script: Option<VecDeque<Arrival>>,
    /// Draws the times between arrivals (open loop).
    gaps: Stream,
    /// The time of the last arrival, in microseconds.
    last: f64,
    /// In an open loop, one source for all clients, so that the n-th arrival does not depend on the number of clients. In a closed
    /// loop, one source per client, so that a client's n-th transaction does not depend on the speed of the others.
    sources: Vec<Source>,
}

impl Workload {
    /// The load of `scenario` under this seed.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let workload = &scenario.workload;
        let source = |name: String| Source { random: stream(seed, &name), made: 0 };
        let sources = match workload.arrivals {
            Arrivals::Rate(_) => vec![source("workload".into())],
            Arrivals::Clients(clients) => (1..=clients).map(|client| source(format!("workload k{client}"))).collect(),
        };
        Workload {
            business: Business::new(scenario),
            arrivals: workload.arrivals,
            duration: scenario.duration,
            left: workload.transactions.unwrap_or(u64::MAX),
            coordinating: u64::from(scenario.cluster.coordinators.max(1)),
            groups: Zipf::new(f64::from(workload.keys.max(1)), workload.skew.max(0.0))
                .expect("at least one group, and an exponent that is not negative"),
            refuse: workload.refuse,
            audit: workload.audit,
            kind: workload.kind.word(),
            script: None,
            gaps: stream(seed, "workload arrivals"),
            last: 0.0,
            sources,
        }
    }

    /// A load of exactly these transactions, in the order of their `due`, in an open loop.
    pub fn scripted(scenario: &Scenario, arrivals: Vec<Arrival>) -> Self {
        Workload { script: Some(arrivals.into()), ..Workload::new(scenario, 0) }
    }

    /// The opening balances of every participant, which its machine starts with.
    pub fn opening(&self) -> BTreeMap<NodeId, BTreeMap<Key, i64>> {
        self.business.opening()
    }

    /// The clients: k1, k2, …
    pub fn clients(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        let count = match self.arrivals {
            Arrivals::Rate(_) => self.coordinating as u16,
            Arrivals::Clients(clients) => clients,
        };
        (1..=count).map(NodeId::client)
    }

    /// The coordinating nodes to which a client submits.
    pub fn homes_of(&self, client: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let (open, own) = (matches!(self.arrivals, Arrivals::Rate(_)), client.number);
        (1..=self.coordinating as u16).filter(move |number| !open || *number == own).map(NodeId::coordinating)
    }

    /// The next transaction of the open loop. `None` if the load has ended, and always in a closed loop.
    pub fn next_arrival(&mut self) -> Option<Arrival> {
        if let Some(script) = &mut self.script {
            return script.pop_front();
        }
        let Arrivals::Rate(rate) = self.arrivals else { return None };
        if self.left == 0 {
            return None;
        }
        let gap: f64 = Exp1.sample(&mut self.gaps);
        self.last += gap * 1e6 / rate;
        let due = Micros(self.last as u64);
        if due >= self.duration {
            self.left = 0;
            return None;
        }
        let number = self.sources[0].made;
        let turn = (number % self.coordinating) as u16 + 1;
        let txn = TxnId {
            home: NodeId::coordinating(turn),
            client: NodeId::client(turn),
            number: number / self.coordinating + 1,
        };
        Some(self.make(0, due, txn))
    }

    /// The next transaction of a client in the closed loop whose last one has ended. `None` if the load has ended, and always in
    /// an open loop.
    pub fn next_of(&mut self, client: NodeId, now: Micros) -> Option<Arrival> {
        if !matches!(self.arrivals, Arrivals::Clients(_)) || self.left == 0 || now >= self.duration {
            return None;
        }
        let source = usize::from(client.number) - 1;
        let number = self.sources[source].made + 1;
        let turn = (u64::from(client.number) - 1 + number - 1) % self.coordinating;
        let txn = TxnId { home: NodeId::coordinating(turn as u16 + 1), client, number };
        Some(self.make(source, now, txn))
    }

    fn make(&mut self, source: usize, due: Micros, txn: TxnId) -> Arrival {
        self.left -= 1;
        let source = &mut self.sources[source];
        source.made += 1;
        let random = &mut source.random;
        let group = (self.groups.sample(random) as usize).clamp(1, u32::MAX as usize) - 1;
        let audit = random.random::<f64>() < self.audit;
        let refuse = random.random::<f64>() < self.refuse;
        let (what, steps, total) = if audit {
            let (steps, total) = self.business.audit(group);
            ("audit", steps, Some(total))
        } else {
            (self.kind, self.business.act(group, txn, refuse, random), None)
        };
        Arrival { due, txn, what, steps, total }
    }
}

#[cfg(test)]
mod tests;
