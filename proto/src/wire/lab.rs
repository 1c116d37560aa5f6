//! What the lab tells a node, and what a node reports to it.

use super::{
    error::{At, WireError, list, micros, required},
    limits, v1,
    vocabulary::{node, node_number},
};
use crate::{
    conditions::{Conditions, Latency},
    gate::{Action, Fate, Orders, RuleId},
    ids::{MessageId, NodeId, TxnId},
};

/// What the lab tells a node.
#[derive(Clone, Debug, PartialEq)]
pub enum LabCommand {
    /// Replace all orders.
    SetOrders {
        /// Named in the report that they hold.
        version: u64,
        /// The orders.
        orders: Orders,
    },
    /// Go on.
    Release {
        /// The question that this answers.
        ask: u64,
        /// What happens to the message at which the node halted.
        fate: Fate,
    },
}

/// What a node tells the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeReport {
    /// The orders hold.
    OrdersSet {
        /// Their version.
        version: u64,
    },
    /// The node has halted.
    Asked(Asked),
    /// A rule that only reports has applied; the node goes on.
    Reported(Reported),
}

/// A node has halted at an effect and waits for its release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The node's count of its questions.
    pub ask: u64,
    /// The rules that apply.
    pub rules: Vec<RuleId>,
    /// The transaction that the effect concerns.
    pub txn: Option<TxnId>,
    /// What the node sent for this transaction in this step before it halted.
    pub sent: Vec<SentMessage>,
}

/// A rule that only reports has applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Which.
    pub rule: RuleId,
    /// The message that it concerns.
    pub message: Option<MessageId>,
    /// Whether that message is lost and will never be taken.
    pub lost: bool,
}

/// A message that a halted node has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// Its id.
    pub id: MessageId,
    /// To whom.
    pub to: NodeId,
    /// Whether it was lost on the way out and will never be taken.
    pub lost: bool,
}

impl From<MessageId> for v1::MessageId {
    fn from(id: MessageId) -> Self {
        v1::MessageId { from: node_number(id.from), incarnation: id.incarnation, count: id.count }
    }
}

impl TryFrom<v1::MessageId> for MessageId {
    type Error = WireError;

    fn try_from(id: v1::MessageId) -> Result<Self, WireError> {
        Ok(MessageId { from: node(id.from).at("from")?, incarnation: id.incarnation, count: id.count })
    }
}

impl From<SentMessage> for v1::SentMessage {
    fn from(sent: SentMessage) -> Self {
        v1::SentMessage { id: Some(sent.id.into()), to: node_number(sent.to), lost: sent.lost }
    }
}

impl TryFrom<v1::SentMessage> for SentMessage {
    type Error = WireError;

    fn try_from(sent: v1::SentMessage) -> Result<Self, WireError> {
        Ok(SentMessage { id: required("id", sent.id)?, to: node(sent.to).at("to")?, lost: sent.lost })
    }
}

impl From<LabCommand> for v1::LabCommand {
    fn from(command: LabCommand) -> Self {
        use v1::lab_command::Command as Wire;
        let command = match command {
            LabCommand::SetOrders { version, orders } => {
                let orders_json = serde_json::to_string(&orders).expect("orders have no maps and no fallible fields");
                Wire::SetOrders(v1::SetOrders { version, orders_json })
            }
            LabCommand::Release { ask, fate } => {
                let Fate { drop, delay, duplicate, refuse } = fate;
                Wire::Release(v1::Release { ask, fate: Some(v1::Fate { drop, delay_us: delay.0, duplicate, refuse }) })
            }
        };
        v1::LabCommand { command: Some(command) }
    }
}

impl TryFrom<v1::LabCommand> for LabCommand {
    type Error = WireError;

    fn try_from(command: v1::LabCommand) -> Result<Self, WireError> {
        use v1::lab_command::Command as Wire;
        match command.command {
            None => Err(WireError::missing()).at("command"),
            Some(Wire::SetOrders(set)) => {
                let orders = orders(&set.orders_json).at("orders_json").at("set_orders")?;
                Ok(LabCommand::SetOrders { version: set.version, orders })
            }
            Some(Wire::Release(v1::Release { ask, fate })) => {
                let v1::Fate { drop, delay_us, duplicate, refuse } = fate.unwrap_or_default();
                let delay = micros("delay_us", delay_us).at("fate").at("release")?;
                Ok(LabCommand::Release { ask, fate: Fate { drop, delay, duplicate, refuse } })
            }
        }
    }
}

