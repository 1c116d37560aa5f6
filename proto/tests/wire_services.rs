//! Tests of the unary services, and of the errors about invalid messages.
#![cfg(feature = "wire")]

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    inspect::{Inspection, LockMode, LockView, OpenView},
    message::{Decision, Outcome, Reason, ReasonKind},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
    wire::{
        DESCRIPTORS, Frame, OnWire, OperatorReply, ResolveRequest, ResumeRequest, StateReply, Stats, SubmitReply,
        SubmitRequest, WireError, limits, v1,
    },
};

fn txn() -> TxnId {
    "c1-k2-17".parse().expect("a name")
}

/// There and back, for types whose generated counterpart is `W`.
fn travels<T, W>(value: T)
where
    T: Clone + PartialEq + std::fmt::Debug + TryFrom<W, Error = WireError>,
    W: From<T> + prost::Message + Default,
{
    let bytes = W::from(value.clone()).encode_to_vec();
    let wire = W::decode(&bytes[..]).expect("it was encoded a line above");
    assert_eq!(T::try_from(wire), Ok(value));
}

#[test]
fn requests_and_replies_survive_the_wire() {
    travels::<_, v1::ResolveRequest>(ResolveRequest { txn: None, decision: Decision::Abort });
    travels::<_, v1::ResolveRequest>(ResolveRequest { txn: Some(txn()), decision: Decision::Commit });
    travels::<_, v1::ResumeRequest>(ResumeRequest { txn: txn() });
    travels::<_, v1::OperatorReply>(OperatorReply { count: 2, detail: "two branches aborted".into() });
    travels::<_, v1::StateReply>(StateReply {
        node: NodeId::participant(2),
        incarnation: 4,
        log: LogId(0x0123),
        protocol: "participant".into(),
        stats: Stats {
            last: Lsn(10),
            durable: Lsn(9),
            records: 8,
            forced_records: 7,
            forces: 6,
            compactions: 5,
            journal_bytes: 4,
            sent: 3,
            received: 2,
            dropped: 1,
            sessions: 4,
        },
        inspection: Inspection {
            locks: vec![LockView {
                key: Key::new("p2/acct-1"),
                mode: LockMode::Exclusive,
                holders: vec![txn()],
                waiters: vec![TxnId { number: 18, ..txn() }],
            }],
            open: vec![OpenView { txn: txn(), state: "in doubt".into(), in_doubt: true, since_us: Some(7) }],
            accounts: vec![(Key::new("p2/acct-1"), -3)],
        },
    });
}

fn refusal<T: std::fmt::Debug>(parsed: Result<T, WireError>) -> String {
    parsed.expect_err("it must be refused").to_string()
}

/// The fields of a message: numbers, and messages in messages.
enum Field {
    Number(u32, u64),
    Message(u32, Vec<Field>),
}
use Field::{Message as M, Number as N};

fn bytes(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        match field {
            N(number, value) => prost::encoding::uint64::encode(*number, value, &mut out),
            M(number, fields) => prost::encoding::bytes::encode(*number, &bytes(fields), &mut out),
        }
    }
    out
}

/// What is said of a fourth envelope with this message, when three are sound.
fn refusal_in_batch(message: Option<Field>) -> String {
    let envelope = |message: Option<Field>| M(1, [N(3, 9), N(4, 10)].into_iter().chain(message).collect());
    let resume = || envelope(Some(M(23, vec![txn_field()])));
    refusal_of_frame(&[M(2, vec![resume(), resume(), resume(), envelope(message)])])
}

/// Why this is no frame, or why one of its envelopes is none.
fn refusal_of_frame(fields: &[Field]) -> String {
    match Frame::decode(&bytes(fields)[..]) {
        Err(status) => status.message().to_owned(),
        Ok(Frame::Hello(hello)) => panic!("{hello:?} is sound"),
        Ok(Frame::Batch(batch)) => refusal(batch.envelopes().collect::<Result<Vec<_>, _>>()),
    }
}

/// c1-k2-17 as the first field.
fn txn_field() -> Field {
    M(1, vec![N(1, 9), N(2, 19), N(3, 17)])
}

/// A ticket as the second.
fn ticket_field() -> Field {
    M(2, vec![])
}

