//! Sessions: a hello in each direction, then batches. One side dials, with backoff and jitter, and the other accepts. Both
//! check the hello of the other side (`peers.rs`). A session ends when either side ends its stream, when the connection
//! breaks, or when a message does not parse.

use crate::{
    clock,
    event_loop::told,
    frames,
    inbox::{In, Inbox},
    link::{Dialed, MAX_MESSAGE, Outbox, Outgoing},
    links::Session,
    peers::{Admitted, Opened, Peers, Refusal},
};
use indoubt_driver::{
    conditions::Latency,
    random::{Stream, stream},
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Role},
    time::Micros,
    wire::{Frame, Hello, v1::link_client::LinkClient},
};
use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

/// The first pause before a link is dialed again. Each further pause is doubled. The actual pause is drawn between half and
/// all of it.
const FIRST_PAUSE: Micros = Micros::from_millis(10);

/// The longest such pause.
const LAST_PAUSE: Micros = Micros::from_millis(200);

/// The HTTP/2 window of a stream: how many bytes may be on their way before the receiver acknowledges. It is large, because
/// a small one needs window updates for every frame.
pub(crate) const STREAM_WINDOW: u32 = 4 << 20;
/// The same for all streams of a connection.
pub(crate) const CONNECTION_WINDOW: u32 = 16 << 20;

/// The largest HTTP/2 frame that a node accepts. It has room for a whole batch; the default would cut batches into 16 KiB
/// frames.
pub(crate) const HTTP_FRAME: u32 = 256 << 10;

/// What all sessions of one node share.
#[derive(Debug)]
pub(crate) struct Door {
    /// The hello of this node when it started.
    pub(crate) me: Hello,
    /// The last durable record of its journal.
    end: Arc<AtomicU64>,
    /// The inbox for everything that arrives.
    pub(crate) inbox: Arc<Inbox>,
    peers: Mutex<Peers>,
}

impl Door {
    /// Creates the door of `me`, which delivers to `inbox`. `end` follows the journal of this node.
    pub(crate) fn new(me: Hello, end: Arc<AtomicU64>, inbox: Arc<Inbox>, peers: Peers) -> Door {
        Door { me, end, inbox, peers: Mutex::new(peers) }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        // Nothing panics while it holds the lock.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present hello of this node, without a receiver.
    fn hello(&self) -> Hello {
        Hello { end: Lsn(self.end.load(Ordering::Acquire)), ..self.me }
    }

    /// The hello to `peer`.
    fn hello_to(&self, peer: NodeId) -> Hello {
        Hello { receiver: Some(self.peers().remembered(peer)), ..self.hello() }
    }

    /// Begins a session, if the other side may have one. Returns its number.
    fn admit(&self, peer: &Hello, opened: Opened) -> Result<u64, Status> {
        let me = self.hello();
        let Admitted { number, notice } = self.peers().admit(peer, &me, opened).map_err(|refusal| refusal.status())?;
        if let Some(notice) = notice {
            tracing::warn!("{notice}");
        }
        Ok(number)
    }

    /// Logs that this node or `peer` refused a session, once per reason. Broken connections are not logged.
    fn report(&self, peer: NodeId, way: &str, status: &Status) {
        match status.code() {
            Code::DataLoss if self.peers().is_news(peer, status.message()) => {
                tracing::error!("{way}: {}", status.message());
                self.inbox.push(In::Refused { peer });
            }
            Code::AlreadyExists | Code::FailedPrecondition | Code::InvalidArgument | Code::PermissionDenied
                if self.peers().is_news(peer, status.message()) =>
            {
                tracing::warn!("{way}: {}", status.message());
            }
            _ => tracing::debug!(%peer, way, %status, "no session"),
        }
    }

    fn open(&self, peer: NodeId, number: u64, outbox: &Arc<Outbox>) {
        self.inbox.push(In::Up(Session { peer, number, outbox: Arc::clone(outbox) }));
    }

    /// Reads a session until it ends.
    async fn read(&self, peer: Hello, inbound: &mut Streaming<Frame>) -> Result<(), Status> {
        while let Some(frame) = inbound.message().await? {
            let envelopes = frames::read_batch(frame, peer, self.me.node)?;
            if peer.node.role == Role::Participant {
                self.peers().learn(&peer, &envelopes);
            }
            self.inbox.push_batch(envelopes).await;
        }
        Ok(())
    }

    /// Takes the other side's hello, begins a session, and reads it on a task of its own. Returns the frames that go back.
    /// `welcome` says whether nodes of a role may come this way.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        mut inbound: Streaming<Frame>,
        welcome: impl Fn(Role) -> bool,
    ) -> Result<Outgoing, Status> {
        let peer = frames::read_hello(inbound.message().await?)?;
        if !welcome(peer.node.role) {
            return Err(Status::permission_denied(format!(
                "{} cannot open a session with {} here",
                peer.node, self.me.node
            )));
        }
        // The answer contains what was known of the other side before this hello.
        let answer = self.hello_to(peer.node);
        let number = self.admit(&peer, Opened::There).inspect_err(|status| {
            self.report(peer.node, &format!("refused a session of {}", peer.node), status);
        })?;
        let outbox = Outbox::new();
        let outgoing = Outgoing::new(answer, Arc::clone(&outbox));
        self.open(peer.node, number, &outbox);
        let door = Arc::clone(self);
        tokio::spawn(async move {
            let end = door.read(peer, &mut inbound).await;
            door.peers().over(peer.node, number);
            if let Err(status) = &end {
                door.report(peer.node, &format!("ended the session of {}", peer.node), status);
            }
            // The event loop counts the messages that still wait in the queue as lost.
            outbox.end(end);
            door.inbox.push(In::Down { peer: peer.node, session: number });
        });
        Ok(outgoing)
    }

