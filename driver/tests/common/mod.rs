//! A toy machine, and a world that records the order of all calls.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use indoubt_driver::{
    conditions::{Conditions, Journey},
    driver::{Driver, Halt, Progress, Recovered},
    gate::{Action, Edge, FaultPlan, Moment, Rule, RuleId, Selector, Verb},
    packet::Packet,
    port::Port,
    random::{Stream, stream},
    world::{Network, World},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, Serial, Ticket, TxnId},
    inspect::Inspection,
    machine::{Input, InputOf, Logged, Machine, OutOf, Record, Write},
    message::{Message, WorkResult},
    observation::{Observation, Phase},
    plan::Submission,
    time::Micros,
};
use serde::{Deserialize, Serialize};

pub const C1: NodeId = NodeId::coordinating(1);
pub const P1: NodeId = NodeId::participant(1);
pub const K1: NodeId = NodeId::client(1);
pub const TXN: TxnId = TxnId { home: C1, client: K1, number: 1 };

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Worked(pub TxnId);

impl Record for Worked {
    fn word(&self) -> &'static str {
        "worked"
    }

    fn txn(&self) -> Option<TxnId> {
        Some(self.0)
    }
}

/// A participant: it observes work, forces a record, arms a timer, and answers once the record is durable. Each input is
/// counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Toy {
    pub inputs: Vec<String>,
    unanswered: Vec<Lsn>,
}

impl Machine for Toy {
    type Record = Worked;
    type Timer = u8;

    fn handle(&mut self, input: InputOf<Toy>, out: &mut OutOf<Toy>) {
        self.inputs.push(match &input {
            Input::Recover { incarnation, records, .. } => format!("recover {incarnation} of {}", records.len()),
            Input::Message { from, message } => format!("{} from {from}", message.kind().word()),
            Input::Durable { upto } => format!("durable {}", upto.0),
            Input::Fired(timer) => format!("fired {timer}"),
        });
        match input {
            Input::Recover { records, .. } => {
                if !records.is_empty() {
                    out.send(C1, Message::Inquire { txn: TXN, ticket: ticket() });
                }
            }
            Input::Message { from: NodeId::LAB, .. } => {
                out.send(NodeId::LAB, Message::Done { count: 0, detail: String::new() });
            }
            Input::Message { .. } => {
                out.observe(Observation::Reached { txn: TXN, phase: Phase::Begun });
                out.arm(7, Micros(100));
                self.unanswered.push(out.force(Worked(TXN)));
            }
            Input::Durable { upto } => {
                self.unanswered.retain(|lsn| *lsn > upto);
                out.disarm(7);
                out.observe(Observation::Reached { txn: TXN, phase: Phase::Ended });
                out.send(C1, done());
                out.lazy(Worked(TXN));
            }
            Input::Fired(_) => out.send(C1, done()),
        }
    }

    fn compact(&self, out: &mut Vec<Worked>) {
        out.push(Worked(TXN));
    }

    fn inspect(&self, _accounts: bool) -> Inspection {
        Inspection::default()
    }
}

pub fn ticket() -> Ticket {
    Ticket { log: LogId(1), serial: Serial(1), finished_below: Serial(0) }
}

pub fn done() -> Message {
    Message::WorkDone { txn: TXN, result: WorkResult::Done { reads: Vec::new() } }
}

/// Work of c1 that has arrived at p1.
pub fn work() -> Packet {
    packet(C1, Message::Work { txn: TXN, ticket: ticket(), steps: Vec::new() })
}

pub fn packet(from: NodeId, message: Message) -> Packet {
    Packet { id: MessageId { from, start: 1, count: 1 }, to: P1, copy: false, message }
}

/// A submission of k1 that asks a participant for work.
pub fn submission(participant: NodeId) -> Packet {
    let step = indoubt_proto::plan::PlanStep {
        node: participant,
        ops: Vec::new(),
        undo: Vec::new(),
        kind: indoubt_proto::plan::StepKind::Compensatable,
    };
    packet(K1, Message::Submit(Submission { txn: TXN, epoch: 1, log: LogId(1), audit: false, steps: vec![step] }))
}

/// A world that does nothing but write down what it is asked for.
pub struct Log {
    pub lines: Vec<String>,
    pub conditions: Conditions,
    pub random: Stream,
    /// Nodes that are there.
    pub there: Vec<NodeId>,
    pub held: Vec<(Packet, Micros)>,
    pub carried: Vec<(Packet, Micros)>,
    pub watched: bool,
    /// It takes no records any more.
    pub full: bool,
}

impl Log {
    pub fn new() -> Self {
        Log {
            lines: Vec::new(),
            conditions: Conditions::PERFECT,
            random: stream(1, "log"),
            there: vec![C1, P1, K1],
            held: Vec::new(),
            carried: Vec::new(),
            watched: false,
            full: false,
        }
    }

    fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// What was written down since this was asked last.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

fn of(packet: &Packet) -> String {
    format!("{}{}", packet.message.kind().word(), if packet.copy { " copy" } else { "" })
}

impl Network for Log {
    fn observe(&mut self, what: impl FnOnce() -> Observation) {
        let what = what();
        let copy = match &what {
            Observation::Sent { copy, message, .. }
            | Observation::Received { copy, message, .. }
            | Observation::Dropped { copy, message, .. } => {
                format!(" {}{}", message.word(), if *copy { " copy" } else { "" })
            }
            _ => String::new(),
        };
        self.line(format!("observe {}{copy}", what.kind()));
    }

    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey> {
        let journey = self.conditions.draw(&mut self.random, duplicated);
        self.there.contains(&packet.to).then_some(journey)
    }

    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet> {
        self.line(format!("carry {} to {}", of(&packet), packet.to));
        self.carried.push((packet, delay));
        None
    }
}

impl World<Toy> for Log {
    type Error = &'static str;

    fn witness(&mut self, what: Observation) {
        self.line(format!("witness {}", what.qualifier().unwrap_or(what.kind())));
    }

    fn append(&mut self, lsn: Lsn, _: Worked, write: Write) -> Result<(), &'static str> {
        if self.full {
            return Err("the disk is full");
        }
        self.line(format!("append {} {}", lsn.0, write.word()));
        Ok(())
    }

    fn compact(&mut self, upto: Lsn, records: Vec<Worked>) -> Result<(), &'static str> {
        self.line(format!("compact {} to {}", upto.0, records.len()));
        Ok(())
    }

    fn arm(&mut self, timer: u8, after: Micros) {
        self.line(format!("arm {timer} {}", after.0));
    }

    fn disarm(&mut self, timer: u8) {
        self.line(format!("disarm {timer}"));
    }

    fn hold(&mut self, packet: Packet, delay: Micros) {
        self.line(format!("hold {} {}", of(&packet), delay.0));
        self.held.push((packet, delay));
    }

    fn knows(&self, node: NodeId) -> bool {
        self.there.contains(&node)
    }

    fn answer_operator(&mut self, message: Message) {
        self.line(format!("answer {}", message.kind().word()));
    }

    fn fared(&mut self, _: MessageId, lost: bool) {
        self.line(if lost { "fared lost".into() } else { "fared taken".into() });
    }

    fn report(&mut self, rule: RuleId, message: Option<MessageId>, lost: bool) {
        self.line(format!("report {} of {} lost {lost}", rule.0, message.map_or(0, |id| id.count)));
    }

    fn is_watched(&self) -> bool {
        self.watched
    }

    fn pass(&mut self, edge: Edge, moment: &Moment<'_>, _: Option<MessageId>) {
        if self.watched {
            let (verb, word, ..) = moment.words();
            self.line(format!("{} {} {word}", if edge == Edge::Before { "before" } else { "after" }, verb.word()));
        }
    }
}

/// p1 that has booted for the first time.
pub fn p1() -> (Driver<Toy>, Log) {
    let (mut driver, mut log) = (Driver::new(Port::new(P1, 1)), Log::new());
    boot(&mut driver, 0);
    assert_eq!(driver.advance(&mut log), Ok(Progress::Done));
    (driver, log)
}

/// Boots the next incarnation from so many records.
pub fn boot(driver: &mut Driver<Toy>, records: u64) {
    driver.port.begin(driver.port.start + 1, driver.port.incarnation + 1);
    let logged = |lsn| Logged { lsn: Lsn(lsn), compacted: false, record: Worked(TXN) };
    let recovered = Recovered { log: LogId(1), last: Lsn(records), records: (1..=records).map(logged).collect() };
    driver.boot(Toy::default(), recovered, 1_000);
}

/// A plan of rules, numbered from 1.
pub fn plan(rules: &[(Verb, &str, Edge, Action)]) -> FaultPlan {
    let rule = |(verb, word, edge, action): &(Verb, &str, Edge, Action), id| Rule {
        id: RuleId(id),
        selector: Selector { word: Some((*word).into()), edge: *edge, ..Selector::any(*verb) },
        share: None,
        action: *action,
    };
    FaultPlan { rules: rules.iter().zip(1..).map(|(it, id)| rule(it, id)).collect(), ..FaultPlan::default() }
}

/// The halt that must come now.
pub fn halted(driver: &mut Driver<Toy>, log: &mut Log) -> Halt {
    match driver.advance(log) {
        Ok(Progress::Halted(halt)) => halt,
        other => panic!("it should halt: {other:?}"),
    }
}

/// Goes on to the end.
pub fn finish(driver: &mut Driver<Toy>, log: &mut Log) {
    assert_eq!(driver.advance(log), Ok(Progress::Done));
}
