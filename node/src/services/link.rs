//! The `Link` service, to which other nodes connect.

use crate::{link::Outgoing, session::Door};
use indoubt_proto::{
    ids::Role,
    wire::{Frame, v1::link_server::Link},
};
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

/// Accepts sessions of other nodes.
#[derive(Clone, Debug)]
pub(crate) struct LinkService {
    pub(crate) door: Arc<Door>,
}

#[tonic::async_trait]
impl Link for LinkService {
    type ConnectStream = Outgoing;

    async fn connect(&self, request: Request<Streaming<Frame>>) -> Result<Response<Outgoing>, Status> {
        self.door.accept(request.into_inner(), Role::runs_machine).await.map(Response::new)
    }
}
