//! Prints a recording as a conversation for people: messages, log writes, crashes, decisions. There is one line per event, with
//! times in milliseconds. Phases of a transaction are in brackets.

use indoubt_proto::{
    heuristic,
    ids::{Lsn, MessageId, NodeId, Role, TxnId},
    message::{Decision, MessageKind},
    observation::{Abandoned, Observation, PlanEntry, Stamped},
    operation::{Change, Update},
    time::Micros,
};
use indoubt_scenario::recording::Recording;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
};

/// Which part of a recording to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this transaction, and events that concern no transaction (crashes, faults).
    pub transaction: Option<TxnId>,
    /// Only events up to this time.
    pub until: Option<Micros>,
}

/// The text of a recording.
pub fn tell(recording: &Recording, filter: Filter) -> String {
    let mut teller = Teller::new(&recording.trace, filter);
    let mut text = String::new();
    for (at, stamped) in recording.trace.iter().enumerate() {
        if filter.until.is_some_and(|until| stamped.t_us > until.0 as i64) {
            break;
        }
        if stamped.what.txn().is_some_and(|txn| filter.transaction.is_some_and(|only| only != txn)) {
            continue;
        }
        let Some((who, line)) = teller.line(stamped, recording.trace.get(at + 1)) else { continue };
        let name = match stamped.what.txn() {
            Some(txn) if teller.names => format!("  [{txn}]"),
            _ => String::new(),
        };
        writeln!(text, "{:>10}  {who:<9} {line}{name}", ms(stamped.t_us)).expect("a String takes everything");
    }
    text
}

fn ms(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", us.unsigned_abs() / 1_000, us.unsigned_abs() % 1_000)
}

/// What became of a message.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Arrived(i64),
    Lost,
    Kept,
}

struct Teller {
    filter: Filter,
    /// Whether lines name their transaction, because several transactions are printed.
    names: bool,
    ends: BTreeMap<(MessageId, bool), Ending>,
    /// The records of each node that are appended and not durable yet.
    tails: BTreeMap<NodeId, VecDeque<(Lsn, Option<TxnId>, String)>>,
    /// Branches that an operator ends in this step.
    overruled: BTreeSet<(NodeId, TxnId)>,
    /// The transaction whose decision the last message to a node carried, if it carried one.
    told: BTreeMap<NodeId, Option<TxnId>>,
}

impl Teller {
    fn new(trace: &[Stamped], filter: Filter) -> Self {
        let mut ends = BTreeMap::new();
        let mut transactions = BTreeSet::new();
        for stamped in trace {
            match stamped.what {
                Observation::Received { id, copy, .. } => {
                    ends.insert((id, copy), Ending::Arrived(stamped.t_us));
                }
                Observation::Dropped { id, copy, to, .. } => {
                    // If a fault refuses a message, the receiver's driver drops it.
                    let kept = stamped.node == to;
                    ends.insert((id, copy), if kept { Ending::Kept } else { Ending::Lost });
                }
                Observation::ClientBegan { txn, .. } => {
                    transactions.insert(txn);
                }
                _ => {}
            }
        }
        let names = filter.transaction.is_none() && transactions.len() > 1;
        Teller { filter, names, ends, tails: BTreeMap::new(), overruled: BTreeSet::new(), told: BTreeMap::new() }
    }

