//! The gRPC services of a node: they turn calls into things for the event loop, and its answers into replies.

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

/// Hands a message to the machine in the name of `from`, and waits for its answer.
async fn ask(inbox: &Inbox, from: NodeId, message: Message, answer: MessageKind) -> Result<Message, Status> {
    let (reply, answered) = oneshot::channel();
    inbox.push(In::Call(Call::Ask { from, message, answer, reply }));
    answered.await.map_err(|_| stopping())
}

/// The node ends before it could answer.
fn stopping() -> Status {
    Status::unavailable("this node is stopping; what became of the request is not known")
}

/// The machine answered with something else than the question asks for: a fault of the node.
fn strange(message: &Message) -> Status {
    Status::internal(format!("unexpected answer `{}`", message.kind().word()))
}
