//! The `Transactions` service of a coordinating node: unary calls for people, and a stream for load.

use super::{ask, stopping, strange};
use crate::{
    frames::not_for,
    inbox::{Call, In},
    link::Outgoing,
    session::Door,
};
use indoubt_proto::{
    ids::{NodeId, Role},
    message::{Message, MessageKind},
    plan::Submission,
    wire::{
        Frame, StatusReply, StatusRequest, SubmissionName, SubmitReply, SubmitRequest,
        v1::transactions_server::Transactions,
    },
};
use std::sync::Arc;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

/// Takes transactions. At a participant, the error says to which nodes to submit.
#[derive(Clone, Debug)]
pub(crate) struct TransactionsService {
    pub(crate) door: Arc<Door>,
}

impl TransactionsService {
    fn here(&self) -> Result<NodeId, Status> {
        let me = self.door.me.node;
        if !MessageKind::Submit.entry().is_taken_by(me) {
            return Err(Status::unimplemented(format!(
                "{me} is a participant and runs no transactions of its own: submit to a coordinating node (c1, c2, …)"
            )));
        }
        Ok(me)
    }
}

#[tonic::async_trait]
impl Transactions for TransactionsService {
    type SubmitStreamStream = Outgoing;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitReply>, Status> {
        let me = self.here()?;
        let SubmitRequest { name, audit, steps } = request.into_inner();
        let answer = match name {
            None => {
                let (reply, answered) = oneshot::channel();
                self.door.inbox.push(In::Call(Call::Submit { audit, steps, reply }));
                answered.await.map_err(|_| stopping())?
            }
            Some(SubmissionName { txn, .. }) if txn.client == NodeId::client(0) => {
                let why = "the names of k0 are given by the node: use a client of your own, or no name";
                return Err(Status::invalid_argument(format!("txn: {why}")));
            }
            Some(SubmissionName { txn, epoch, log }) => {
                if let Some(why) = not_for(me, txn.client, txn) {
                    return Err(Status::invalid_argument(format!("txn: {why}")));
                }
                let submission = Message::Submit(Submission { txn, epoch, log, audit, steps });
                ask(&self.door.inbox, txn.client, submission, MessageKind::Outcome).await?
            }
        };
        match answer {
            Message::Outcome { txn, outcome } => Ok(Response::new(SubmitReply { txn, outcome })),
            other => Err(strange(&other)),
        }
    }

    async fn submit_stream(&self, request: Request<Streaming<Frame>>) -> Result<Response<Outgoing>, Status> {
        self.here()?;
        self.door.accept(request.into_inner(), |role| role == Role::Client).await.map(Response::new)
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        let me = self.here()?;
        let StatusRequest { txn } = request.into_inner();
        if let Some(why) = not_for(me, txn.client, txn) {
            return Err(Status::invalid_argument(format!("txn: {why}")));
        }
        // The unnamed client asks, so that the answer does not go to the session of the client that submitted the transaction.
        let query = Message::StatusQuery { txn };
        match ask(&self.door.inbox, NodeId::client(0), query, MessageKind::StatusReply).await? {
            Message::StatusReply { txn, status } => Ok(Response::new(StatusReply { txn, status })),
            other => Err(strange(&other)),
        }
    }
}
