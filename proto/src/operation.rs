//! The operations of transactions on data. The data are integer accounts with names (docs/02-scenarios.md).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use smol_str::SmolStr;
use std::{borrow::Borrow, fmt};

/// The name of a record, for example `p2/acct-17`. By convention it is unique over the cluster. It is cheap to clone. A short one
/// (up to 23 bytes) needs no memory of its own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(SmolStr);

impl Key {
    /// The key with this name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Key(SmolStr::new(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An operation on one record. A record that was never written has the value 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    /// Adds to a record. The operation is refused if the result would be below `min`. Compensations have no `min`.
    Add {
        /// The record to change.
        key: Key,
        /// The number to add, which may be negative.
        delta: i64,
        /// The least valid result; `None` if every result is valid.
        min: Option<i64>,
    },
    /// Overwrites a record.
    Put {
        /// The record to overwrite.
        key: Key,
        /// The new value.
        value: i64,
    },
    /// Reads a record.
    Get {
        /// The record to read.
        key: Key,
    },
}

impl Operation {
    /// The record that the operation touches.
    pub fn key(&self) -> &Key {
        match self {
            Operation::Add { key, .. } | Operation::Put { key, .. } | Operation::Get { key } => key,
        }
    }

    /// Whether the operation only reads.
    pub fn is_read(&self) -> bool {
        matches!(self, Operation::Get { .. })
    }

    /// The approximate size on the wire, in bytes. The limit on the bytes of a transaction counts it.
    pub fn bytes(&self) -> usize {
        self.key().as_str().len() + 16
    }
}

/// A change of one record, in logs and observations. In JSON it is `{ "key": …, "delta": … }` or `{ "key": …, "value": … }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Update {
    /// The record that changed.
    pub key: Key,
    /// How the record changed.
    pub change: Change,
}

/// How a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Change {
    /// This number was added. Deltas commute.
    Delta(i64),
    /// This value was written.
    Value(i64),
}

/// The form of [`Update`] in formats for people.
#[derive(Serialize, Deserialize)]
struct UpdateText {
    key: Key,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delta: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
}

impl Serialize for Update {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return (&self.key, self.change).serialize(to);
        }
        let (delta, value) = match self.change {
            Change::Delta(delta) => (Some(delta), None),
            Change::Value(value) => (None, Some(value)),
        };
        UpdateText { key: self.key.clone(), delta, value }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Update {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if !from.is_human_readable() {
            let (key, change) = Deserialize::deserialize(from)?;
            return Ok(Update { key, change });
        }
        match UpdateText::deserialize(from)? {
            UpdateText { key, delta: Some(delta), value: None } => Ok(Update { key, change: Change::Delta(delta) }),
            UpdateText { key, delta: None, value: Some(value) } => Ok(Update { key, change: Change::Value(value) }),
            _ => Err(D::Error::custom("an update has either `delta` or `value`")),
        }
    }
}

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReadValue {
    /// The step of the plan that read the record, from 1.
    pub step: u32,
    /// The record that was read.
    pub key: Key,
    /// The value that was read.
    pub value: i64,
}
