//! ACKs, and other messages that may leave only when the outcome of a branch is durable.

use crate::{
    context::Context,
    durability::AtDurable,
    effects::Out,
    record::{BranchEnd, Record},
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Ticket, TxnId},
    machine::Write,
    message::{Decision, Message},
};

/// The ACK for `txn`, from journal `log`, whose last record is `end`.
pub(crate) fn acknowledgement(txn: TxnId, log: LogId, known: bool, heuristic: Option<Decision>, end: Lsn) -> Message {
    Message::Ack { txn, log, known, end, heuristic }
}

/// Sends a message that relies on a remembered outcome, once the record of that outcome is durable. A lazy record is forced
/// first: a peer's answer ends a branch with a lazy record, and right after it the coordinator may send the decision and
/// ask for an ACK.
pub(crate) fn send_when_durable(
    txn: TxnId,
    ticket: Ticket,
    end: BranchEnd,
    to: NodeId,
    message: Message,
    ctx: &mut Context,
    out: &mut Out,
) {
    let lsn = match ctx.finished.pending(txn) {
        None => return out.send(to, message),
        Some((lsn, Write::Forced)) => lsn,
        Some((_, Write::Lazy)) => {
            let lsn = out.force(Record::Ended { txn, ticket, end });
            ctx.outcome_appended(txn, lsn, Write::Forced);
            lsn
        }
    };
    ctx.awaited.wait(lsn, AtDurable::Send(to, Box::new(message)));
}
