//! Bytes that no encoder of ours writes, in every message at every depth: damage is refused, and unknown fields are skipped.

use crate::{
    decode, encode,
    reference::{self, delimited, fixed32, fixed64, group, split, varint},
    values::envelope,
};
use indoubt_proto::{
    message::MessageKind,
    wire::{Batch, Envelope, Frame},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_varint, skip_field};
use prost_reflect::{Kind, MessageDescriptor};

/// No message has a field of this number.
const UNKNOWN: u32 = 1_000;

/// A frame with one envelope.
struct Example {
    envelope: Envelope,
    bytes: Vec<u8>,
}

/// Bytes for the end of a message whose first field has this number.
type More = fn(u32) -> Vec<u8>;

/// Some of every kind of message, always the same.
fn examples() -> Vec<Example> {
    let mut runner = TestRunner::deterministic();
    let mut example = |kind: MessageKind| {
        let envelope = envelope(kind).new_tree(&mut runner).expect("every draw is a value").current();
        let bytes = encode(&Frame::Batch(Batch::from_iter([&envelope])));
        Example { envelope, bytes }
    };
    MessageKind::ALL.iter().flat_map(|kind| [example(*kind), example(*kind), example(*kind)]).collect()
}

/// The message with more bytes at its end: at its own end if `depth` is 0, or else at that of a message in it. `None` if its
/// messages are not nested so deeply.
fn extended(message: &MessageDescriptor, bytes: &[u8], depth: u32, more: More) -> Option<Vec<u8>> {
    if depth == 0 {
        let first = message.fields().map(|field| field.number()).min().unwrap_or(UNKNOWN);
        return Some([bytes, &more(first)].concat());
    }
    let mut rest = bytes;
    loop {
        let before = bytes.len() - rest.len();
        let (number, form) = decode_key(&mut rest).ok()?;
        match message.get_field(number).expect("it has no unknown fields").kind() {
            Kind::Message(inner) => {
                let length = decode_varint(&mut rest).expect("a length") as usize;
                let body = split(&mut rest, length);
                let body = extended(&inner, body, depth - 1, more)?;
                return Some([&bytes[..before], &delimited(number, &body), rest].concat());
            }
            _ => skip_field(form, number, &mut rest, DecodeContext::default()).expect("a field"),
        }
    }
}

/// Every example with more bytes at the end of each message in it.
fn each_extended(more: More) -> Vec<(Envelope, Vec<u8>)> {
    let frame = reference::message("Frame");
    let mut all = Vec::new();
    for Example { envelope, bytes } in examples() {
        let depths = (0..).map_while(|depth| extended(&frame, &bytes, depth, more));
        all.extend(depths.map(|bytes| (envelope.clone(), bytes)));
    }
    all
}

fn nested_groups(depth: u32) -> Vec<u8> {
    (0..depth).fold(Vec::new(), |inner, _| group(UNKNOWN, &inner))
}

/// A number of ten bytes.
fn ten_bytes(last: u8) -> Vec<u8> {
    [&key(UNKNOWN, 0)[..], &[0xff; 9], &[last]].concat()
}

fn key(number: u32, form: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(u64::from(number) << 3 | u64::from(form), &mut bytes);
    bytes
}

/// The head of a field that claims to have so many bytes.
fn claim(length: u64) -> Vec<u8> {
    let mut bytes = key(UNKNOWN, WireType::LengthDelimited as u8);
    encode_varint(length, &mut bytes);
    bytes
}

#[test]
fn unknown_fields_are_skipped_wherever_they_stand() {
    let fields: [More; 6] = [
        |_| varint(UNKNOWN, u64::MAX),
        |_| fixed64(UNKNOWN, &[7; 8]),
        |_| delimited(UNKNOWN, b"\xff\x00\xff"),
        |_| fixed32(UNKNOWN),
        |_| group(UNKNOWN, &[varint(1, 5), delimited(2, b"x"), fixed64(3, &[0; 8]), fixed32(4)].concat()),
        |_| nested_groups(50),
    ];
    for field in fields {
        for (envelope, bytes) in each_extended(field) {
            reference::read("Frame", &bytes).expect("prost skips it too");
            let (_, envelopes) = decode(&bytes).unwrap_or_else(|why| panic!("{bytes:x?}: {why}"));
            assert_eq!(envelopes, [envelope]);
        }
    }
}

#[test]
fn damage_of_any_kind_is_refused_wherever_it_stands() {
    let damage: [(&str, More); 20] = [
        ("a group that never ends", |_| key(UNKNOWN, 3)),
        ("a group that another number ends", |_| [key(UNKNOWN, 3), key(UNKNOWN + 1, 4)].concat()),
        ("the end of a group that did not begin", |_| key(UNKNOWN, 4)),
        ("more groups in groups than are followed", |_| nested_groups(200)),
        ("damage in a group", |_| group(UNKNOWN, &claim(100))),
        ("a number of 65 bits", |_| ten_bytes(2)),
        ("a number of eleven bytes", |_| [ten_bytes(0x81), vec![0]].concat()),
        ("a number that is cut short", |_| [&key(UNKNOWN, 0)[..], &[0x80]].concat()),
        ("a key that is cut short", |_| vec![0x80]),
        ("a key of more than 32 bits", |_| vec![0x80, 0x80, 0x80, 0x80, 0x10]),
        ("field number 0", |_| vec![0x00, 0x00]),
        ("form 6", |_| key(UNKNOWN, 6)),
        ("form 7", |_| key(UNKNOWN, 7)),
        ("64 bits that are cut short", |_| [&key(UNKNOWN, 1)[..], &[0; 7]].concat()),
        ("32 bits that are cut short", |_| [&key(UNKNOWN, 5)[..], &[0; 3]].concat()),
        ("a length that is one too large", |_| [claim(3), vec![0; 2]].concat()),
        ("a length of 4 GiB", |_| claim(1 << 32)),
        ("the largest length", |_| claim(u64::MAX)),
        ("a field in a form that no field has", fixed32),
        ("a group instead of a field", |first| group(first, &[])),
    ];
    for (what, more) in damage {
        for (envelope, bytes) in each_extended(more) {
            let kind = envelope.message.kind().word();
            assert!(reference::read("Frame", &bytes).is_err(), "prost takes {what} in a {kind}");
            let why = decode(&bytes).expect_err(what);
            let (field, reason) = why.split_once(": ").unwrap_or_default();
            assert!(!field.is_empty() && !reason.is_empty(), "{what} in a {kind}: {why}");
        }
    }
}

/// Only a group can hold itself: no message of ours does.
#[test]
fn a_million_nested_groups_do_not_exhaust_the_stack() {
    let groups = key(UNKNOWN, 3).repeat(1_000_000);
    let batch = delimited(2, &groups);
    for bytes in [&groups, &batch, &delimited(2, &delimited(1, &groups))] {
        assert!(decode(bytes).is_err());
    }
}

/// A claim is compared with the bytes that are there before anything is made of it: to reserve so many would end the test.
#[test]
fn a_length_reserves_nothing() {
    for length in [1 << 32, u64::from(u32::MAX), 1 << 62, u64::MAX >> 1, u64::MAX] {
        for number in [1, 2, UNKNOWN] {
            let mut bytes = key(number, WireType::LengthDelimited as u8);
            encode_varint(length, &mut bytes);
            for bytes in [&bytes, &delimited(2, &bytes), &delimited(2, &delimited(1, &bytes))] {
                assert!(decode(bytes).is_err(), "field {number} claims {length} bytes");
            }
        }
    }
}