    /// The node and the text of a line. `None` if the event belongs to another line or concerns another transaction.
    fn line(&mut self, stamped: &Stamped, next: Option<&Stamped>) -> Option<(String, String)> {
        use Observation::*;
        let node = stamped.node;
        let line = match &stamped.what {
            ClientBegan { what, plan, txn, .. } => format!("wants a {what} {txn}: {}", entries(plan)),
            ClientEnded { outcome, detail, .. } if detail.is_empty() => format!("is told: {}", outcome.word()),
            ClientEnded { outcome, detail, .. } => format!("is told: {} ({detail})", outcome.word()),
            ClientGaveUp { died: false, .. } => "gives up: no outcome came in time".into(),
            ClientGaveUp { died: true, .. } => "DIES before it is told".into(),
            Sent { id, from, to, message, copy, .. } => {
                let end = match self.ends.get(&(*id, *copy)) {
                    Some(Ending::Arrived(at)) => format!("arrives {}", ms(*at)),
                    Some(Ending::Lost) => "is lost".into(),
                    Some(Ending::Kept) => "is refused".into(),
                    None => "is still on its way".into(),
                };
                let word = format!("{}{}", message.word(), if *copy { " (a copy)" } else { "" });
                return Some((format!("{from} -> {to}"), format!("{word:<18} {end}")));
            }
            Appended { lsn, record, write, txn } => {
                self.tails.entry(node).or_default().push_back((*lsn, *txn, record.to_string()));
                format!("writes {record} ({})", write.word())
            }
            Durable { upto } => format!("durable: {}", self.durable(node, *upto)?),
            Compacted { upto, records } => {
                format!("replaces its journal up to record {} by {records} records", upto.0)
            }
            // If a lock is granted at once, the request is not printed.
            LockRequested { txn, key, .. } => match next.map(|next| &next.what) {
                Some(LockGranted { txn: granted, key: on, .. }) if (granted, on) == (txn, key) => return None,
                _ => format!("waits for the lock on {key}"),
            },
            LockGranted { key, .. } => format!("locks {key}"),
            LockReleased { key, .. } => format!("unlocks {key}"),
            LockAbandoned { key, why: Abandoned::Timeout, .. } => {
                format!("stops waiting for the lock on {key}: timeout")
            }
            LockAbandoned { key, why: Abandoned::Abort, .. } => {
                format!("stops waiting for the lock on {key}: the transaction aborted")
            }
            Read { key, value, .. } => format!("reads {key} = {value}"),
            Voted { vote, .. } => format!("votes {}", vote.word()),
            InDoubt { .. } => "is in doubt".into(),
            Decided { txn, outcome } => self.decided(node, *txn, *outcome),
            Heuristic { txn, .. } => {
                self.overruled.insert((node, *txn));
                return None;
            }
            HeuristicOutcome { outcome, .. } => format!("learns what operators did: {}", came_of_it(*outcome)),
            Applied { effects, .. } => format!("applied: {}", updates(effects)),
            StepApplied { step, effects, .. } => format!("step {step} applied: {}", updates(effects)),
            StepRefused { step, .. } => format!("step {step} refused"),
            Compensated { step, effects, .. } if effects.is_empty() => {
                format!("step {step} has no effects here: nothing to undo")
            }
            Compensated { step, effects, .. } => format!("step {step} undone: {}", updates(effects)),
            Pending { key, .. } => format!("flags {key} as pending"),
            Settled { key, .. } => format!("clears the pending flag of {key}"),
            Reached { phase, .. } => format!("[{}]", phase.word()),
            Stuck { step, resumed: false, .. } => format!("is stuck at step {step}: an operator must help"),
            Stuck { step, resumed: true, .. } => format!("tries step {step} again, as an operator asked"),
            LostLog { participant, .. } => format!("{participant} has lost its log, and the effect with it"),
            Crashed { .. } => {
                self.tails.remove(&node);
                "CRASHES".into()
            }
            Restarted { incarnation: 1, lost: true, .. } => "RESTARTS (incarnation 1: its disk is lost)".into(),
            Restarted { incarnation, lost: true, .. } => {
                format!("RESTARTS (incarnation {incarnation}; its log is lost)")
            }
            Restarted { incarnation, upto: Lsn(0), .. } => {
                format!("RESTARTS (incarnation {incarnation}; its log is empty)")
            }
            Restarted { incarnation, upto, .. } => {
                format!("RESTARTS (incarnation {incarnation}; its log ends with record {})", upto.0)
            }
            LogRestored { upto } => format!("its journal is AN OLDER COPY, which ends with record {}", upto.0),
            SessionRefused { peer } => {
                format!("REFUSES a session with {peer}: an older copy of the journal of one of them was put back")
            }
            Paused { .. } => "FREEZES".into(),
            Resumed { .. } => "RESUMES".into(),
            ClockJumped { by, back, .. } => format!("CLOCK JUMPS {} by {by}", if *back { "back" } else { "forward" }),
            LinkCut { from, to } => format!("CUTS the link {from} -> {to}"),
            LinkHealed { from, to } => format!("heals the link {from} -> {to}"),
            Fault { text } => format!("FAULT: {text}"),
            Received { message, txn, .. } => {
                let tells = matches!(message, MessageKind::Decision | MessageKind::Answer);
                self.told.insert(node, txn.filter(|_| tells));
                return None;
            }
            Dropped { .. } => return None,
            End => "the end".into(),
        };
        Some((node.to_string(), line))
    }

    /// A coordinator decides. A participant learns a decision, or an operator gives it one, or the participant ends a branch on
    /// which it has not voted YES.
    fn decided(&mut self, node: NodeId, txn: TxnId, outcome: Decision) -> String {
        let word = outcome.word();
        if node.role != Role::Participant {
            format!("decides: {}", word.to_uppercase())
        } else if self.overruled.remove(&(node, txn)) {
            format!("is ended by an operator: {word}")
        } else if self.told.get(&node) == Some(&Some(txn)) {
            format!("learns: {word}")
        } else {
            format!("ends: {word}")
        }
    }

    /// The records that a force made durable, except those of other transactions.
    fn durable(&mut self, node: NodeId, upto: Lsn) -> Option<String> {
        let tail = self.tails.get_mut(&node)?;
        let mut words: Vec<String> = Vec::new();
        while let Some((_, txn, word)) = tail.pop_front_if(|(lsn, ..)| *lsn <= upto) {
            if self.filter.transaction.is_none_or(|only| txn.is_none_or(|txn| txn == only)) {
                words.push(word);
            }
        }
        (!words.is_empty()).then(|| words.join(", "))
    }
}

fn updates(effects: &[Update]) -> String {
    let one = |update: &Update| match update.change {
        Change::Delta(delta) => format!("{} {delta:+}", update.key),
        Change::Value(value) => format!("{} := {value}", update.key),
    };
    if effects.is_empty() { "nothing".into() } else { effects.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn entries(plan: &[PlanEntry]) -> String {
    let one = |entry: &PlanEntry| match (entry.delta, entry.value) {
        (Some(delta), _) => format!("{} {delta:+}", entry.key),
        (None, Some(value)) => format!("{} := {value}", entry.key),
        (None, None) => format!("{}?", entry.key),
    };
    plan.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What came of a transaction of which operators ended branches.
fn came_of_it(outcome: heuristic::HeuristicOutcome) -> &'static str {
    match outcome {
        heuristic::HeuristicOutcome::Mixed => "some branches are committed and others aborted",
        heuristic::HeuristicOutcome::Rollback => "operators aborted every branch",
        heuristic::HeuristicOutcome::Commit => "operators committed every branch",
        heuristic::HeuristicOutcome::Hazard => "it is not known how some branches ended",
    }
}
