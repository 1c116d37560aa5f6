//! A recording as a conversation for people: who said what to whom, what was written and forced, who died, what was
//! decided. One line each, times in virtual milliseconds. Machines' phases stand in brackets.

use indoubt_proto::{
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

/// What of a recording is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this transaction, and what concerns no transaction (crashes, faults).
    pub transaction: Option<TxnId>,
    /// Only up to this time.
    pub until: Option<Micros>,
}

/// Tells a recording.
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

/// How a message ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Arrived(i64),
    Lost,
    Kept,
}

struct Teller {
    filter: Filter,
    /// Whether lines need the transaction's name, because several are told.
    names: bool,
    ends: BTreeMap<(MessageId, bool), Ending>,
    /// Appended and not durable yet, by node.
    tails: BTreeMap<NodeId, VecDeque<(Lsn, Option<TxnId>, String)>>,
    /// Branches that an operator ends in this step.
    overruled: BTreeSet<(NodeId, TxnId)>,
    /// Of which transaction the message that a node took last told it how it ends.
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
                    // A receiver drops what a fault refuses in its name.
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

    /// Who, and what; `None` for what is told elsewhere or concerns another transaction.
    fn line(&mut self, stamped: &Stamped, next: Option<&Stamped>) -> Option<(String, String)> {
        use Observation::*;
        let node = stamped.node;
        let line = match &stamped.what {
            ClientBegan { what, plan, txn, .. } => format!("wants a {what} {txn}: {}", entries(plan)),
            ClientEnded { outcome, detail, .. } if detail.is_empty() => format!("is told: {}", outcome.word()),
            ClientEnded { outcome, detail, .. } => format!("is told: {} ({detail})", outcome.word()),
            Sent { id, from, to, message, copy, .. } => {
                let end = match self.ends.get(&(*id, *copy)) {
                    Some(Ending::Arrived(at)) => format!("arrives {}", ms(*at)),
                    Some(Ending::Lost) => "is lost".into(),
                    Some(Ending::Kept) => "is not handed over".into(),
                    None => "is on its way at the end".into(),
                };
                let word = format!("{}{}", message.word(), if *copy { " (a copy)" } else { "" });
                return Some((format!("{from} -> {to}"), format!("{word:<18} {end}")));
            }
            Appended { lsn, record, write, txn } => {
                self.tails.entry(node).or_default().push_back((*lsn, *txn, record.to_string()));
                format!("writes {record} ({})", write.word())
            }
            Durable { upto } => format!("durable: {}", self.durable(node, *upto)?),
            // A lock that is granted at once needs no request to be told.
            LockRequested { txn, key, .. } => match next.map(|next| &next.what) {
                Some(LockGranted { txn: granted, key: on, .. }) if (granted, on) == (txn, key) => return None,
                _ => format!("waits for the lock on {key}"),
            },
            LockGranted { key, .. } => format!("locks {key}"),
            LockReleased { key, .. } => format!("unlocks {key}"),
            LockAbandoned { key, why: Abandoned::Timeout, .. } => format!("has waited too long for the lock on {key}"),
            LockAbandoned { key, why: Abandoned::Abort, .. } => format!("need not wait for the lock on {key} any more"),
            Read { key, value, .. } => format!("reads {key} = {value}"),
            Voted { vote, .. } => format!("votes {}", vote.word()),
            InDoubt { .. } => "is in doubt".into(),
            Decided { txn, outcome } => self.decided(node, *txn, *outcome),
            Heuristic { txn, .. } => {
                self.overruled.insert((node, *txn));
                return None;
            }
            Applied { effects, .. } => format!("applied: {}", updates(effects)),
            StepApplied { step, effects, .. } => format!("step {step} applied: {}", updates(effects)),
            StepRefused { step, .. } => format!("step {step} refused"),
            Compensated { step, effects, .. } if effects.is_empty() => {
                format!("step {step} is not here: nothing to undo")
            }
            Compensated { step, effects, .. } => format!("step {step} undone: {}", updates(effects)),
            Pending { key, .. } => format!("flags {key} pending"),
            Settled { key, .. } => format!("{key} is pending no more"),
            Reached { phase, .. } => format!("[{}]", phase.word()),
            Stuck { step, resumed: false, .. } => format!("is stuck at step {step}: an operator must help"),
            Stuck { step, resumed: true, .. } => format!("tries step {step} again: an operator said so"),
            LostLog { participant, .. } => format!("{participant} has lost its log, and the effect with it"),
            Crashed { .. } => {
                self.tails.remove(&node);
                "CRASHES".into()
            }
            Restarted { incarnation, lost: true, .. } => {
                format!("RESTARTS (incarnation {incarnation}; its log is lost)")
            }
            Restarted { incarnation, upto: Lsn(0), .. } => {
                format!("RESTARTS (incarnation {incarnation}; its log is empty)")
            }
            Restarted { incarnation, upto, .. } => {
                format!("RESTARTS (incarnation {incarnation}; its log ends with record {})", upto.0)
            }
            Paused { .. } => "FREEZES".into(),
            Resumed { .. } => "goes on".into(),
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

    /// A coordinator decides. A participant learns, or an operator tells it, or it ends by itself what it has not promised.
    fn decided(&mut self, node: NodeId, txn: TxnId, outcome: Decision) -> String {
        let word = outcome.word();
        if node.role != Role::Participant {
            format!("decides: {}", word.to_uppercase())
        } else if self.overruled.remove(&(node, txn)) {
            format!("is told by an operator: {word}")
        } else if self.told.get(&node) == Some(&Some(txn)) {
            format!("learns: {word}")
        } else {
            format!("ends: {word}")
        }
    }

    /// The records that a force covers, as far as they are told.
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
