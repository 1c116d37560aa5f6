//! A client with an id of its own and a session, for generating load.

use crate::{
    alarm::Alarm,
    clock, frames,
    hands::packet_of,
    link::{Dialed, MAX_MESSAGE, Outbox},
    session::{Greeting, Pauses, dial, greet},
    timers::Held,
};
use indoubt_driver::packet::Packet;
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId},
    message::Message,
    time::Micros,
    wire::{Batch, Envelope, Frame, Hello, Receiver, v1::transactions_client::TransactionsClient},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{sync::mpsc, task::JoinHandle};
use tonic::{Status, Streaming};

/// An event at a client.
#[derive(Debug)]
pub enum ClientEvent {
    /// A session began.
    Up {
        /// The incarnation of the coordinating node. It is the epoch of transactions that are first submitted now.
        incarnation: u32,
        /// The journal of the coordinating node.
        log: LogId,
    },
    /// The session has ended. All messages that were on their way in it are lost, in both directions.
    Down,
    /// Messages arrived (outcomes, status replies), in this order, after they were held for the time that they say.
    Messages(Vec<Envelope>),
}

/// A client's session with one coordinating node. It is dialed again whenever it breaks. Dropping it ends the session.
#[derive(Debug)]
pub struct ClientSession {
    me: Hello,
    home: NodeId,
    session: Session,
    /// The messages that wait for [`ClientSession::flush`], and the number of their session.
    pending: Batch,
    pending_for: Option<Arc<Outbox>>,
    sent: u64,
    task: JoinHandle<()>,
}

/// The present session: the hello of the other side, and the queue of outgoing messages.
type Session = Arc<Mutex<Option<(Hello, Arc<Outbox>)>>>;

fn lock(session: &Session) -> MutexGuard<'_, Option<(Hello, Arc<Outbox>)>> {
    // Values are only put in and taken out whole, so the state is always valid.
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientSession {
    /// Keeps a session of `client` with `home` at `address` (`host:port`), on the current runtime. `incarnation`
    /// distinguishes the runs of one client in message ids. `seed` is for the jitter of the pauses between dialing. The
    /// channel of events closes only if the process has no file descriptors left.
    pub fn open(
        client: NodeId,
        incarnation: u32,
        home: NodeId,
        address: impl Into<String>,
        seed: u64,
    ) -> (ClientSession, mpsc::UnboundedReceiver<ClientEvent>) {
        let receiver = Some(Receiver { node: home, log: LogId(0), incarnation: 0, end: Lsn(0) });
        let me = Hello { node: client, incarnation, start: incarnation, log: LogId(0), end: Lsn(0), receiver };
        let session = Session::default();
        let (events, received) = mpsc::unbounded_channel();
        let address = address.into();
        let task = tokio::spawn(keep(me, home, address, seed, Arc::clone(&session), events));
        let client = ClientSession { me, home, session, pending: Batch::default(), pending_for: None, sent: 0, task };
        (client, received)
    }

    /// The incarnation of the coordinating node; `None` without a session.
    pub fn up(&self) -> Option<u32> {
        lock(&self.session).as_ref().map(|(hello, _)| hello.incarnation)
    }

    /// Adds a message (`Submit` or `StatusQuery`) to the next [`ClientSession::flush`]. The node holds it for `hold` before
    /// it takes it as input. Returns its id; `None` if there is no session, because then nothing will be sent.
    pub fn send(&mut self, message: Message, hold: Micros) -> Option<MessageId> {
        let outbox = lock(&self.session).as_ref().map(|(_, outbox)| Arc::clone(outbox))?;
        if !self.pending_for.as_ref().is_some_and(|old| Arc::ptr_eq(old, &outbox)) {
            // Messages that wait for a broken session are lost with it.
            self.pending = Batch::default();
            self.pending_for = Some(outbox);
        }
        self.sent += 1;
        let id = MessageId { from: self.me.node, start: self.me.start, count: self.sent };
        self.pending.push(&Envelope { id, to: self.home, hold, copy: false, message });
        Some(id)
    }

    /// Sends one packet of a port at once. The port numbers its own messages. The node holds the packet for `hold` before
    /// it takes it as input. Returns the packet if it is lost, because there is no session or the queue is full.
    pub fn forward(&mut self, packet: Packet, hold: Micros) -> Option<Packet> {
        let Some(outbox) = lock(&self.session).as_ref().map(|(_, outbox)| Arc::clone(outbox)) else {
            return Some(packet);
        };
        let Packet { id, to, copy, message } = packet;
        let envelope = Envelope { id, to, hold, copy, message };
        let mut pending = Batch::from_iter([&envelope]);
        outbox.extend(&mut pending);
        (!pending.is_empty()).then(|| packet_of(envelope))
    }

    /// Sends all added messages in one batch. Returns how many of them are lost because the queue is full.
    pub fn flush(&mut self) -> usize {
        if let Some(outbox) = &self.pending_for {
            outbox.extend(&mut self.pending);
        }
        std::mem::take(&mut self.pending).len()
    }
}

