//! One direction of one session: a bounded queue that the event loop fills and the transport drains, everything that waits
//! in one frame. A full queue or a broken session loses messages; it never blocks the machine.

use indoubt_proto::wire::{Batch, Envelope, Frame, Hello};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio_stream::Stream;
use tonic::Status;

/// Messages that may wait in one direction of a session; more are lost. A node that is frozen (SIGSTOP) fills first its
/// kernel's buffers, then the stream's window, then this.
pub const LINK_QUEUE: usize = 65_536;

/// Messages in one frame.
const FRAME_MESSAGES: usize = 4_096;

/// Bytes after which a frame takes no further message.
const FRAME_BYTES: usize = 1 << 20;

/// The largest message that any service of a node takes, in bytes. A frame of [`FRAME_BYTES`] and one message more fits,
/// because a node refuses what would need larger ones.
pub(crate) const MAX_MESSAGE: usize = 4 << 20;

/// The queue of one direction of one session.
#[derive(Debug)]
pub(crate) struct Outbox(Mutex<State>);

#[derive(Debug)]
struct State {
    queue: Batch,
    end: Option<Result<(), Status>>,
    waker: Option<Waker>,
}

impl Outbox {
    /// An open queue.
    pub(crate) fn new() -> Arc<Outbox> {
        Arc::new(Outbox(Mutex::new(State { queue: Batch::default(), end: None, waker: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, and what it guards is sound at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds everything, in order, and wakes the transport once. What does not fit stays in `pending`: it is lost.
    pub(crate) fn extend(&self, pending: &mut Batch) {
        let mut state = self.state();
        let room = if state.end.is_none() { LINK_QUEUE.saturating_sub(state.queue.len()) } else { 0 };
        if pending.len() <= room {
            state.queue.append(pending);
        } else {
            state.queue.append(&mut pending.take(room, usize::MAX));
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the session in this direction once everything that waits has left; with a status, if the other side did
    /// something wrong.
    pub(crate) fn end(&self, end: Result<(), Status>) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the session in this direction at once. Returns what waited: it is lost.
    pub(crate) fn close(&self) -> Vec<Envelope> {
        let lost = std::mem::take(&mut self.state().queue);
        self.end(Ok(()));
        parse(&lost)
    }
}

/// The messages of a batch that this node made itself. One that it could not read back (a text beyond the limits of the
/// wire) is left out: no peer would have taken it.
pub(crate) fn parse(batch: &Batch) -> Vec<Envelope> {
    batch.envelopes().filter_map(Result::ok).collect()
}

/// The stream of frames that the transport drains: a hello, then batches.
#[derive(Debug)]
pub(crate) struct Outgoing {
    hello: Option<Hello>,
    outbox: Arc<Outbox>,
}

impl Outgoing {
    /// The frames of `outbox`, after `hello`.
    pub(crate) fn new(hello: Hello, outbox: Arc<Outbox>) -> Self {
        Outgoing { hello: Some(hello), outbox }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame, Status>>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(Ok(Frame::Hello(hello))));
        }
        let mut state = self.outbox.state();
        if !state.queue.is_empty() {
            return Poll::Ready(Some(Ok(Frame::Batch(state.queue.take(FRAME_MESSAGES, FRAME_BYTES)))));
        }
        match &mut state.end {
            // The status is told once; whoever asks again finds the plain end.
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The serving side's frames.
impl Stream for Outgoing {
    type Item = Result<Frame, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_frame(context)
    }
}

/// The dialing side's frames: a request cannot end with a status, so it ends without.
#[derive(Debug)]
pub(crate) struct Dialed(pub(crate) Outgoing);

impl Stream for Dialed {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_frame(context).map(|frame| frame.and_then(Result::ok))
    }
}
