//! The event loop's end of the lab's control stream: fault plans and releases come in, questions and reports go out. The service
//! (`services/control.rs`) is the other end.

use indoubt_driver::{
    gate::RuleId,
    wire::{Asked, LabCommand, NodeReport, SentMessage},
};
use indoubt_proto::ids::TxnId;
use tokio::sync::mpsc;

/// A command that reaches the event loop from the lab.
#[derive(Debug)]
pub(crate) enum Command {
    /// A control stream began, and reports go to it. It replaces an older one.
    Attach(Reports),
    /// A control stream has ended. Its fault plan ends with it, and a halted node continues.
    Detach(Reports),
    /// A message of the lab.
    Lab(LabCommand),
}

/// The channel for reports.
pub(crate) type Reports = mpsc::UnboundedSender<NodeReport>;

/// The event loop's end of the control stream.
#[derive(Debug)]
pub(crate) struct LabPort {
    commands: mpsc::UnboundedReceiver<Command>,
    reports: Option<Reports>,
    asks: u64,
}

impl LabPort {
    /// A port that takes its commands from `commands`. If the sender is gone, no command ever comes.
    pub(crate) fn new(commands: mpsc::UnboundedReceiver<Command>) -> Self {
        LabPort { commands, reports: None, asks: 0 }
    }

    /// Waits for a command. `None` if no command can ever come.
    pub(crate) async fn command(&mut self) -> Option<Command> {
        self.commands.recv().await
    }

    /// A command that has already arrived, if there is one.
    pub(crate) fn try_command(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// Takes a control stream that began.
    pub(crate) fn attach(&mut self, reports: Reports) {
        self.reports = Some(reports);
    }

    /// Removes a control stream that has ended. Returns whether it was the current one.
    pub(crate) fn detach(&mut self, reports: &Reports) -> bool {
        self.reports.take_if(|present| present.same_channel(reports)).is_some()
    }

    /// Whether a lab is connected.
    pub(crate) fn attached(&self) -> bool {
        self.reports.is_some()
    }

    /// Sends a report to the lab.
    pub(crate) fn report(&self, report: NodeReport) {
        if let Some(reports) = &self.reports {
            // If the stream has just broken, a `Detach` will follow.
            let _ = reports.send(report);
        }
    }

    /// Asks the lab how to continue. Returns the number of the question.
    pub(crate) fn ask(&mut self, rules: Vec<RuleId>, txn: Option<TxnId>, sent: Vec<SentMessage>) -> u64 {
        self.asks += 1;
        self.report(NodeReport::Asked(Asked { ask: self.asks, rules, txn, sent }));
        self.asks
    }
}
