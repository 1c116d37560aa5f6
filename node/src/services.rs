//! The gRPC services of a node. They turn calls into items for the event loop, and its answers into replies.

mod control;
mod link;
mod operator;
mod transactions;

pub(crate) use control::LabService;
pub(crate) use link::LinkService;
pub(crate) use operator::OperatorService;
pub(crate) use transactions::TransactionsService;

use crate::inbox::{Call, In, Inbox};
use indoubt_proto::{
    ids::NodeId,
    message::{Message, MessageKind},
};
use tokio::sync::oneshot;
use tonic::Status;

/// Gives the machine a message from `from`, and waits for its answer.
async fn ask(inbox: &Inbox, from: NodeId, message: Message, answer: MessageKind) -> Result<Message, Status> {
    let (reply, answered) = oneshot::channel();
    inbox.push(In::Call(Call::Ask { from, message, answer, reply }));
    answered.await.map_err(|_| stopping())
}

/// The error if the node ends before it can answer.
fn stopping() -> Status {
    Status::unavailable("this node is stopping; the outcome of the request is not known")
}

/// The error if the machine gave a different kind of answer than expected, which is a bug of the node.
fn strange(message: &Message) -> Status {
    Status::internal(format!("unexpected answer `{}`", message.kind().word()))
}
