//! The inquiries of a branch that has voted and receives no decision: it asks its coordinator and, with cooperative
//! termination, its peers (rules 7 to 9). No timeout ever decides the branch (rule 6).

use super::{Branch, State};
use crate::{
    context::Context,
    effects::{Out, Timer},
    record::BranchEnd,
};
use indoubt_proto::{
    ids::{NodeId, Ticket},
    machine::Write,
    message::{Answer, Decision, Message, ReasonKind},
};

impl Branch {
    /// Asks all nodes that may know the decision, and arms the timer for the next inquiry.
    pub(crate) fn inquire(&mut self, ctx: &Context, out: &mut Out) {
        let (txn, ticket) = (self.txn, self.ticket);
        let (peers, inquiries) = match &mut self.state {
            State::InDoubt { doubt, inquiries, .. } => (&doubt.prepared.peers, inquiries),
            State::ReadKept { peers, inquiries, .. } => (&*peers, inquiries),
            // The branch has ended. It asks only whether the operator was right, so the coordinator's answer is enough.
            State::Heuristic { decided: None, inquiries, .. } => (&Vec::new(), inquiries),
            _ => return,
        };
        out.send(txn.home, Message::Inquire { txn, ticket });
        for peer in peers {
            out.send(*peer, Message::Inquire { txn, ticket });
        }
        out.arm(Timer::Inquire(txn), ctx.settings.timeouts.backoff(*inquiries));
        *inquiries = inquiries.saturating_add(1);
    }

    /// Handles the inquiry of a peer in doubt, which carries its `ticket`. If this branch has not voted, it aborts durably
    /// and answers ABORT (rule 7).
    pub(crate) fn inquired(&mut self, from: NodeId, ticket: Ticket, ctx: &mut Context, out: &mut Out) {
        let txn = self.txn;
        let decided = |decision| (from, Message::Decision { txn, ticket, decision, ack: false });
        match &mut self.state {
            State::Working { .. } | State::Worked(_) => {
                let end = BranchEnd::Aborted(ReasonKind::GaveUp);
                self.end(end, Write::Forced, Some(decided(Decision::Abort)), ctx, out);
            }
            State::Preparing(_) | State::InDoubt { .. } | State::ReadKept { .. } => {
                out.send(from, Message::Answer { txn, answer: Answer::InDoubt });
            }
            // An operator's action does not reveal the decision. What the coordinator sent does.
            State::Heuristic { decided: Some(decision), .. } => {
                let (to, message) = decided(*decision);
                out.send(to, message);
            }
            State::Heuristic { decided: None, .. } | State::Ending { end: BranchEnd::Heuristic(_), .. } => {
                out.send(from, Message::Answer { txn, answer: Answer::Unknown });
            }
            State::Ending { end, tell, .. } => tell.extend(end.decision().map(decided)),
            State::Ended => {}
        }
    }

    /// A node that was asked does not know the decision. A branch in doubt keeps waiting. A READ voter may end: its
    /// coordinator no longer knows the transaction, so it will never announce a commit.
    pub(crate) fn answered(&mut self, from: NodeId, answer: Answer, ctx: &mut Context, out: &mut Out) {
        let kept = matches!(self.state, State::ReadKept { .. });
        if kept && answer == Answer::Unknown && from == self.txn.home {
            self.end_read(ctx, out);
        }
    }
}
