//! A decided transaction while somebody owes an ACK: the decision is sent again, with backoff, until every ACK is in
//! (rule 15). An ACK under another journal than the vote's is none, and neither is one from a journal that ends before the
//! vote, or that never had the branch: that participant lost its log, or an older copy of it was put back (rule 17).

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
    /// Who owes an ACK.
    due: Vec<Voter>,
    /// Those of them that were found to have lost their log, so that each is reported once.
    lost: Vec<NodeId>,
    /// How many branches have ended as decided.
    followed: usize,
    /// The participants at which an operator ended the branch otherwise.
    overruled: Vec<NodeId>,
    /// How often it was sent again.
    resent: u32,
}

/// What a participant says in an ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    /// Its journal.
    pub(crate) log: LogId,
    /// Whether that journal has, or had, the branch.
    pub(crate) known: bool,
    /// The last record of that journal.
    pub(crate) end: Lsn,
    /// How an operator ended the branch there.
    pub(crate) heuristic: Option<Decision>,
}

impl DecisionDelivery {
    /// A decision that `due` must acknowledge. `followed` branches have ended as decided already, and operators ended those
    /// at `overruled` otherwise.
    pub(crate) fn new(decision: Decision, due: Vec<Voter>, followed: usize, overruled: Vec<NodeId>) -> Self {
        DecisionDelivery { decision, due, lost: Vec::new(), followed, overruled, resent: 0 }
    }

    /// The decision.
    pub(crate) fn what(&self) -> Decision {
        self.decision
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

    /// Takes an ACK; whether it was the last. Under another log than that of its vote, nothing that it says concerns the branch
    /// that voted YES, even if it remembers to have been told before. Under the log of its vote, a participant knows the
    /// branch, or knows that it is finished: if it knows neither, its journal is an older copy, however far that has grown.
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

    /// A YES that came after the abort tells under which log its ACK is due.
    pub(crate) fn learn_log(&mut self, node: NodeId, log: LogId, place: Lsn) {
        if let Some(voter) = self.due.iter_mut().find(|voter| voter.node == node && voter.log.is_none()) {
            (voter.log, voter.place) = (Some(log), place);
        }
    }

    /// What clients are told when operators ended branches otherwise than decided, or when an operator gave up waiting for
    /// the ACKs that are still due (rule 22). `None` if every branch ended as decided.
    pub(crate) fn heuristic(&self) -> Option<Outcome> {
        let silent = self.due.iter().map(|voter| voter.node);
        heuristic(self.decision, self.followed, &self.overruled, &silent.collect::<Vec<_>>())
    }

    pub(crate) fn describe(&self) -> String {
        let mut text = format!("telling {}, not acknowledged by {}", self.decision.word(), names(&self.due_nodes()));
        if !self.lost.is_empty() {
            text.push_str(&format!("; {} lost the log of its vote", names(&self.lost)));
        }
        if !self.overruled.is_empty() {
            text.push_str(&format!("; an operator ended it otherwise at {}", names(&self.overruled)));
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

/// The outcome of a decision that `followed` branches carried out, that an operator overruled at some participants, and
/// about which others were silent. `None` if every branch ended as decided.
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
