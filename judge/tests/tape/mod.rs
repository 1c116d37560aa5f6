//! Traces written by hand, with one line of text per observation: `<ms> <node> <kind> <details>`. Tests compare their results with
//! numbers computed by hand.
//!
//! A plan is a list of `step:key:change`, where a key begins with its participant (`p1/a`) and a change is `+5`, `-5`, `=2`
//! or `?` (a read). Effects are `key:change`, and end with the number of the record: `@3`, or `@3/9` in journal 9.

#![allow(dead_code, reason = "each test file uses its part of this")]

pub(crate) mod book;

use indoubt_driver::conditions::{Conditions, Latency};
use indoubt_judge::{
    judge::judge,
    summary::{Check, Run},
};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, Serial, Ticket, TxnId},
    inspect::LockMode,
    machine::Write,
    message::{Decision, MessageKind, OutcomeWord, Vote},
    observation::{Abandoned, Observation as O, Phase, PlanEntry, Stamped},
    operation::{Change, Key, Update},
    settings::{Options, Timeouts},
    time::Micros,
};
use indoubt_scenario::{
    faults::FaultAction,
    protocol::Protocol,
    recording::{FaultRecord, Recording},
    scenario::{Arrivals, Cluster, Expect, Fault, Network, Scenario, Trigger, Workload, WorkloadKind},
};

/// The observations of a story.
pub(crate) fn tape(story: &str) -> Vec<Stamped> {
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .zip(1..)
        .map(|(line, seq)| observation(line, seq).unwrap_or_else(|| panic!("no observation: {line}")))
        .collect()
}