fn orders(json: &str) -> Result<Orders, WireError> {
    if json.len() > limits::ORDERS_BYTES {
        return Err(WireError::new(format!("{} bytes are more than {}", json.len(), limits::ORDERS_BYTES)));
    }
    let orders: Orders = serde_json::from_str(json).map_err(|error| WireError::new(error.to_string()))?;
    micros("min_force", orders.min_force.0)?;
    latency("force", &orders.force)?;
    for (rule, index) in orders.rules.iter().zip(0..) {
        if let Action::Delay(by) = rule.action {
            micros("delay", by.0).at_index(index).at("rules")?;
        }
        if let Some(share) = rule.share {
            fraction("share", share).at_index(index).at("rules")?;
        }
    }
    for ((_, conditions), index) in orders.links.iter().zip(0..) {
        link(conditions).at_index(index).at("links")?;
    }
    Ok(orders)
}

/// Conditions from which nothing absurd can be drawn.
fn link(conditions: &Conditions) -> Result<(), WireError> {
    fraction("loss", conditions.loss)?;
    fraction("duplicate", conditions.duplicate)?;
    latency("latency", &conditions.latency)
}

fn latency(field: &str, latency: &Latency) -> Result<(), WireError> {
    let (low, high) = match *latency {
        Latency::Constant(latency) => (latency, latency),
        Latency::Uniform { min, max } => (min, max),
        Latency::LogNormal { median, p99 } => (median, p99),
    };
    micros(field, high.0)?;
    if low > high { Err(WireError::new(format!("{low} is more than {high}"))).at(field) } else { Ok(()) }
}

fn fraction(field: &str, share: f64) -> Result<(), WireError> {
    if (0.0..=1.0).contains(&share) {
        Ok(())
    } else {
        Err(WireError::new(format!("{share} is not between 0 and 1"))).at(field)
    }
}

impl From<NodeReport> for v1::NodeReport {
    fn from(report: NodeReport) -> Self {
        use v1::node_report::Report as Wire;
        let report = match report {
            NodeReport::OrdersSet { version } => Wire::OrdersSet(v1::OrdersSet { version }),
            NodeReport::Asked(asked) => Wire::Asked(v1::Asked {
                ask: asked.ask,
                rules: asked.rules.iter().map(|rule| rule.0).collect(),
                txn: asked.txn.map(Into::into),
                sent: asked.sent.into_iter().map(Into::into).collect(),
            }),
            NodeReport::Reported(reported) => Wire::Reported(v1::Reported {
                rule: reported.rule.0,
                message: reported.message.map(Into::into),
                lost: reported.lost,
            }),
        };
        v1::NodeReport { report: Some(report) }
    }
}

impl TryFrom<v1::NodeReport> for NodeReport {
    type Error = WireError;

    fn try_from(report: v1::NodeReport) -> Result<Self, WireError> {
        use v1::node_report::Report as Wire;
        match report.report {
            None => Err(WireError::missing()).at("report"),
            Some(Wire::OrdersSet(set)) => Ok(NodeReport::OrdersSet { version: set.version }),
            Some(Wire::Asked(asked)) => asked_report(asked).map(NodeReport::Asked).at("asked"),
            Some(Wire::Reported(reported)) => {
                let message = reported.message.map(MessageId::try_from).transpose().at("message").at("reported")?;
                Ok(NodeReport::Reported(Reported { rule: RuleId(reported.rule), message, lost: reported.lost }))
            }
        }
    }
}

fn asked_report(asked: v1::Asked) -> Result<Asked, WireError> {
    Ok(Asked {
        ask: asked.ask,
        rules: list("rules", limits::RULES, asked.rules, |rule| Ok(RuleId(rule)))?,
        txn: asked.txn.map(TxnId::try_from).transpose().at("txn")?,
        sent: list("sent", limits::ENVELOPES, asked.sent, SentMessage::try_from)?,
    })
}