#[test]
fn a_refusal_names_the_field_and_the_reason() {
    let cases = [
        (None, "batch.envelopes[3].message: missing"),
        (Some(M(9, vec![txn_field(), N(5, 1)])), "batch.envelopes[3].message.prepare.ticket: missing"),
        (Some(M(9, vec![txn_field(), ticket_field()])), "batch.envelopes[3].message.prepare.read_vote: missing"),
        (
            Some(M(9, vec![txn_field(), ticket_field(), N(4, 10), N(4, 16), N(5, 1)])),
            "batch.envelopes[3].message.prepare.peers[1]: 16 is not a node",
        ),
        (Some(M(10, vec![txn_field(), N(2, 9)])), "batch.envelopes[3].message.vote.vote: 9 is not a VoteWord"),
        (
            Some(M(23, vec![M(1, vec![N(1, 10), N(2, 11)])])),
            "batch.envelopes[3].message.resume.txn.home: p1 is not a coordinating node",
        ),
        (
            Some(M(7, vec![txn_field(), ticket_field(), M(3, vec![N(1, 1), M(2, vec![])])])),
            "batch.envelopes[3].message.work.steps[0].ops[0].operation: missing",
        ),
        (
            Some(M(7, vec![txn_field(), ticket_field(), M(3, vec![N(1, 1), M(2, vec![M(3, vec![])])])])),
            "batch.envelopes[3].message.work.steps[0].ops[0].get.key: missing",
        ),
        (Some(M(17, vec![txn_field(), ticket_field()])), "batch.envelopes[3].message.settle.step: missing"),
        (Some(M(23, vec![txn_field(), txn_field()])), "batch.envelopes[3].message.resume.txn: given twice"),
        (Some(M(23, vec![N(1, 5)])), "batch.envelopes[3].message.resume.txn: not encoded as its type"),
        (Some(M(8, vec![txn_field()])), "batch.envelopes[3].message.work_done.result: missing"),
        (
            Some(M(8, vec![txn_field(), M(3, vec![])])),
            "batch.envelopes[3].message.work_done.result.failed.kind: missing",
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(refusal_in_batch(message), expected);
    }
    assert_eq!(
        refusal_of_frame(&[M(2, vec![M(1, vec![N(3, 9), N(4, 10), N(30, u64::MAX), M(23, vec![txn_field()])])])]),
        "batch.envelopes[0].hold_us: 18446744073709551615 us are more than a day"
    );
    let batches = vec![M(2, vec![]), M(2, vec![])];
    assert_eq!(refusal_of_frame(&batches), "frame: given twice");
    let status = Frame::decode(&[][..]).expect_err("it must be refused");
    assert_eq!((status.code(), status.message()), (tonic::Code::InvalidArgument, "frame: missing"));
}

fn encode(value: &impl OnWire) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

fn refused_bytes<T: OnWire + std::fmt::Debug>(bytes: &[u8]) -> String {
    T::decode(bytes).expect_err("it must be refused").message().to_owned()
}

#[test]
fn a_transaction_name_its_epoch_and_its_log_come_together() {
    let log = "00000000000000ff";
    let request = |txn: Option<&str>, epoch: Option<u32>, log: Option<&str>| {
        let mut bytes = Vec::new();
        txn.iter().for_each(|txn| prost::encoding::bytes::encode(1, &txn.as_bytes().to_vec(), &mut bytes));
        epoch.iter().for_each(|epoch| prost::encoding::uint32::encode(2, epoch, &mut bytes));
        log.iter().for_each(|log| prost::encoding::bytes::encode(5, &log.as_bytes().to_vec(), &mut bytes));
        refused_bytes::<SubmitRequest>(&bytes)
    };
    assert_eq!(request(Some("c1-k2-1"), None, Some(log)), "epoch: required when `txn` is given");
    assert_eq!(request(None, Some(1), None), "epoch: means nothing without `txn`");
    assert_eq!(request(Some("c1-k2-1"), Some(1), None), "log: required when `txn` is given");
    assert_eq!(request(None, None, Some(log)), "log: means nothing without `txn`");
    assert_eq!(request(Some("c1-k2-1"), Some(1), Some("ff")), "log: `ff` is not the 16 hexadecimal digits of a log");
    assert_eq!(request(Some("c1"), Some(1), Some(log)), "txn: `c1` is not a transaction name such as c1-k2-17");
    assert_eq!(request(Some(&"c".repeat(4_000_000)), Some(1), Some(log)), "txn: longer than any name");
}

#[test]
fn hostile_sizes_are_refused() {
    let get = |key: String| Operation::Get { key: Key::new(key) };
    let step = |ops| PlanStep { node: NodeId::participant(1), ops, undo: Vec::new(), kind: StepKind::Compensatable };
    let request = |steps| encode(&SubmitRequest { name: None, audit: true, steps });
    let refused = |steps| refused_bytes::<SubmitRequest>(&request(steps));
    assert_eq!(refused(vec![step(Vec::new()); limits::STEPS + 1]), "steps: more than 4096 elements");
    assert_eq!(
        refused(vec![step(vec![get("x".into()); limits::OPERATIONS + 1])]),
        "steps[0].ops: more than 16384 elements"
    );
    assert_eq!(
        refused(vec![step(vec![get("x".repeat(limits::KEY_BYTES + 1))])]),
        "steps[0].ops[0].get.key: 1025 bytes are more than 1024"
    );
    let most = request(vec![step(vec![get("x".repeat(limits::KEY_BYTES)); limits::OPERATIONS]); 1]);
    assert!(SubmitRequest::decode(&most[..]).is_ok());
    let reason = Reason::new(ReasonKind::Limit, "x".repeat(limits::TEXT_BYTES + 1));
    let reply = SubmitReply { txn: txn(), outcome: Outcome::Refused(reason) };
    assert_eq!(
        refused_bytes::<SubmitReply>(&encode(&reply)),
        "outcome.refused.detail: 16385 bytes are more than 16384"
    );
    let envelopes = (0..=limits::ENVELOPES).map(|_| M(1, vec![])).collect();
    assert_eq!(refusal_of_frame(&[M(2, envelopes)]), "batch.envelopes: more than 65536 elements");
}

#[test]
fn the_descriptors_name_every_service() {
    for service in ["Link", "Transactions", "Operator", "Lab"] {
        assert!(DESCRIPTORS.windows(service.len()).any(|bytes| bytes == service.as_bytes()), "{service}");
    }
}
