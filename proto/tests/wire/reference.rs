//! prost's own reading of the messages, from the descriptors alone, and other encodings of the same message.

use indoubt_proto::wire::DESCRIPTORS;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use std::{collections::BTreeMap, sync::LazyLock};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("descriptors"));

/// The message of this name in the .proto files.
pub(crate) fn message(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(&format!("indoubt.v1.{name}")).expect("the .proto files have it")
}

/// What prost makes of the bytes.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<DynamicMessage, prost::DecodeError> {
    DynamicMessage::decode(message(name), bytes)
}

/// Without the unknown fields, which prost keeps here and we never do.
pub(crate) fn known(mut message: DynamicMessage) -> DynamicMessage {
    message.take_unknown_fields().for_each(drop);
    for (_, value) in message.fields_mut() {
        let inner = match value {
            Value::List(list) => list.iter_mut().collect(),
            one => vec![one],
        };
        for message in inner.into_iter().filter_map(Value::as_message_mut) {
            *message = known(message.clone());
        }
    }
    message
}

/// Numbers without a pattern: xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// The same message as another encoder may write it: the fields in another order, with unknown ones in between, a scalar
/// given twice (the last one counts) or though it has its default, and a packed list in pieces.
pub(crate) fn rearrange(message: &MessageDescriptor, bytes: &[u8], random: &mut Random) -> Vec<u8> {
    // Per number the encoded occurrences, whose order stays.
    let mut fields: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (number, form) = decode_key(&mut rest).expect("it was encoded");
        let field = message.get_field(number).expect("it has no unknown fields yet");
        let occurrences = fields.entry(number).or_default();
        match form {
            WireType::Varint => occurrences.push(varint(number, decode_varint(&mut rest).expect("a number"))),
            WireType::SixtyFourBit => occurrences.push(fixed64(number, split(&mut rest, 8))),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).expect("a length") as usize;
                let body = split(&mut rest, length);
                match field.kind() {
                    Kind::Message(inner) => occurrences.push(delimited(number, &rearrange(&inner, body, random))),
                    Kind::Uint32 => occurrences.extend(in_pieces(number, body, random)),
                    _ => occurrences.push(delimited(number, body)),
                }
            }
            other => panic!("no field is encoded as {other:?}"),
        }
    }
    for field in message.fields().filter(|field| plain(field) && random.coin()) {
        fields.entry(field.number()).or_default().insert(0, default(&field));
    }
    for unknown in 0..random.below(3) {
        fields.insert(1_000 + unknown as u32, vec![unknown_field(1_000 + unknown as u32, random)]);
    }
    let mut encoded = Vec::new();
    while !fields.is_empty() {
        let numbers: Vec<u32> = fields.keys().copied().collect();
        let number = numbers[random.below(numbers.len())];
        let occurrences = fields.get_mut(&number).expect("it is one of the keys");
        encoded.extend(occurrences.remove(0));
        if occurrences.is_empty() {
            fields.remove(&number);
        }
    }
    encoded
}

/// Whether it is a scalar that has a default.
fn plain(field: &FieldDescriptor) -> bool {
    !field.supports_presence() && !field.is_list()
}

fn default(field: &FieldDescriptor) -> Vec<u8> {
    match field.kind() {
        Kind::Fixed64 => fixed64(field.number(), &[0; 8]),
        Kind::String => delimited(field.number(), &[]),
        _ => varint(field.number(), 0),
    }
}

fn in_pieces(number: u32, mut packed: &[u8], random: &mut Random) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while !packed.is_empty() {
        let value = decode_varint(&mut packed).expect("a number");
        if random.coin() {
            pieces.push(varint(number, value));
        } else {
            let mut body = Vec::new();
            encode_varint(value, &mut body);
            pieces.push(delimited(number, &body));
        }
    }
    pieces
}

fn unknown_field(number: u32, random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => varint(number, u64::MAX),
        1 => fixed64(number, &[7; 8]),
        2 => delimited(number, b"\xff\x00\xff"),
        3 => fixed32(number),
        _ => group(number, &group(number, &[varint(1, 5), fixed32(number)].concat())),
    }
}

pub(crate) fn group(number: u32, fields: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::StartGroup, &mut bytes);
    bytes.extend(fields);
    encode_key(number, WireType::EndGroup, &mut bytes);
    bytes
}

/// No field of ours is encoded so.
pub(crate) fn fixed32(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::ThirtyTwoBit, &mut bytes);
    bytes.extend([1, 2, 3, 4]);
    bytes
}

pub(crate) fn varint(number: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::Varint, &mut bytes);
    encode_varint(value, &mut bytes);
    bytes
}

pub(crate) fn fixed64(number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::SixtyFourBit, &mut bytes);
    bytes.extend(value);
    bytes
}

pub(crate) fn delimited(number: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(body.len() as u64, &mut bytes);
    bytes.extend(body);
    bytes
}

pub(crate) fn split<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, later) = rest.split_at(length);
    *rest = later;
    taken
}
