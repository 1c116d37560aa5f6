//! The `Operator` service: shows the state of a live node, and takes operator actions.

use super::{ask, stopping, strange};
use crate::{
    inbox::{Call, In},
    session::Door,
};
use indoubt_proto::{
    ids::{NodeId, Role},
    message::{Message, MessageKind},
    wire::{
        ForgetRequest, OperatorReply, ResolveRequest, ResumeRequest, StateReply,
        v1::{self, operator_server::Operator},
    },
};
use std::sync::Arc;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

/// Shows the state of the node, and gives operator actions to the machine.
#[derive(Clone, Debug)]
pub(crate) struct OperatorService {
    pub(crate) door: Arc<Door>,
    pub(crate) protocol: Arc<str>,
}

impl OperatorService {
    /// Gives an operator action to the machine, if nodes of this role support it.
    async fn order_of(&self, message: Message, role: Role, what: &str) -> Result<Response<v1::OperatorReply>, Status> {
        let me = self.door.me.node;
        if me.role != role {
            return Err(Status::failed_precondition(format!("{me} {what}")));
        }
        self.order(message).await
    }

    /// Gives an operator action to the machine.
    async fn order(&self, message: Message) -> Result<Response<v1::OperatorReply>, Status> {
        match ask(&self.door.inbox, NodeId::LAB, message, MessageKind::Done).await? {
            Message::Done { count, detail } => Ok(Response::new(OperatorReply { count, detail }.into())),
            other => Err(strange(&other)),
        }
    }
}

#[tonic::async_trait]
impl Operator for OperatorService {
    async fn state(&self, request: Request<v1::StateRequest>) -> Result<Response<v1::StateReply>, Status> {
        let v1::StateRequest { accounts } = request.into_inner();
        let (reply, answered) = oneshot::channel();
        self.door.inbox.push(In::Call(Call::Inspect { accounts, reply }));
        let (inspection, stats) = answered.await.map_err(|_| stopping())?;
        let me = self.door.me;
        let protocol = self.protocol.to_string();
        let state = StateReply { node: me.node, incarnation: me.incarnation, log: me.log, protocol, stats, inspection };
        Ok(Response::new(state.into()))
    }

    async fn resolve(&self, request: Request<v1::ResolveRequest>) -> Result<Response<v1::OperatorReply>, Status> {
        let ResolveRequest { txn, decision } = request.into_inner().try_into()?;
        let none = "has no branches in doubt: ask a participant (p1, p2, …)";
        self.order_of(Message::Resolve { txn, decision }, Role::Participant, none).await
    }

    async fn resume(&self, request: Request<v1::ResumeRequest>) -> Result<Response<v1::OperatorReply>, Status> {
        let ResumeRequest { txn } = request.into_inner().try_into()?;
        let none = "runs no sagas: ask their orchestrator (c1, c2, …)";
        self.order_of(Message::Resume { txn }, Role::Coordinating, none).await
    }

    async fn forget(&self, request: Request<v1::ForgetRequest>) -> Result<Response<v1::OperatorReply>, Status> {
        let ForgetRequest { txn } = request.into_inner().try_into()?;
        self.order(Message::Forget { txn }).await
    }
}
