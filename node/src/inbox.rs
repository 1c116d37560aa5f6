//! The inbox of the machine's task: batches of messages, sessions that begin and end, calls from services. Readers add whole
//! batches, with one wake-up each. The event loop takes everything at once.

use crate::links::Session;
use indoubt_proto::{
    ids::NodeId,
    inspect::Inspection,
    message::{Message, MessageKind},
    plan::PlanStep,
    wire::{Envelope, Stats},
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// How many messages may wait before readers pause. Then the transports of the senders push back.
const CAPACITY: usize = 65_536;

/// An item for the machine's task.
#[derive(Debug)]
pub(crate) enum In {
    /// A session began. It replaces the one of an earlier incarnation.
    Up(Session),
    /// A session has ended.
    Down {
        /// The other node.
        peer: NodeId,
        /// The number of the session.
        session: u64,
    },
    /// There is no session, because this node or the other one has an older copy of its journal.
    Refused {
        /// The other node.
        peer: NodeId,
    },
    /// Messages arrived, in this order.
    Batch(Vec<Envelope>),
    /// A service needs something from the machine.
    Call(Call),
}

/// A call of a service.
#[derive(Debug)]
pub(crate) enum Call {
    /// Give this message to the machine, and return its answer.
    Ask {
        /// The sender that the machine sees.
        from: NodeId,
        /// The message for the machine.
        message: Message,
        /// The kind of message that answers it.
        answer: MessageKind,
        /// The channel for the answer.
        reply: oneshot::Sender<Message>,
    },
    /// Submit a transaction of the unnamed client `k0`, with an id that the node chooses.
    Submit {
        /// Whether it is a read-only audit.
        audit: bool,
        /// The steps of the transaction.
        steps: Vec<PlanStep>,
        /// The channel for the outcome.
        reply: oneshot::Sender<Message>,
    },
    /// Show the state of the machine.
    Inspect {
        /// Whether to show the data too.
        accounts: bool,
        /// The channel for the answer.
        reply: oneshot::Sender<(Inspection, Stats)>,
    },
}

/// The queue of items for the machine's task.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    items: Vec<In>,
    messages: usize,
    closed: bool,
}

impl Inbox {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in this file panics while it holds the lock, and the guarded state is valid at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item. After [`Inbox::close`] the item is dropped, so that its caller sees a closed channel.
    pub(crate) fn push(&self, item: In) {
        let mut waiting = self.waiting();
        if waiting.closed {
            return;
        }
        if let In::Batch(batch) = &item {
            waiting.messages += batch.len();
        }
        waiting.items.push(item);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits until there is room, and adds messages.
    pub(crate) async fn push_batch(&self, batch: Vec<Envelope>) {
        loop {
            let emptied = self.emptied.notified();
            if self.waiting().messages < CAPACITY {
                break;
            }
            emptied.await;
        }
        self.push(In::Batch(batch));
    }

    /// Takes all items. `into` must be empty; its buffer is used again.
    pub(crate) fn take(&self, into: &mut Vec<In>) {
        let mut waiting = self.waiting();
        std::mem::swap(&mut waiting.items, into);
        let was_full = std::mem::take(&mut waiting.messages) >= CAPACITY;
        drop(waiting);
        if was_full {
            self.emptied.notify_waiters();
        }
    }

    /// Stops accepting items.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.messages = 0;
        waiting.items.clear();
        drop(waiting);
        self.emptied.notify_waiters();
    }

    /// Whether no item waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().items.is_empty()
    }

    /// Waits until an item may have been added since the last [`Inbox::take`].
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }
}
