//! The requests of operators and their answers. Names are text here.

use super::{
    error::{At, WireError, key, list, name, required, text},
    limits, v1,
    word::Word,
};
use crate::{
    ids::{LogId, Lsn, NodeId, TxnId},
    inspect::{Inspection, LockMode, LockView, OpenView},
    message::Decision,
};

/// The state of a live node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateReply {
    /// The name of the node.
    pub node: NodeId,
    /// The number of its incarnation, from 1.
    pub incarnation: u32,
    /// The id of its journal.
    pub log: LogId,
    /// The protocol that it runs, for example `2pc`.
    pub protocol: String,
    /// Counts of this incarnation.
    pub stats: Stats,
    /// Its locks, unfinished work and accounts.
    pub inspection: Inspection,
}

/// Counts of one incarnation of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The number of the last record in its journal.
    pub last: Lsn,
    /// The number of the last durable record.
    pub durable: Lsn,
    /// The records appended.
    pub records: u64,
    /// The appended records that had to be forced.
    pub forced_records: u64,
    /// The forced writes of the disk. One write covers all records that wait for it.
    pub forces: u64,
    /// The compactions of the journal.
    pub compactions: u64,
    /// The present length of the journal in bytes.
    pub journal_bytes: u64,
    /// The messages sent.
    pub sent: u64,
    /// The messages taken as input.
    pub received: u64,
    /// The messages lost.
    pub dropped: u64,
    /// The present sessions with other nodes and clients.
    pub sessions: u64,
}

/// Asks a participant to end one branch in doubt, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolveRequest {
    /// The transaction; `None` for every branch in doubt at the node.
    pub txn: Option<TxnId>,
    /// The operator's decision.
    pub decision: Decision,
}

/// Asks an orchestrator to try a stuck saga again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeRequest {
    /// The saga to try again.
    pub txn: TxnId,
}

/// Asks a participant to forget a branch that an operator ended, or a coordinator to stop waiting for ACKs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgetRequest {
    /// The transaction of the branch or of the ACKs.
    pub txn: TxnId,
}

/// The result of an operator action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorReply {
    /// The number of branches or sagas that the action changed.
    pub count: u32,
    /// A text for people.
    pub detail: String,
}

impl From<Stats> for v1::Stats {
    fn from(stats: Stats) -> Self {
        v1::Stats {
            last_lsn: stats.last.0,
            durable_lsn: stats.durable.0,
            records: stats.records,
            forced_records: stats.forced_records,
            forces: stats.forces,
            compactions: stats.compactions,
            journal_bytes: stats.journal_bytes,
            sent: stats.sent,
            received: stats.received,
            dropped: stats.dropped,
            sessions: stats.sessions,
        }
    }
}

impl TryFrom<v1::Stats> for Stats {
    type Error = WireError;

    fn try_from(stats: v1::Stats) -> Result<Self, WireError> {
        Ok(Stats {
            last: Lsn(stats.last_lsn),
            durable: Lsn(stats.durable_lsn),
            records: stats.records,
            forced_records: stats.forced_records,
            forces: stats.forces,
            compactions: stats.compactions,
            journal_bytes: stats.journal_bytes,
            sent: stats.sent,
            received: stats.received,
            dropped: stats.dropped,
            sessions: stats.sessions,
        })
    }
}

impl From<LockView> for v1::LockView {
    fn from(lock: LockView) -> Self {
        v1::LockView {
            key: lock.key.as_str().to_owned(),
            mode: lock.mode.number(),
            holders: lock.holders.iter().map(TxnId::to_string).collect(),
            waiters: lock.waiters.iter().map(TxnId::to_string).collect(),
        }
    }
}

fn txns(field: &str, names: Vec<String>) -> Result<Vec<TxnId>, WireError> {
    list(field, limits::VIEWS, names, |txn| name("", &txn))
}

impl TryFrom<v1::LockView> for LockView {
    type Error = WireError;

    fn try_from(lock: v1::LockView) -> Result<Self, WireError> {
        Ok(LockView {
            key: key(&lock.key).at("key")?,
            mode: LockMode::parse(lock.mode).at("mode")?,
            holders: txns("holders", lock.holders)?,
            waiters: txns("waiters", lock.waiters)?,
        })
    }
}

