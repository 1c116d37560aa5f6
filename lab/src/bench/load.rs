//! The load of a benchmark: keeps a fixed number of transactions in flight, each over all participants, and measures them.

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use indoubt_cluster::Cluster;
use indoubt_driver::random::{Stream, stream};
use indoubt_node::client::{ClientEvent, ClientSession, NodeClient};
use indoubt_proto::{
    ids::{LogId, NodeId, TxnId},
    message::{Message, OutcomeWord},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind, Submission},
    time::Micros,
    wire::SubmitRequest,
};
use rand::RngExt;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// The coordinating node of a benchmark.
pub(super) const HOME: NodeId = NodeId::coordinating(1);

/// What was measured at one number in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) in_flight: u32,
    /// Transactions that succeeded, per second.
    pub(super) tps: f64,
    /// Median latency in milliseconds.
    pub(super) p50_ms: f64,
    /// The 99th percentile of the latency in milliseconds.
    pub(super) p99_ms: f64,
}

/// Makes the transactions: one addition at each participant, to a key that is drawn uniformly.
pub(super) struct Maker {
    participants: u16,
    keys: u32,
    random: Stream,
    made: u64,
}

impl Maker {
    pub(super) fn new(participants: u16, keys: u32) -> Self {
        Maker { participants, keys, random: stream(1, "bench"), made: 0 }
    }

    /// The opening balances: 0 in every account.
    pub(super) fn opening(participants: u16, keys: u32) -> BTreeMap<NodeId, BTreeMap<Key, i64>> {
        let accounts = |node: NodeId| (0..keys).map(|k| (Key::new(format!("{node}/acct-{k}")), 0)).collect();
        (1..=participants).map(NodeId::participant).map(|node| (node, accounts(node))).collect()
    }

    fn steps(&mut self) -> Vec<PlanStep> {
        (1..=self.participants)
            .map(NodeId::participant)
            .map(|node| {
                let key = Key::new(format!("{node}/acct-{}", self.random.random_range(0..self.keys)));
                let undo = vec![Operation::Add { key: key.clone(), delta: -1, min: None }];
                PlanStep {
                    node,
                    ops: vec![Operation::Add { key, delta: 1, min: None }],
                    undo,
                    kind: StepKind::Compensatable,
                }
            })
            .collect()
    }

    fn next(&mut self, epoch: u32, log: LogId) -> Submission {
        self.made += 1;
        let txn = TxnId { home: HOME, client: NodeId::client(1), number: self.made };
        Submission { txn, epoch, log, audit: false, steps: self.steps() }
    }
}

/// A client with an open session, and the number of outcomes that it was told.
pub(super) struct Load {
    session: ClientSession,
    events: mpsc::UnboundedReceiver<ClientEvent>,
    epoch: u32,
    log: LogId,
    maker: Maker,
    begun: HashMap<TxnId, Instant>,
    /// Transactions that succeeded since the session was opened.
    pub(super) succeeded: u64,
}

impl Load {
    /// Opens a session with the cluster's coordinating node.
    pub(super) async fn open(cluster: &Cluster, maker: Maker) -> Result<Load> {
        let (session, mut events) = ClientSession::open(NodeId::client(1), 1, HOME, cluster.address(HOME), 1);
        loop {
            match events.recv().await {
                Some(ClientEvent::Up { incarnation, log }) => {
                    return Ok(Load {
                        session,
                        events,
                        epoch: incarnation,
                        log,
                        maker,
                        begun: HashMap::new(),
                        succeeded: 0,
                    });
                }
                Some(_) => {}
                None => bail!("no session with {HOME}"),
            }
        }
    }

