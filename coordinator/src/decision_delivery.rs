//! A decided transaction while somebody owes an ACK: the decision is sent again, with backoff, until every ACK is in
//! (rule 15). An ACK under another journal than the vote's is none: that participant lost its log (rule 17).

use crate::{
    context::Context,
    effects::{CoordinatorTimer, Out},
    record::{CoordinatorRecord, Voter},
};
use indoubt_proto::{
    ids::{LogId, NodeId, Serial, Ticket, TxnId},
    message::{Decision, Message},
    observation::Observation,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DecisionDelivery {
    decision: Decision,
    /// Who owes an ACK; never empty.
    due: Vec<Voter>,
    /// Those of them that were found to have lost their log, so that each is reported once.
    lost: Vec<NodeId>,
    /// How often it was sent again.
    resent: u32,
}

impl DecisionDelivery {
    pub(crate) fn new(decision: Decision, due: Vec<Voter>) -> Self {
        DecisionDelivery { decision, due, lost: Vec::new(), resent: 0 }
    }

    pub(crate) fn arm(&self, txn: TxnId, ctx: &Context, out: &mut Out) {
        out.arm(CoordinatorTimer::Resend(txn), ctx.settings.timeouts.backoff(self.resent));
    }

    /// Sends the decision to all who owe an ACK.
    pub(crate) fn send(&self, txn: TxnId, ticket: Ticket, out: &mut Out) {
        for voter in &self.due {
            out.send(voter.node, Message::Decision { txn, ticket, decision: self.decision, ack: true });
        }
    }

    /// Sends it again; the next pause is longer.
    pub(crate) fn resend(&mut self, txn: TxnId, ticket: Ticket, out: &mut Out) {
        self.send(txn, ticket, out);
        self.resent = self.resent.saturating_add(1);
    }

    /// The decision, as the answer to an inquiry of `node`.
    pub(crate) fn decision(&self, txn: TxnId, ticket: Ticket, node: NodeId) -> Message {
        let ack = self.due.iter().any(|voter| voter.node == node);
        Message::Decision { txn, ticket, decision: self.decision, ack }
    }

    /// Takes an ACK; whether it was the last. Whether the branch was known does not matter: under the log of its vote an
    /// unknown branch is finished and forgotten, and under another log nothing that it says concerns the branch that
    /// voted YES, even if it remembers to have been told before.
    pub(crate) fn acked(&mut self, txn: TxnId, node: NodeId, log: LogId, out: &mut Out) -> bool {
        let Some(place) = self.due.iter().position(|voter| voter.node == node) else { return false };
        if self.due[place].log.is_some_and(|voted| voted != log) {
            if !self.lost.contains(&node) {
                self.lost.push(node);
                out.observe(Observation::LostLog { txn, participant: node });
            }
            return false;
        }
        self.due.remove(place);
        self.due.is_empty()
    }

    /// A YES that came after the abort tells under which log its ACK is due.
    pub(crate) fn learn_log(&mut self, node: NodeId, log: LogId) {
        if let Some(voter) = self.due.iter_mut().find(|voter| voter.node == node) {
            voter.log.get_or_insert(log);
        }
    }

    pub(crate) fn describe(&self) -> String {
        let owing: Vec<String> = self.due.iter().map(|voter| voter.node.to_string()).collect();
        format!("telling {}, not acknowledged by {}", self.decision.word(), owing.join(", "))
    }

    pub(crate) fn record(&self, txn: TxnId, serial: Serial, audit: bool) -> CoordinatorRecord {
        CoordinatorRecord::Unacknowledged { txn, serial, audit, decision: self.decision, due: self.due.clone() }
    }
}
