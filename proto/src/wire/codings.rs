//! The codings in the tables of `message!` and `one_of!`: how each kind of value becomes a field of a message.

use super::{
    coding::{Alternatives, Coding, WireMessage, once},
    encoding::{Fields, Value, put},
    error::{At, WireError, key, name},
    limits,
    node_number::{node, node_number},
    word::Word,
};
use crate::{
    ids::{BadName, LogId, Lsn, NodeId, Role, Serial},
    operation::Key,
};
use std::{fmt::Display, marker::PhantomData, str::FromStr};

/// Codings of values that are one number on the wire. The field is left out if the number is 0, and a missing field reads
/// as 0.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($type:ty): |$value:ident| $to_wire:expr, |$number:ident| $from_wire:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Coding for $name {
            type Value = $type;
            type Slot<'a> = u64;

            #[inline]
            fn put($value: &$type, number: u32, out: &mut Vec<u8>) {
                put::uint(number, $to_wire, out);
            }

            #[inline]
            fn take<'a>(slot: &mut u64, _: u32, value: Value<'a>) -> Result<(), WireError> {
                *slot = value.varint()?;
                Ok(())
            }

            #[inline]
            fn finish($number: u64) -> Result<$type, WireError> {
                $from_wire
            }
        }
    )*};
}

// If a number is too large for its field, its upper bits are dropped, as protobuf requires.
numbers! {
    /// `uint32`.
    U32(u32): |value| u64::from(*value), |number| Ok(number as u32);
    /// `uint64`.
    U64(u64): |value| *value, |number| Ok(number);
    /// `bool`.
    Flag(bool): |value| u64::from(*value), |number| Ok(number != 0);
    /// `sint64`.
    Signed(i64): |value| zigzag(*value), |number| Ok(unzigzag(number));
    /// `uint64`: the serial number of a transaction at its coordinating node.
    SerialNumber(Serial): |value| value.0, |number| Ok(Serial(number));
    /// `uint64`: the number of a record in a journal.
    Place(Lsn): |value| value.0, |number| Ok(Lsn(number));
    /// `uint32`: the number of a step, from 1.
    StepNumber(u32): |value| u64::from(*value), |number| match number as u32 {
        0 => Err(WireError::missing()),
        step => Ok(step),
    };
    /// `uint32`: any node.
    Node(NodeId): |value| node_number(*value).into(), |number| node(number as u32);
    /// `uint32`: a coordinating node.
    Home(NodeId): |value| node_number(*value).into(), |number| match node(number as u32)? {
        home if home.role == Role::Coordinating => Ok(home),
        other => Err(WireError::new(format!("{other} is not a coordinating node"))),
    };
    /// `uint32`: a client.
    Client(NodeId): |value| node_number(*value).into(), |number| match node(number as u32)? {
        client if client.is_client() => Ok(client),
        other => Err(WireError::new(format!("{other} is not a client"))),
    };
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// `optional sint64`.
pub(super) struct OptionalSigned;

impl Coding for OptionalSigned {
    type Value = Option<i64>;
    type Slot<'a> = Option<i64>;

    fn put(value: &Option<i64>, number: u32, out: &mut Vec<u8>) {
        if let Some(value) = value {
            put::present_uint(number, zigzag(*value), out);
        }
    }

    fn take<'a>(slot: &mut Option<i64>, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = Some(unzigzag(value.varint()?));
        Ok(())
    }

    fn finish(slot: Option<i64>) -> Result<Option<i64>, WireError> {
        Ok(slot)
    }
}

/// `fixed64`: the id of a journal.
pub(super) struct Log;

impl Coding for Log {
    type Value = LogId;
    type Slot<'a> = u64;

    fn put(value: &LogId, number: u32, out: &mut Vec<u8>) {
        put::fixed64(number, value.0, out);
    }

    fn take<'a>(slot: &mut u64, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = value.fixed64()?;
        Ok(())
    }

    fn finish(slot: u64) -> Result<LogId, WireError> {
        Ok(LogId(slot))
    }
}

