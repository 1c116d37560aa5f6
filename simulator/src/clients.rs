//! The clients, as one pure machine that both worlds drive. When a transaction is due, its client submits it over the session to
//! its coordinating node and waits for the outcome.
//!
//! Nothing is queued: if there is no session when a transaction is due, its client is told `refused` at once. A transaction that
//! was submitted and not answered is submitted again over the next session, with the epoch and the
//! journal of its first submission. So a restarted coordinating node knows that it may already have begun, and never runs it again.

use indoubt_proto::{
    ids::{LogId, NodeId, TxnId},
    message::{Message, Outcome, Reason, ReasonKind},
    observation::{Observation, PlanEntry},
    operation::Operation,
    plan::{PlanStep, Submission},
    time::Micros,
};
use indoubt_scenario::{
    scenario::{Arrivals, Scenario},
    workload::{Arrival, Workload},
};
use std::{borrow::Cow, collections::BTreeMap};

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
    free: BTreeMap<(Micros, NodeId), ()>,
    /// The transactions that were submitted and not answered.
    unanswered: BTreeMap<TxnId, Submission>,
    closed: bool,
    /// How long a client of the closed loop waits after a refusal.
    retry: Micros,
}

impl ClientPool {
    /// The clients of `scenario` under this seed, without sessions.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        ClientPool::of(scenario, Workload::new(scenario, seed))
    }

    /// Clients that submit exactly these transactions.
    pub fn scripted(scenario: &Scenario, arrivals: Vec<Arrival>) -> Self {
        ClientPool::of(scenario, Workload::scripted(scenario, arrivals))
    }

    fn of(scenario: &Scenario, mut workload: Workload) -> Self {
        let closed = matches!(scenario.workload.arrivals, Arrivals::Clients(_));
        let upcoming = workload.next_arrival();
        let free = if closed { workload.clients().map(|k| ((Micros::ZERO, k), ())).collect() } else { BTreeMap::new() };
        ClientPool {
            workload,
            sessions: BTreeMap::new(),
            upcoming,
            free,
            unanswered: BTreeMap::new(),
            closed,
            retry: scenario.timeouts.retry,
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

    /// A client now has a session with this incarnation of a coordinating node. It submits its unanswered transactions
    /// again.
    pub fn session_up(&mut self, client: NodeId, node: NodeId, home: Home, out: &mut Vec<ClientEffect>) {
        self.sessions.insert((client, node), home);
        for (txn, submission) in self.unanswered.iter().filter(|(txn, _)| txn.home == node && txn.client == client) {
            out.push(ClientEffect::Send { from: txn.client, to: node, message: Message::Submit(submission.clone()) });
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

    /// Whether a client waits for an answer of this coordinating node.
    pub fn waits_for(&self, node: NodeId) -> bool {
        self.unanswered.keys().any(|txn| txn.home == node)
    }

    /// The time of the next transaction. `None` if no transaction will arrive before a client is answered.
    pub fn next_due(&self) -> Option<Micros> {
        match (&self.upcoming, self.free.first_key_value()) {
            (Some(arrival), _) => Some(arrival.due),
            (None, Some((&(due, _), ()))) => Some(due),
            (None, None) => None,
        }
    }

    /// Begins all transactions that are due at `now`.
    pub fn due(&mut self, now: Micros, out: &mut Vec<ClientEffect>) {
        while self.upcoming.as_ref().is_some_and(|arrival| arrival.due <= now) {
            let arrival = self.upcoming.take().expect("just seen");
            self.upcoming = self.workload.next_arrival();
            self.begin(arrival, now, out);
        }
        while let Some((&(due, client), ())) = self.free.first_key_value() {
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

    /// Takes a message that reached a client. Repeated outcomes are ignored. If a client of the closed loop is free now, it begins
    /// its next transaction.
    pub fn message(&mut self, now: Micros, message: &Message, out: &mut Vec<ClientEffect>) {
        let Message::Outcome { txn, outcome } = message else { return };
        if self.unanswered.remove(txn).is_some() {
            self.end(*txn, outcome, now, out);
            self.due(now, out);
        }
    }

    fn begin(&mut self, arrival: Arrival, now: Micros, out: &mut Vec<ClientEffect>) {
        let Arrival { due, txn, what, steps, total } = arrival;
        let began = Observation::ClientBegan { txn, due_us: due, what: Cow::Borrowed(what), plan: plan(&steps), total };
        out.push(ClientEffect::Observe { client: txn.client, observation: began });
        match self.sessions.get(&(txn.client, txn.home)) {
            Some(&Home { incarnation: epoch, log }) => {
                let submission = Submission { txn, epoch, log, audit: total.is_some(), steps };
                self.unanswered.insert(txn, submission.clone());
                out.push(ClientEffect::Send { from: txn.client, to: txn.home, message: Message::Submit(submission) });
            }
            None => self.end(txn, &Outcome::Refused(ReasonKind::Unreachable.into()), now, out),
        }
    }

    fn end(&mut self, txn: TxnId, outcome: &Outcome, now: Micros, out: &mut Vec<ClientEffect>) {
        let detail = outcome.reason().map(Reason::to_string).unwrap_or_default();
        let ended = Observation::ClientEnded { txn, outcome: outcome.word(), detail };
        out.push(ClientEffect::Observe { client: txn.client, observation: ended });
        if self.closed {
            let pause = if matches!(outcome, Outcome::Refused(_)) { self.retry } else { Micros::ZERO };
            self.free.insert((now + pause, txn.client), ());
        }
    }
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
}
