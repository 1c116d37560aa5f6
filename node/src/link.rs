//! One direction of one session: a bounded queue that the event loop fills and the transport drains, everything that waits
//! in one frame. A full queue or a broken session loses messages; it never blocks the machine.

use indoubt_proto::wire::{Envelope, Frame, Hello, v1};
use std::{
    collections::VecDeque,
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
    queue: VecDeque<Envelope>,
    end: Option<Result<(), Status>>,
    waker: Option<Waker>,
}

impl Outbox {
    /// An open queue.
    pub(crate) fn new() -> Arc<Outbox> {
        Arc::new(Outbox(Mutex::new(State { queue: VecDeque::new(), end: None, waker: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, and what it guards is sound at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds everything, in order, and wakes the transport once. What does not fit stays in `pending`: it is lost.
    pub(crate) fn extend(&self, pending: &mut Vec<Envelope>) {
        let mut state = self.state();
        let room = if state.end.is_none() { LINK_QUEUE.saturating_sub(state.queue.len()) } else { 0 };
        state.queue.extend(pending.drain(..room.min(pending.len())));
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
        let lost = std::mem::take(&mut self.state().queue).into();
        self.end(Ok(()));
        lost
    }
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

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<v1::Frame, Status>>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(Ok(Frame::Hello(hello).into())));
        }
        let mut state = self.outbox.state();
        if !state.queue.is_empty() {
            let mut envelopes = Vec::with_capacity(state.queue.len().min(FRAME_MESSAGES));
            let mut bytes = 0;
            while envelopes.len() < FRAME_MESSAGES && bytes < FRAME_BYTES {
                let Some(envelope) = state.queue.pop_front() else { break };
                let envelope = v1::Envelope::from(envelope);
                bytes += prost::Message::encoded_len(&envelope);
                envelopes.push(envelope);
            }
            let frame = v1::frame::Frame::Batch(v1::Batch { envelopes });
            return Poll::Ready(Some(Ok(v1::Frame { frame: Some(frame) })));
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
    type Item = Result<v1::Frame, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_frame(context)
    }
}

/// The dialing side's frames: a request cannot end with a status, so it ends without.
#[derive(Debug)]
pub(crate) struct Dialed(pub(crate) Outgoing);

impl Stream for Dialed {
    type Item = v1::Frame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_frame(context).map(|frame| frame.and_then(Result::ok))
    }
}
