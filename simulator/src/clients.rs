//! The clients, as one pure machine that both worlds drive. When a transaction is due, its client submits it over the session to
//! its coordinating node and waits for the outcome.
//!
//! Nothing is queued: if there is no session when a transaction is due, its client is told `refused` at once. A transaction that
//! was submitted and not answered is submitted again over the next session, with the epoch and the
//! journal of its first submission. So a restarted coordinating node knows that it may already have begun, and never runs it again.
//!
//! By default a client waits for ever. With a `timeout` it submits again under the same name, then gives up. Some clients die as
//! soon as they have submitted. Whoever gave up or died may ask later what became of its transaction ([`Patience`]).

mod calls;

use calls::{Call, Calls};
use indoubt_driver::random::stream;
use indoubt_proto::{
    ids::{LogId, NodeId, TxnId},
    message::{Message, Outcome, Reason, ReasonKind, Status},
    observation::{Observation, PlanEntry},
    operation::Operation,
    plan::{PlanStep, Submission},
    time::Micros,
};
use indoubt_scenario::{
    scenario::{Arrivals, Patience, Scenario},
    workload::{Arrival, Workload},
};
use rand::RngExt;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// What a world must do for a client.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEffect {
    /// Send a message over the client's session.
    Send {
        /// The client.
        from: NodeId,
        /// The coordinating node.
        to: NodeId,
        /// The message to send.
        message: Message,
    },
    /// Write an observation of the client.
    Observe {
        /// The client.
        client: NodeId,
        /// The observation to write.
        observation: Observation,
    },
}

/// A coordinating node, as its clients know it during a session.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// Its incarnation.
    pub incarnation: u32,
    /// Its journal.
    pub log: LogId,
}

/// All clients of one run.
#[derive(Clone, Debug)]
pub struct ClientPool {
    workload: Workload,
    /// The open sessions, by client and coordinating node.
    sessions: BTreeMap<(NodeId, NodeId), Home>,
    /// The next transaction of the open loop.
    upcoming: Option<Arrival>,
    /// The free clients of the closed loop, by the time at which they begin their next transaction.
    free: BTreeSet<(Micros, NodeId)>,
    /// The transactions whose outcomes their clients have not heard.
    calls: Calls,
    patience: Patience,
    closed: bool,
    /// How long a client of the closed loop waits after a refusal or a death.
    retry: Micros,
    seed: u64,
}