    /// Dials `peer` again and again until `stop` says so. A session that is up then ends by itself, after its waiting
    /// messages have left.
    pub(crate) async fn keep_dialing(
        self: Arc<Self>,
        peer: NodeId,
        address: String,
        seed: u64,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut pauses = Pauses::new(seed, &format!("dial {} {peer} {}", self.me.node, self.me.incarnation));
        let way = format!("no session with {peer} at {address}");
        while !*stop.borrow() {
            let dialed_at = clock::now();
            let greeting = tokio::select! {
                greeting = greet(self.hello_to(peer), peer, |frames| connect(&address, frames)) => greeting,
                () = told(&mut stop) => return,
            };
            let end = match greeting {
                Ok(greeting) => self.converse(greeting).await,
                Err(status) => Err(status),
            };
            if let Err(status) = end {
                self.report(peer, &way, &status);
            }
            tokio::select! {
                () = tokio::time::sleep(pauses.next(dialed_at)) => {}
                () = told(&mut stop) => return,
            }
        }
    }

    /// A session that this node dialed, from the hello of the other side to its end.
    async fn converse(&self, greeting: Greeting) -> Result<(), Status> {
        let Greeting { peer, outbox, mut inbound } = greeting;
        let number = self.admit(&peer, Opened::Here).inspect_err(|_| outbox.end(Ok(())))?;
        self.open(peer.node, number, &outbox);
        let end = self.read(peer, &mut inbound).await;
        self.peers().over(peer.node, number);
        outbox.end(Ok(()));
        self.inbox.push(In::Down { peer: peer.node, session: number });
        end
    }
}

/// A session that was just dialed. Both sides have sent their hello.
pub(crate) struct Greeting {
    /// The hello of the node that answered.
    pub(crate) peer: Hello,
    /// The queue of outgoing messages.
    pub(crate) outbox: Arc<Outbox>,
    /// The stream of incoming frames.
    pub(crate) inbound: Streaming<Frame>,
}

/// Sends a hello as `me` on a stream that `open` opens, and takes the hello of `peer`.
pub(crate) async fn greet<O, F>(me: Hello, peer: NodeId, open: O) -> Result<Greeting, Status>
where
    O: FnOnce(Dialed) -> F,
    F: Future<Output = Result<Streaming<Frame>, Status>>,
{
    let outbox = Outbox::new();
    let mut inbound = open(Dialed(Outgoing::new(me, Arc::clone(&outbox)))).await?;
    let hello = frames::read_hello(inbound.message().await?)?;
    if hello.node != peer {
        return Err(Refusal::WrongNode { expected: peer, found: hello.node }.status());
    }
    Ok(Greeting { peer: hello, outbox, inbound })
}

/// The pauses between dialing. They are doubled each time, with jitter, and short again after a session that lasted.
pub(crate) struct Pauses {
    next: Micros,
    random: Stream,
}

impl Pauses {
    /// Creates pauses whose jitter comes from the stream `name` of `seed`.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Pauses { next: FIRST_PAUSE, random: stream(seed, name) }
    }

    /// The next pause, after an attempt that began at `dialed_at`.
    pub(crate) fn next(&mut self, dialed_at: Micros) -> Duration {
        if clock::now().saturating_sub(dialed_at) > LAST_PAUSE * 2 {
            self.next = FIRST_PAUSE;
        }
        let pause = Latency::Uniform { min: Micros(self.next.0 / 2), max: self.next }.draw(&mut self.random);
        self.next = LAST_PAUSE.min(self.next * 2);
        Duration::from_micros(pause.0)
    }
}

/// Connects to `address` (`host:port`). All clients of a node use this.
pub(crate) async fn dial(address: &str) -> Result<Channel, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Status::invalid_argument(format!("`{address}` is not an address: {error}")))?
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(10)))
        .connect_timeout(Duration::from_secs(2))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP_FRAME);
    endpoint.connect().await.map_err(|error| Status::unavailable(format!("{address}: {}", cause(&error))))
}

/// The operating system's error, which tonic wraps in a generic transport error.
fn cause<'a>(mut error: &'a (dyn std::error::Error + 'static)) -> &'a dyn std::error::Error {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

async fn connect(address: &str, frames: Dialed) -> Result<Streaming<Frame>, Status> {
    let mut client = LinkClient::new(dial(address).await?).max_decoding_message_size(MAX_MESSAGE);
    Ok(client.connect(frames).await?.into_inner())
}
