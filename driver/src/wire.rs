//! The control messages between the lab and a node, and their mapping to lab.proto of `indoubt-proto`.

use crate::{
    clock::ClockJump,
    conditions::{Conditions, Latency},
    gate::{Action, Disposition, FaultPlan, RuleId},
};
use indoubt_proto::{
    ids::{MessageId, NodeId, TxnId},
    wire::{
        WireError, limits,
        parse::{At, list, micros, node, node_number, required},
        v1,
    },
};

/// A message from the lab to a node.
#[derive(Clone, Debug, PartialEq)]
pub enum LabCommand {
    /// Replace the fault plan.
    SetFaults {
        /// The version of the plan. The node names it when the plan is in force.
        version: u64,
        /// The new fault plan.
        plan: FaultPlan,
    },
    /// The clock jumps.
    JumpClock(ClockJump),
    /// Continue after a halt.
    Release {
        /// The number of the question that this answers.
        ask: u64,
        /// What happens to the message before which the node halted.
        disposition: Disposition,
    },
}

/// A message from a node to the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeReport {
    /// A fault plan is in force.
    FaultsSet {
        /// The version of the plan.
        version: u64,
    },
    /// The node has halted and waits for a release.
    Asked(Asked),
    /// A rule that only reports has applied. The node continues.
    Reported(Reported),
}

/// A node has halted at an effect and waits for its release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The number of this question.
    pub ask: u64,
    /// The rules for which the node halted.
    pub rules: Vec<RuleId>,
    /// The transaction of the effect, if it has one.
    pub txn: Option<TxnId>,
    /// The messages that the node sent for this transaction in this step before it halted.
    pub sent: Vec<SentMessage>,
}

/// A rule that only reports has applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The rule that has applied.
    pub rule: RuleId,
    /// The message to which the rule applied, if it was a message.
    pub message: Option<MessageId>,
    /// Whether this message is lost and will never be taken.
    pub lost: bool,
}

/// A message that a halted node has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// The id of the message.
    pub id: MessageId,
    /// The receiver.
    pub to: NodeId,
    /// Whether the message was already lost when it left, and will never be taken.
    pub lost: bool,
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
            LabCommand::SetFaults { version, plan } => {
                let plan_json = serde_json::to_string(&plan).expect("fault plans have no maps and no fallible fields");
                Wire::SetFaults(v1::SetFaults { version, plan_json })
            }
            LabCommand::JumpClock(jump) => {
                let (by, back) = match jump {
                    ClockJump::Forward(by) => (by, false),
                    ClockJump::Back(by) => (by, true),
                };
                Wire::JumpClock(v1::JumpClock { by_us: by.0, back })
            }
            LabCommand::Release { ask, disposition } => {
                let Disposition { drop, delay, duplicate, refuse } = disposition;
                let disposition = Some(v1::Disposition { drop, delay_us: delay.0, duplicate, refuse });
                Wire::Release(v1::Release { ask, disposition })
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
            Some(Wire::SetFaults(set)) => {
                let plan = plan(&set.plan_json).at("plan_json").at("set_faults")?;
                Ok(LabCommand::SetFaults { version: set.version, plan })
            }
            Some(Wire::JumpClock(v1::JumpClock { by_us, back })) => {
                let by = micros("by_us", by_us).at("jump_clock")?;
                let jump = if back { ClockJump::Back(by) } else { ClockJump::Forward(by) };
                Ok(LabCommand::JumpClock(jump))
            }
            Some(Wire::Release(v1::Release { ask, disposition })) => {
                let v1::Disposition { drop, delay_us, duplicate, refuse } = disposition.unwrap_or_default();
                let delay = micros("delay_us", delay_us).at("disposition").at("release")?;
                Ok(LabCommand::Release { ask, disposition: Disposition { drop, delay, duplicate, refuse } })
            }
        }
    }
}

fn plan(json: &str) -> Result<FaultPlan, WireError> {
    if json.len() > limits::PLAN_BYTES {
        return Err(WireError::new(format!("{} bytes are more than {}", json.len(), limits::PLAN_BYTES)));
    }
    let plan: FaultPlan = serde_json::from_str(json).map_err(|error| WireError::new(error.to_string()))?;
    micros("min_force", plan.min_force.0)?;
    latency("force", &plan.force)?;
    for (rule, index) in plan.rules.iter().zip(0..) {
        if let Action::Delay(by) = rule.action {
            micros("delay", by.0).at_index(index).at("rules")?;
        }
        if let Some(share) = rule.share {
            fraction("share", share).at_index(index).at("rules")?;
        }
    }
    for ((_, conditions), index) in plan.links.iter().zip(0..) {
        link(conditions).at_index(index).at("links")?;
    }
    Ok(plan)
}

/// Checks that valid values can be drawn from these conditions.
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
            NodeReport::FaultsSet { version } => Wire::FaultsSet(v1::FaultsSet { version }),
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
            Some(Wire::FaultsSet(set)) => Ok(NodeReport::FaultsSet { version: set.version }),
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
