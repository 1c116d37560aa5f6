//! A message on its way through the network.

use indoubt_proto::{
    ids::{MessageId, NodeId},
    message::Message,
    observation::Observation,
};

/// A message, or its copy, on its way through the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The id of the message, which contains the sender.
    pub id: MessageId,
    /// The receiver.
    pub to: NodeId,
    /// Whether this is a copy that the network or a fault made.
    pub copy: bool,
    /// The contents of the packet.
    pub message: Message,
}

impl Packet {
    /// The observation that the packet was sent.
    pub fn sent(&self) -> Observation {
        let Packet { id, to, copy, ref message } = *self;
        Observation::Sent { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
    }

    /// The observation that the packet was taken as input.
    pub fn received(&self) -> Observation {
        let Packet { id, to, copy, ref message } = *self;
        let ticket = message.ticket().copied();
        Observation::Received { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy, ticket }
    }

    /// The observation that the packet was lost.
    pub fn dropped(&self) -> Observation {
        let Packet { id, to, copy, ref message } = *self;
        Observation::Dropped { id, from: id.from, to, message: message.kind(), txn: message.txn(), copy }
    }
}
