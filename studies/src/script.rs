//! Small scripted runs: a few transactions, the faults that strike them, and helpers to look into the trace. Golden conversations
//! and tests of the papers' rules use them.

use indoubt_driver::{
    conditions::{Conditions, Latency},
    gate::{Edge, Selector, Verb},
};
use indoubt_judge::conversation::{self, Filter};
use indoubt_proto::{
    ids::{NodeId, Role, TxnId},
    inspect::Inspection,
    machine::Write,
    message::{Decision, MessageKind, OutcomeWord},
    observation::{Observation, Phase},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
    settings::{Options, Timeouts},
    time::Micros,
};
use indoubt_scenario::{
    faults::{self, FaultAction, Kill, LoseLog, MessageDeed, Partition, Pause},
    protocol::Protocol,
    recording::Recording,
    scenario::{Arrivals, Cluster, Counted, Fault, Network, Scenario, Trigger, Which, Workload, WorkloadKind},
    workload::Arrival,
};
use indoubt_simulator::{clients::ClientPool, world};
use std::collections::BTreeMap;

/// Builds a run. Links and forced writes take 1 ms each. There are no faults unless they are added.
#[derive(Clone, Debug)]
pub struct Script {
    /// The scenario that runs.
    pub scenario: Scenario,
    protocol: Protocol,
    seed: u64,
    arrivals: Vec<Arrival>,
}

/// The node with this name.
///
/// # Panics
/// If the name is not valid.
pub fn node(name: &str) -> NodeId {
    name.parse().expect("a node's name")
}

/// The record that scripts use at a participant, for example `p2/x`. Its opening value is 0.
pub fn record(participant: &str) -> Key {
    Key::new(format!("{participant}/x"))
}

/// A step that adds to the record of a participant, with a compensation that subtracts the same amount.
pub fn add(participant: &str, delta: i64) -> PlanStep {
    let op = |delta| Operation::Add { key: record(participant), delta, min: None };
    PlanStep { node: node(participant), ops: vec![op(delta)], undo: vec![op(-delta)], kind: StepKind::Compensatable }
}

/// A step that takes more than there is, so that the participant must refuse it.
pub fn refused(participant: &str) -> PlanStep {
    let ops = vec![Operation::Add { key: record(participant), delta: 1, min: Some(1_000_000) }];
    PlanStep { ops, ..add(participant, 1) }
}

/// A step that reads the record of a participant.
pub fn read(participant: &str) -> PlanStep {
    let ops = vec![Operation::Get { key: record(participant) }];
    PlanStep { node: node(participant), ops, undo: vec![], kind: StepKind::Compensatable }
}

/// The step with another kind: the pivot, or a retriable step.
pub fn of_kind(kind: StepKind, step: PlanStep) -> PlanStep {
    PlanStep { undo: vec![], kind, ..step }
}

/// The trigger that fires when the first transaction of c1 reaches a phase.
pub fn at_phase(phase: Phase) -> Trigger {
    Trigger::Phase { home: NodeId::coordinating(1), phase, nth: 1 }
}

/// The trigger that fires when an effect happens at a node for the `nth` time, for example `append:committed`,
/// `send:decision:commit` or `deliver:vote`.
///
/// # Panics
/// If `effect` is not an effect.
pub fn at_effect(at: &str, effect: &str, edge: Edge, nth: u64) -> Trigger {
    let mut words = effect.split(':');
    let verb = words.next().and_then(Verb::from_word).unwrap_or_else(|| panic!("`{effect}` is not an effect"));
    let word = words.next().map(str::to_owned);
    let qualifier = words.next().map(str::to_owned);
    let selector = Selector { word, qualifier, edge, ..Selector::any(verb) };
    let subject = node(at);
    Trigger::Moment { subject, nodes: vec![subject], selector, counted: Counted::Effects, nth, name: effect.into() }
}

impl Script {
    /// A run of a protocol in a cluster of c1, p1, p2 and p3.
    pub fn new(protocol: Protocol) -> Self {
        let scenario = Scenario {
            name: "script".into(),
            about: String::new(),
            protocols: vec![protocol],
            seed: 1,
            duration: Micros::from_secs(1),
            settle: Micros::from_secs(30),
            cluster: Cluster { participants: 3, coordinators: 1 },
            workload: Workload {
                kind: WorkloadKind::Transfer,
                arrivals: Arrivals::Rate(1.0),
                transactions: None,
                keys: 1,
                skew: 0.0,
                touch: 1,
                refuse: 0.0,
                audit: 0.0,
                lookup: 0.0,
                opening: None,
                patience: Default::default(),
            },
            network: Network {
                base: Conditions { latency: Latency::Constant(Micros::from_millis(1)), loss: 0.0, duplicate: 0.0 },
                links: vec![],
            },
            force: Latency::Constant(Micros::from_millis(1)),
            compact_every: 10_000,
            clocks: Default::default(),
            timeouts: Timeouts::default(),
            options: Options::default(),
            faults: vec![],
            expects: vec![],
            sweep: vec![],
            planted: Default::default(),
        };
        Script { scenario, protocol, seed: 1, arrivals: vec![] }
    }

