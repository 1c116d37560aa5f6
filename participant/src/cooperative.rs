//! Asking, and answering those who ask: a branch in doubt inquires at its coordinator and, cooperating, at its peers
//! (rules 7 to 9). No timeout ever decides it (rule 6).

use crate::{
    branch::{Branch, State},
    memory::{Fate, Past},
    participant::{AtDurable, Participant, Timer},
};
use indoubt_proto::{
    ids::{NodeId, Ticket, TxnId},
    machine::{OutOf, Write},
    message::{Answer, Decision, Message, ReasonKind},
    planted::Mutant,
};

impl Participant {
    /// Nobody has told this branch how it ends. Its patience decides nothing: it asks again.
    pub(crate) fn still_in_doubt(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let in_doubt = |branch: &Branch| matches!(branch.state, State::InDoubt { .. });
        if self.settings.planted.is(Mutant::AbortInDoubt) && self.branches.get(&txn).is_some_and(in_doubt) {
            return self.end_branch(txn, Fate::Aborted(ReasonKind::GaveUp), Write::Lazy, None, out);
        }
        self.inquire(txn, out);
    }

    /// Asks everyone who may know, and will ask again.
    pub(crate) fn inquire(&mut self, txn: TxnId, out: &mut OutOf<Self>) {
        let Some(branch) = self.branches.get_mut(&txn) else { return };
        let ticket = branch.ticket;
        let (peers, inquiries) = match &mut branch.state {
            State::InDoubt { doubt, inquiries } => (&doubt.prepared.peers, inquiries),
            State::ReadKept { peers, inquiries, .. } => (&*peers, inquiries),
            _ => return,
        };
        out.send(txn.home, Message::Inquire { txn, ticket });
        for peer in peers {
            out.send(*peer, Message::Inquire { txn, ticket });
        }
        out.arm(Timer::Inquire(txn), self.settings.timeouts.backoff(*inquiries));
        *inquiries = inquiries.saturating_add(1);
    }

    /// A peer in doubt asks. Who knows says so; who has not voted aborts, durably, and says so; who may have known and
    /// forgotten says that, and never ABORT (rule 7).
    pub(crate) fn on_inquire(&mut self, from: NodeId, txn: TxnId, ticket: Ticket, out: &mut OutOf<Self>) {
        let decided = |decision| Message::Decision { txn, ticket, decision, ack: false };
        let answer = |answer| Message::Answer { txn, answer };
        if let Some(branch) = self.branches.get_mut(&txn) {
            match &mut branch.state {
                State::Working { .. } | State::Worked(_) => {
                    let tell = Some((from, decided(Decision::Abort)));
                    self.end_branch(txn, Fate::Aborted(ReasonKind::GaveUp), Write::Forced, tell, out);
                }
                State::Preparing(_) | State::InDoubt { .. } | State::ReadKept { .. } => {
                    out.send(from, answer(Answer::InDoubt));
                }
                State::Ending { fate, tell, .. } => tell.extend(fate.decision().map(|d| (from, decided(d)))),
            }
            return;
        }
        match self.memory.branch(txn, &ticket) {
            Some(Past::Known(Fate::Committed)) => out.send(from, decided(Decision::Commit)),
            Some(Past::Known(fate @ (Fate::Aborted(_) | Fate::Barred))) => {
                self.tell_hardened(txn, ticket, fate, from, decided(Decision::Abort), out);
            }
            Some(Past::Known(Fate::Read) | Past::Forgotten) if self.settings.planted.is(Mutant::PeerGuessesAbort) => {
                out.send(from, decided(Decision::Abort));
            }
            Some(Past::Known(Fate::Read) | Past::Forgotten) => out.send(from, answer(Answer::Unknown)),
            None if self.may_have_voted() && !self.settings.planted.is(Mutant::PeerGuessesAbort) => {
                out.send(from, answer(Answer::Unknown));
            }
            None => {
                let lsn = self.note_abort(txn, ticket, Fate::Barred, Write::Forced, out);
                self.when_durable(lsn, AtDurable::Tell(from, Box::new(decided(Decision::Abort))));
            }
        }
    }

    /// Whether a branch without a trace here may have voted all the same: its vote was in a journal that was lost, or it
    /// was a READ of an earlier incarnation, which leaves no record.
    fn may_have_voted(&self) -> bool {
        self.born > 1 || (self.settings.options.read_only && self.incarnation > self.born)
    }

    /// Whoever was asked cannot tell. A branch in doubt waits on. One that only read need not: its coordinator no longer
    /// knows the transaction, so nobody will ever be told that it committed.
    pub(crate) fn on_answer(&mut self, from: NodeId, txn: TxnId, answer: Answer, out: &mut OutOf<Self>) {
        let kept = self.branches.get(&txn).is_some_and(|branch| matches!(branch.state, State::ReadKept { .. }));
        if kept && answer == Answer::Unknown && from == txn.home {
            self.end_read(txn, out);
        }
    }
}
