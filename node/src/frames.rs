//! Checks the frames of a session: first a hello, then batches. Each message must come from the node of the hello, go to
//! this node, and be of a kind that the sender's role may send. Everything else is refused with the field and the reason.

use indoubt_proto::{
    ids::{NodeId, Role},
    message::Message,
    wire::{Envelope, Frame, Hello},
};
use tonic::Status;

/// Reads the first frame of a session.
pub(crate) fn read_hello(frame: Option<Frame>) -> Result<Hello, Status> {
    match frame {
        Some(Frame::Hello(hello)) => Ok(hello),
        Some(Frame::Batch(_)) => Err(Status::invalid_argument("frame.batch: the first frame must be a hello")),
        None => Err(Status::unavailable("the session ended before its hello")),
    }
}

/// Reads a later frame, sent by `peer` to `me`.
pub(crate) fn read_batch(frame: Frame, peer: Hello, me: NodeId) -> Result<Vec<Envelope>, Status> {
    let batch = match frame {
        Frame::Batch(batch) => batch,
        Frame::Hello(_) => return Err(Status::invalid_argument("frame.hello: only the first frame is a hello")),
    };
    let mut envelopes = Vec::with_capacity(batch.len());
    for (index, envelope) in batch.envelopes().enumerate() {
        let envelope = envelope?;
        let refuse = |field, why| Err(Status::invalid_argument(format!("batch.envelopes[{index}].{field}: {why}")));
        if envelope.id.from != peer.node || envelope.id.start != peer.start {
            return refuse("from", format!("not start {} of {}, who said hello", peer.start, peer.node));
        }
        if envelope.to != me {
            return refuse("to", format!("this is {me}, not {}", envelope.to));
        }
        let kind = envelope.message.kind().entry();
        if !kind.is_sent_by(peer.node) || !kind.is_taken_by(me) {
            return refuse("message", format!("a {} is not for {} to send to {me}", kind.word, peer.node));
        }
        if peer.node.role == Role::Coordinating
            && let Some(why) = not_of(peer, &envelope.message)
        {
            return refuse("message", why);
        }
        if let Message::Submit(submission) = &envelope.message
            && let Some(why) = not_for(me, peer.node, submission.txn)
        {
            return refuse("message.submit.txn", why);
        }
        envelopes.push(envelope);
    }
    Ok(envelopes)
}

/// The reason why a coordinating node that said `hello` may not send this: it may send only messages about its own
/// transactions, and only for its present journal. So no other node can raise the mark below which transactions of that
/// journal are finished.
fn not_of(hello: Hello, message: &Message) -> Option<String> {
    let Hello { node, log, .. } = hello;
    match (message.txn(), message.ticket()) {
        (Some(txn), _) if txn.home != node => Some(format!("{txn} is not a transaction of {node}")),
        (_, Some(ticket)) if ticket.log != log => {
            Some(format!("its ticket is of log {}, and {node} has log {log}", ticket.log))
        }
        _ => None,
    }
}

/// The reason why `client` cannot submit a transaction with this name to `me`.
pub(crate) fn not_for(me: NodeId, client: NodeId, txn: indoubt_proto::ids::TxnId) -> Option<String> {
    if txn.home != me {
        return Some(format!("the home of {txn} is {}, and this is {me}", txn.home));
    }
    (txn.client != client).then(|| format!("{txn} is not a transaction of {client}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::{
        ids::{LogId, Lsn, MessageId, Serial, Ticket, TxnId},
        message::Decision,
        plan::Submission,
        time::Micros,
        wire::Batch,
    };

    const C1: NodeId = NodeId::coordinating(1);
    const K1: NodeId = NodeId::client(1);

    fn hello() -> Hello {
        Hello { node: K1, incarnation: 1, start: 1, log: LogId(0), end: Lsn(0), receiver: None }
    }

    fn frame(change: impl FnOnce(&mut Envelope)) -> Frame {
        let submission =
            Submission { txn: "c1-k1-1".parse().unwrap(), epoch: 1, log: LogId(0), audit: false, steps: Vec::new() };
        let mut envelope = Envelope {
            id: MessageId { from: K1, start: 1, count: 1 },
            to: C1,
            hold: Micros::ZERO,
            copy: false,
            message: Message::Submit(submission),
        };
        change(&mut envelope);
        Frame::Batch(Batch::from_iter([&envelope]))
    }

    #[test]
    fn a_batch_of_the_node_that_said_hello_to_this_one_is_taken() {
        assert_eq!(read_batch(frame(|_| ()), hello(), C1).unwrap().len(), 1);
    }

    #[test]
    fn a_batch_in_another_name_or_for_another_node_is_refused_with_the_field() {
        let refused = |change: fn(&mut Envelope)| {
            let status = read_batch(frame(change), hello(), C1).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            status.message().to_owned()
        };
        assert!(refused(|e| e.id.from = NodeId::client(2)).starts_with("batch.envelopes[0].from: "));
        assert!(refused(|e| e.id.start = 2).starts_with("batch.envelopes[0].from: "));
        assert!(refused(|e| e.to = NodeId::coordinating(2)).starts_with("batch.envelopes[0].to: "));
        let resolve = |e: &mut Envelope| e.message = Message::Resolve { txn: None, decision: Decision::Abort };
        assert!(refused(resolve).contains("a resolve is not for k1 to send to c1"));
        let strange = |e: &mut Envelope| {
            let Message::Submit(submission) = &mut e.message else { return };
            submission.txn.client = NodeId::client(2);
        };
        assert!(refused(strange).contains("submit.txn: c1-k2-1 is not a transaction of k1"));
    }

    #[test]
    fn a_coordinating_node_speaks_only_of_its_own_transactions_and_journal() {
        const P1: NodeId = NodeId::participant(1);
        let settle = |home: NodeId, log: u64| {
            let ticket = Ticket { log: LogId(log), serial: Serial(1), finished_below: Serial(9) };
            let txn = TxnId { home, client: K1, number: 1 };
            let id = MessageId { from: C1, start: 1, count: 1 };
            let message = Message::Settle { txn, ticket, step: 1 };
            let envelope = Envelope { id, to: P1, hold: Micros::ZERO, copy: false, message };
            let hello = Hello { node: C1, incarnation: 1, start: 1, log: LogId(7), end: Lsn(0), receiver: None };
            read_batch(Frame::Batch(Batch::from_iter([&envelope])), hello, P1).map_err(|s| s.message().to_owned())
        };
        assert!(settle(C1, 7).is_ok());
        let why = settle(NodeId::coordinating(2), 7).unwrap_err();
        assert_eq!(why, "batch.envelopes[0].message: c2-k1-1 is not a transaction of c1");
        let why = settle(C1, 8).unwrap_err();
        assert!(why.ends_with("its ticket is of log 0000000000000008, and c1 has log 0000000000000007"), "{why}");
    }

    #[test]
    fn a_session_begins_with_exactly_one_hello() {
        let greeting = Frame::Hello(hello());
        assert_eq!(read_hello(Some(greeting.clone())).unwrap(), hello());
        assert!(read_batch(greeting, hello(), C1).unwrap_err().message().contains("only the first frame"));
        assert!(read_hello(Some(frame(|_| ()))).unwrap_err().message().contains("must be a hello"));
        assert!(read_hello(None).is_err());
    }
}
