//! The wire: everything of the domain survives it, nothing else gets past it, and its encoding is the one of the .proto
//! files, as prost reads and writes it.
#![cfg(feature = "wire")]

mod malformed;
mod reference;
mod values;

use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, TxnId},
    message::{Message, MessageKind, Vote},
    time::Micros,
    wire::{
        Batch, Envelope, Frame, Hello, OnWire, Receiver, StateReply, StatusReply, StatusRequest, SubmissionName,
        SubmitReply, SubmitRequest, v1,
    },
};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use prost::Message as _;
use reference::{Random, rearrange};
use values::{envelope, node, outcome, plan, status, txn};

fn encode(value: &impl OnWire) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

/// A frame and all its envelopes, or why the bytes are none.
fn decode(bytes: &[u8]) -> Result<(Frame, Vec<Envelope>), String> {
    let frame = Frame::decode(bytes).map_err(|status| status.message().to_owned())?;
    let envelopes = match &frame {
        Frame::Hello(_) => Vec::new(),
        Frame::Batch(batch) => batch.envelopes().collect::<Result<_, _>>().map_err(|error| error.to_string())?,
    };
    Ok((frame, envelopes))
}

/// Both encodings are equal: prost writes the bytes that we write, and both read the same in what the other, or anybody
/// else, wrote.
fn same_as_prost<T: OnWire + PartialEq + std::fmt::Debug>(
    name: &str,
    value: &T,
    seed: u64,
) -> Result<(), TestCaseError> {
    let bytes = encode(value);
    let theirs = reference::read(name, &bytes).expect("prost reads what we write");
    prop_assert_eq!(&theirs.encode_to_vec(), &bytes, "prost writes it otherwise");
    let rearranged = rearrange(&reference::message(name), &bytes, &mut Random(seed | 1));
    reference::read(name, &rearranged).expect("it is still the message");
    let read = T::decode(&rearranged[..]).map_err(|status| TestCaseError::fail(status.to_string()))?;
    prop_assert_eq!(&encode(&read), &bytes, "rearranged it reads otherwise");
    Ok(())
}

