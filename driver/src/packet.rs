//! A message on its way.

use indoubt_proto::{
    ids::{MessageId, NodeId},
    message::Message,
    observation::Observation,
};

/// A message on its way, or a copy of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The id of the message, which names the sender.
    pub id: MessageId,
    /// The receiver.
    pub to: NodeId,
    /// Whether this is the copy.
    pub copy: bool,
    /// The message.
    pub message: Message,
}

impl Packet {
    /// That it was sent.
    pub fn sent(&self) -> Observation {
        let Packet { id, to, copy, ref message } = *self;
        Observation::Sent { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
    }

    /// That it was taken as input.
    pub fn received(&self) -> Observation {
        let Packet { id, to, copy, ref message } = *self;
        let ticket = message.ticket().copied();
        Observation::Received { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy, ticket }
    }

    /// That it never will be.
    pub fn dropped(&self) -> Observation {
        let Packet { id, to, copy, ref message } = *self;
        Observation::Dropped { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
    }
}
