//! Reads observations back from JSON: for `explain`, for merging the files of real nodes, and for tests.

use indoubt_proto::{
    heuristic::HeuristicOutcome,
    ids::{LogId, Lsn, MessageId, NodeId, Serial, Ticket, TxnId},
    inspect::LockMode,
    machine::Write,
    message::{Decision, MessageKind, OutcomeWord, Vote},
    observation::{Abandoned, Observation, Phase, PlanEntry, Stamped},
    operation::{Key, Update},
    time::Micros,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::borrow::Cow;

/// Why a line is not an observation.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The line is not a JSON object, or a field has the wrong type.
    #[error("not a line of a trace: {0}")]
    Json(#[from] serde_json::Error),
    /// The `kind` is unknown.
    #[error("unknown kind of observation `{0}`")]
    Kind(String),
    /// A field that the kind needs is missing.
    #[error("a line of kind `{kind}` needs `{field}`")]
    Missing {
        /// The kind of the line.
        kind: String,
        /// The missing field.
        field: &'static str,
    },
    /// A field has an invalid value.
    #[error("`{field}` of a line of kind `{kind}` is {value}: {why}")]
    Field {
        /// The kind of the line.
        kind: String,
        /// The field with the invalid value.
        field: &'static str,
        /// The value, as JSON.
        value: String,
        /// Why the value is invalid.
        why: String,
    },
}

/// A line whose details are not parsed yet.
#[derive(Deserialize)]
struct Line {
    t_us: i64,
    seq: u64,
    node: NodeId,
    kind: String,
    #[serde(flatten)]
    details: serde_json::Map<String, Value>,
}

/// Parses one line. Fields that its kind does not have are ignored.
///
/// # Errors
/// If the line is not JSON, its kind is unknown, or a field is missing or invalid. The error names the field.
pub fn from_json_line(line: &str) -> Result<Stamped, TraceError> {
    let mut line: Line = serde_json::from_str(line)?;
    let what = line.observation()?;
    Ok(Stamped { t_us: line.t_us, seq: line.seq, node: line.node, what })
}

impl Line {
    fn observation(&mut self) -> Result<Observation, TraceError> {
        use Observation as O;
        let kind = std::mem::take(&mut self.kind);
        let mut fields = Fields { kind: &kind, details: &mut self.details };
        let f = &mut fields;
        Ok(match kind.as_str() {
            "client-began" => O::ClientBegan {
                txn: f.txn()?,
                due_us: Micros(f.need("due_us")?),
                what: Cow::Owned(f.need("what")?),
                plan: f.need::<Vec<PlanEntry>>("plan")?,
                total: f.maybe("total")?,
            },
            "client-ended" => O::ClientEnded {
                txn: f.txn()?,
                outcome: f.need::<OutcomeWord>("outcome")?,
                detail: f.maybe("detail")?.unwrap_or_default(),
            },
            "client-gave-up" => O::ClientGaveUp { txn: f.txn()?, died: f.maybe("died")?.unwrap_or(false) },
            "sent" => {
                let (id, from, to, message, txn, copy) = f.message()?;
                O::Sent { id, from, to, message, txn, copy }
            }
            "received" => {
                let (id, from, to, message, txn, copy) = f.message()?;
                O::Received { id, from, to, message, txn, copy, ticket: f.ticket()? }
            }
            "dropped" => {
                let (id, from, to, message, txn, copy) = f.message()?;
                O::Dropped { id, from, to, message, txn, copy }
            }
            "appended" => O::Appended {
                txn: f.maybe("txn")?,
                lsn: f.lsn("lsn")?,
                record: Cow::Owned(f.need("record")?),
                write: f.need::<Write>("write")?,
            },
            "durable" => O::Durable { upto: f.lsn("upto")? },
            "compacted" => O::Compacted { upto: f.lsn("upto")?, records: f.need("records")? },
            "lock-requested" => O::LockRequested { txn: f.txn()?, key: f.key()?, mode: f.need::<LockMode>("mode")? },
            "lock-granted" => O::LockGranted { txn: f.txn()?, key: f.key()?, mode: f.need::<LockMode>("mode")? },
            "lock-released" => O::LockReleased { txn: f.txn()?, key: f.key()? },
            "lock-abandoned" => O::LockAbandoned { txn: f.txn()?, key: f.key()?, why: f.need::<Abandoned>("why")? },
            "read" => O::Read { txn: f.txn()?, key: f.key()?, value: f.need("value")?, step: f.need("step")? },
            "voted" => O::Voted { txn: f.txn()?, vote: f.need::<Vote>("vote")? },
            "in-doubt" => O::InDoubt { txn: f.txn()? },
            "decided" => O::Decided { txn: f.txn()?, outcome: f.need::<Decision>("outcome")? },
            "heuristic" => O::Heuristic { txn: f.txn()?, outcome: f.need::<Decision>("outcome")? },
            "heuristic-outcome" => {
                O::HeuristicOutcome { txn: f.txn()?, outcome: f.need::<HeuristicOutcome>("outcome")? }
            }
            "applied" => O::Applied { txn: f.txn()?, effects: f.need("effects")?, log: f.log()?, lsn: f.lsn("lsn")? },
            "step-applied" => {
                let (txn, step, effects, log, lsn) = f.step()?;
                O::StepApplied { txn, step, effects, log, lsn }
            }
            "step-refused" => {
                let (txn, step, effects, log, lsn) = f.step()?;
                O::StepRefused { txn, step, effects, log, lsn }
            }
            "compensated" => {
                let (txn, step, effects, log, lsn) = f.step()?;
                O::Compensated { txn, step, effects, log, lsn }
            }
            "pending" => O::Pending { txn: f.txn()?, key: f.key()? },
            "settled" => O::Settled { txn: f.txn()?, key: f.key()? },
            "reached" => O::Reached { txn: f.txn()?, phase: f.need::<Phase>("phase")? },
            "stuck" => O::Stuck { txn: f.txn()?, step: f.need("step")?, resumed: f.need("resumed")? },
            "lost-log" => O::LostLog { txn: f.txn()?, participant: f.need("participant")? },
            "crashed" => O::Crashed { incarnation: f.need("incarnation")? },
            "restarted" => O::Restarted {
                incarnation: f.need("incarnation")?,
                log: f.log()?,
                upto: f.lsn("upto")?,
                lost: f.maybe("lost")?.unwrap_or(false),
            },
            "log-restored" => O::LogRestored { upto: f.lsn("upto")? },
            "session-refused" => O::SessionRefused { peer: f.need("peer")? },
            "paused" => O::Paused { incarnation: f.need("incarnation")? },
            "resumed" => O::Resumed { incarnation: f.need("incarnation")? },
            "clock-jumped" => O::ClockJumped {
                incarnation: f.need("incarnation")?,
                by: Micros(f.need("by_us")?),
                back: f.maybe("back")?.unwrap_or(false),
            },
            "link-cut" => O::LinkCut { from: f.need("from")?, to: f.need("to")? },
            "link-healed" => O::LinkHealed { from: f.need("from")?, to: f.need("to")? },
            "fault" => O::Fault { text: f.need("text")? },
            "end" => O::End,
            _ => return Err(TraceError::Kind(kind)),
        })
    }
}

/// The details of one line. Parsing removes them one by one.
struct Fields<'a> {
    kind: &'a str,
    details: &'a mut serde_json::Map<String, Value>,
}