    /// A busy cluster on a bad network with several faults: c1 crashes when the work of its fifth transaction is done, and restarts;
    /// p2 crashes and restarts, and later freezes; c1 is cut off from p3. There are refusals, audits and hot records.
    pub fn rough(protocol: Protocol, kind: WorkloadKind) -> Self {
        let (c1, p2, p3) = (NodeId::coordinating(1), NodeId::participant(2), NodeId::participant(3));
        let at = |ms| Trigger::At(Micros::from_millis(ms));
        let for_ms = |ms| Some(Micros::from_millis(ms));
        let cut = Partition { left: vec![c1], right: vec![p3], one_way: true, lasts: for_ms(300) };
        Script::new(protocol)
            .with(|scenario| {
                scenario.cluster.coordinators = 2;
                scenario.duration = Micros::from_millis(1_500);
                let workload = &mut scenario.workload;
                (workload.kind, workload.arrivals) = (kind, Arrivals::Rate(150.0));
                (workload.keys, workload.skew, workload.touch) = (20, 0.8, 3);
                (workload.audit, workload.refuse) = (0.1, 0.1);
                let latency = Latency::LogNormal { median: Micros::from_millis(1), p99: Micros::from_millis(10) };
                scenario.network.base = Conditions { latency, loss: 0.03, duplicate: 0.05 };
            })
            .kill(Trigger::Phase { home: c1, phase: Phase::WorkDone, nth: 5 }, "c1", Some(400))
            .kill(at(300), "p2", Some(300))
            .fault(at(900), Pause { node: p2, lasts: for_ms(200) })
            .fault(at(1_000), cut)
    }

    /// Changes the scenario.
    pub fn with(mut self, change: impl FnOnce(&mut Scenario)) -> Self {
        change(&mut self.scenario);
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a transaction that client k1 submits to c1 at this time, in milliseconds. Their ids are c1-k1-1, c1-k1-2, …
    pub fn transaction(self, at_ms: u64, steps: Vec<PlanStep>) -> Self {
        self.transaction_of("c1", at_ms, steps)
    }

    /// Adds a transaction that a client submits to this coordinating node at this time, in milliseconds.
    pub fn transaction_of(mut self, home: &str, at_ms: u64, steps: Vec<PlanStep>) -> Self {
        let home = node(home);
        let client = NodeId::client(home.number);
        let number = self.arrivals.iter().filter(|arrival| arrival.txn.home == home).count() as u64 + 1;
        let audit = steps.iter().flat_map(|step| &step.ops).all(Operation::is_read);
        self.arrivals.push(Arrival {
            due: Micros::from_millis(at_ms),
            txn: TxnId { home, client, number },
            what: if audit { "audit" } else { "transfer" },
            steps,
            total: audit.then_some(0),
        });
        self
    }

    /// Adds a fault.
    pub fn fault(mut self, trigger: Trigger, action: impl Into<FaultAction>) -> Self {
        let action = action.into();
        let text = format!("{action:?}");
        self.scenario.faults.push(Fault { text, trigger, action, protocols: None });
        self
    }

    /// Kills a node. It restarts after this many milliseconds, if given.
    pub fn kill(self, trigger: Trigger, name: &str, restart_after_ms: Option<u64>) -> Self {
        let restart_after = restart_after_ms.map(Micros::from_millis);
        let mut script = self.fault(trigger, Kill { node: node(name), restart_after, keep: None });
        script.name_last(format!("kill {name}"));
        script
    }

    /// Kills a node. It restarts without its journal after this many milliseconds.
    pub fn lose_log(self, trigger: Trigger, name: &str, restart_after_ms: u64) -> Self {
        let restart_after = Some(Micros::from_millis(restart_after_ms));
        let mut script = self.fault(trigger, LoseLog { node: node(name), restart_after });
        script.name_last(format!("{name} loses its log"));
        script
    }

    /// Adds a fault on messages of one kind between two nodes.
    pub fn messages(self, deed: MessageDeed, message: MessageKind, from: &str, to: &str, which: Which) -> Self {
        let trigger = Trigger::Messages {
            from_time: Micros::ZERO,
            from: Some(node(from)),
            to: Some(node(to)),
            message: Some(message.word().into()),
            which,
        };
        let mut script = self.fault(trigger, faults::Message { deed, lasts: None });
        let deed = match deed {
            MessageDeed::Drop => "drop".into(),
            MessageDeed::Delay(by) => format!("delay by {by}:"),
            MessageDeed::Duplicate => "duplicate".into(),
            MessageDeed::Refuse => "refuse".into(),
        };
        script.name_last(format!("{deed} {} {from} -> {to}", message.word()));
        script
    }

    fn name_last(&mut self, text: String) {
        if let Some(fault) = self.scenario.faults.last_mut() {
            fault.text = text;
        }
    }

    /// Runs the scripted transactions or, if there are none, the load of the scenario.
    pub fn play(mut self) -> Play {
        self.arrivals.sort_by_key(|arrival| arrival.due);
        let pool = if self.arrivals.is_empty() {
            ClientPool::new(&self.scenario, self.seed)
        } else {
            ClientPool::scripted(&self.scenario, self.arrivals)
        };
        let (recording, at_end) = world::run_with(&self.scenario, self.protocol, self.seed, pool);
        Play { recording, at_end }
    }
}

/// The result of a scripted run.
#[derive(Clone, Debug)]
pub struct Play {
    /// The recording of the run.
    pub recording: Recording,
    /// The state of each node that is up at the end.
    pub at_end: BTreeMap<NodeId, Inspection>,
}

impl Play {
    /// The run as a conversation.
    pub fn conversation(&self) -> String {
        conversation::tell(&self.recording, Filter::default())
    }