#[test]
fn every_message_of_the_domain_survives_the_wire_and_is_encoded_as_prost_encodes_it() {
    for kind in MessageKind::ALL {
        TestRunner::default()
            .run(&(vec(envelope(kind), 0..3), any::<u64>()), |(envelopes, seed)| {
                let frame = Frame::Batch(envelopes.iter().collect());
                prop_assert_eq!(decode(&encode(&frame)), Ok((frame.clone(), envelopes.clone())));
                let theirs = reference::read("Frame", &encode(&frame)).expect("prost reads what we write");
                prop_assert_eq!(theirs.encode_to_vec(), encode(&frame), "prost writes it otherwise");
                let rearranged = rearrange(&reference::message("Frame"), &encode(&frame), &mut Random(seed | 1));
                prop_assert_eq!(decode(&rearranged).map(|(_, envelopes)| envelopes), Ok(envelopes));
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", kind.word()));
    }
}

proptest! {
    #[test]
    fn greetings_and_the_calls_of_clients_are_encoded_as_prost_encodes_them(
        (node, incarnation, start, log, end) in (node(), any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>()),
        receiver in proptest::option::of((node(), any::<u64>(), any::<u32>(), any::<u64>())),
        (txn, epoch, named) in (txn(), any::<u32>(), any::<bool>()),
        (audit, steps) in (any::<bool>(), plan()),
        (outcome, status) in (outcome(), status()),
        seed in any::<u64>(),
    ) {
        let receiver = receiver.map(|(node, log, incarnation, end)| {
            Receiver { node, log: LogId(log), incarnation, end: Lsn(end) }
        });
        let hello = Hello { node, incarnation, start, log: LogId(log), end: Lsn(end), receiver };
        same_as_prost("Frame", &Frame::Hello(hello), seed)?;
        let request = SubmitRequest { name: named.then_some(SubmissionName { txn, epoch, log: LogId(log) }), audit, steps };
        same_as_prost("SubmitRequest", &request, seed)?;
        same_as_prost("SubmitReply", &SubmitReply { txn, outcome }, seed)?;
        same_as_prost("StatusRequest", &StatusRequest { txn }, seed)?;
        same_as_prost("StatusReply", &StatusReply { txn, status }, seed)?;
    }
}

#[test]
fn every_node_has_one_number_and_every_other_number_is_refused() {
    let mut accepted = 0;
    // The largest number of a node is that of k65535; everything up to it and beyond is tried.
    for number in (0..=8 * 65_536 + 8).chain([u32::MAX]) {
        let mut hello = Vec::new();
        prost::encoding::uint32::encode(1, &number, &mut hello);
        let mut bytes = vec![0x0a, hello.len() as u8];
        bytes.extend(hello);
        if let Ok(frame) = Frame::decode(&bytes[..]) {
            assert_eq!(encode(&frame), bytes);
            accepted += 1;
        }
    }
    // c1 to c65535, p1 to p65535, k0 to k65535, lab.
    assert_eq!(accepted, 65_535 + 65_535 + 65_536 + 1);
}

fn vote() -> Envelope {
    let txn = TxnId { home: NodeId::coordinating(1), client: NodeId::client(3), number: 1_000_000 };
    Envelope {
        id: MessageId { from: NodeId::participant(2), start: 1, count: 3_000_000 },
        to: NodeId::coordinating(1),
        hold: Micros::ZERO,
        copy: false,
        message: Message::Vote {
            txn,
            vote: Vote::Yes,
            log: LogId(u64::MAX),
            place: Lsn(3_000_000),
            reads: Vec::new(),
            reason: None,
        },
    }
}

#[test]
fn frequent_messages_are_small() {
    let length = encode(&Frame::Batch(Batch::from_iter([&vote(); 100]))).len() / 100;
    assert!(length <= 47, "a vote takes {length} bytes");
}

#[test]
fn a_batch_is_taken_in_parts_and_put_together_again() {
    let envelopes: Vec<Envelope> =
        (1..=10).map(|count| Envelope { id: MessageId { count, ..vote().id }, ..vote() }).collect();
    let whole: Batch = envelopes.iter().collect();
    for (most, bytes) in [(3, usize::MAX), (10, usize::MAX), (99, 1), (99, 100), (1, 1)] {
        let mut rest = whole.clone();
        let mut parts = Vec::new();
        while !rest.is_empty() {
            parts.push(rest.take(most, bytes));
        }
        assert!(parts.iter().all(|part| (1..=most).contains(&part.len())));
        assert_eq!(parts.iter().map(Batch::len).sum::<usize>(), 10);
        let mut together = Batch::default();
        parts.iter_mut().for_each(|part| together.append(part));
        assert_eq!(together, whole);
        assert_eq!(together.envelopes().collect::<Result<Vec<_>, _>>().as_ref(), Ok(&envelopes));
    }
    assert_eq!(whole.clone().take(0, usize::MAX), Batch::default());
}

/// Of whatever bytes, we read no more than prost does, and the same; and what we refuse we refuse with a field.
fn no_more_than_prost(bytes: &[u8]) -> Result<(), TestCaseError> {
    match (decode(bytes), reference::read("Frame", bytes)) {
        (Ok((frame, envelopes)), Ok(theirs)) => {
            let ours = match frame {
                Frame::Hello(_) => frame,
                Frame::Batch(_) => Frame::Batch(envelopes.iter().collect()),
            };
            prop_assert_eq!(encode(&ours), reference::known(theirs).encode_to_vec());
        }
        (Ok((frame, _)), Err(error)) => prop_assert!(false, "prost does not read {frame:?}: {error}"),
        (Err(why), _) => {
            let (field, reason) = why.split_once(": ").unwrap_or_default();
            prop_assert!(!field.is_empty() && !reason.is_empty(), "{why}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        no_more_than_prost(&bytes)?;
        let _ = SubmitRequest::decode(&bytes[..]);
        let _ = SubmitReply::decode(&bytes[..]);
        let _ = StatusRequest::decode(&bytes[..]);
        let _ = StatusReply::decode(&bytes[..]);
        let _ = <v1::StateReply as OnWire>::decode(&bytes[..]).map(StateReply::try_from);
    }

    #[test]
    fn a_flipped_bit_gives_another_frame_or_a_refusal_that_names_a_field(
        envelope in select(MessageKind::ALL.to_vec()).prop_flat_map(envelope),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let mut bytes = encode(&Frame::Batch(Batch::from_iter([&envelope])));
        let place = place.index(bytes.len());
        bytes[place] ^= 1u8 << bit;
        no_more_than_prost(&bytes)?;
    }

    #[test]
    fn a_frame_that_is_cut_short_is_refused(
        envelope in select(MessageKind::ALL.to_vec()).prop_flat_map(envelope),
        place in any::<prop::sample::Index>(),
    ) {
        let bytes = encode(&Frame::Batch(Batch::from_iter([&envelope])));
        let refused = decode(&bytes[..place.index(bytes.len())]);
        prop_assert!(refused.is_err());
    }
}
