//! The event loop's end of the lab's control stream: orders and releases come in, questions and reports go out. The service
//! (services/control.rs) is the other end.

use indoubt_driver::{
    gate::RuleId,
    wire::{Asked, LabCommand, NodeReport, SentMessage},
};
use indoubt_proto::ids::TxnId;
use tokio::sync::mpsc;

/// What reaches the event loop from the lab.
#[derive(Debug)]
pub(crate) enum Command {
    /// A control stream began: reports go here. It replaces an older one.
    Attach(Reports),
    /// A control stream is over: its orders end with it, and a halted node goes on.
    Detach(Reports),
    /// The lab says something.
    Lab(LabCommand),
}

/// Where reports go.
pub(crate) type Reports = mpsc::UnboundedSender<NodeReport>;

/// The event loop's end.
#[derive(Debug)]
pub(crate) struct LabPort {
    commands: mpsc::UnboundedReceiver<Command>,
    reports: Option<Reports>,
    asks: u64,
}

impl LabPort {
    /// A port that obeys what comes from `commands`; without a sender it is deaf.
    pub(crate) fn new(commands: mpsc::UnboundedReceiver<Command>) -> Self {
        LabPort { commands, reports: None, asks: 0 }
    }

    /// Waits for a command; `None` if none can ever come.
    pub(crate) async fn command(&mut self) -> Option<Command> {
        self.commands.recv().await
    }

    /// A command that waits.
    pub(crate) fn try_command(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// A control stream began.
    pub(crate) fn attach(&mut self, reports: Reports) {
        self.reports = Some(reports);
    }

    /// A control stream is over. Returns whether it was the present one.
    pub(crate) fn detach(&mut self, reports: &Reports) -> bool {
        self.reports.take_if(|present| present.same_channel(reports)).is_some()
    }

    /// Whether a lab listens.
    pub(crate) fn attached(&self) -> bool {
        self.reports.is_some()
    }

    /// Tells the lab.
    pub(crate) fn report(&self, report: NodeReport) {
        if let Some(reports) = &self.reports {
            // A stream that just broke says so by `Detach`.
            let _ = reports.send(report);
        }
    }

    /// Asks the lab. Returns the number of the question.
    pub(crate) fn ask(&mut self, rules: Vec<RuleId>, txn: Option<TxnId>, sent: Vec<SentMessage>) -> u64 {
        self.asks += 1;
        self.report(NodeReport::Asked(Asked { ask: self.asks, rules, txn, sent }));
        self.asks
    }
}
