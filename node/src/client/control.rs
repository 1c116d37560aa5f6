//! The lab's end of the control stream of a node.

use crate::session::dial;
use indoubt_driver::{
    clock::ClockJump,
    gate::{Disposition, FaultPlan},
    wire::{Asked, LabCommand, NodeReport, Reported},
};
use indoubt_proto::wire::v1::{self, lab_client::LabClient};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::Status;

/// A report that a node sends to the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabReport {
    /// The node has halted, and waits for [`LabControl::release`].
    Asked(Asked),
    /// A rule that only reports has applied. The node continues.
    Reported(Reported),
}

/// A control stream. The node forgets its fault plan when the stream ends, and continues if it had halted. The stream is
/// cheap to clone. It ends with the last clone, or with the node.
#[derive(Clone, Debug)]
pub struct LabControl {
    commands: mpsc::UnboundedSender<LabCommand>,
    acks: Arc<Mutex<Acks>>,
}

/// The callers that wait until a fault plan is in force.
#[derive(Debug, Default)]
struct Acks {
    version: u64,
    waiting: HashMap<u64, oneshot::Sender<()>>,
    closed: bool,
}

fn lock(acks: &Mutex<Acks>) -> MutexGuard<'_, Acks> {
    // Nothing panics while it holds the lock, so the state is always valid.
    acks.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LabControl {
    /// Opens the control stream of the node at `address` (`host:port`). The channel of reports closes when the stream ends,
    /// because the node died or rejected a command.
    ///
    /// # Errors
    /// If the node cannot be reached, or was started without a lab (`unimplemented`).
    pub async fn connect(address: &str) -> Result<(LabControl, mpsc::UnboundedReceiver<LabReport>), Status> {
        let mut client = LabClient::new(dial(address).await?).max_decoding_message_size(usize::MAX);
        let (commands, outgoing) = mpsc::unbounded_channel();
        let outgoing = UnboundedReceiverStream::new(outgoing).map(v1::LabCommand::from);
        let mut inbound = client.control(outgoing).await?.into_inner();
        let acks = Arc::new(Mutex::new(Acks::default()));
        let (reports, received) = mpsc::unbounded_channel();
        let acked = Arc::clone(&acks);
        tokio::spawn(async move {
            loop {
                let report = match inbound.message().await {
                    Ok(Some(report)) => NodeReport::try_from(report).map_err(Status::from),
                    Ok(None) => break,
                    Err(status) => Err(status),
                };
                // The receiver of reports may be gone. Acknowledgements of fault plans still matter.
                match report {
                    Ok(NodeReport::FaultsSet { version }) => {
                        let waiting = lock(&acked).waiting.remove(&version);
                        let _ = waiting.map(|waiting| waiting.send(()));
                    }
                    Ok(NodeReport::Asked(asked)) => drop(reports.send(LabReport::Asked(asked))),
                    Ok(NodeReport::Reported(reported)) => drop(reports.send(LabReport::Reported(reported))),
                    Err(status) => {
                        tracing::debug!(%status, "a control stream broke");
                        break;
                    }
                }
            }
            let mut acks = lock(&acked);
            acks.closed = true;
            acks.waiting.clear();
        });
        Ok((LabControl { commands, acks }, received))
    }

    /// Replaces the node's fault plan, and waits until it is in force. A halted node applies it at once.
    ///
    /// # Errors
    /// `unavailable` if the stream has ended. The node may be dead.
    pub async fn set_faults(&self, plan: FaultPlan) -> Result<(), Status> {
        let (ack, acked) = oneshot::channel();
        let version = {
            let mut acks = lock(&self.acks);
            acks.version += 1;
            let version = acks.version;
            if !acks.closed {
                acks.waiting.insert(version, ack);
            }
            // It is sent under the lock, so that versions arrive in order. If the stream is broken, `ack` is dropped and
            // its receiver sees that.
            let _ = self.commands.send(LabCommand::SetFaults { version, plan });
            version
        };
        acked.await.map_err(|_| {
            Status::unavailable(format!("the control stream ended before fault plan {version} was in force"))
        })
    }

    /// Makes the node's clock jump. Commands are applied in order, so the jump precedes every fault plan that is sent
    /// later. Has no effect if the stream has ended.
    pub fn jump_clock(&self, jump: ClockJump) {
        let _ = self.commands.send(LabCommand::JumpClock(jump));
    }

    /// Lets a halted node continue. `disposition` says what happens to the message at which it halted. Has no effect if the
    /// stream has ended.
    pub fn release(&self, ask: u64, disposition: Disposition) {
        let _ = self.commands.send(LabCommand::Release { ask, disposition });
    }
}
