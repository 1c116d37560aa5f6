//! The life of a node: opens the journal, recovers the machine, listens, serves, and stops.

use crate::{
    alarm::Alarm,
    clock,
    config::{NodeConfig, Ready},
    error::NodeError,
    event_loop::{Engine, told},
    hands::Hands,
    inbox::Inbox,
    journal::Owner,
    lab::LabPort,
    link::MAX_MESSAGE,
    links::{BOOT_PATIENCE, Links},
    log::{Log, Recovered},
    peers::Peers,
    replies::Replies,
    services::{LabService, LinkService, OperatorService, TransactionsService},
    session::{CONNECTION_WINDOW, Door, HTTP_FRAME, STREAM_WINDOW},
    timers::{Held, Timers},
    trace::Trace,
};
use indoubt_driver::{
    driver::{self, Driver},
    port::Port,
    random::of_forces,
};
use indoubt_proto::{
    ids::NodeId,
    machine::Machine,
    observation::Observation,
    wire::{
        DESCRIPTORS, Hello,
        v1::{
            lab_server::LabServer, link_server::LinkServer, operator_server::OperatorServer,
            transactions_server::TransactionsServer,
        },
    },
};
use std::{
    future::Future, io, net::SocketAddr, os::unix::fs::MetadataExt, path::Path, pin::pin, sync::Arc, time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_stream::StreamExt as _;
use tonic::transport::server::{Router, Server, TcpIncoming};

/// How long the node tries to listen on a port that is still in use.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

/// How long a stopping node waits until its last messages have left.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long the node waits after it could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often the node looks whether its data directory is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a connection may be silent before the node asks whether the other side is still there.
const PING_EVERY: Duration = Duration::from_secs(10);

/// How long the node waits for the answer. Without one, it treats the sessions of the connection as broken.
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// A node that has recovered and listens. [`Node::run`] lets it serve.
pub struct Node<M: Machine> {
    ready: Ready,
    /// Its first observation, unless this is its first start.
    restarted: Option<Observation>,
    config: NodeConfig,
    listener: TcpListener,
    engine: Engine<M>,
    door: Arc<Door>,
    stop: watch::Sender<bool>,
    lab: Option<LabService>,
}

/// Runs `machine` as the node that `config` describes until `shutdown` is ready. Prints the readiness line on stdout.
///
/// # Errors
/// If the node cannot start (journal, port, data of another node) or cannot continue (a forced write failed, the trace cannot be
/// written).
pub async fn serve<M>(
    machine: M,
    config: NodeConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), NodeError>
where
    M: Machine + Send + Sync + 'static,
    M::Record: Send + Sync,
    M::Timer: Send + Sync,
{
    let node = Node::start(machine, config).await?;
    // The end of the line flushes it. An error is ignored, because the parent process need not read the line.
    let _ = io::Write::write_all(&mut io::stdout(), format!("{}\n", node.ready()).as_bytes());
    let _ = io::Write::flush(&mut io::stdout());
    node.run(shutdown).await
}

/// Runs `machine` as a process: [`serve`] on a current-thread runtime, until SIGTERM or SIGINT.
///
/// # Errors
/// Those of [`serve`], and if the runtime cannot be started.
pub fn run<M>(machine: M, config: NodeConfig) -> Result<(), NodeError>
where
    M: Machine + Send + Sync + 'static,
    M::Record: Send + Sync,
    M::Timer: Send + Sync,
{
    let server = |error: io::Error| NodeError::Server { node: config.id, error: error.to_string() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(server)?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(server)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(server)?;
        let told = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        serve(machine, config.clone(), told).await
    })
}

