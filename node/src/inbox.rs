//! What waits for the machine's task: batches of messages, sessions that come and go, calls from services. Readers put
//! whole batches in, with one wake-up each; the event loop takes everything at once.

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

/// Messages that may wait before readers pause, so that the senders' transports push back.
const CAPACITY: usize = 65_536;

/// One thing for the machine's task.
#[derive(Debug)]
pub(crate) enum In {
    /// A session began. It replaces an older one with the same node.
    Up(Session),
    /// A session is over.
    Down {
        /// With whom.
        peer: NodeId,
        /// Which.
        session: u64,
    },
    /// Messages arrived, in this order.
    Batch(Vec<Envelope>),
    /// A service asks.
    Call(Call),
}

/// A question of a service.
#[derive(Debug)]
pub(crate) enum Call {
    /// Hand this message to the machine, and tell what it answers.
    Ask {
        /// In whose name.
        from: NodeId,
        /// What.
        message: Message,
        /// The kind of message that answers it.
        answer: MessageKind,
        /// Where the answer goes.
        reply: oneshot::Sender<Message>,
    },
    /// Submit a transaction in the name of client `k0`, under a name that the node chooses.
    Submit {
        /// A read-only audit.
        audit: bool,
        /// Its steps.
        steps: Vec<PlanStep>,
        /// Where the outcome goes.
        reply: oneshot::Sender<Message>,
    },
    /// Show what the machine holds.
    Inspect {
        /// The data too.
        accounts: bool,
        /// Where the answer goes.
        reply: oneshot::Sender<(Inspection, Stats)>,
    },
}

/// The queue itself.
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
        // Nothing in here panics while it holds the lock, and what it guards is sound at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one thing. Once nobody takes anything any more it is dropped, and so a caller learns of it.
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

    /// Adds messages, after waiting for room.
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

    /// Takes everything; `into` must be empty, and its room is used again.
    pub(crate) fn take(&self, into: &mut Vec<In>) {
        let mut waiting = self.waiting();
        std::mem::swap(&mut waiting.items, into);
        let was_full = std::mem::take(&mut waiting.messages) >= CAPACITY;
        drop(waiting);
        if was_full {
            self.emptied.notify_waiters();
        }
    }

    /// Nobody takes anything any more.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.messages = 0;
        waiting.items.clear();
        drop(waiting);
        self.emptied.notify_waiters();
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().items.is_empty()
    }

    /// Waits until something may have been added since the last [`Inbox::take`].
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }
}