impl ClientPool {
    /// The clients of `scenario` under this seed, without sessions.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        ClientPool::of(scenario, Workload::new(scenario, seed), seed)
    }

    /// Clients that submit exactly these transactions.
    pub fn scripted(scenario: &Scenario, arrivals: Vec<Arrival>) -> Self {
        ClientPool::of(scenario, Workload::scripted(scenario, arrivals), 0)
    }

    fn of(scenario: &Scenario, mut workload: Workload, seed: u64) -> Self {
        let closed = matches!(scenario.workload.arrivals, Arrivals::Clients(_));
        let upcoming = workload.next_arrival();
        let free = if closed { workload.clients().map(|k| (Micros::ZERO, k)).collect() } else { BTreeSet::new() };
        ClientPool {
            workload,
            sessions: BTreeMap::new(),
            upcoming,
            free,
            calls: Calls::default(),
            patience: scenario.workload.patience,
            closed,
            retry: scenario.timeouts.retry,
            seed,
        }
    }

    /// The clients: k1, k2, …
    pub fn clients(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        self.workload.clients()
    }

    /// The opening balances of every participant.
    pub fn opening(&self) -> BTreeMap<NodeId, BTreeMap<indoubt_proto::operation::Key, i64>> {
        self.workload.opening()
    }

    /// All pairs of a client and a coordinating node to which it submits.
    pub fn pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> + use<'_> {
        self.clients().flat_map(|client| self.workload.homes_of(client).map(move |home| (client, home)))
    }

    /// All clients now have sessions with this incarnation of a coordinating node.
    pub fn up(&mut self, node: NodeId, home: Home, out: &mut Vec<ClientEffect>) {
        for client in self.clients() {
            self.session_up(client, node, home, out);
        }
    }

    /// A client now has a session with this incarnation of a coordinating node. What waits for an outcome is submitted again.
    pub fn session_up(&mut self, client: NodeId, node: NodeId, home: Home, out: &mut Vec<ClientEffect>) {
        self.sessions.insert((client, node), home);
        for submission in self.calls.waiting(client, node) {
            out.push(ClientEffect::Send { from: client, to: node, message: Message::Submit(submission.clone()) });
        }
    }

    /// All sessions with this coordinating node have ended.
    pub fn down(&mut self, node: NodeId) {
        self.sessions.retain(|(_, home), _| *home != node);
    }

    /// A client's session with a coordinating node has ended.
    pub fn session_down(&mut self, client: NodeId, node: NodeId) {
        self.sessions.remove(&(client, node));
    }

    /// Whether a client waits for an answer of this coordinating node, or will ask it.
    pub fn waits_for(&self, node: NodeId) -> bool {
        self.calls.any_at(node)
    }

    /// Whether a client will act by itself on a transaction of this coordinating node: submit it again, give up, or ask.
    pub fn will_act_on(&self, node: NodeId) -> bool {
        self.calls.any_alarm_at(node)
    }

    /// The load has ended: no client begins another transaction.
    pub fn end_load(&mut self) {
        self.upcoming = None;
        self.free.clear();
    }

    /// When a client acts next. `None` if all of them only wait for answers.
    pub fn next_due(&self) -> Option<Micros> {
        let arrival = self.upcoming.as_ref().map(|arrival| arrival.due);
        let begins = arrival.or_else(|| self.free.first().map(|(due, _)| *due));
        [begins, self.calls.next_alarm()].into_iter().flatten().min()
    }

    /// Lets all clients act that have something to do at `now`: begin a transaction, submit one again, give up, or ask.
    pub fn due(&mut self, now: Micros, out: &mut Vec<ClientEffect>) {
        while self.upcoming.as_ref().is_some_and(|arrival| arrival.due <= now) {
            let arrival = self.upcoming.take().expect("just seen");
            self.upcoming = self.workload.next_arrival();
            self.begin(arrival, now, out);
        }
        while let Some((txn, call)) = self.calls.take_due(now) {
            self.act(txn, call, now, out);
        }
        while let Some(&(due, client)) = self.free.first() {
            if due > now {
                break;
            }
            self.free.pop_first();
            // If there is no next transaction, the client has finished.
            if let Some(arrival) = self.workload.next_of(client, now) {
                self.begin(arrival, now, out);
            }
        }
    }

    /// Takes a message that reached a client. Repeated outcomes are ignored, and outcomes for which nobody waits any more. If a
    /// client of the closed loop is free now, it begins its next transaction.
    pub fn message(&mut self, now: Micros, message: &Message, out: &mut Vec<ClientEffect>) {
        match message {
            Message::Outcome { txn, outcome } if self.calls.end(*txn, Call::is_waiting) => {
                self.end(*txn, outcome, now, out);
                self.due(now, out);
            }
            Message::StatusReply { txn, status: Status::Ended(outcome) } if self.calls.end(*txn, Call::is_asking) => {
                learn(*txn, outcome, out);
            }
            _ => {}
        }
    }

    fn begin(&mut self, arrival: Arrival, now: Micros, out: &mut Vec<ClientEffect>) {
        let Arrival { due, txn, what, steps, total } = arrival;
        let began = Observation::ClientBegan { txn, due_us: due, what: Cow::Borrowed(what), plan: plan(&steps), total };
        out.push(ClientEffect::Observe { client: txn.client, observation: began });
        match self.sessions.get(&(txn.client, txn.home)) {
            Some(&Home { incarnation: epoch, log }) => {
                let submission = Submission { txn, epoch, log, audit: total.is_some(), steps };
                self.send(txn, Message::Submit(submission.clone()), out);
                if self.dies_with(txn) {
                    self.give_up(txn, true, now, out);
                } else {
                    self.wait(txn, submission, 0, now);
                }
            }
            None => self.end(txn, &Outcome::Refused(ReasonKind::Unreachable.into()), now, out),
        }
    }

    fn wait(&mut self, txn: TxnId, submission: Submission, retries: u32, now: Micros) {
        let alarm = self.patience.timeout.map(|timeout| now + timeout.backoff(retries));
        self.calls.add(txn, Call::Waiting { submission, retries }, alarm);
    }

    /// What a client does that has waited long enough.
    fn act(&mut self, txn: TxnId, call: Call, now: Micros, out: &mut Vec<ClientEffect>) {
        match call {
            Call::Waiting { submission, retries } if retries < self.patience.retries => {
                self.send(txn, Message::Submit(submission.clone()), out);
                self.wait(txn, submission, retries + 1, now);
            }
            Call::Waiting { .. } => self.give_up(txn, false, now, out),
            Call::Asking => {
                self.send(txn, Message::StatusQuery { txn }, out);
                self.ask_later(txn, now);
            }
        }
    }

    /// A client no longer waits for an outcome.
    fn give_up(&mut self, txn: TxnId, died: bool, now: Micros, out: &mut Vec<ClientEffect>) {
        out.push(ClientEffect::Observe { client: txn.client, observation: Observation::ClientGaveUp { txn, died } });
        self.ask_later(txn, now);
        self.go_on(txn.client, now, died);
    }

    fn ask_later(&mut self, txn: TxnId, now: Micros) {
        if let Some(ask_after) = self.patience.ask_after {
            self.calls.add(txn, Call::Asking, Some(now + ask_after));
        }
    }

    /// Whether the client of a transaction dies as soon as it has submitted it. This depends only on the seed and the name.
    fn dies_with(&self, txn: TxnId) -> bool {
        self.patience.die > 0.0 && stream(self.seed, &format!("death {txn}")).random::<f64>() < self.patience.die
    }

    /// Sends a message to the coordinating node of a transaction. Without a session nothing is sent.
    fn send(&self, txn: TxnId, message: Message, out: &mut Vec<ClientEffect>) {
        if self.sessions.contains_key(&(txn.client, txn.home)) {
            out.push(ClientEffect::Send { from: txn.client, to: txn.home, message });
        }
    }

    fn end(&mut self, txn: TxnId, outcome: &Outcome, now: Micros, out: &mut Vec<ClientEffect>) {
        learn(txn, outcome, out);
        self.go_on(txn.client, now, matches!(outcome, Outcome::Refused(_)));
    }

    /// A client of the closed loop begins its next transaction, at once or after a pause.
    fn go_on(&mut self, client: NodeId, now: Micros, pauses: bool) {
        if self.closed {
            let pause = if pauses { self.retry } else { Micros::ZERO };
            self.free.insert((now + pause, client));
        }
    }
}

