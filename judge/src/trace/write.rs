//! Writes observations as JSON. The code does not use serde, because a run of some seconds has hundreds of thousands of lines, and
//! because the order of the fields is part of the shape.

use super::words::{mode_word, why_word};
use indoubt_proto::{
    ids::{MessageId, NodeId, Ticket},
    message::MessageKind,
    observation::{Observation, PlanEntry, Stamped},
    operation::{Change, Update},
};
use std::fmt::{Display, Write};

/// The fingerprint of a trace: FNV-1a over its lines. Equal traces have equal fingerprints, so histories can be compared between
/// builds and machines.
pub fn fingerprint(trace: &[Stamped]) -> u64 {
    let mut line = String::new();
    trace.iter().fold(0xcbf2_9ce4_8422_2325, |hash, seen| {
        line.clear();
        push_json_line(seen, &mut line);
        line.push('\n');
        line.bytes().fold(hash, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
    })
}

/// One observation as one line, without its newline.
pub fn to_json_line(seen: &Stamped) -> String {
    let mut line = String::with_capacity(192);
    push_json_line(seen, &mut line);
    line
}

/// Appends one observation as one line to `line`, so that a writer of many lines needs only one buffer.
pub fn push_json_line(seen: &Stamped, line: &mut String) {
    line.push_str("{\"t_us\":");
    show(line, seen.t_us);
    number(line, "seq", seen.seq);
    name(line, "node", seen.node);
    name(line, "kind", seen.what.kind());
    if let Some(txn) = seen.what.txn() {
        name(line, "txn", txn);
    }
    details(line, &seen.what);
    line.push('}');
}

fn details(line: &mut String, what: &Observation) {
    use Observation::*;
    match what {
        ClientBegan { due_us, what, plan, total, .. } => {
            number(line, "due_us", due_us.0);
            text(line, "what", what);
            list(line, "plan", plan, plan_entry);
            if let Some(total) = total {
                number(line, "total", total);
            }
        }
        ClientEnded { outcome, detail, .. } => {
            name(line, "outcome", outcome.word());
            if !detail.is_empty() {
                text(line, "detail", detail);
            }
        }
        ClientGaveUp { died, .. } => {
            if *died {
                number(line, "died", true);
            }
        }
        Received { id, from, to, message: kind, copy, ticket, .. } => {
            message(line, *id, *from, *to, *kind, *copy);
            if let Some(Ticket { log, serial, finished_below }) = ticket {
                name(line, "log", log);
                number(line, "serial", serial.0);
                number(line, "finished_below", finished_below.0);
            }
        }
        Sent { id, from, to, message: kind, copy, .. } | Dropped { id, from, to, message: kind, copy, .. } => {
            message(line, *id, *from, *to, *kind, *copy);
        }
        Appended { lsn, record, write, .. } => {
            number(line, "lsn", lsn.0);
            text(line, "record", record);
            name(line, "write", write.word());
        }
        Durable { upto } => number(line, "upto", upto.0),
        Compacted { upto, records } => {
            number(line, "upto", upto.0);
            number(line, "records", records);
        }
        LockRequested { key, mode, .. } | LockGranted { key, mode, .. } => {
            text(line, "key", key.as_str());
            name(line, "mode", mode_word(*mode));
        }
        LockReleased { key, .. } | Pending { key, .. } | Settled { key, .. } => text(line, "key", key.as_str()),
        LockAbandoned { key, why, .. } => {
            text(line, "key", key.as_str());
            name(line, "why", why_word(*why));
        }
        Read { key, value, step, .. } => {
            text(line, "key", key.as_str());
            number(line, "value", value);
            number(line, "step", step);
        }
        Voted { vote, .. } => name(line, "vote", vote.word()),
        HeuristicOutcome { outcome, .. } => name(line, "outcome", outcome.word()),
        Decided { outcome, .. } | Heuristic { outcome, .. } => name(line, "outcome", outcome.word()),
        Applied { effects, log, lsn, .. } => {
            list(line, "effects", effects, update);
            name(line, "log", log);
            number(line, "lsn", lsn.0);
        }
        StepApplied { step, effects, log, lsn, .. }
        | StepRefused { step, effects, log, lsn, .. }
        | Compensated { step, effects, log, lsn, .. } => {
            number(line, "step", step);
            list(line, "effects", effects, update);
            name(line, "log", log);
            number(line, "lsn", lsn.0);
        }
        Reached { phase, .. } => name(line, "phase", phase.word()),
        Stuck { step, resumed, .. } => {
            number(line, "step", step);
            number(line, "resumed", resumed);
        }
        LostLog { participant, .. } => name(line, "participant", participant),
        Restarted { incarnation, log, upto, lost } => {
            number(line, "incarnation", incarnation);
            name(line, "log", log);
            number(line, "upto", upto.0);
            if *lost {
                number(line, "lost", true);
            }
        }
        LogRestored { upto } => number(line, "upto", upto.0),
        SessionRefused { peer } => name(line, "peer", peer),
        Crashed { incarnation } | Paused { incarnation } | Resumed { incarnation } => {
            number(line, "incarnation", incarnation);
        }
        ClockJumped { incarnation, by, back } => {
            number(line, "incarnation", incarnation);
            number(line, "by_us", by.0);
            if *back {
                number(line, "back", true);
            }
        }
        LinkCut { from, to } | LinkHealed { from, to } => {
            name(line, "from", from);
            name(line, "to", to);
        }
        Fault { text: what } => text(line, "text", what),
        InDoubt { .. } | End => {}
    }
}

fn message(line: &mut String, id: MessageId, from: NodeId, to: NodeId, kind: MessageKind, copy: bool) {
    name(line, "id", id);
    name(line, "from", from);
    name(line, "to", to);
    name(line, "message", kind.word());
    if copy {
        number(line, "copy", true);
    }
}

fn plan_entry(line: &mut String, entry: &PlanEntry) {
    line.push_str("{\"node\":\"");
    show(line, entry.node);
    line.push('"');
    number(line, "step", entry.step);
    text(line, "key", entry.key.as_str());
    if let Some(delta) = entry.delta {
        number(line, "delta", delta);
    }
    if let Some(value) = entry.value {
        number(line, "value", value);
    }
    line.push('}');
}

fn update(line: &mut String, update: &Update) {
    line.push_str("{\"key\":");
    quoted(line, update.key.as_str());
    match update.change {
        Change::Delta(delta) => number(line, "delta", delta),
        Change::Value(value) => number(line, "value", value),
    }
    line.push('}');
}

fn list<T>(line: &mut String, field: &str, items: &[T], mut each: impl FnMut(&mut String, &T)) {
    begin(line, field);
    line.push('[');
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            line.push(',');
        }
        each(line, item);
    }
    line.push(']');
}

/// Writes a field whose value has no quotes.
fn number(line: &mut String, field: &str, value: impl Display) {
    begin(line, field);
    show(line, value);
}

/// Writes a field whose value is a word or a name, which needs no escapes.
fn name(line: &mut String, field: &str, value: impl Display) {
    begin(line, field);
    line.push('"');
    show(line, value);
    line.push('"');
}

/// Writes a field whose value may be any text.
fn text(line: &mut String, field: &str, value: &str) {
    begin(line, field);
    quoted(line, value);
}

fn begin(line: &mut String, field: &str) {
    line.push_str(",\"");
    line.push_str(field);
    line.push_str("\":");
}

fn quoted(line: &mut String, value: &str) {
    if value.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        line.push('"');
        line.push_str(value);
        line.push('"');
    } else {
        line.push_str(&serde_json::to_string(value).expect("text always serialises"));
    }
}

fn show(line: &mut String, value: impl Display) {
    write!(line, "{value}").expect("a String takes everything");
}
