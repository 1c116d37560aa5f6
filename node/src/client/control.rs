//! The lab's end of a node's control stream.

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

/// What a node tells the lab of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabReport {
    /// It has halted, and waits for [`LabControl::release`].
    Asked(Asked),
    /// A rule that only reports has applied; the node goes on.
    Reported(Reported),
}

/// A control stream. A fault plan holds for as long as it is open: when it ends, the node forgets it, and goes on if it is
/// halted. Cheap to clone; the stream ends with the last clone, or with the node.
#[derive(Clone, Debug)]
pub struct LabControl {
    commands: mpsc::UnboundedSender<LabCommand>,
    acks: Arc<Mutex<Acks>>,
}

/// Who waits for a fault plan to hold.
#[derive(Debug, Default)]
struct Acks {
    version: u64,
    waiting: HashMap<u64, oneshot::Sender<()>>,
    closed: bool,
}

fn lock(acks: &Mutex<Acks>) -> MutexGuard<'_, Acks> {
    // Sound at every step: nothing panics while it holds the lock.
    acks.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LabControl {
    /// Takes hold of the node at `address` (`host:port`). The channel of reports closes when the stream ends: the node died,
    /// or it refused a command.
    ///
    /// # Errors
    /// Nobody answers there, or the node was started without a lab (`unimplemented`).
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
                // Nobody may listen to reports; acknowledgements are still told.
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

    /// Replaces the node's fault plan, and waits until it holds. A halted node obeys at once.
    ///
    /// # Errors
    /// The stream ended (`unavailable`): the node may be dead.
    pub async fn set_faults(&self, plan: FaultPlan) -> Result<(), Status> {
        let (ack, acked) = oneshot::channel();
        let version = {
            let mut acks = lock(&self.acks);
            acks.version += 1;
            let version = acks.version;
            if !acks.closed {
                acks.waiting.insert(version, ack);
            }
            // Sent under the lock, so that versions arrive in order. A broken stream drops `ack`, which says so.
            let _ = self.commands.send(LabCommand::SetFaults { version, plan });
            version
        };
        acked
            .await
            .map_err(|_| Status::unavailable(format!("the control stream ended before fault plan {version} held")))
    }

    /// The node's clock jumps. Commands are obeyed in order: once a plan holds that was sent later, the clock has jumped.
    /// Without effect if the stream has ended.
    pub fn jump_clock(&self, jump: ClockJump) {
        let _ = self.commands.send(LabCommand::JumpClock(jump));
    }

    /// Lets a halted node go on; `disposition` is what happens to the message at which it halted. Without effect if the stream has
    /// ended.
    pub fn release(&self, ask: u64, disposition: Disposition) {
        let _ = self.commands.send(LabCommand::Release { ask, disposition });
    }
}
