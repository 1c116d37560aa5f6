//! The `Lab` service: one control stream. Its messages go to the event loop in order. When the stream ends, its fault plan ends too.

use crate::lab::Command;
use indoubt_driver::wire::{LabCommand, NodeReport};
use indoubt_proto::wire::v1::{self, lab_server::Lab};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

/// Lets a lab control the node.
#[derive(Clone, Debug)]
pub(crate) struct LabService {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

#[tonic::async_trait]
impl Lab for LabService {
    type ControlStream = ReportStream;

    async fn control(&self, request: Request<Streaming<v1::LabCommand>>) -> Result<Response<ReportStream>, Status> {
        let mut inbound = request.into_inner();
        let commands = self.commands.clone();
        let (reports, stream) = mpsc::unbounded_channel();
        let (failure, failed) = mpsc::unbounded_channel();
        // If the event loop is gone, the whole node ends.
        let _ = commands.send(Command::Attach(reports.clone()));
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = inbound.message() => message,
                    // The event loop is gone, so the node ends.
                    () = commands.closed() => break,
                };
                let command = match message {
                    Ok(Some(command)) => LabCommand::try_from(command).map_err(Status::from),
                    Ok(None) => break,
                    Err(status) => Err(status),
                };
                match command {
                    Ok(command) => {
                        let _ = commands.send(Command::Lab(command));
                    }
                    Err(status) => {
                        let _ = failure.send(status);
                        break;
                    }
                }
            }
            let _ = commands.send(Command::Detach(reports));
        });
        Ok(Response::new(ReportStream { reports: stream, failed }))
    }
}

/// The stream to the lab: reports, and at the end the error that ended the stream, if there was one.
#[derive(Debug)]
pub(crate) struct ReportStream {
    reports: mpsc::UnboundedReceiver<NodeReport>,
    failed: mpsc::UnboundedReceiver<Status>,
}

impl Stream for ReportStream {
    type Item = Result<v1::NodeReport, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.reports.poll_recv(context) {
            Poll::Ready(Some(report)) => Poll::Ready(Some(Ok(report.into()))),
            // All senders of reports are gone. The stream from the lab was read to its end, and its error is known.
            Poll::Ready(None) => Poll::Ready(self.failed.try_recv().ok().map(Err)),
            Poll::Pending => Poll::Pending,
        }
    }
}
