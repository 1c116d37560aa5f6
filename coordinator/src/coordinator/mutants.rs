//! Planted bugs (feature `mutants`, only for tests of the checks). The coordinator itself is correct: each bug changes an
//! input of the coordinator, or changes what it has just done.

use super::Coordinator;
use crate::{
    decision_delivery::Acknowledged,
    effects::{CoordinatorTimer, Out},
    record::CoordinatorRecord,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, TxnId},
    machine::{Effect, Input, InputOf, Write},
    message::{Decision, Message},
    planted::Mutant,
};

impl Coordinator {
    /// Handles one input, with the planted bug if there is one.
    pub(super) fn step_with_bug(&mut self, mut input: InputOf<Self>, out: &mut Out) {
        let Some(mutant) = self.context.settings.planted.mutant() else { return self.step(input, out) };
        match (mutant, &mut input) {
            // The bug: it cannot distinguish the journals of a participant.
            (Mutant::UnknownIsDone, Input::Message { message: Message::Vote { log, .. }, .. }) => *log = LogId(0),
            (Mutant::UnknownIsDone, Input::Message { message: Message::Ack { log, known, .. }, .. }) => {
                (*log, *known) = (LogId(0), true);
            }
            // It tells apart what was submitted to its earlier incarnations, and not what was submitted to its lost journal.
            (Mutant::LostDiskRunsAgain, Input::Message { message: Message::Submit(submission), .. }) => {
                submission.log = self.context.serials.ticket(Serial::default()).log;
            }
            // It does not know where the prepared record of a vote stands, and takes "never heard of it" for "forgotten".
            (Mutant::RestoredIsTrusted, Input::Message { message: Message::Vote { place, .. }, .. }) => *place = Lsn(0),
            (Mutant::RestoredIsTrusted, Input::Message { message: Message::Ack { known, .. }, .. }) => *known = true,
            (Mutant::OtherJournalDecides, Input::Message { message: Message::Inquire { ticket, .. }, .. }) => {
                ticket.log = self.context.serials.log();
            }
            (Mutant::ResendStops, Input::Fired(CoordinatorTimer::Resend(txn))) => {
                let txn = *txn;
                self.step(input, out);
                return self.with(txn, |transaction, _| transaction.forget(out));
            }
            _ => {}
        }
        let decides = !matches!(
            input,
            Input::Recover { .. }
                | Input::Fired(CoordinatorTimer::Resend(_))
                | Input::Message { message: Message::Inquire { .. }, .. }
        );
        self.step(input, out);
        match mutant {
            Mutant::DecideBeforeDurable => self.go_on_early(out, |record| match record {
                CoordinatorRecord::Committed { txn, .. } => Some(*txn),
                _ => None,
            }),
            Mutant::NoInitiation => {
                self.go_on_early(out, |record| match record {
                    CoordinatorRecord::Initiation { txn, .. } => Some(*txn),
                    _ => None,
                });
                make_initiations_lazy(out);
            }
            Mutant::ForgetAbortEarly if decides => self.forget_silent_voters(out),
            _ => {}
        }
    }

    /// Leaves records out of a compaction, with the planted bug if there is one.
    pub(super) fn leave_out(&self, compaction: &mut Vec<CoordinatorRecord>) {
        if self.context.settings.planted.is(Mutant::CompactionForgetsAcks) {
            compaction.retain(|record| !matches!(record, CoordinatorRecord::Unacknowledged { .. }));
        }
    }

    /// Continues transactions that await one of these records without waiting for its durability.
    fn go_on_early(&mut self, out: &mut Out, awaited: impl Fn(&CoordinatorRecord) -> Option<TxnId>) {
        let appended = |effect: &Effect<_, _>| match effect {
            Effect::Append { lsn, record, .. } => awaited(record).map(|txn| (*lsn, txn)),
            _ => None,
        };
        let found: Vec<(Lsn, TxnId)> = out.effects().iter().filter_map(appended).collect();
        for (lsn, txn) in found {
            self.with(txn, |transaction, ctx| transaction.durable(lsn, ctx, out));
        }
    }

    /// Sends no ABORT to participants whose vote is not known, and does not wait for their ACKs.
    fn forget_silent_voters(&mut self, out: &mut Out) {
        let told = |effect: &Effect<_, _>| match effect {
            Effect::Send { to, message: Message::Decision { txn, decision: Decision::Abort, ack: true, .. } } => {
                Some((*txn, *to))
            }
            _ => None,
        };
        let told: Vec<(TxnId, NodeId)> = out.effects().iter().filter_map(told).collect();
        for (txn, node) in told {
            let mut silent = false;
            self.with(txn, |transaction, ctx| {
                if let Some((_, CoordinatorRecord::Unacknowledged { due, .. })) = transaction.compacted(ctx) {
                    silent = due.iter().any(|voter| voter.node == node && voter.log.is_none());
                }
                if silent {
                    transaction.acked(
                        node,
                        Acknowledged { log: LogId(0), known: true, end: Lsn(u64::MAX), heuristic: None },
                        ctx,
                        out,
                    );
                }
            });
            if silent {
                drop_decision(txn, node, out);
            }
        }
    }
}

fn make_initiations_lazy(out: &mut Out) {
    for mut effect in out.exchange(Vec::new()) {
        if let Effect::Append { record: CoordinatorRecord::Initiation { .. }, write, .. } = &mut effect {
            *write = Write::Lazy;
        }
        out.push(effect);
    }
}

fn drop_decision(txn: TxnId, node: NodeId, out: &mut Out) {
    for effect in out.exchange(Vec::new()) {
        let about = |message: &Message| matches!(message, Message::Decision { txn: other, .. } if *other == txn);
        if !matches!(&effect, Effect::Send { to, message } if *to == node && about(message)) {
            out.push(effect);
        }
    }
}