fn observation(line: &str, seq: u64) -> Option<Stamped> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [ms, node, kind, ref rest @ ..] = words[..] else { return None };
    let word = |at: usize| rest.get(at).copied();
    let txn = || word(0)?.parse::<TxnId>().ok();
    let key = || word(1).map(Key::new);
    let number = |at: usize| word(at)?.parse::<u64>().ok();
    let mode = || Some(if word(2) == Some("shared") { LockMode::Shared } else { LockMode::Exclusive });
    let (log, lsn) = place(rest, node);
    let what = match kind {
        "began" => O::ClientBegan {
            txn: txn()?,
            due_us: Micros((ms.parse::<f64>().ok()? * 1e3) as u64),
            what: word(1)?.to_string().into(),
            plan: rest[2..].iter().filter(|w| !w.contains("total")).map(|entry| plan(entry)).collect::<Option<_>>()?,
            total: rest.iter().find_map(|w| w.strip_prefix("total=")?.parse().ok()),
        },
        "told" => O::ClientEnded {
            txn: txn()?,
            outcome: match word(1)? {
                "succeeded" => OutcomeWord::Succeeded,
                "aborted" => OutcomeWord::Aborted,
                "compensated" => OutcomeWord::Compensated,
                "refused" => OutcomeWord::Refused,
                "unknown" => OutcomeWord::Unknown,
                "mixed" => OutcomeWord::Mixed,
                "hazard" => OutcomeWord::Hazard,
                _ => return None,
            },
            detail: rest[2..].join(" "),
        },
        "gave-up" => O::ClientGaveUp { txn: txn()?, died: word(1) == Some("died") },
        // sent p1 vote c1-k1-1 [copy]; received c1 work c1-k1-1 [#7/5]: the other end, the kind, the
        // transaction, its serial and the mark
        "sent" | "received" => {
            let (me, other) = (node.parse::<NodeId>().ok()?, word(0)?.parse::<NodeId>().ok()?);
            let (from, to) = if kind == "sent" { (me, other) } else { (other, me) };
            let (message, txn, copy) =
                (MessageKind::from_word(word(1)?)?, word(2)?.parse().ok(), word(3) == Some("copy"));
            let id = MessageId { from, start: 1, count: seq };
            match kind {
                "sent" => O::Sent { id, from, to, message, txn, copy },
                _ => O::Received { id, from, to, message, txn, copy, ticket: ticket(rest, other) },
            }
        }
        "appended" => O::Appended {
            txn: txn(),
            lsn: Lsn(seq),
            record: "record".into(),
            write: if word(1)? == "forced" { Write::Forced } else { Write::Lazy },
        },
        "durable" => O::Durable { upto: Lsn(number(0)?) },
        "compacted" => O::Compacted { upto: Lsn(number(0)?), records: number(1).unwrap_or(1) },
        "wants" => O::LockRequested { txn: txn()?, key: key()?, mode: mode()? },
        "gets" => O::LockGranted { txn: txn()?, key: key()?, mode: mode()? },
        "frees" => O::LockReleased { txn: txn()?, key: key()? },
        // quits c1-k1-1 p1/a [abort]
        "quits" => {
            let why = if word(2) == Some("abort") { Abandoned::Abort } else { Abandoned::Timeout };
            O::LockAbandoned { txn: txn()?, key: key()?, why }
        }
        // reads c1-k1-1 p1/a 100 step
        "reads" => {
            O::Read { txn: txn()?, key: key()?, value: word(2)?.parse().ok()?, step: number(3).unwrap_or(1) as u32 }
        }
        "voted" => O::Voted {
            txn: txn()?,
            vote: match word(1)? {
                "yes" => Vote::Yes,
                "no" => Vote::No,
                "read-only" => Vote::ReadOnly,
                _ => return None,
            },
        },
        "in-doubt" => O::InDoubt { txn: txn()? },
        "decided" => O::Decided {
            txn: txn()?,
            outcome: if word(1) == Some("abort") { Decision::Abort } else { Decision::Commit },
        },
        "heuristic" => O::Heuristic {
            txn: txn()?,
            outcome: if word(1) == Some("abort") { Decision::Abort } else { Decision::Commit },
        },
        "applied" => O::Applied { txn: txn()?, effects: updates(&rest[1..])?, log, lsn },
        "step-applied" => {
            O::StepApplied { txn: txn()?, step: number(1)? as u32, effects: updates(&rest[2..])?, log, lsn }
        }
        "step-refused" => O::StepRefused { txn: txn()?, step: number(1)? as u32, effects: vec![], log, lsn },
        "compensated" => {
            O::Compensated { txn: txn()?, step: number(1)? as u32, effects: updates(&rest[2..])?, log, lsn }
        }
        "pending" => O::Pending { txn: txn()?, key: key()? },
        "settled" => O::Settled { txn: txn()?, key: key()? },
        "reached" => O::Reached { txn: txn()?, phase: Phase::ALL.into_iter().find(|p| Some(p.word()) == word(1))? },
        "stuck" => O::Stuck { txn: txn()?, step: number(1)? as u32, resumed: word(2) == Some("resumed") },
        "lost-log" => O::LostLog { txn: txn()?, participant: word(1)?.parse().ok()? },
        "crashed" => O::Crashed { incarnation: 1 },
        // restarted <upto> [log]
        "restarted" => {
            let (log, lost) = (number(1).map_or(home_log(node), LogId), number(1).is_some());
            O::Restarted { incarnation: 2, log, upto: Lsn(number(0)?), lost }
        }
        "log-restored" => O::LogRestored { upto: Lsn(number(0)?) },
        "session-refused" => O::SessionRefused { peer: word(0)?.parse().ok()? },
        "clock-jumped" => O::ClockJumped { incarnation: 1, by: Micros::from_millis(number(0)?), back: false },
        "paused" => O::Paused { incarnation: 1 },
        "resumed" => O::Resumed { incarnation: 1 },
        "link-cut" => O::LinkCut { from: word(0)?.parse().ok()?, to: word(1)?.parse().ok()? },
        "link-healed" => O::LinkHealed { from: word(0)?.parse().ok()?, to: word(1)?.parse().ok()? },
        "end" => O::End,
        _ => return None,
    };
    Some(Stamped { t_us: (ms.parse::<f64>().ok()? * 1e3).round() as i64, seq, node: node.parse().ok()?, what })
}

/// The first journal of a node.
fn home_log(node: &str) -> LogId {
    LogId(node.bytes().map(u64::from).sum())
}

