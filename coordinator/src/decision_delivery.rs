//! The delivery of a decision to participants that owe an ACK: the decision is sent again, with backoff, until all ACKs
//! have arrived (rule 15). An ACK counts only if it comes from the journal that holds the vote. If it comes from another
//! journal, the participant lost its log; if its journal ends before the vote, or never had the branch, an older copy of
//! the log was restored (rule 17).

use crate::{
    context::Context,
    effects::{CoordinatorTimer, Out},
    record::{CoordinatorRecord, Voter},
};
use indoubt_proto::{
    heuristic::HeuristicOutcome,
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    message::{Decision, Message, Outcome, Reason, ReasonKind},
    observation::Observation,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DecisionDelivery {
    decision: Decision,
    /// The participants that owe an ACK.
    due: Vec<Voter>,
    /// Those of them that lost their log, so that each loss is reported once.
    lost: Vec<NodeId>,
    /// The number of branches that have ended as decided.
    followed: usize,
    /// The participants at which an operator ended the branch against the decision.
    overruled: Vec<NodeId>,
    /// How often the decision was sent again.
    resent: u32,
}

/// The contents of an ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    /// The participant's journal.
    pub(crate) log: LogId,
    /// Whether that journal has, or had, the branch.
    pub(crate) known: bool,
    /// The last record of that journal.
    pub(crate) end: Lsn,
    /// How an operator ended the branch; `None` if no operator did.
    pub(crate) heuristic: Option<Decision>,
}

impl DecisionDelivery {
    /// Starts the delivery of a decision that the `due` participants must acknowledge. `followed` branches have already
    /// ended as decided; operators ended those at `overruled` against the decision.
    pub(crate) fn new(decision: Decision, due: Vec<Voter>, followed: usize, overruled: Vec<NodeId>) -> Self {
        DecisionDelivery { decision, due, lost: Vec::new(), followed, overruled, resent: 0 }
    }

    pub(crate) fn what(&self) -> Decision {
        self.decision
    }

    pub(crate) fn arm(&self, txn: TxnId, ctx: &Context, out: &mut Out) {
        out.arm(CoordinatorTimer::Resend(txn), ctx.settings.timeouts.backoff(self.resent));
    }

    /// Sends the decision to all participants that owe an ACK.
    pub(crate) fn send(&self, txn: TxnId, ticket: Ticket, out: &mut Out) {
        for voter in &self.due {
            out.send(voter.node, Message::Decision { txn, ticket, decision: self.decision, ack: true });
        }
    }

    /// Sends the decision again, after which the next pause is longer.
    pub(crate) fn resend(&mut self, txn: TxnId, ticket: Ticket, out: &mut Out) {
        self.send(txn, ticket, out);
        self.resent = self.resent.saturating_add(1);
    }

    /// The decision as the answer to an inquiry of `node`.
    pub(crate) fn decision(&self, txn: TxnId, ticket: Ticket, node: NodeId) -> Message {
        let ack = self.due.iter().any(|voter| voter.node == node);
        Message::Decision { txn, ticket, decision: self.decision, ack }
    }

    /// Handles an ACK, and returns whether it was the last one. An ACK from another journal than that of the vote never
    /// counts, not even if the participant remembers there that it received the decision. In the journal of the vote, the
    /// participant knows the branch, or knows that it is finished. If it knows neither, the journal is an older copy, even
    /// if it has grown beyond the vote again.
    pub(crate) fn acked(&mut self, txn: TxnId, node: NodeId, said: Acknowledged, out: &mut Out) -> bool {
        let Some(index) = self.due.iter().position(|voter| voter.node == node) else { return false };
        let voter = self.due[index];
        let knows = said.known && said.end >= voter.place;
        if voter.log.is_some_and(|voted| voted != said.log || !knows) {
            if !self.lost.contains(&node) {
                self.lost.push(node);
                out.observe(Observation::LostLog { txn, participant: node });
            }
            return false;
        }
        self.due.remove(index);
        match said.heuristic {
            Some(by_operator) if by_operator != self.decision => self.overruled.push(node),
            _ => self.followed += 1,
        }
        self.due.is_empty()
    }

    /// Handles a YES that came after the abort: it names the journal that must acknowledge.
    pub(crate) fn learn_log(&mut self, node: NodeId, log: LogId, place: Lsn) {
        if let Some(voter) = self.due.iter_mut().find(|voter| voter.node == node && voter.log.is_none()) {
            (voter.log, voter.place) = (Some(log), place);
        }
    }

    /// The outcome for clients if operators ended branches against the decision, or if an operator gave up waiting for the
    /// ACKs that are still due (rule 22). `None` if all branches ended as decided.
    pub(crate) fn heuristic(&self) -> Option<Outcome> {
        let silent = self.due.iter().map(|voter| voter.node);
        heuristic(self.decision, self.followed, &self.overruled, &silent.collect::<Vec<_>>())
    }

    pub(crate) fn describe(&self) -> String {
        let mut text = format!("sending {}, not acknowledged by {}", self.decision.word(), names(&self.due_nodes()));
        if !self.lost.is_empty() {
            text.push_str(&format!("; {} lost the log of its vote", names(&self.lost)));
        }
        if !self.overruled.is_empty() {
            text.push_str(&format!("; an operator overruled it at {}", names(&self.overruled)));
        }
        text
    }

    fn due_nodes(&self) -> Vec<NodeId> {
        self.due.iter().map(|voter| voter.node).collect()
    }

    pub(crate) fn record(&self, txn: TxnId, serial: Serial, audit: bool) -> CoordinatorRecord {
        let DecisionDelivery { decision, followed, .. } = *self;
        let (due, overruled) = (self.due.clone(), self.overruled.clone());
        CoordinatorRecord::Unacknowledged { txn, serial, audit, decision, due, followed, overruled }
    }
}

/// The outcome of a decision that `followed` branches carried out, that operators overruled at some participants, and that
/// others never acknowledged. `None` if all branches ended as decided.
pub(crate) fn heuristic(
    decision: Decision,
    followed: usize,
    overruled: &[NodeId],
    silent: &[NodeId],
) -> Option<Outcome> {
    let outcome = HeuristicOutcome::of(decision, followed, overruled.len(), silent.len())?;
    let otherwise = match decision {
        Decision::Commit => "aborted",
        Decision::Abort => "committed",
    };
    let mut detail = format!("the decision was {}", decision.word());
    if !overruled.is_empty() {
        detail.push_str(&format!(", but an operator {otherwise} it at {}", names(overruled)));
    }
    if !silent.is_empty() {
        detail.push_str(&format!(", and {} never acknowledged it", names(silent)));
    }
    Some(Outcome::Heuristic { decision, outcome, reason: Reason::new(ReasonKind::Operator, detail) })
}

fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}
