//! Participants as the protocol sees them: a barrier for each step (rules 38 to 40), refusals that a crash loses, marks
//! below which everything is finished (rule 17b), and moods that the test draws.

use super::{failed, refused, undo_failed};
use indoubt_proto::{
    ids::{NodeId, Serial, TxnId},
    message::{Message, ReasonKind, StepOutcome, UndoOutcome},
};
use std::collections::{BTreeMap, BTreeSet};

/// How a participant answers the next request for a step without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Willing,
    Refusing,
    Failing,
}

/// What is remembered of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trace {
    Applied,
    /// Remembered by a lazy record, which a crash loses.
    Refused,
    Void,
    Undone,
}

/// A change of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Did(u32),
    Undid(u32),
}

/// All participants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Participants {
    traces: BTreeMap<(NodeId, Serial, TxnId, u32), Trace>,
    marks: BTreeMap<NodeId, Serial>,
    /// All changes of the data, in order.
    pub(crate) history: BTreeMap<TxnId, Vec<Event>>,
    /// Everything that happened at least once.
    pub(crate) seen: BTreeSet<&'static str>,
}

impl Participants {
    /// One participant takes one request and answers. `reads` means that the step has no effect and a lazy record.
    pub(crate) fn take(&mut self, node: NodeId, request: &Message, mood: Mood, reads: bool) -> Message {
        let (txn, step) = (request.txn().expect("a request"), request.step().expect("of a step"));
        let ticket = super::ticket(request).expect("requests carry tickets");
        let mark = self.marks.entry(node).or_default();
        *mark = ticket.finished_below.max(*mark);
        let mark = *mark;
        self.traces.retain(|(at, serial, ..), _| *at != node || *serial >= mark);
        let key = (node, ticket.serial, txn, step);
        let finished = ticket.serial < mark;
        let trace = self.traces.get(&key).copied();
        if finished {
            self.seen.insert("a request below the mark");
        }
        match request {
            Message::Compensate { .. } => {
                let outcome = match trace {
                    _ if finished => UndoOutcome::Failed(ReasonKind::Finished.into()),
                    Some(Trace::Applied) if mood != Mood::Willing => undo_failed(),
                    Some(Trace::Applied) => {
                        self.traces.insert(key, Trace::Undone);
                        self.history.entry(txn).or_default().push(Event::Undid(step));
                        UndoOutcome::Undone
                    }
                    Some(Trace::Undone) => UndoOutcome::Undone,
                    Some(Trace::Refused | Trace::Void) | None => {
                        self.seen.insert("an empty compensation");
                        self.traces.insert(key, Trace::Void);
                        UndoOutcome::NothingToUndo
                    }
                };
                Message::CompensateResult { txn, step, outcome }
            }
            _ => {
                let settles = matches!(request, Message::Settle { .. });
                let outcome = match trace {
                    _ if finished => StepOutcome::Failed(ReasonKind::Finished.into()),
                    Some(Trace::Applied) => {
                        self.seen.insert(if settles { "settled: applied" } else { "a copy of an applied step" });
                        super::applied()
                    }
                    Some(Trace::Refused) => refused(),
                    Some(Trace::Void | Trace::Undone) => {
                        self.seen.insert("a step that came after its compensation");
                        StepOutcome::Voided
                    }
                    None if settles => {
                        self.seen.insert("settled: voided");
                        self.traces.insert(key, Trace::Void);
                        StepOutcome::Voided
                    }
                    None => match mood {
                        Mood::Failing => failed(),
                        Mood::Refusing => {
                            self.traces.insert(key, Trace::Refused);
                            refused()
                        }
                        Mood::Willing => {
                            self.traces.insert(key, Trace::Applied);
                            if !reads {
                                self.history.entry(txn).or_default().push(Event::Did(step));
                            }
                            super::applied()
                        }
                    },
                };
                Message::StepResult { txn, step, outcome }
            }
        }
    }

    /// One participant crashes and restarts without its lazy records. `reads` says which steps only read.
    pub(crate) fn crash(&mut self, node: NodeId, reads: impl Fn(TxnId, u32) -> bool) {
        let before = self.traces.len();
        self.traces.retain(|(at, _, txn, step), trace| {
            let lazy = *trace == Trace::Refused || (*trace == Trace::Applied && reads(*txn, *step));
            *at != node || !lazy
        });
        if self.traces.len() < before {
            self.seen.insert("a refusal or a read forgotten in a crash");
        }
    }
}