impl<M> Node<M>
where
    M: Machine + Send + Sync + 'static,
    M::Record: Send + Sync,
    M::Timer: Send + Sync,
{
    /// Opens the journal, recovers the machine from it, and listens. Nothing is sent or accepted before [`Node::run`].
    ///
    /// # Errors
    /// If the data directory is in use, damaged or belongs to another node, if the port is in use, or if the trace cannot be opened.
    pub async fn start(machine: M, config: NodeConfig) -> Result<Self, NodeError> {
        let owner = Owner { node: config.id, protocol: config.protocol.clone() };
        let (log, Recovered { log: id, fresh, incarnation, last, records, since }) =
            Log::open(&config.data_dir, owner)?;
        let start = config.start.unwrap_or(incarnation);
        log.draw_forces_from(of_forces(config.seed, config.id, start));
        let trace = config.trace.as_deref().map(|path| Trace::open(path, config.id)).transpose()?;
        let mut port = Port::new(config.id, config.seed);
        port.begin(start, incarnation);
        let mut driver = Driver::new(port);
        driver.boot(machine, driver::Recovered { log: id, last, records }, config.compact_every.max(1));
        // What is still open is as old as its first record in the journal.
        let open = driver.machine().map(|machine| machine.inspect(false).open).unwrap_or_default();
        let since = open.iter().filter_map(|open| Some((open.txn, *since.get(&open.txn)?))).collect();
        let restarted = Observation::Restarted { incarnation, log: id, upto: last, lost: fresh };
        let restarted = (start > 1).then_some(restarted);
        let (listener, address) = listen(config.listen).await?;

        let me = Hello { node: config.id, incarnation, start, log: id, end: last, receiver: None };
        let inbox = Arc::new(Inbox::default());
        let listed: Vec<NodeId> = config.peers.iter().map(|(peer, _)| *peer).collect();
        let peers = Peers::new(config.id, listed.clone());
        let door = Arc::new(Door::new(me, log.follow_durable(), Arc::clone(&inbox), peers));
        let (stop, stopped) = watch::channel(false);
        let (commands, obeyed) = mpsc::unbounded_channel();
        let now = clock::now();
        let hands = Hands {
            me: config.id,
            now,
            log,
            timers: Timers::new(),
            held: Held::new(),
            links: Links::new(config.id, start, config.seed, listed, now + BOOT_PATIENCE),
            trace,
            replies: Replies::default(),
            lab: LabPort::new(obeyed),
            reports: Vec::new(),
            since,
        };
        let alarm = Alarm::new().map_err(NodeError::Alarm)?;
        let engine = Engine { driver, hands, alarm, inbox, items: Vec::new(), stop: stopped, called: 0, unnamed: 1 };
        let ready = Ready { node: config.id, address, incarnation, log: id };
        let lab = config.lab.then_some(LabService { commands });
        Ok(Node { ready, restarted, config, listener, engine, door, stop, lab })
    }

    /// The contents of the readiness line.
    pub fn ready(&self) -> Ready {
        self.ready
    }

    /// Serves until `shutdown` is ready, then flushes journal and trace and ends.
    ///
    /// # Errors
    /// If a forced write failed, the trace cannot be written, or the server failed.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
        let Node { restarted, config, listener, engine, door, stop, lab, .. } = self;
        let router = router(&door, &config, lab).await;
        let mut stopped = stop.subscribe();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).then(async |accepted| {
            // If no file descriptor is left, accept fails at once, over and over.
            if accepted.is_err() {
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            accepted
        });
        let server = router.serve_with_incoming_shutdown(incoming, async move { told(&mut stopped).await });
        let mut tasks = JoinSet::new();
        for (peer, address) in config.peers.iter().filter(|(peer, _)| config.dials(*peer)) {
            tasks.spawn(Arc::clone(&door).keep_dialing(*peer, address.clone(), config.seed, stop.subscribe()));
        }
        let inbox = Arc::clone(&door.inbox);
        let mut server = pin!(server);
        let mut machine = pin!(engine.run(restarted, config.lab));
        let mut shutdown = pin!(shutdown);
        let mut data_gone = pin!(data_gone(&config.data_dir));
        let end = loop {
            tokio::select! {
                end = &mut machine => break end,
                error = &mut data_gone => break Err(error),
                end = &mut server, if !*stop.borrow() => {
                    let error = end.err().map_or_else(|| "ended by itself".into(), |error| error.to_string());
                    break Err(NodeError::Server { node: config.id, error });
                }
                () = &mut shutdown, if !*stop.borrow() => {
                    let _ = stop.send(true);
                }
            }
        };
        inbox.close();
        if *stop.borrow() && end.is_ok() {
            // A session ends when its queue is empty. Sessions that take too long are cut off.
            let farewell = async {
                while tasks.join_next().await.is_some() {}
                server.await
            };
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        }
        end
    }
}

/// All services of the node.
async fn router(door: &Arc<Door>, config: &NodeConfig, lab: Option<LabService>) -> Router {
    let transactions = TransactionsServer::new(TransactionsService { door: Arc::clone(door) });
    let protocol = config.protocol.as_str().into();
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<TransactionsServer<TransactionsService>>().await;
    let reflection =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    Server::builder()
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP_FRAME)
        // Without this, the session of a host that has disappeared would block its next session until TCP gives up.
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_PATIENCE))
        .add_service(LinkServer::new(LinkService { door: Arc::clone(door) }).max_decoding_message_size(MAX_MESSAGE))
        .add_service(transactions.max_decoding_message_size(MAX_MESSAGE))
        .add_service(OperatorServer::new(OperatorService { door: Arc::clone(door), protocol }))
        .add_optional_service(lab.map(|lab| LabServer::new(lab).max_decoding_message_size(MAX_MESSAGE)))
        .add_service(health_service)
        .add_service(reflection().build_v1().expect("the descriptors were compiled with this crate"))
        .add_service(reflection().build_v1alpha().expect("the descriptors were compiled with this crate"))
}

/// Waits until the data directory, or the journal in it, is no longer the one that the node opened.
async fn data_gone(dir: &Path) -> NodeError {
    let place = || std::fs::metadata(dir).map(|dir| (dir.dev(), dir.ino())).ok();
    let opened = place();
    while opened.is_some() && place() == opened && dir.join("journal").exists() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    NodeError::Gone { path: dir.to_owned() }
}

/// Listens at `address`. A given port may be in use for a moment, by the local end of a connection or by the process that this one
/// replaces, so this tries for a while.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), NodeError> {
    let failed = |error| NodeError::Listen { address, error };
    let since = clock::now();
    let listener = loop {
        match TcpListener::bind(address).await {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && address.port() != 0
                    && clock::now().saturating_sub(since).0 < PORT_PATIENCE.as_micros() as u64 =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            end => break end.map_err(failed)?,
        }
    };
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
