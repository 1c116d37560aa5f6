//! The id of a message in the messages between the lab and its nodes.

use super::{
    error::{At, WireError},
    node_number::{node, node_number},
    v1,
};
use crate::ids::MessageId;

impl From<MessageId> for v1::MessageId {
    fn from(id: MessageId) -> Self {
        v1::MessageId { from: node_number(id.from), start: id.start, count: id.count }
    }
}

impl TryFrom<v1::MessageId> for MessageId {
    type Error = WireError;

    fn try_from(id: v1::MessageId) -> Result<Self, WireError> {
        Ok(MessageId { from: node(id.from).at("from")?, start: id.start, count: id.count })
    }
}
