//! Errors of parsing: the field and the reason. The path of the field is built only after an error, from the inside out.

use super::limits;
use crate::{operation::Key, time::Micros};
use std::{borrow::Cow, fmt::Display};

/// A message does not parse. Printed for example as `batch.envelopes[3].message.prepare.ticket: missing`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{why}", if path.is_empty() { "" } else { ": " })]
pub struct WireError {
    /// The path of the field from the outermost message. Empty if the error concerns the whole message.
    pub path: String,
    /// What is wrong with the field.
    pub why: Cow<'static, str>,
}

impl WireError {
    /// An error about a value. The caller adds the name of its field with [`At::at`].
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        WireError { path: String::new(), why: why.into() }
    }

    /// A required field is missing.
    pub fn missing() -> Self {
        WireError::new("missing")
    }

    #[cold]
    fn within(mut self, outer: impl Display) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{outer}{joint}{}", self.path);
        self
    }
}

impl From<WireError> for tonic::Status {
    fn from(error: WireError) -> Self {
        tonic::Status::invalid_argument(error.to_string())
    }
}

/// Adds the field to an error.
pub trait At<T> {
    /// The error is in the field with this name.
    fn at(self, field: &str) -> Result<T, WireError>;
    /// The error is in this element of a list, from 0.
    fn at_index(self, index: usize) -> Result<T, WireError>;
}

impl<T> At<T> for Result<T, WireError> {
    /// The error is in the field with this name.
    fn at(self, field: &str) -> Result<T, WireError> {
        self.map_err(|error| error.within(field))
    }

    /// The error is in this element of a list, from 0.
    fn at_index(self, index: usize) -> Result<T, WireError> {
        self.map_err(|error| error.within(format_args!("[{index}]")))
    }
}

/// Reads a field that must be present.
pub fn required<W, T>(field: &str, value: Option<W>) -> Result<T, WireError>
where
    T: TryFrom<W, Error = WireError>,
{
    value.ok_or_else(WireError::missing).and_then(T::try_from).at(field)
}

/// Reads a list of at most `max` elements.
pub fn list<W, T>(
    field: &str,
    max: usize,
    items: Vec<W>,
    parse: impl Fn(W) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    if items.len() > max {
        return Err(WireError::new(format!("{} elements are more than {max}", items.len()))).at(field);
    }
    let parsed: Result<Vec<T>, WireError> =
        items.into_iter().enumerate().map(|(index, item)| parse(item).at_index(index)).collect();
    parsed.at(field)
}

/// Reads a text of at most `max` bytes.
pub fn text(field: &str, max: usize, value: String) -> Result<String, WireError> {
    if value.len() > max {
        return Err(WireError::new(format!("{} bytes are more than {max}", value.len()))).at(field);
    }
    Ok(value)
}

/// Reads a key. It is not empty, and not longer than the limit.
pub(super) fn key(name: &str) -> Result<Key, WireError> {
    match name.len() {
        0 => Err(WireError::missing()),
        1..=limits::KEY_BYTES => Ok(Key::new(name)),
        bytes => Err(WireError::new(format!("{bytes} bytes are more than {}", limits::KEY_BYTES))),
    }
}

/// Reads a time of at most one day, so that a sum of such times cannot overflow.
pub fn micros(field: &str, value: u64) -> Result<Micros, WireError> {
    if value > limits::HOLD_US {
        return Err(WireError::new(format!("{value} us are more than a day"))).at(field);
    }
    Ok(Micros(value))
}

/// Reads a name in text form, of a node or a transaction.
pub fn name<T>(field: &str, value: &str) -> Result<T, WireError>
where
    T: std::str::FromStr<Err = crate::ids::BadName>,
{
    let parsed = match value.len() {
        0 => Err(WireError::missing()),
        // No valid name is longer, and the error repeats the text.
        65.. => Err(WireError::new("longer than any name")),
        _ => value.parse().map_err(|bad: crate::ids::BadName| WireError::new(bad.to_string())),
    };
    parsed.at(field)
}
