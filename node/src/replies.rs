//! Unary callers that wait for an answer of the machine. They have no session.

use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Message, MessageKind},
};
use std::collections::HashMap;
use tokio::sync::oneshot;

type Awaited = (NodeId, MessageKind, Option<TxnId>);

/// The waiting callers, by the answer for which they wait.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    waiting: HashMap<Awaited, Vec<oneshot::Sender<Message>>>,
    /// The number of entries at which callers that gave up are removed.
    clear_at: usize,
}

impl Replies {
    /// Adds a caller: `reply` waits for a message of `kind` about `txn` to `node`.
    pub(crate) fn expect(
        &mut self,
        node: NodeId,
        kind: MessageKind,
        txn: Option<TxnId>,
        reply: oneshot::Sender<Message>,
    ) {
        if self.waiting.len() >= self.clear_at {
            self.waiting.retain(|_, replies| replies.iter().any(|reply| !reply.is_closed()));
            self.clear_at = 64.max(2 * self.waiting.len());
        }
        self.waiting.entry((node, kind, txn)).or_default().push(reply);
    }

    /// Whether a caller waits for this message to `to`.
    pub(crate) fn awaits(&self, to: NodeId, message: &Message) -> bool {
        !self.waiting.is_empty() && self.waiting.contains_key(&(to, message.kind(), message.txn()))
    }

    /// Gives this message to the callers that wait for it at `to`: to all of them, or only to the first if the message names no
    /// transaction (operator actions are answered in order). Returns whether a caller waited.
    pub(crate) fn tell(&mut self, to: NodeId, message: &Message) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let awaited = (to, message.kind(), message.txn());
        let Some(mut replies) = self.waiting.remove(&awaited) else { return false };
        if awaited.2.is_none() && replies.len() > 1 {
            let later = replies.split_off(1);
            self.waiting.insert(awaited, later);
        }
        for reply in replies {
            // A caller that has given up does not get it.
            let _ = reply.send(message.clone());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(count: u32) -> Message {
        Message::Done { count, detail: String::new() }
    }

    #[test]
    fn the_operators_calls_are_answered_one_by_one_in_order() {
        let mut replies = Replies::default();
        let (first, mut first_got) = oneshot::channel();
        let (second, mut second_got) = oneshot::channel();
        replies.expect(NodeId::LAB, MessageKind::Done, None, first);
        replies.expect(NodeId::LAB, MessageKind::Done, None, second);
        assert!(replies.tell(NodeId::LAB, &done(1)));
        assert_eq!(first_got.try_recv().unwrap(), done(1));
        assert!(second_got.try_recv().is_err());
        assert!(replies.tell(NodeId::LAB, &done(2)));
        assert_eq!(second_got.try_recv().unwrap(), done(2));
        assert!(!replies.tell(NodeId::LAB, &done(3)));
    }

    #[test]
    fn all_who_wait_for_one_transaction_are_told_and_those_who_gave_up_are_cleared_away() {
        let txn: TxnId = "c1-k0-1".parse().unwrap();
        let k0 = NodeId::client(0);
        let mut replies = Replies::default();
        let mut got = Vec::new();
        for number in 0..1_000 {
            let (reply, _gave_up) = oneshot::channel();
            replies.expect(k0, MessageKind::Outcome, Some(TxnId { number: number + 2, ..txn }), reply);
        }
        assert!(replies.waiting.len() < 200);
        for _ in 0..2 {
            let (reply, receiver) = oneshot::channel();
            replies.expect(k0, MessageKind::Outcome, Some(txn), reply);
            got.push(receiver);
        }
        let outcome = indoubt_proto::message::Outcome::Committed { reads: Vec::new() };
        let message = Message::Outcome { txn, outcome };
        assert!(replies.tell(k0, &message));
        assert!(got.iter_mut().all(|receiver| receiver.try_recv().as_ref() == Ok(&message)));
    }
}
