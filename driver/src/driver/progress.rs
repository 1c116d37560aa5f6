//! How far a driver is: halts, and the messages of the current step.

use crate::gate::RuleId;
use indoubt_proto::ids::{MessageId, NodeId, TxnId};

/// How far a driver got with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All effects of the last input are performed.
    Done,
    /// The node has halted and waits for the lab's answer.
    Halted(Halt),
}

/// The point at which a node halts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The rules for which the node halts.
    pub rules: Vec<RuleId>,
    /// The transaction of the effect, if it has one.
    pub txn: Option<TxnId>,
    /// The message, if the node halts after a send to another node of the cluster.
    pub message: Option<MessageId>,
}

/// The state of a message that was sent in the current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// The message is on its way.
    Travelling,
    /// The receiver has taken the message as input. Messages to clients have this state at once, because no rule waits for clients.
    Taken,
    /// The message is lost and will never be taken.
    Lost,
}

/// A message that was sent in the current step. Rules that act "after a send" wait until it was taken or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSend {
    /// The id of the message.
    pub id: MessageId,
    /// The receiver.
    pub to: NodeId,
    /// The transaction of the message, if it has one.
    pub txn: Option<TxnId>,
    /// The state of the message, as far as the world has reported it ([`Driver::fared`](super::Driver::fared)).
    pub state: SendState,
}
