//! One direction of one session: a bounded queue. The event loop fills it, and the transport takes all waiting messages in
//! one frame. If the queue is full or the session breaks, messages are lost. The queue never blocks the machine.

use indoubt_proto::wire::{Batch, Envelope, Frame, Hello};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio_stream::Stream;
use tonic::Status;

/// The most messages that may wait in one direction of a session. Further messages are lost. If the receiver is frozen
/// (SIGSTOP), first the buffers of its kernel fill, then the window of the stream, then this queue.
pub const LINK_QUEUE: usize = 65_536;

/// The most messages in one frame.
const FRAME_MESSAGES: usize = 4_096;

/// A frame with this many bytes takes no further message.
const FRAME_BYTES: usize = 1 << 20;

/// The largest message that any service of a node accepts, in bytes. It has room for a frame of [`FRAME_BYTES`] and one
/// more message, because a node sends nothing larger.
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
    /// Creates an open queue.
    pub(crate) fn new() -> Arc<Outbox> {
        Arc::new(Outbox(Mutex::new(State { queue: Batch::default(), end: None, waker: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, so the state is always valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds all messages, in order, and wakes the transport once. Messages for which there is no room stay in `pending`;
    /// they are lost.
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

    /// Ends the session in this direction after all waiting messages have left. The status says what the other side did
    /// wrong, if it did.
    pub(crate) fn end(&self, end: Result<(), Status>) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the session in this direction at once. Returns the waiting messages, which are lost.
    pub(crate) fn close(&self) -> Vec<Envelope> {
        let lost = std::mem::take(&mut self.state().queue);
        self.end(Ok(()));
        parse(&lost)
    }
}

/// Parses a batch that this node made. A message that does not parse, such as one with a text beyond the limits of the
/// wire, is left out, because every peer would reject it.
pub(crate) fn parse(batch: &Batch) -> Vec<Envelope> {
    batch.envelopes().filter_map(Result::ok).collect()
}

/// The stream of frames that the transport sends: a hello, then batches.
#[derive(Debug)]
pub(crate) struct Outgoing {
    hello: Option<Hello>,
    outbox: Arc<Outbox>,
}

impl Outgoing {
    /// Makes the frames of `outbox`, after `hello`.
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
            // The status is returned once. After that the stream just ends.
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// The frames of the side that accepted the session.
impl Stream for Outgoing {
    type Item = Result<Frame, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_frame(context)
    }
}

/// The frames of the side that dialed. A gRPC request cannot end with a status, so it just ends.
#[derive(Debug)]
pub(crate) struct Dialed(pub(crate) Outgoing);

impl Stream for Dialed {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_frame(context).map(|frame| frame.and_then(Result::ok))
    }
}
