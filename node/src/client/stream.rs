//! A client with an id of its own and a session: what load is made of.

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

/// What happens to a client.
#[derive(Debug)]
pub enum ClientEvent {
    /// A session began.
    Up {
        /// The coordinating node's incarnation: the epoch of what is now submitted first.
        incarnation: u32,
        /// Its journal.
        log: LogId,
    },
    /// The session is over; what was under way in it, in either direction, is lost.
    Down,
    /// Messages arrived (outcomes, status replies), in this order, after they were held for as long as they say.
    Messages(Vec<Envelope>),
}

/// A client's session with one coordinating node, dialed again whenever it breaks. Dropping it ends the session.
#[derive(Debug)]
pub struct ClientSession {
    me: Hello,
    home: NodeId,
    session: Session,
    /// What waits for [`ClientSession::flush`], and the session that it is for.
    pending: Batch,
    pending_for: Option<Arc<Outbox>>,
    sent: u64,
    task: JoinHandle<()>,
}

/// The present session: the other's hello, and where messages leave.
type Session = Arc<Mutex<Option<(Hello, Arc<Outbox>)>>>;

fn lock(session: &Session) -> MutexGuard<'_, Option<(Hello, Arc<Outbox>)>> {
    // A whole value is put in or taken out: it is sound at every step.
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientSession {
    /// Keeps a session of `client` with `home` at `address` (`host:port`), on the runtime at hand. `incarnation` tells the
    /// runs of one client apart in message ids; `seed` is for the jitter of the pauses between dialing. The channel of
    /// events closes only when the process is out of file descriptors.
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

    /// The incarnation of the coordinating node, while there is a session.
    pub fn up(&self) -> Option<u32> {
        lock(&self.session).as_ref().map(|(hello, _)| hello.incarnation)
    }

    /// Puts a message (`Submit` or `StatusQuery`) into what leaves with the next [`ClientSession::flush`]; the node holds it
    /// for `hold` before it takes it. Returns its id, or `None` if there is no session: nothing will be sent.
    pub fn send(&mut self, message: Message, hold: Micros) -> Option<MessageId> {
        let outbox = lock(&self.session).as_ref().map(|(_, outbox)| Arc::clone(outbox))?;
        if !self.pending_for.as_ref().is_some_and(|old| Arc::ptr_eq(old, &outbox)) {
            // What waited for a session that broke is lost with it.
            self.pending = Batch::default();
            self.pending_for = Some(outbox);
        }
        self.sent += 1;
        let id = MessageId { from: self.me.node, start: self.me.start, count: self.sent };
        self.pending.push(&Envelope { id, to: self.home, hold, copy: false, message });
        Some(id)
    }

    /// Lets one packet of a port out at once, which numbers its messages itself; the node holds it for `hold` before it takes
    /// it. Returns the packet if there is no session, or if its queue is full: it is lost.
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

    /// Lets everything out in one batch. Returns how many messages found a full queue and are lost.
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
        // The transport holds the queue too: the session ends only when the queue does.
        if let Some((_, outbox)) = lock(&self.session).take() {
            outbox.close();
        }
    }
}

/// Dials for ever.
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
        Err(error) => return tracing::error!(%error, "a client has no alarm, so no session"),
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
            Err(status) => tracing::debug!(%home, %status, "a client found no session"),
        }
        // What is held survives its sender: it goes on coming out while there is no session.
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

/// Reads a session to its end.
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