impl From<OpenView> for v1::OpenView {
    fn from(open: OpenView) -> Self {
        let OpenView { txn, state, in_doubt, since_us } = open;
        v1::OpenView { txn: txn.to_string(), state, in_doubt, since_us }
    }
}

impl TryFrom<v1::OpenView> for OpenView {
    type Error = WireError;

    fn try_from(open: v1::OpenView) -> Result<Self, WireError> {
        Ok(OpenView {
            txn: name("txn", &open.txn)?,
            state: text("state", limits::TEXT_BYTES, open.state)?,
            in_doubt: open.in_doubt,
            since_us: open.since_us,
        })
    }
}

impl From<StateReply> for v1::StateReply {
    fn from(state: StateReply) -> Self {
        let StateReply { node, incarnation, log, protocol, stats, inspection } = state;
        let accounts =
            inspection.accounts.iter().map(|(key, value)| v1::Account { key: key.as_str().to_owned(), value: *value });
        v1::StateReply {
            node: node.to_string(),
            incarnation,
            log: log.to_string(),
            protocol,
            stats: Some(stats.into()),
            accounts: accounts.collect(),
            locks: inspection.locks.into_iter().map(Into::into).collect(),
            open: inspection.open.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::StateReply> for StateReply {
    type Error = WireError;

    fn try_from(state: v1::StateReply) -> Result<Self, WireError> {
        let log = match state.log.len() {
            16 => u64::from_str_radix(&state.log, 16).ok(),
            _ => None,
        };
        let account = |account: v1::Account| Ok((key(&account.key).at("key")?, account.value));
        Ok(StateReply {
            node: name("node", &state.node)?,
            incarnation: state.incarnation,
            log: log.map(LogId).ok_or_else(|| WireError::new("not 16 hexadecimal digits")).at("log")?,
            protocol: text("protocol", limits::TEXT_BYTES, state.protocol)?,
            stats: required("stats", state.stats)?,
            inspection: Inspection {
                locks: list("locks", limits::VIEWS, state.locks, LockView::try_from)?,
                open: list("open", limits::VIEWS, state.open, OpenView::try_from)?,
                accounts: list("accounts", usize::MAX, state.accounts, account)?,
            },
        })
    }
}

impl From<ResolveRequest> for v1::ResolveRequest {
    fn from(request: ResolveRequest) -> Self {
        v1::ResolveRequest { txn: request.txn.map(|txn| txn.to_string()), decision: request.decision.number() }
    }
}

impl TryFrom<v1::ResolveRequest> for ResolveRequest {
    type Error = WireError;

    fn try_from(request: v1::ResolveRequest) -> Result<Self, WireError> {
        Ok(ResolveRequest {
            txn: request.txn.map(|txn| name("txn", &txn)).transpose()?,
            decision: Decision::parse(request.decision).at("decision")?,
        })
    }
}

impl From<ResumeRequest> for v1::ResumeRequest {
    fn from(request: ResumeRequest) -> Self {
        v1::ResumeRequest { txn: request.txn.to_string() }
    }
}

impl TryFrom<v1::ResumeRequest> for ResumeRequest {
    type Error = WireError;

    fn try_from(request: v1::ResumeRequest) -> Result<Self, WireError> {
        Ok(ResumeRequest { txn: name("txn", &request.txn)? })
    }
}

impl From<ForgetRequest> for v1::ForgetRequest {
    fn from(request: ForgetRequest) -> Self {
        v1::ForgetRequest { txn: request.txn.to_string() }
    }
}

impl TryFrom<v1::ForgetRequest> for ForgetRequest {
    type Error = WireError;

    fn try_from(request: v1::ForgetRequest) -> Result<Self, WireError> {
        Ok(ForgetRequest { txn: name("txn", &request.txn)? })
    }
}

impl From<OperatorReply> for v1::OperatorReply {
    fn from(reply: OperatorReply) -> Self {
        v1::OperatorReply { count: reply.count, detail: reply.detail }
    }
}

impl TryFrom<v1::OperatorReply> for OperatorReply {
    type Error = WireError;

    fn try_from(reply: v1::OperatorReply) -> Result<Self, WireError> {
        Ok(OperatorReply { count: reply.count, detail: text("detail", limits::TEXT_BYTES, reply.detail)? })
    }
}