fn ticket(words: &[&str], home: NodeId) -> Option<Ticket> {
    let (serial, mark) = words.iter().find_map(|word| word.strip_prefix('#'))?.split_once('/')?;
    let [serial, finished_below] =
        [serial, mark].map(|number| Serial(number.parse().expect("a ticket is #serial/mark")));
    Some(Ticket { log: home_log(&home.to_string()), serial, finished_below })
}

fn place(words: &[&str], node: &str) -> (LogId, Lsn) {
    let Some(place) = words.iter().find_map(|word| word.strip_prefix('@')) else {
        return (home_log(node), Lsn(0));
    };
    let (lsn, log) = place.split_once('/').unwrap_or((place, ""));
    (log.parse().map_or(home_log(node), LogId), Lsn(lsn.parse().expect("a place in a journal is a number")))
}

fn plan(entry: &str) -> Option<PlanEntry> {
    let (step, update) = entry.split_once(':')?;
    let (key, change) = update.split_once(':')?;
    let node = key.split('/').next()?.parse().ok()?;
    let (delta, value) = match self::change(change) {
        Some(Change::Delta(delta)) => (Some(delta), None),
        Some(Change::Value(value)) => (None, Some(value)),
        None => (None, None),
    };
    Some(PlanEntry { node, step: step.parse().ok()?, key: Key::new(key), delta, value })
}

fn change(text: &str) -> Option<Change> {
    match text.strip_prefix('=') {
        Some(value) => value.parse().ok().map(Change::Value),
        None => text.parse().ok().map(Change::Delta),
    }
}

fn updates(words: &[&str]) -> Option<Vec<Update>> {
    let words = words.iter().filter(|word| !word.starts_with('@'));
    words
        .map(|word| word.split_once(':').and_then(|(k, c)| Some(Update { key: Key::new(k), change: change(c)? })))
        .collect()
}

/// A scenario of ten seconds with these faults and claims.
pub(crate) fn scenario(faults: Vec<Fault>, expects: Vec<Expect>) -> Scenario {
    Scenario {
        name: "by-hand".into(),
        about: String::new(),
        protocols: Protocol::ALL.to_vec(),
        seed: 1,
        duration: Micros::from_secs(10),
        settle: Micros::from_secs(20),
        cluster: Cluster { participants: 3, coordinators: 2 },
        workload: Workload {
            kind: WorkloadKind::Transfer,
            arrivals: Arrivals::Rate(1.0),
            transactions: None,
            keys: 10,
            skew: 0.0,
            touch: 2,
            refuse: 0.0,
            audit: 0.0,
            lookup: 0.0,
            opening: None,
            patience: Default::default(),
        },
        network: Network { base: Conditions::PERFECT, links: vec![] },
        force: Latency::ZERO,
        compact_every: 10_000,
        clocks: Default::default(),
        timeouts: Timeouts::default(),
        options: Options::default(),
        faults,
        expects,
        sweep: vec![],
        planted: Default::default(),
    }
}

/// A fault that fires at a time.
pub(crate) fn fault(at_ms: u64, action: impl Into<FaultAction>) -> (Fault, FaultRecord) {
    let at = Micros::from_millis(at_ms);
    let action = action.into();
    let text = format!("{action:?}");
    let record = FaultRecord { fault: 0, text: text.clone(), at: vec![at], until: vec![None], sites: vec![None] };
    (Fault { text, trigger: Trigger::At(at), action, protocols: None }, record)
}

/// The judgement of a story, with faults and claims.
pub(crate) fn judged(protocol: Protocol, faults: Vec<(Fault, FaultRecord)>, expects: Vec<Expect>, story: &str) -> Run {
    let (faults, mut records): (Vec<Fault>, Vec<FaultRecord>) = faults.into_iter().unzip();
    records.iter_mut().enumerate().for_each(|(index, record)| record.fault = index);
    let recording = Recording { protocol, seed: 1, trace: tape(story), faults: records };
    judge(&scenario(faults, expects), &recording)
}

/// The judgement of a story.
pub(crate) fn run(protocol: Protocol, story: &str) -> Run {
    judged(protocol, vec![], vec![], story)
}

/// One check of a run.
pub(crate) fn check<'a>(run: &'a Run, name: &str) -> &'a Check {
    run.checks.iter().find(|check| check.name.word() == name).expect("a check of this name")
}
