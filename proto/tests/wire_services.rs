//! Tests of the unary services, and of the errors about invalid messages.
#![cfg(feature = "wire")]

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    inspect::{Inspection, LockMode, LockView, OpenView},
    message::{Decision, Outcome, Reason, ReasonKind, Status},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind},
    wire::{
        DESCRIPTORS, Frame, OperatorReply, ResolveRequest, ResumeRequest, StateReply, Stats, StatusReply,
        StatusRequest, SubmitReply, SubmitRequest, WireError, limits, v1,
    },
};

fn txn() -> TxnId {
    "c1-k2-17".parse().expect("a name")
}

fn plan() -> Vec<PlanStep> {
    let add = |delta| Operation::Add { key: Key::new("p1/acct-1"), delta, min: None };
    vec![PlanStep { node: NodeId::participant(1), ops: vec![add(-5)], undo: vec![add(5)], kind: StepKind::Pivot }]
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
    for txn in [None, Some((txn(), 3))] {
        travels::<_, v1::SubmitRequest>(SubmitRequest { txn, audit: txn.is_some(), steps: plan() });
    }
    travels::<_, v1::SubmitReply>(SubmitReply { txn: txn(), outcome: Outcome::Refused(ReasonKind::Limit.into()) });
    travels::<_, v1::StatusRequest>(StatusRequest { txn: txn() });
    travels::<_, v1::StatusReply>(StatusReply { txn: txn(), status: Status::Running("preparing".into()) });
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

/// What is said of a fourth envelope with this message, when three are sound.
fn refusal_in_batch(message: Option<v1::envelope::Message>) -> String {
    let resume = v1::envelope::Message::Resume(v1::Resume { txn: Some(txn().into()) });
    let envelope = |message| v1::Envelope { from: 9, to: 10, message, ..v1::Envelope::default() };
    let envelopes = [Some(resume.clone()), Some(resume.clone()), Some(resume), message].map(envelope).to_vec();
    refusal(Frame::try_from(v1::Frame { frame: Some(v1::frame::Frame::Batch(v1::Batch { envelopes })) }))
}

#[test]
fn a_refusal_names_the_field_and_the_reason() {
    use v1::envelope::Message as Wire;
    let (txn, ticket) = (Some(v1::Txn::from(txn())), Some(v1::Ticket::default()));
    let cases = [
        (None, "batch.envelopes[3].message: missing"),
        (
            Some(Wire::Prepare(v1::Prepare { txn, read_vote: 1, ..Default::default() })),
            "batch.envelopes[3].message.prepare.ticket: missing",
        ),
        (
            Some(Wire::Prepare(v1::Prepare { txn, ticket, ..Default::default() })),
            "batch.envelopes[3].message.prepare.read_vote: missing",
        ),
        (
            Some(Wire::Prepare(v1::Prepare { txn, ticket, peers: vec![10, 16], read_vote: 1, ..Default::default() })),
            "batch.envelopes[3].message.prepare.peers[1]: 16 is no node",
        ),
        (
            Some(Wire::Vote(v1::Vote { txn, vote: 9, ..Default::default() })),
            "batch.envelopes[3].message.vote.vote: 9 is no VoteWord",
        ),
        (
            Some(Wire::Resume(v1::Resume { txn: Some(v1::Txn { home: 10, client: 11, number: 1 }) })),
            "batch.envelopes[3].message.resume.txn.home: p1 is no coordinating node",
        ),
        (
            Some(Wire::Work(v1::Work {
                txn,
                ticket,
                steps: vec![v1::StepOps { step: 1, ops: vec![v1::Operation { operation: None }] }],
            })),
            "batch.envelopes[3].message.work.steps[0].ops[0].operation: missing",
        ),
        (Some(Wire::Settle(v1::Settle { txn, ticket, step: 0 })), "batch.envelopes[3].message.settle.step: missing"),
    ];
    for (message, expected) in cases {
        assert_eq!(refusal_in_batch(message), expected);
    }
    let status = tonic::Status::from(refusal_of_an_empty_frame());
    assert_eq!((status.code(), status.message()), (tonic::Code::InvalidArgument, "frame: missing"));
}

fn refusal_of_an_empty_frame() -> WireError {
    Frame::try_from(v1::Frame { frame: None }).expect_err("it must be refused")
}

#[test]
fn a_transaction_name_and_its_epoch_come_together() {
    let request = |txn: Option<&str>, epoch| {
        SubmitRequest::try_from(v1::SubmitRequest { txn: txn.map(Into::into), epoch, audit: false, steps: Vec::new() })
    };
    assert_eq!(refusal(request(Some("c1-k2-1"), None)), "epoch: required when `txn` is given");
    assert_eq!(refusal(request(None, Some(1))), "epoch: means nothing without `txn`");
    assert_eq!(refusal(request(Some("c1"), Some(1))), "txn: `c1` is not a transaction name such as c1-k2-17");
    assert_eq!(refusal(request(Some(&"c".repeat(4_000_000)), Some(1))), "txn: longer than any name");
}

#[test]
fn hostile_sizes_are_refused() {
    let get = |key: String| v1::Operation { operation: Some(v1::operation::Operation::Get(v1::Get { key })) };
    let step = |ops| v1::SubmitStep { node: "p1".into(), ops, undo: Vec::new(), kind: 0 };
    let request = |steps| SubmitRequest::try_from(v1::SubmitRequest { txn: None, epoch: None, audit: true, steps });
    assert_eq!(refusal(request(vec![step(Vec::new()); limits::STEPS + 1])), "steps: 4097 elements are more than 4096");
    assert_eq!(
        refusal(request(vec![step(vec![get("x".into()); limits::OPERATIONS + 1])])),
        "steps[0].ops: 16385 elements are more than 16384"
    );
    assert_eq!(
        refusal(request(vec![step(vec![get("x".repeat(limits::KEY_BYTES + 1))])])),
        "steps[0].ops[0].get.key: 1025 bytes are more than 1024"
    );
    assert!(request(vec![step(vec![get("x".repeat(limits::KEY_BYTES)); limits::OPERATIONS]); 1]).is_ok());
    let reason = Reason::new(ReasonKind::Limit, "x".repeat(limits::TEXT_BYTES + 1));
    let reply = v1::SubmitReply { txn: "c1-k2-1".into(), outcome: Some(Outcome::Refused(reason).into()) };
    assert_eq!(refusal(SubmitReply::try_from(reply)), "outcome.refused.detail: 16385 bytes are more than 16384");
    let resume = v1::envelope::Message::Resume(v1::Resume { txn: Some(txn().into()) });
    let held = v1::Envelope { from: 9, to: 10, hold_us: u64::MAX, message: Some(resume), ..v1::Envelope::default() };
    let batch = v1::Batch { envelopes: vec![held] };
    assert_eq!(
        refusal(Frame::try_from(v1::Frame { frame: Some(v1::frame::Frame::Batch(batch)) })),
        "batch.envelopes[0].hold_us: 18446744073709551615 us are more than a day"
    );
}

#[test]
fn the_descriptors_name_every_service() {
    for service in ["Link", "Transactions", "Operator", "Lab"] {
        assert!(DESCRIPTORS.windows(service.len()).any(|bytes| bytes == service.as_bytes()), "{service}");
    }
}