/// An enum, as its number in the .proto file.
pub(super) struct WordOf<T>(PhantomData<T>);

impl<T: Word + Copy> Coding for WordOf<T> {
    type Value = T;
    type Slot<'a> = i32;

    fn put(value: &T, number: u32, out: &mut Vec<u8>) {
        put::uint(number, value.number() as u64, out);
    }

    fn take<'a>(slot: &mut i32, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = value.varint()? as i32;
        Ok(())
    }

    fn finish(slot: i32) -> Result<T, WireError> {
        T::parse(slot)
    }
}

/// An `optional` enum.
pub(super) struct OptionalWord<T>(PhantomData<T>);

impl<T: Word + Copy> Coding for OptionalWord<T> {
    type Value = Option<T>;
    type Slot<'a> = Option<i32>;

    fn put(value: &Option<T>, number: u32, out: &mut Vec<u8>) {
        if let Some(value) = value {
            put::present_uint(number, value.number() as u64, out);
        }
    }

    fn take<'a>(slot: &mut Option<i32>, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = Some(value.varint()? as i32);
        Ok(())
    }

    fn finish(slot: Option<i32>) -> Result<Option<T>, WireError> {
        slot.map(T::parse).transpose()
    }
}

/// `string`: a key.
pub(super) struct KeyName;

impl Coding for KeyName {
    type Value = Key;
    type Slot<'a> = &'a str;

    fn put(value: &Key, number: u32, out: &mut Vec<u8>) {
        put::text(number, value.as_str(), out);
    }

    fn take<'a>(slot: &mut &'a str, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = value.text()?;
        Ok(())
    }

    fn finish(slot: &str) -> Result<Key, WireError> {
        key(slot)
    }
}

/// `string`: a name in text form, for example of a node.
pub(super) struct Name<T>(PhantomData<T>);

impl<T: FromStr<Err = BadName> + Display> Coding for Name<T> {
    type Value = T;
    type Slot<'a> = &'a str;

    fn put(value: &T, number: u32, out: &mut Vec<u8>) {
        put::text(number, &value.to_string(), out);
    }

    fn take<'a>(slot: &mut &'a str, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = value.text()?;
        Ok(())
    }

    fn finish(slot: &str) -> Result<T, WireError> {
        name("", slot)
    }
}

/// `string`: a text for people.
pub(super) struct Text;

impl Coding for Text {
    type Value = String;
    type Slot<'a> = &'a str;

    fn put(value: &String, number: u32, out: &mut Vec<u8>) {
        put::text(number, value, out);
    }

    fn take<'a>(slot: &mut &'a str, _: u32, value: Value<'a>) -> Result<(), WireError> {
        *slot = value.text()?;
        Ok(())
    }

    fn finish(slot: &str) -> Result<String, WireError> {
        match slot.len() {
            ..=limits::TEXT_BYTES => Ok(slot.to_owned()),
            bytes => Err(WireError::new(format!("{bytes} bytes are more than {}", limits::TEXT_BYTES))),
        }
    }
}

/// [`Text`] in a `oneof`. An empty text is written too.
pub(super) struct PresentText;

impl Coding for PresentText {
    type Value = String;
    type Slot<'a> = &'a str;

    fn put(value: &String, number: u32, out: &mut Vec<u8>) {
        put::present_text(number, value, out);
    }

    fn take<'a>(slot: &mut &'a str, number: u32, value: Value<'a>) -> Result<(), WireError> {
        Text::take(slot, number, value)
    }

    fn finish(slot: &str) -> Result<String, WireError> {
        Text::finish(slot)
    }
}

/// A message that must be present.
pub(super) struct Nested<T>(PhantomData<T>);

impl<T: WireMessage> Coding for Nested<T> {
    type Value = T::Value;
    type Slot<'a> = Option<&'a [u8]>;

    fn put(value: &T::Value, number: u32, out: &mut Vec<u8>) {
        put::message(number, out, |out| T::put(value, out));
    }

