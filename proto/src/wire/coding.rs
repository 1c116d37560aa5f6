//! Messages without generated types. A domain value is written to the wire, and read from it, in one pass, so each message
//! exists only once in memory.
//!
//! A [`Coding`] says how a value becomes one field of a message. The macros `message!` and `one_of!` make both directions
//! of a message from one table of its fields, which repeats the .proto file. The tests in `proto/tests/wire` compare the
//! result with prost's.
//!
//! Parsers follow the protobuf rules: fields come in any order, an unknown field is skipped, a missing field has its
//! default, and the last of several values of a scalar counts. In one point they are stricter: they reject a message field
//! or a `oneof` that comes twice. The rules would merge both, but no encoder writes that.

use super::{encoding::Value, error::WireError};

/// The encoding of a domain value as one field of a message.
pub(super) trait Coding {
    type Value;
    /// What has been read of the value so far.
    type Slot<'a>: Default;
    /// Appends the value as field `number`.
    fn put(value: &Self::Value, number: u32, out: &mut Vec<u8>);
    /// Reads one occurrence of the field.
    fn take<'a>(slot: &mut Self::Slot<'a>, number: u32, value: Value<'a>) -> Result<(), WireError>;
    /// The value, after the whole message has been read.
    fn finish(slot: Self::Slot<'_>) -> Result<Self::Value, WireError>;
}

/// A message and the domain value that it carries. Mostly both have the same name.
pub(super) trait WireMessage {
    type Value;
    fn put(value: &Self::Value, out: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Result<Self::Value, WireError>;
}

/// A value that is a `oneof`: exactly one of several fields of the enclosing message.
pub(super) trait Alternatives: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn read(number: u32, value: Value<'_>) -> Result<Self, WireError>;
}

/// Fills a slot, and returns an error if it is already filled.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), WireError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(WireError::new("given twice")),
    }
}

/// Makes a [`WireMessage`] of a struct from a table of its fields: number (or the numbers of a `oneof`), name, coding.
/// `A as B` makes a message with the marker type `A`, for a domain type `B` that another message carries too.
macro_rules! message {
    ($type:ident { $($fields:tt)* }) => {
        message!($type as $type { $($fields)* });
    };
    ($message:ident as $type:ident { $($number:literal $(..=$last:literal)? $field:ident: $coding:ty),* $(,)? }) => {
        impl WireMessage for $message {
            type Value = $type;

            fn put(value: &$type, out: &mut Vec<u8>) {
                let $type { $($field),* } = value;
                $(<$coding>::put($field, $number, out);)*
            }

            fn read(bytes: &[u8]) -> Result<$type, WireError> {
                let mut fields = Fields(bytes);
                $(let mut $field = <$coding as Coding>::Slot::default();)*
                while let Some((number, value)) = fields.next()? {
                    match number {
                        $($number $(..=$last)? => {
                            <$coding>::take(&mut $field, number, value).at(stringify!($field))?;
                        })*
                        _ => {}
                    }
                }
                Ok($type { $($field: <$coding>::finish($field).at(stringify!($field))?),* })
            }
        }
    };
}

/// Makes [`Alternatives`] of an enum from a table of its variants: number, name, and contents. The contents are one value
/// with its coding, or several values, which are the fields of a message.
macro_rules! one_of {
    ($type:ident { $($number:literal $name:ident: $variant:ident
        $(($held:ident: $held_coding:ty))?
        $({ $($field_number:literal $(..=$field_last:literal)? $field:ident: $coding:ty),* })?
    ),* $(,)? }) => {
        impl Alternatives for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $($type::$variant $(($held))? $({ $($field),* })? => {
                        $(<$held_coding>::put($held, $number, out);)?
                        $(put::message($number, out, |_out| {
                            $(<$coding>::put($field, $field_number, _out);)*
                        });)?
                    })*
                }
            }

            fn read(number: u32, value: Value<'_>) -> Result<Self, WireError> {
                match number {
                    $($number => {
                        $(
                            let mut $held = <$held_coding as Coding>::Slot::default();
                            <$held_coding>::take(&mut $held, number, value)
                                .and_then(|()| <$held_coding>::finish($held))
                                .map($type::$variant)
                        )?
                        $({
                            let read = |value: Value<'_>| {
                                let mut fields = Fields(value.bytes()?);
                                $(let mut $field = <$coding as Coding>::Slot::default();)*
                                while let Some((number, _value)) = fields.next()? {
                                    match number {
                                        $($field_number $(..=$field_last)? => {
                                            <$coding>::take(&mut $field, number, _value).at(stringify!($field))?;
                                        })*
                                        _ => {}
                                    }
                                }
                                Ok($type::$variant { $($field: <$coding>::finish($field).at(stringify!($field))?),* })
                            };
                            read(value)
                        })?
                    }
                    .at(stringify!($name)),)*
                    _ => Err(WireError::new("no such alternative")),
                }
            }
        }
    };
}

/// Makes a [`WireMessage`] of an enum whose message has only a `oneof` with this name.
macro_rules! message_of_one {
    ($type:ident { $first:literal..=$last:literal $name:ident }) => {
        impl WireMessage for $type {
            type Value = $type;

            fn put(value: &$type, out: &mut Vec<u8>) {
                value.put(out);
            }

            fn read(bytes: &[u8]) -> Result<Self, WireError> {
                let mut fields = Fields(bytes);
                let mut one = None;
                while let Some((number, value)) = fields.next()? {
                    if let $first..=$last = number {
                        once(&mut one, (number, value)).at(stringify!($name))?;
                    }
                }
                match one {
                    Some((number, value)) => Alternatives::read(number, value),
                    None => Err(WireError::missing()).at(stringify!($name)),
                }
            }
        }
    };
}

pub(super) use {message, message_of_one, one_of};