impl Fields<'_> {
    fn maybe<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<Option<T>, TraceError> {
        let Some(value) = self.details.remove(field) else {
            return Ok(None);
        };
        let shown = value.to_string();
        serde_json::from_value(value).map(Some).map_err(|why| self.wrong(field, shown, why.to_string()))
    }

    fn need<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<T, TraceError> {
        self.maybe(field)?.ok_or_else(|| TraceError::Missing { kind: self.kind.into(), field })
    }

    fn wrong(&self, field: &'static str, value: String, why: String) -> TraceError {
        TraceError::Field { kind: self.kind.into(), field, value, why }
    }

    fn txn(&mut self) -> Result<TxnId, TraceError> {
        self.need("txn")
    }

    fn key(&mut self) -> Result<Key, TraceError> {
        self.need("key")
    }

    fn lsn(&mut self, field: &'static str) -> Result<Lsn, TraceError> {
        self.need(field).map(Lsn)
    }

    fn log(&mut self) -> Result<LogId, TraceError> {
        let text: String = self.need("log")?;
        match u64::from_str_radix(&text, 16) {
            Ok(log) => Ok(LogId(log)),
            Err(why) => Err(self.wrong("log", text, why.to_string())),
        }
    }

    /// The ticket, which only requests have.
    fn ticket(&mut self) -> Result<Option<Ticket>, TraceError> {
        let Some(serial) = self.maybe("serial")?.map(Serial) else { return Ok(None) };
        let finished_below = Serial(self.need("finished_below")?);
        Ok(Some(Ticket { log: self.log()?, serial, finished_below }))
    }

    fn step(&mut self) -> Result<(TxnId, u32, Vec<Update>, LogId, Lsn), TraceError> {
        Ok((self.txn()?, self.need("step")?, self.need("effects")?, self.log()?, self.lsn("lsn")?))
    }

    #[allow(clippy::type_complexity, reason = "the six fields that the three kinds of message line share")]
    fn message(&mut self) -> Result<(MessageId, NodeId, NodeId, MessageKind, Option<TxnId>, bool), TraceError> {
        let text: String = self.need("id")?;
        let Some(id) = message_id(&text) else {
            return Err(self.wrong("id", text, "expected sender.start.count, for example c1.1.17".into()));
        };
        let copy = self.maybe("copy")?.unwrap_or(false);
        Ok((id, self.need("from")?, self.need("to")?, self.need("message")?, self.maybe("txn")?, copy))
    }
}

fn message_id(text: &str) -> Option<MessageId> {
    let mut parts = text.split('.');
    let id = MessageId {
        from: parts.next()?.parse().ok()?,
        start: parts.next()?.parse().ok()?,
        count: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(id)
}
