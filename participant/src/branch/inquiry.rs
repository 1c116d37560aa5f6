//! A branch that voted and hears nothing asks its coordinator and, with cooperative termination, its peers (rules 7 to 9).
//! No timeout ever decides it (rule 6).

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
    /// Asks everybody who may know the decision, and sets the timer for asking again.
    pub(crate) fn inquire(&mut self, ctx: &Context, out: &mut Out) {
        let (txn, ticket) = (self.txn, self.ticket);
        let (peers, inquiries) = match &mut self.state {
            State::InDoubt { doubt, inquiries, .. } => (&doubt.prepared.peers, inquiries),
            State::ReadKept { peers, inquiries, .. } => (&*peers, inquiries),
            // It needs the decision only to know whether the operator was right, so its peers are left alone.
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

    /// A peer in doubt asks with its `ticket`. A branch that has not voted aborts, durably, and says so (rule 7).
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
            // How an operator ended it says nothing about the decision; what the coordinator told it does.
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

    /// Somebody who was asked cannot tell. A branch in doubt waits on. A READ voter need not: its coordinator no longer
    /// knows the transaction, so nobody will ever be told that it committed.
    pub(crate) fn answered(&mut self, from: NodeId, answer: Answer, ctx: &mut Context, out: &mut Out) {
        let kept = matches!(self.state, State::ReadKept { .. });
        if kept && answer == Answer::Unknown && from == self.txn.home {
            self.end_read(ctx, out);
        }
    }
}