impl Drop for ClientSession {
    fn drop(&mut self) {
        self.task.abort();
        // The transport holds the queue too, so the session ends only when the queue does.
        if let Some((_, outbox)) = lock(&self.session).take() {
            outbox.close();
        }
    }
}

/// Dials again and again, without end.
async fn keep(
    me: Hello,
    home: NodeId,
    address: String,
    seed: u64,
    session: Session,
    events: mpsc::UnboundedSender<ClientEvent>,
) {
    let mut pauses = Pauses::new(seed, &format!("dial {} {home} {}", me.node, me.incarnation));
    let mut held = Held::new();
    let mut alarm = match Alarm::new() {
        Ok(alarm) => alarm,
        Err(error) => return tracing::error!(%error, "a client cannot set its timer, so it has no session"),
    };
    loop {
        let dialed_at = clock::now();
        match greet(me, home, |frames| connect(&address, frames)).await {
            Ok(Greeting { peer, outbox, mut inbound }) => {
                *lock(&session) = Some((peer, Arc::clone(&outbox)));
                let _ = events.send(ClientEvent::Up { incarnation: peer.incarnation, log: peer.log });
                if let Err(status) = read(peer, me.node, &mut inbound, &mut held, &mut alarm, &events).await {
                    tracing::debug!(%home, %status, "a client's session broke");
                }
                *lock(&session) = None;
                outbox.close();
                let _ = events.send(ClientEvent::Down);
            }
            Err(status) => tracing::debug!(%home, %status, "a client could not open a session"),
        }
        // Held messages outlive their sender: they still arrive when there is no session.
        let pause = tokio::time::sleep(pauses.next(dialed_at));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                Ok(()) = alarm.ring(held.next()) => release(&mut held, &events),
            }
        }
    }
}

/// Reads a session until it ends.
async fn read(
    peer: Hello,
    me: NodeId,
    inbound: &mut Streaming<Frame>,
    held: &mut Held<Envelope>,
    alarm: &mut Alarm,
    events: &mpsc::UnboundedSender<ClientEvent>,
) -> Result<(), Status> {
    loop {
        let frame = tokio::select! {
            frame = inbound.message() => frame?,
            Ok(()) = alarm.ring(held.next()) => {
                release(held, events);
                continue;
            }
        };
        let Some(frame) = frame else { return Ok(()) };
        let mut batch = frames::read_batch(frame, peer, me)?;
        if batch.iter().any(|envelope| envelope.hold > Micros::ZERO) {
            let now = clock::now();
            for envelope in batch.extract_if(.., |envelope| envelope.hold > Micros::ZERO) {
                let at = now + envelope.hold;
                held.hold(envelope, at);
            }
        }
        if !batch.is_empty() {
            let _ = events.send(ClientEvent::Messages(batch));
        }
    }
}

fn release(held: &mut Held<Envelope>, events: &mpsc::UnboundedSender<ClientEvent>) {
    let now = clock::now();
    let due: Vec<Envelope> = std::iter::from_fn(|| held.pop(now)).collect();
    if !due.is_empty() {
        let _ = events.send(ClientEvent::Messages(due));
    }
}

async fn connect(address: &str, frames: Dialed) -> Result<Streaming<Frame>, Status> {
    let mut client = TransactionsClient::new(dial(address).await?).max_decoding_message_size(MAX_MESSAGE);
    Ok(client.submit_stream(frames).await?.into_inner())
}
