//! Clients of a node: unary calls for people ([`NodeClient`]), a session for load ([`ClientSession`]), and fault injection
//! by the lab ([`LabControl`]). They run on the caller's runtime.

mod control;
mod stream;

pub use control::{LabControl, LabReport};
pub use stream::{ClientEvent, ClientSession};

use crate::session::dial;
use indoubt_proto::{
    ids::TxnId,
    message::{self, Decision, Outcome},
    wire::{
        ForgetRequest, OperatorReply, ResolveRequest, ResumeRequest, StateReply, StatusReply, StatusRequest,
        SubmitReply, SubmitRequest,
        v1::{self, operator_client::OperatorClient, transactions_client::TransactionsClient},
    },
};
use tonic::{Status, transport::Channel};

/// Unary calls to one node. It is cheap to clone. Errors are gRPC statuses: `unavailable` if the node cannot be reached,
/// `unimplemented` or `failed_precondition` if it has the wrong role, `invalid_argument` with the field.
#[derive(Clone, Debug)]
pub struct NodeClient {
    transactions: TransactionsClient<Channel>,
    operator: OperatorClient<Channel>,
}

impl NodeClient {
    /// Connects to the node at `address` (`host:port`).
    ///
    /// # Errors
    /// If the node cannot be reached.
    pub async fn connect(address: &str) -> Result<NodeClient, Status> {
        let channel = dial(address).await?;
        Ok(NodeClient {
            transactions: TransactionsClient::new(channel.clone()),
            // A state with accounts may be large.
            operator: OperatorClient::new(channel).max_decoding_message_size(usize::MAX),
        })
    }

    /// Runs a transaction, and waits for its outcome.
    ///
    /// # Errors
    /// See [`NodeClient`]. After an error the outcome is unknown. If the request named the transaction, it may be sent
    /// again.
    pub async fn submit(&self, request: SubmitRequest) -> Result<(TxnId, Outcome), Status> {
        let reply = self.transactions.clone().submit(request).await?.into_inner();
        let SubmitReply { txn, outcome } = reply;
        Ok((txn, outcome))
    }

    /// Asks for the status of a transaction.
    ///
    /// # Errors
    /// See [`NodeClient`].
    pub async fn status(&self, txn: TxnId) -> Result<message::Status, Status> {
        let request = StatusRequest { txn };
        let StatusReply { status, .. } = self.transactions.clone().status(request).await?.into_inner();
        Ok(status)
    }

    /// The state of the node; with its accounts, if `accounts` is set.
    ///
    /// # Errors
    /// See [`NodeClient`].
    pub async fn state(&self, accounts: bool) -> Result<StateReply, Status> {
        let reply = self.operator.clone().state(v1::StateRequest { accounts }).await?.into_inner();
        Ok(reply.try_into()?)
    }

    /// Ends one branch in doubt at a participant, or with `None` all of them.
    ///
    /// # Errors
    /// See [`NodeClient`].
    pub async fn resolve(&self, txn: Option<TxnId>, decision: Decision) -> Result<OperatorReply, Status> {
        let request = v1::ResolveRequest::from(ResolveRequest { txn, decision });
        Ok(self.operator.clone().resolve(request).await?.into_inner().try_into()?)
    }

    /// Asks an orchestrator to try a stuck saga again.
    ///
    /// # Errors
    /// See [`NodeClient`].
    pub async fn resume(&self, txn: TxnId) -> Result<OperatorReply, Status> {
        let request = v1::ResumeRequest::from(ResumeRequest { txn });
        Ok(self.operator.clone().resume(request).await?.into_inner().try_into()?)
    }

    /// Asks a participant to forget that an operator ended this branch, or a coordinator to stop waiting for ACKs.
    ///
    /// # Errors
    /// See [`NodeClient`].
    pub async fn forget(&self, txn: TxnId) -> Result<OperatorReply, Status> {
        let request = v1::ForgetRequest::from(ForgetRequest { txn });
        Ok(self.operator.clone().forget(request).await?.into_inner().try_into()?)
    }
}