/// A client learns the outcome of its transaction.
fn learn(txn: TxnId, outcome: &Outcome, out: &mut Vec<ClientEffect>) {
    let detail = outcome.reason().map(Reason::to_string).unwrap_or_default();
    let ended = Observation::ClientEnded { txn, outcome: outcome.word(), detail };
    out.push(ClientEffect::Observe { client: txn.client, observation: ended });
}

/// The plan in the form of the observation `client-began`.
fn plan(steps: &[PlanStep]) -> Vec<PlanEntry> {
    let mut entries = Vec::with_capacity(steps.len());
    for (step, number) in steps.iter().zip(1..) {
        for op in &step.ops {
            let (delta, value) = match op {
                Operation::Add { delta, .. } => (Some(*delta), None),
                Operation::Put { value, .. } => (None, Some(*value)),
                Operation::Get { .. } => (None, None),
            };
            entries.push(PlanEntry { node: step.node, step: number, key: op.key().clone(), delta, value });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::message::OutcomeWord;

    /// A cluster of two coordinating nodes and three participants.
    fn scenario(arrivals: &str) -> Scenario {
        let text = format!("name = \"clients\"\n[workload]\nkind = \"transfer\"\n{arrivals}");
        Scenario::parse(&text, "clients.toml").expect("a valid scenario")
    }

    fn ended(effects: &[ClientEffect]) -> Vec<OutcomeWord> {
        let word = |e: &ClientEffect| match e {
            ClientEffect::Observe { observation: Observation::ClientEnded { outcome, .. }, .. } => Some(*outcome),
            _ => None,
        };
        effects.iter().filter_map(word).collect()
    }

    fn submitted(effects: &[ClientEffect]) -> Vec<Submission> {
        let submission = |e: &ClientEffect| match e {
            ClientEffect::Send { message: Message::Submit(submission), .. } => Some(submission.clone()),
            _ => None,
        };
        effects.iter().filter_map(submission).collect()
    }

    #[test]
    fn without_a_session_a_client_is_refused_and_nothing_is_sent() {
        let mut pool = ClientPool::new(&scenario("rate = 50"), 1);
        let mut out = Vec::new();
        pool.due(pool.next_due().unwrap(), &mut out);
        assert_eq!(ended(&out), [OutcomeWord::Refused]);
        assert!(submitted(&out).is_empty());
    }

    fn home(incarnation: u32) -> Home {
        Home { incarnation, log: LogId(7) }
    }

    #[test]
    fn an_unanswered_submission_is_repeated_on_a_new_session_with_its_first_epoch() {
        let mut pool = ClientPool::new(&scenario("rate = 50"), 1);
        let mut out = Vec::new();
        pool.up(NodeId::coordinating(1), home(1), &mut out);
        pool.due(pool.next_due().unwrap(), &mut out);
        let first = submitted(&out);
        assert_eq!((first.len(), first[0].epoch), (1, 1));
        out.clear();
        pool.down(NodeId::coordinating(1));
        pool.up(NodeId::coordinating(1), home(2), &mut out);
        assert_eq!(submitted(&out), first);
        // An answered transaction is not submitted again, and a second answer is ignored.
        let outcome = Message::Outcome { txn: first[0].txn, outcome: Outcome::Committed { reads: vec![] } };
        out.clear();
        pool.message(Micros(5), &outcome, &mut out);
        pool.message(Micros(6), &outcome, &mut out);
        assert_eq!(ended(&out), [OutcomeWord::Succeeded]);
        out.clear();
        pool.up(NodeId::coordinating(1), home(3), &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_client_of_the_closed_loop_has_one_transaction_at_a_time_and_pauses_after_a_refusal() {
        let closed = scenario("clients = 1");
        let mut pool = ClientPool::new(&closed, 1);
        let mut out = Vec::new();
        // Only c2 has a session: the first transaction, for c1, is refused, and the second waits for the pause.
        pool.up(NodeId::coordinating(2), home(1), &mut out);
        pool.due(Micros(0), &mut out);
        assert_eq!((ended(&out).len(), submitted(&out).len()), (1, 0));
        assert_eq!(pool.next_due(), Some(closed.timeouts.retry));
        pool.due(closed.timeouts.retry, &mut out);
        let second = submitted(&out);
        assert_eq!(second.len(), 1);
        assert_eq!(pool.next_due(), None);
        let now = Micros(500_000);
        pool.up(NodeId::coordinating(1), home(1), &mut out);
        out.clear();
        let outcome = Outcome::Aborted(ReasonKind::Constraint.into());
        pool.message(now, &Message::Outcome { txn: second[0].txn, outcome }, &mut out);
        assert_eq!((ended(&out), submitted(&out).len()), (vec![OutcomeWord::Aborted], 1));
    }

    /// Lets the clients act until `until`. Returns what they did, with the times.
    fn acts(pool: &mut ClientPool, until: Micros) -> Vec<(Micros, ClientEffect)> {
        let mut acts = Vec::new();
        while let Some(now) = pool.next_due().filter(|due| *due <= until) {
            let mut out = Vec::new();
            pool.due(now, &mut out);
            acts.extend(out.into_iter().map(|effect| (now, effect)));
        }
        acts
    }

    /// The words of what clients did, each with its time in milliseconds.
    fn told(acts: &[(Micros, ClientEffect)]) -> Vec<(u64, &'static str)> {
        let word = |effect: &ClientEffect| match effect {
            ClientEffect::Send { message, .. } => message.kind().word(),
            ClientEffect::Observe { observation, .. } => observation.kind(),
        };
        acts.iter().map(|(at, effect)| (at.0 / 1_000, word(effect))).collect()
    }

    /// The one transaction of a client with this patience, whose coordinating node has a session and is silent.
    fn silent(patience: &str) -> (ClientPool, TxnId, Vec<(u64, &'static str)>) {
        let mut pool = ClientPool::new(&scenario(&format!("clients = 1\ntransactions = 1\n{patience}")), 1);
        pool.up(NodeId::coordinating(1), home(1), &mut Vec::new());
        let acts = acts(&mut pool, Micros::from_millis(2_500));
        let names: Vec<TxnId> = acts
            .iter()
            .filter_map(|(_, effect)| match effect {
                ClientEffect::Send { message, .. } => message.txn(),
                ClientEffect::Observe { .. } => None,
            })
            .collect();
        assert!(names.iter().all(|name| *name == names[0]), "every message has the same name");
        (pool, names[0], told(&acts))
    }

    #[test]
    fn a_client_submits_again_under_the_same_name_with_growing_pauses_then_gives_up_and_asks() {
        let (mut pool, txn, acts) = silent("timeout = \"100ms\"\nretries = 2\nask_after = \"1s\"");
        assert_eq!(
            acts,
            [
                (0, "client-began"),
                (0, "submit"),
                (100, "submit"),
                (300, "submit"),
                (700, "client-gave-up"),
                (1_700, "status-query")
            ]
        );
        // An outcome for which nobody waits, and a transaction that still runs, leave it asking.
        let mut out = Vec::new();
        let outcome = || Outcome::Committed { reads: vec![] };
        pool.message(Micros(1_750_000), &Message::Outcome { txn, outcome: outcome() }, &mut out);
        let reply = |status| Message::StatusReply { txn, status };
        pool.message(Micros(1_800_000), &reply(Status::Running("voting".into())), &mut out);
        assert!(out.is_empty() && pool.will_act_on(NodeId::coordinating(1)));
        pool.message(Micros(1_900_000), &reply(Status::Ended(outcome())), &mut out);
        assert_eq!(ended(&out), [OutcomeWord::Succeeded]);
        assert!(!pool.will_act_on(NodeId::coordinating(1)) && !pool.waits_for(NodeId::coordinating(1)));
    }

    #[test]
    fn a_client_that_heard_the_outcome_does_nothing_more() {
        let mut pool = ClientPool::new(&scenario("clients = 1\ntransactions = 1\ntimeout = \"100ms\"\nretries = 2"), 1);
        pool.up(NodeId::coordinating(1), home(1), &mut Vec::new());
        let mut out = Vec::new();
        pool.due(Micros(0), &mut out);
        let txn = submitted(&out)[0].txn;
        let outcome = Outcome::Committed { reads: vec![] };
        pool.message(Micros(50), &Message::Outcome { txn, outcome }, &mut out);
        assert_eq!(acts(&mut pool, Micros::from_secs(9)), []);
    }

    #[test]
    fn without_ask_after_a_client_that_gave_up_never_learns_and_goes_on() {
        let (_, _, alone) = silent("timeout = \"100ms\"");
        assert_eq!(alone, [(0, "client-began"), (0, "submit"), (100, "client-gave-up")]);
        let mut pool = ClientPool::new(&scenario("clients = 1\ntransactions = 2\ntimeout = \"100ms\""), 1);
        for number in [1, 2] {
            pool.up(NodeId::coordinating(number), home(1), &mut Vec::new());
        }
        let began =
            told(&acts(&mut pool, Micros::from_secs(9))).into_iter().filter(|(_, word)| *word == "client-began");
        assert_eq!(began.map(|(at, _)| at).collect::<Vec<_>>(), [0, 100]);
    }

    #[test]
    fn a_client_that_dies_hears_nothing_until_it_asks() {
        let (mut pool, txn, acts) = silent("die = 1.0\nask_after = \"2s\"");
        assert_eq!(acts, [(0, "client-began"), (0, "submit"), (0, "client-gave-up"), (2_000, "status-query")]);
        let mut out = Vec::new();
        // A new session brings no submission of a dead client.
        pool.up(NodeId::coordinating(1), home(2), &mut out);
        pool.message(
            Micros(2_100_000),
            &Message::Outcome { txn, outcome: Outcome::Committed { reads: vec![] } },
            &mut out,
        );
        assert!(out.is_empty());
    }
}
