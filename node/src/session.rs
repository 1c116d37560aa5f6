//! Sessions: a hello in each direction, then batches. One side dials, with backoff and jitter, the other accepts. Both check
//! the other's hello (`peers.rs`). Either end of the stream, a broken connection or a message that does not parse ends the
//! session.

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

/// The first pause before a link is dialed again; doubled each time, drawn between half and all of it.
const FIRST_PAUSE: Micros = Micros::from_millis(10);

/// The longest such pause.
const LAST_PAUSE: Micros = Micros::from_millis(200);

/// HTTP/2 windows: what may be under way before a receiver has to acknowledge. Wide, because a narrow one costs a round of
/// window updates for every frame.
pub(crate) const STREAM_WINDOW: u32 = 4 << 20;
/// The same for all streams of a connection.
pub(crate) const CONNECTION_WINDOW: u32 = 16 << 20;

/// The largest HTTP/2 frame that a node accepts: a batch in one piece, where the default would cut it into 16 KiB ones.
pub(crate) const HTTP_FRAME: u32 = 256 << 10;

/// What sessions of one node share.
#[derive(Debug)]
pub(crate) struct Door {
    /// What this node said of itself when it started.
    pub(crate) me: Hello,
    /// The last durable record of its journal.
    end: Arc<AtomicU64>,
    /// Where everything goes that arrives.
    pub(crate) inbox: Arc<Inbox>,
    peers: Mutex<Peers>,
}

impl Door {
    /// The door of `me`, before `inbox`. `end` follows the journal of this node.
    pub(crate) fn new(me: Hello, end: Arc<AtomicU64>, inbox: Arc<Inbox>, peers: Peers) -> Door {
        Door { me, end, inbox, peers: Mutex::new(peers) }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        // Nothing panics while it holds the lock.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this node says of itself now.
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

    /// Tells people that a session with `peer` was refused here or there, once for each reason. Broken connections are no news.
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

    /// Reads a session to its end.
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
    /// `welcome` says which roles may come this way.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        mut inbound: Streaming<Frame>,
        welcome: &[Role],
    ) -> Result<Outgoing, Status> {
        let peer = frames::read_hello(inbound.message().await?)?;
        if !welcome.contains(&peer.node.role) {
            return Err(Status::permission_denied(format!("{} cannot speak to {} here", peer.node, self.me.node)));
        }
        // It is told what was known of it before this hello.
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
            // What waited in the queue is counted as lost when the event loop takes the session down.
            outbox.end(end);
            door.inbox.push(In::Down { peer: peer.node, session: number });
        });
        Ok(outgoing)
    }

    /// Dials `peer`, one session after the other, until `stop` says so. A session that is up then ends by itself, after
    /// what waits in it has left.
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

    /// A session that this node has dialed, from the hello of the other side to its end.
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

/// A session just dialed: both have said hello.
pub(crate) struct Greeting {
    /// Who answered.
    pub(crate) peer: Hello,
    /// Where messages leave.
    pub(crate) outbox: Arc<Outbox>,
    /// Where they arrive.
    pub(crate) inbound: Streaming<Frame>,
}

/// Says hello as `me` on a stream that `open` opens, and takes the hello of `peer`.
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

/// The pauses between dialing: doubled each time, with jitter, and short again after a session that lasted.
pub(crate) struct Pauses {
    next: Micros,
    random: Stream,
}

impl Pauses {
    /// Pauses whose jitter comes from the stream `name` of `seed`.
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

/// A connection to `address` (`host:port`), as every client of a node makes it.
pub(crate) async fn dial(address: &str) -> Result<Channel, Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Status::invalid_argument(format!("`{address}` is no address: {error}")))?
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(10)))
        .connect_timeout(Duration::from_secs(2))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP_FRAME);
    endpoint.connect().await.map_err(|error| Status::unavailable(format!("{address}: {}", cause(&error))))
}

/// What the operating system said: the errors around it name no more than a failed transport.
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
