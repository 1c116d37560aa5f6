//! What a transaction does to data: integer accounts under named keys (docs/02-scenarios.md).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{borrow::Borrow, fmt, sync::Arc};

/// The name of one record, unique over the cluster by convention (`p2/acct-17`). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Arc<str>);

impl Key {
    /// A key of this name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Key(Arc::from(name.as_ref()))
    }

    /// The name.
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

/// One operation on one record. A record that was never written reads as 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    /// Adds `delta`; refused if the result would fall below `min`. A compensation carries no `min`.
    Add {
        /// The record.
        key: Key,
        /// What to add; may be negative.
        delta: i64,
        /// The constraint on the result.
        min: Option<i64>,
    },
    /// Overwrites.
    Put {
        /// The record.
        key: Key,
        /// The new value.
        value: i64,
    },
    /// Reads.
    Get {
        /// The record.
        key: Key,
    },
}

impl Operation {
    /// The record that it touches.
    pub fn key(&self) -> &Key {
        match self {
            Operation::Add { key, .. } | Operation::Put { key, .. } | Operation::Get { key } => key,
        }
    }

    /// Whether it changes nothing.
    pub fn is_read(&self) -> bool {
        matches!(self, Operation::Get { .. })
    }

    /// Its size on the wire, roughly, in bytes: what the limit on a transaction's bytes counts.
    pub fn bytes(&self) -> usize {
        self.key().as_str().len() + 16
    }
}

/// A change of one record, as logged and as observed. In JSON `{ "key": …, "delta": … }` or `{ "key": …, "value": … }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Update {
    /// The record.
    pub key: Key,
    /// How it changed.
    pub change: Change,
}

/// How a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Change {
    /// By so much: commutes with other deltas.
    Delta(i64),
    /// To this value.
    Value(i64),
}

/// [`Update`] as people read it.
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

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReadValue {
    /// The step of the plan that read, 1-based.
    pub step: u32,
    /// The record.
    pub key: Key,
    /// Its value.
    pub value: i64,
}
