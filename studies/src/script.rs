//! Small runs told in a few words: a handful of scripted transactions, the faults that hit them, and what to look for in
//! the trace. Golden conversations and the papers' rules are tested with it.

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

/// A run in the making. Links take 1 ms, forces 1 ms; nothing breaks unless it is said.
#[derive(Clone, Debug)]
pub struct Script {
    /// What is run.
    pub scenario: Scenario,
    protocol: Protocol,
    seed: u64,
    arrivals: Vec<Arrival>,
}

/// A node by its name.
///
/// # Panics
/// If that is no name: scripts are written by hand.
pub fn node(name: &str) -> NodeId {
    name.parse().expect("a node's name")
}

/// The record that scripts use at a participant, `p2/x`. It opens with 0.
pub fn record(participant: &str) -> Key {
    Key::new(format!("{participant}/x"))
}

/// A step that adds to the record of a participant, with the compensation that takes it back.
pub fn add(participant: &str, delta: i64) -> PlanStep {
    let op = |delta| Operation::Add { key: record(participant), delta, min: None };
    PlanStep { node: node(participant), ops: vec![op(delta)], undo: vec![op(-delta)], kind: StepKind::Compensatable }
}

/// The same step, which asks for more than there is: the participant must refuse it.
pub fn refused(participant: &str) -> PlanStep {
    let ops = vec![Operation::Add { key: record(participant), delta: 1, min: Some(1_000_000) }];
    PlanStep { ops, ..add(participant, 1) }
}

/// A step that reads the record of a participant.
pub fn read(participant: &str) -> PlanStep {
    let ops = vec![Operation::Get { key: record(participant) }];
    PlanStep { node: node(participant), ops, undo: vec![], kind: StepKind::Compensatable }
}

/// The same step as the point of no return, or after it.
pub fn of_kind(kind: StepKind, step: PlanStep) -> PlanStep {
    PlanStep { undo: vec![], kind, ..step }
}

/// When the first of c1's transactions reaches a phase.
pub fn at_phase(phase: Phase) -> Trigger {
    Trigger::Phase { home: NodeId::coordinating(1), phase, nth: 1 }
}

/// When an effect happens at a node for the `nth` time: `append:committed`, `send:decision:commit`, `deliver:vote`.
///
/// # Panics
/// If the text is no effect: scripts are written by hand.
pub fn at_effect(at: &str, effect: &str, edge: Edge, nth: u64) -> Trigger {
    let mut words = effect.split(':');
    let verb = words.next().and_then(Verb::from_word).unwrap_or_else(|| panic!("`{effect}` is no effect"));
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
            },
            network: Network {
                base: Conditions { latency: Latency::Constant(Micros::from_millis(1)), loss: 0.0, duplicate: 0.0 },
                links: vec![],
            },
            force: Latency::Constant(Micros::from_millis(1)),
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

    /// A busy cluster on a bad network, in which everything breaks once: c1 (at its fifth transaction whose work is done)
    /// and p2 die and come back, p2 freezes, c1 is cut off from p3. With refusals, audits, and hot records.
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

    /// Runs under another seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A transaction that client k1 gives to c1 at this time, in milliseconds; named c1-k1-1, c1-k1-2, …
    pub fn transaction(self, at_ms: u64, steps: Vec<PlanStep>) -> Self {
        self.transaction_of("c1", at_ms, steps)
    }

    /// A transaction that its client gives to this coordinating node at this time, in milliseconds.
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

    /// Something breaks.
    pub fn fault(mut self, trigger: Trigger, action: impl Into<FaultAction>) -> Self {
        let action = action.into();
        let text = format!("{action:?}");
        self.scenario.faults.push(Fault { text, trigger, action, protocols: None });
        self
    }

    /// A node is killed; it comes back after this many milliseconds, if given.
    pub fn kill(self, trigger: Trigger, name: &str, restart_after_ms: Option<u64>) -> Self {
        let restart_after = restart_after_ms.map(Micros::from_millis);
        let mut script = self.fault(trigger, Kill { node: node(name), restart_after, keep: None });
        script.name_last(format!("kill {name}"));
        script
    }

    /// A node is killed and comes back without its journal.
    pub fn lose_log(self, trigger: Trigger, name: &str, restart_after_ms: u64) -> Self {
        let restart_after = Some(Micros::from_millis(restart_after_ms));
        let mut script = self.fault(trigger, LoseLog { node: node(name), restart_after });
        script.name_last(format!("{name} loses its log"));
        script
    }

    /// Something happens to messages of one kind between two nodes.
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

    /// Runs it: with its scripted transactions, or, if there are none, with the load of its scenario.
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

/// What a script left behind.
#[derive(Clone, Debug)]
pub struct Play {
    /// Everything that was observed.
    pub recording: Recording,
    /// What each node shows of itself at the end.
    pub at_end: BTreeMap<NodeId, Inspection>,
}

impl Play {
    /// The run as a conversation.
    pub fn conversation(&self) -> String {
        conversation::tell(&self.recording, Filter::default())
    }

    /// What was observed, with its time and place, where `pick` finds something.
    pub fn find<T>(&self, mut pick: impl FnMut(NodeId, &Observation) -> Option<T>) -> Vec<(Micros, T)> {
        let seen = |stamped: &indoubt_proto::observation::Stamped| {
            Some((Micros(stamped.t_us as u64), pick(stamped.node, &stamped.what)?))
        };
        self.recording.trace.iter().filter_map(seen).collect()
    }

    /// How often something was observed.
    pub fn count(&self, pick: impl Fn(NodeId, &Observation) -> bool) -> usize {
        self.recording.trace.iter().filter(|stamped| pick(stamped.node, &stamped.what)).count()
    }

    /// The decisions that a node took or learned, in order.
    pub fn decisions(&self, name: &str) -> Vec<Decision> {
        let at = node(name);
        let decided = self.find(|seen, what| match what {
            Observation::Decided { outcome, .. } if seen == at => Some(*outcome),
            _ => None,
        });
        decided.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// What clients were told, in order.
    pub fn told(&self) -> Vec<OutcomeWord> {
        let ended = self.find(|_, what| match what {
            Observation::ClientEnded { outcome, .. } => Some(*outcome),
            _ => None,
        });
        ended.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// How many messages of one kind were sent, copies by faults not counted.
    pub fn sent(&self, kind: MessageKind) -> usize {
        self.count(|_, what| matches!(what, Observation::Sent { message, copy: false, .. } if *message == kind))
    }

    /// How many messages the papers count: between nodes that are no clients, the work round's not.
    pub fn commit_messages(&self) -> usize {
        self.count(|_, what| match what {
            Observation::Sent { message, from, to, copy: false, .. } => {
                !from.is_client() && !to.is_client() && !message.is_work()
            }
            _ => false,
        })
    }

    /// How many records of transactions were written at nodes of a role.
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

    /// The branches in doubt and the locks held at the end, over all nodes that are up.
    pub fn left_over(&self) -> (usize, usize) {
        let in_doubt = self.at_end.values().flat_map(|node| &node.open).filter(|open| open.in_doubt).count();
        (in_doubt, self.at_end.values().map(|node| node.locks.len()).sum())
    }

    /// Whether nothing is open and nothing locked at any node that is up.
    pub fn is_resolved(&self) -> bool {
        self.at_end.values().all(|node| node.open.is_empty() && node.locks.is_empty())
    }
}
