//! Refusals: which field, and why. The path is built only when something is wrong, from the inside out.

use super::limits;
use crate::{operation::Key, time::Micros};
use std::{borrow::Cow, fmt::Display};

/// A message that does not parse. Printed as `batch.envelopes[3].message.prepare.ticket: missing`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{why}", if path.is_empty() { "" } else { ": " })]
pub struct WireError {
    /// The field, from the outermost message; empty if the whole message is at fault.
    pub path: String,
    /// What is wrong with it.
    pub why: Cow<'static, str>,
}

impl WireError {
    /// Something wrong with the value at hand; whoever knows its name adds it with [`At::at`].
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        WireError { path: String::new(), why: why.into() }
    }

    /// A field that must be there is not.
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

/// Says in which field a refusal happened.
pub trait At<T> {
    /// In the field of this name.
    fn at(self, field: &str) -> Result<T, WireError>;
    /// In this element of a list.
    fn at_index(self, index: usize) -> Result<T, WireError>;
}

impl<T> At<T> for Result<T, WireError> {
    /// In the field of this name.
    fn at(self, field: &str) -> Result<T, WireError> {
        self.map_err(|error| error.within(field))
    }

    /// In this element of a list.
    fn at_index(self, index: usize) -> Result<T, WireError> {
        self.map_err(|error| error.within(format_args!("[{index}]")))
    }
}

/// A field that must be there.
pub fn required<W, T>(field: &str, value: Option<W>) -> Result<T, WireError>
where
    T: TryFrom<W, Error = WireError>,
{
    value.ok_or_else(WireError::missing).and_then(T::try_from).at(field)
}

/// A list of at most `max`.
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

/// A text of at most `max` bytes.
pub fn text(field: &str, max: usize, value: String) -> Result<String, WireError> {
    if value.len() > max {
        return Err(WireError::new(format!("{} bytes are more than {max}", value.len()))).at(field);
    }
    Ok(value)
}

/// A key's name: some text, and not too much of it.
pub(super) fn key(name: &str) -> Result<Key, WireError> {
    match name.len() {
        0 => Err(WireError::missing()),
        1..=limits::KEY_BYTES => Ok(Key::new(name)),
        bytes => Err(WireError::new(format!("{bytes} bytes are more than {}", limits::KEY_BYTES))),
    }
}

/// A time of at most a day: nothing that adds such times can overflow.
pub fn micros(field: &str, value: u64) -> Result<Micros, WireError> {
    if value > limits::HOLD_US {
        return Err(WireError::new(format!("{value} us are more than a day"))).at(field);
    }
    Ok(Micros(value))
}

/// A name that people wrote: a node's, a transaction's.
pub fn name<T>(field: &str, value: &str) -> Result<T, WireError>
where
    T: std::str::FromStr<Err = crate::ids::BadName>,
{
    let parsed = match value.len() {
        0 => Err(WireError::missing()),
        // No name is longer, and the text goes back to whoever sent it.
        65.. => Err(WireError::new("longer than any name")),
        _ => value.parse().map_err(|bad: crate::ids::BadName| WireError::new(bad.to_string())),
    };
    parsed.at(field)
}