    /// Everything that `pick` finds in the observations, with its time.
    pub fn find<T>(&self, mut pick: impl FnMut(NodeId, &Observation) -> Option<T>) -> Vec<(Micros, T)> {
        let seen = |stamped: &indoubt_proto::observation::Stamped| {
            Some((Micros(stamped.t_us as u64), pick(stamped.node, &stamped.what)?))
        };
        self.recording.trace.iter().filter_map(seen).collect()
    }

    /// The number of observations that `pick` selects.
    pub fn count(&self, pick: impl Fn(NodeId, &Observation) -> bool) -> usize {
        self.recording.trace.iter().filter(|stamped| pick(stamped.node, &stamped.what)).count()
    }

    /// The decisions that a node made or learned, in order.
    pub fn decisions(&self, name: &str) -> Vec<Decision> {
        let at = node(name);
        let decided = self.find(|seen, what| match what {
            Observation::Decided { outcome, .. } if seen == at => Some(*outcome),
            _ => None,
        });
        decided.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// The outcomes that clients were told, in order.
    pub fn told(&self) -> Vec<OutcomeWord> {
        let ended = self.find(|_, what| match what {
            Observation::ClientEnded { outcome, .. } => Some(*outcome),
            _ => None,
        });
        ended.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// The number of messages of one kind that were sent. Copies that faults made do not count.
    pub fn sent(&self, kind: MessageKind) -> usize {
        self.count(|_, what| matches!(what, Observation::Sent { message, copy: false, .. } if *message == kind))
    }

    /// The number of messages that the papers count: those between nodes other than clients, without the work round.
    pub fn commit_messages(&self) -> usize {
        self.count(|_, what| match what {
            Observation::Sent { message, from, to, copy: false, .. } => {
                !from.is_client() && !to.is_client() && !message.is_work()
            }
            _ => false,
        })
    }

    /// The number of records of transactions that nodes of a role wrote in this way.
    pub fn written(&self, role: Role, how: Write) -> usize {
        self.count(|at, what| {
            matches!(what, Observation::Appended { write, txn: Some(_), .. } if *write == how && at.role == role)
        })
    }

    /// The value of a participant's record at the end; 0 if it was never written.
    ///
    /// # Panics
    /// If the participant is down at the end.
    pub fn value(&self, participant: &str) -> i64 {
        let inspection = self.at_end.get(&node(participant)).expect("the participant is up at the end");
        let key = record(participant);
        inspection.accounts.iter().find(|(name, _)| *name == key).map_or(0, |(_, value)| *value)
    }

    /// The number of branches in doubt and the number of locks at the end, over all nodes that are up.
    pub fn left_over(&self) -> (usize, usize) {
        let in_doubt = self.at_end.values().flat_map(|node| &node.open).filter(|open| open.in_doubt).count();
        (in_doubt, self.at_end.values().map(|node| node.locks.len()).sum())
    }

    /// Whether no transaction is open and no record is locked at any node that is up.
    pub fn is_resolved(&self) -> bool {
        self.at_end.values().all(|node| node.open.is_empty() && node.locks.is_empty())
    }
}
