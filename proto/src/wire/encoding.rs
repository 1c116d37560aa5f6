//! The protobuf encoding itself (<https://protobuf.dev/programming-guides/encoding>). [`Fields`] reads the fields of a
//! message, and the functions of [`put`] append fields. This module knows no messages and no domain types.

use super::error::WireError;

/// The value of a field, in the form of the wire.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A form that only an unknown field may have.
    Foreign,
}

impl<'a> Value<'a> {
    pub(super) fn varint(self) -> Result<u64, WireError> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(wrong_form()),
        }
    }

    pub(super) fn fixed64(self) -> Result<u64, WireError> {
        match self {
            Value::Fixed64(value) => Ok(value),
            _ => Err(wrong_form()),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(wrong_form()),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::new("not UTF-8"))
    }
}

#[cold]
fn wrong_form() -> WireError {
    WireError::new("not encoded as its type")
}

#[cold]
fn cut_short() -> WireError {
    WireError::new("the message ends inside a field")
}

#[cold]
fn malformed(what: &'static str) -> WireError {
    WireError::new(what)
}

/// Reads the fields of one message, in wire order.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

/// The deepest nesting of groups that is accepted. Prost accepts 100 messages and groups together.
const GROUP_DEPTH: u32 = 64;

impl<'a> Fields<'a> {
    /// The next field; `None` at the end of the message.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.is_empty() {
            return Ok(None);
        }
        let (number, form) = self.key()?;
        let value = match form {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            _ => {
                self.skip_rare(number, form, GROUP_DEPTH)?;
                Value::Foreign
            }
        };
        Ok(Some((number, value)))
    }

    /// Whether all fields were read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, u8), WireError> {
        let key = u32::try_from(self.varint()?).map_err(|_| malformed("a field number is out of range"))?;
        if key < 8 {
            return Err(malformed("a field number is 0"));
        }
        Ok((key >> 3, key as u8 & 7))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match self.0 {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for (index, byte) in self.0.iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.0 = &self.0[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.0.len() < 10 { cut_short() } else { malformed("a number has more than 64 bits") })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(length).ok().filter(|length| *length <= self.0.len()).ok_or_else(cut_short)?;
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(cut_short)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Skips a field in a form that only unknown fields have: 32 bits, or a group, which ends with its own number.
    #[cold]
    fn skip_rare(&mut self, number: u32, form: u8, depth: u32) -> Result<(), WireError> {
        match form {
            3 if depth == 0 => Err(malformed("groups are nested too deeply")),
            3 => loop {
                match self.key()? {
                    (end, 4) if end == number => break Ok(()),
                    (_, 0) => _ = self.varint()?,
                    (_, 1) => _ = self.array::<8>()?,
                    (_, 2) => {
                        let length = self.varint()?;
                        self.take(length)?;
                    }
                    (inner, form) => self.skip_rare(inner, form, depth - 1)?,
                }
            },
            5 => self.array::<4>().map(drop),
            4 => Err(malformed("a group ends without a beginning")),
            _ => Err(malformed("a field has an unknown form")),
        }
    }
}

/// Appends fields to a message. Fields with the default value are left out.
pub(super) mod put {
    /// The bytes of a number, and how many of them are used.
    fn varint_bytes(mut value: u64) -> ([u8; 10], usize) {
        let mut bytes = [0; 10];
        let mut length = 1;
        while value >= 0x80 {
            bytes[length - 1] = value as u8 | 0x80;
            value >>= 7;
            length += 1;
        }
        bytes[length - 1] = value as u8;
        (bytes, length)
    }

    #[inline]
    pub(in super::super) fn varint(value: u64, out: &mut Vec<u8>) {
        if value < 0x80 {
            out.push(value as u8);
        } else {
            let (bytes, length) = varint_bytes(value);
            out.extend_from_slice(&bytes[..length]);
        }
    }

    fn key(number: u32, form: u32, out: &mut Vec<u8>) {
        varint(u64::from(number << 3 | form), out);
    }

    pub(in super::super) fn uint(number: u32, value: u64, out: &mut Vec<u8>) {
        if value != 0 {
            present_uint(number, value, out);
        }
    }

    /// Appends a number even if it is 0.
    pub(in super::super) fn present_uint(number: u32, value: u64, out: &mut Vec<u8>) {
        key(number, 0, out);
        varint(value, out);
    }

    pub(in super::super) fn fixed64(number: u32, value: u64, out: &mut Vec<u8>) {
        if value != 0 {
            key(number, 1, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(in super::super) fn text(number: u32, value: &str, out: &mut Vec<u8>) {
        if !value.is_empty() {
            present_text(number, value, out);
        }
    }

    /// Appends a text even if it is empty.
    pub(in super::super) fn present_text(number: u32, value: &str, out: &mut Vec<u8>) {
        bytes_head(number, value.len(), out);
        out.extend_from_slice(value.as_bytes());
    }

    /// Appends the key and the length of a message or a text. Its `length` bytes must follow.
    pub(in super::super) fn bytes_head(number: u32, length: usize, out: &mut Vec<u8>) {
        key(number, 2, out);
        varint(length as u64, out);
    }

    /// Appends a message, whose fields `body` appends. The length is known only afterwards. One byte is reserved for it,
    /// because most messages are short. A longer body is moved.
    #[inline]
    pub(in super::super) fn message(number: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        key(number, 2, out);
        let at = out.len();
        out.push(0);
        body(out);
        let length = out.len() - at - 1;
        if length < 0x80 {
            out[at] = length as u8;
        } else {
            long_length(at, length, out);
        }
    }

    #[cold]
    fn long_length(at: usize, length: usize, out: &mut Vec<u8>) {
        let (bytes, taken) = varint_bytes(length as u64);
        out.resize(at + taken + length, 0);
        out.copy_within(at + 1..at + 1 + length, at + taken);
        out[at..at + taken].copy_from_slice(&bytes[..taken]);
    }
}