    /// Keeps `in_flight` transactions in flight for `warm_up` and then for `measure`. Waits until all are answered.
    pub(super) async fn stream(&mut self, in_flight: u32, warm_up: Duration, measure: Duration) -> Result<Measured> {
        let mut latencies = histogram();
        let begin = Instant::now();
        let (from, to) = (begin + warm_up, begin + warm_up + measure);
        let mut counted = 0u64;
        for _ in 0..in_flight {
            self.submit()?;
        }
        self.flush()?;
        while !self.begun.is_empty() {
            let event = self.events.recv().await.context("the session is over")?;
            let ClientEvent::Messages(envelopes) = event else { bail!("the session broke under load") };
            let now = Instant::now();
            for envelope in envelopes {
                let Message::Outcome { txn, outcome } = envelope.message else { continue };
                let Some(since) = self.begun.remove(&txn) else { continue };
                let word = outcome.word();
                self.succeeded += u64::from(word == OutcomeWord::Succeeded);
                if now >= from && now < to && word == OutcomeWord::Succeeded {
                    counted += 1;
                    latencies.saturating_record(now.duration_since(since).as_micros() as u64);
                }
                if now < to {
                    self.submit()?;
                }
            }
            self.flush()?;
        }
        Ok(measured(in_flight, counted, measure, &latencies))
    }

    fn submit(&mut self) -> Result<()> {
        let submission = self.maker.next(self.epoch, self.log);
        self.begun.insert(submission.txn, Instant::now());
        self.session.send(Message::Submit(submission), Micros::ZERO).context("the session is over")?;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        match self.session.flush() {
            0 => Ok(()),
            lost => bail!("{lost} submissions were dropped because the queue was full"),
        }
    }
}

/// Measures `callers` parallel unary calls instead of a session. Each call waits for its own answer.
pub(super) async fn unary(
    cluster: &Cluster,
    participants: u16,
    keys: u32,
    callers: u32,
    warm_up: Duration,
    measure: Duration,
) -> Result<(Measured, u64)> {
    let client = NodeClient::connect(&cluster.address(HOME)).await?;
    let begin = Instant::now();
    let (from, to) = (begin + warm_up, begin + warm_up + measure);
    let calls = (0..callers).map(|caller| {
        let client = client.clone();
        let mut maker = Maker { participants, keys, random: stream(1, &format!("caller {caller}")), made: 0 };
        tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut succeeded = 0u64;
            while Instant::now() < to {
                let since = Instant::now();
                let (_, outcome) =
                    client.submit(SubmitRequest { name: None, audit: false, steps: maker.steps() }).await?;
                let now = Instant::now();
                if outcome.word() == OutcomeWord::Succeeded {
                    succeeded += 1;
                    if now >= from && now < to {
                        seen.push(now.duration_since(since).as_micros() as u64);
                    }
                }
            }
            Ok::<_, tonic::Status>((seen, succeeded))
        })
    });
    let mut latencies = histogram();
    let (mut counted, mut all) = (0, 0);
    for call in calls.collect::<Vec<_>>() {
        let (seen, succeeded) = call.await.context("a client task was interrupted")??;
        counted += seen.len() as u64;
        all += succeeded;
        seen.into_iter().for_each(|us| latencies.saturating_record(us));
    }
    Ok((measured(callers, counted, measure, &latencies), all))
}

/// Latencies in microseconds, up to an hour.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are allowed")
}

fn measured(in_flight: u32, counted: u64, measure: Duration, latencies: &Histogram<u64>) -> Measured {
    Measured {
        in_flight,
        tps: counted as f64 / measure.as_secs_f64(),
        p50_ms: latencies.value_at_quantile(0.5) as f64 / 1000.0,
        p99_ms: latencies.value_at_quantile(0.99) as f64 / 1000.0,
    }
}

/// Checks that every effect is applied: the accounts of each participant add up to the transactions that succeeded.
pub(super) async fn verify(cluster: &Cluster, participants: u16, succeeded: u64) -> Result<()> {
    for node in (1..=participants).map(NodeId::participant) {
        let client = NodeClient::connect(&cluster.address(node)).await?;
        // Participants may still be learning the last decisions.
        let mut sum = 0;
        for _ in 0..200 {
            let state = client.state(true).await?;
            sum = state.inspection.accounts.iter().map(|(_, balance)| balance).sum::<i64>();
            if sum == succeeded as i64 && state.inspection.open.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if sum != succeeded as i64 {
            bail!("{succeeded} transactions succeeded, but the accounts of {node} add up to {sum}");
        }
    }
    Ok(())
}