    fn take<'a>(slot: &mut Option<&'a [u8]>, _: u32, value: Value<'a>) -> Result<(), WireError> {
        once(slot, value.bytes()?)
    }

    fn finish(slot: Option<&[u8]>) -> Result<T::Value, WireError> {
        T::read(slot.ok_or_else(WireError::missing)?)
    }
}

/// A message that may be missing.
pub(super) struct Optional<T>(PhantomData<T>);

impl<T: WireMessage> Coding for Optional<T> {
    type Value = Option<T::Value>;
    type Slot<'a> = Option<&'a [u8]>;

    fn put(value: &Option<T::Value>, number: u32, out: &mut Vec<u8>) {
        if let Some(value) = value {
            Nested::<T>::put(value, number, out);
        }
    }

    fn take<'a>(slot: &mut Option<&'a [u8]>, _: u32, value: Value<'a>) -> Result<(), WireError> {
        once(slot, value.bytes()?)
    }

    fn finish(slot: Option<&[u8]>) -> Result<Option<T::Value>, WireError> {
        slot.map(T::read).transpose()
    }
}

/// A `oneof` that must be present. Its table has its field numbers.
pub(super) struct OneOf<T>(PhantomData<T>);

impl<T: Alternatives> Coding for OneOf<T> {
    type Value = T;
    type Slot<'a> = Option<(u32, Value<'a>)>;

    fn put(value: &T, _: u32, out: &mut Vec<u8>) {
        value.put(out);
    }

    fn take<'a>(slot: &mut Self::Slot<'a>, number: u32, value: Value<'a>) -> Result<(), WireError> {
        once(slot, (number, value))
    }

    fn finish(slot: Self::Slot<'_>) -> Result<T, WireError> {
        let (number, value) = slot.ok_or_else(WireError::missing)?;
        T::read(number, value)
    }
}

/// An element of a list.
pub(super) trait Element {
    /// The most elements that a list may have.
    const MOST: usize;
}

fn push<T>(list: &mut Vec<T>, most: usize, element: Result<T, WireError>) -> Result<(), WireError> {
    if list.len() == most {
        return Err(WireError::new(format!("more than {most} elements")));
    }
    list.push(element.at_index(list.len())?);
    Ok(())
}

/// `repeated`: messages.
pub(super) struct List<T>(PhantomData<T>);

impl<T: WireMessage + Element> Coding for List<T> {
    type Value = Vec<T::Value>;
    type Slot<'a> = Vec<T::Value>;

    fn put(value: &Vec<T::Value>, number: u32, out: &mut Vec<u8>) {
        for element in value {
            Nested::<T>::put(element, number, out);
        }
    }

    fn take<'a>(slot: &mut Vec<T::Value>, _: u32, value: Value<'a>) -> Result<(), WireError> {
        push(slot, T::MOST, value.bytes().and_then(T::read))
    }

    fn finish(slot: Vec<T::Value>) -> Result<Vec<T::Value>, WireError> {
        Ok(slot)
    }
}

/// `repeated uint32`: nodes, packed. The parser also accepts unpacked ones.
pub(super) struct Nodes;

impl Coding for Nodes {
    type Value = Vec<NodeId>;
    type Slot<'a> = Vec<NodeId>;

    fn put(value: &Vec<NodeId>, number: u32, out: &mut Vec<u8>) {
        if !value.is_empty() {
            put::message(number, out, |out| value.iter().for_each(|node| put::varint(node_number(*node).into(), out)));
        }
    }

    fn take<'a>(slot: &mut Vec<NodeId>, _: u32, value: Value<'a>) -> Result<(), WireError> {
        let mut push = |number: u64| push(slot, limits::PEERS, node(number as u32));
        match value {
            Value::Bytes(packed) => {
                let mut numbers = Fields(packed);
                while !numbers.is_empty() {
                    push(numbers.varint()?)?;
                }
                Ok(())
            }
            one => push(one.varint()?),
        }
    }

    fn finish(slot: Vec<NodeId>) -> Result<Vec<NodeId>, WireError> {
        Ok(slot)
    }
}
