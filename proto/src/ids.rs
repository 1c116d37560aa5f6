//! The ids of nodes, transactions, journals, records and messages.

mod role;

pub use role::{Role, RoleEntry};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// The id of a node: a role and a number from 1. Written `c1`, `p2`, `k3`, or `lab`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NodeId {
    /// The role of the node.
    pub role: Role,
    /// The number among nodes of this role; 0 for `lab` and for the unnamed client `k0`.
    pub number: u16,
}

impl NodeId {
    /// The id of the lab.
    pub const LAB: NodeId = NodeId { role: Role::Lab, number: 0 };

    /// The coordinating node `c<number>`.
    pub const fn coordinating(number: u16) -> Self {
        NodeId { role: Role::Coordinating, number }
    }

    /// The participant `p<number>`.
    pub const fn participant(number: u16) -> Self {
        NodeId { role: Role::Participant, number }
    }

    /// The client `k<number>`.
    pub const fn client(number: u16) -> Self {
        NodeId { role: Role::Client, number }
    }

    /// Whether this is a client.
    pub fn is_client(self) -> bool {
        self.role == Role::Client
    }
}

/// Ids are compared and hashed very often. For that, they are converted to one or two numbers with the order of their
/// fields.
macro_rules! as_numbers {
    ($name:ident) => {
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.numbers().cmp(&other.numbers())
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.numbers().hash(state);
            }
        }
    };
}

as_numbers!(NodeId);
as_numbers!(TxnId);

impl NodeId {
    fn numbers(self) -> u32 {
        (self.role as u32) << 16 | u32::from(self.number)
    }
}

impl TxnId {
    fn numbers(self) -> (u64, u64) {
        (u64::from(self.home.numbers()) << 32 | u64::from(self.client.numbers()), self.number)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoleEntry { prefix, numbers, .. } = self.role.entry();
        f.write_str(prefix)?;
        if numbers.0 == numbers.1 { Ok(()) } else { self.number.fmt(f) }
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that does not parse as an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct BadName {
    /// The offending text.
    pub text: String,
    /// What was expected, with an example.
    pub expected: &'static str,
}

impl FromStr for NodeId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), expected: "a node name such as c1, p2 or k3" };
        let of_role = |role: Role| Some((role.entry(), text.strip_prefix(role.entry().prefix)?));
        let (entry, digits) = Role::ALL.into_iter().find_map(of_role).ok_or_else(bad)?;
        if entry.numbers.0 == entry.numbers.1 && digits.is_empty() {
            return Ok(NodeId { role: entry.role, number: entry.numbers.0 });
        }
        let number: u16 = digits.parse().map_err(|_| bad())?;
        let canonical = digits == number.to_string();
        if !canonical || !entry.has_number(number) {
            return Err(bad());
        }
        Ok(NodeId { role: entry.role, number })
    }
}

/// The id of a transaction, which is unique over a run: the coordinating node to which it is submitted (its *home*), its client, and
/// the client's count. Written `c1-k2-17`. The client chooses the id, so that it can submit again after a broken link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TxnId {
    /// The coordinating node that runs it.
    pub home: NodeId,
    /// The client that submitted it.
    pub client: NodeId,
    /// The client's count of its transactions, from 1.
    pub number: u64,
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.home, self.client, self.number)
    }
}

impl fmt::Debug for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TxnId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), expected: "a transaction name such as c1-k2-17" };
        let mut parts = text.split('-');
        let (Some(home), Some(client), Some(number), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let home: NodeId = home.parse().map_err(|_| bad())?;
        let client: NodeId = client.parse().map_err(|_| bad())?;
        if home.role != Role::Coordinating || client.role != Role::Client {
            return Err(bad());
        }
        Ok(TxnId { home, client, number: number.parse().map_err(|_| bad())? })
    }
}

/// Ids are text in formats for people (JSON, TOML) and numbers in formats for machines (journals, binary traces).
macro_rules! serde_as_text_or_numbers {
    ($name:ident { $($field:ident),* }) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() { to.collect_str(self) } else { ($(self.$field,)*).serialize(to) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                if from.is_human_readable() {
                    String::deserialize(from)?.parse().map_err(D::Error::custom)
                } else {
                    let ($($field,)*) = Deserialize::deserialize(from)?;
                    Ok($name { $($field),* })
                }
            }
        }
    };
}

serde_as_text_or_numbers!(NodeId { role, number });
serde_as_text_or_numbers!(TxnId { home, client, number });

/// The identity of a journal. After a loss, the node's new journal has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogId(pub u64);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for LogId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(LogId).ok_or_else(|| BadName { text: text.into(), expected: "the 16 hexadecimal digits of a log" })
    }
}

/// The number of a record in one journal: 1, 2, 3, … without gaps. 0 means that there is no record yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The number after this one.
    pub fn next(self) -> Lsn {
        Lsn(self.0 + 1)
    }
}

/// The highest incarnation of a node: the upper bits of a [`Serial`] have no room for more.
pub const LAST_INCARNATION: u32 = (1 << 24) - 1;

/// The serial number that a coordinating node gives to a transaction. Its upper bits are the incarnation, so it grows over restarts
/// without a forced write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Serial(pub u64);

impl Serial {
    /// The first serial of this incarnation.
    pub fn first_of(incarnation: u32) -> Serial {
        Serial(u64::from(incarnation) << 40)
    }

    /// The number after this one.
    pub fn next(self) -> Serial {
        Serial(self.0 + 1)
    }
}

/// Goes with every request of a coordinating node and identifies the transaction there: the node's journal, the serial, and the
/// mark below which everything is finished (docs/rules.md, 17b).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    /// The journal in which the coordinating node remembers this transaction.
    pub log: LogId,
    /// The serial of this transaction in that journal.
    pub serial: Serial,
    /// The mark: every transaction of this journal with a smaller serial is finished, so nothing will be sent for it again.
    pub finished_below: Serial,
}

/// The id of a message, which is unique over a run: the sender, the number of its start, and its count. Both ends write it to the
/// trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageId {
    /// The node or client that sent the message.
    pub from: NodeId,
    /// Which start of the sender this is, from 1. It is the incarnation, unless the sender lost its data folder: then incarnations
    /// begin again, and starts go on.
    pub start: u32,
    /// The number of the message since this start.
    pub count: u64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.from, self.start, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_fields() {
        let names = |texts: &[&str]| -> Vec<NodeId> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        assert!(names(&["c1", "c2", "c65535", "p1", "p9", "p10", "k0", "k1", "lab"]).is_sorted_by(|a, b| a < b));
        let txns = ["c1-k1-9", "c1-k1-10", "c1-k2-1", "c2-k1-1", "c2-k1-18446744073709551615", "c10-k1-1"];
        let txns: Vec<TxnId> = txns.iter().map(|text| text.parse().unwrap()).collect();
        assert!(txns.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn names_survive_the_round_trip() {
        for text in ["c1", "p12", "k0", "lab"] {
            assert_eq!(text.parse::<NodeId>().unwrap().to_string(), text);
        }
        assert_eq!("00000000000000ff".parse::<LogId>(), Ok(LogId(255)));
        assert_eq!("c1-k2-17".parse::<TxnId>().unwrap().to_string(), "c1-k2-17");
    }

    #[test]
    fn an_invalid_name_is_refused_with_an_example() {
        for text in ["", "c", "c0", "p01", "x1", "c1-k2", "ü1"] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
        for text in ["c1-k2", "k1-c2-3", "c1-k2-x", "c1-k2-3-4"] {
            assert!(text.parse::<TxnId>().is_err(), "{text}");
        }
        for text in ["", "ff", "+0000000000000ff", "000000000000000ff"] {
            assert!(text.parse::<LogId>().is_err(), "{text}");
        }
        assert_eq!("x1".parse::<NodeId>().unwrap_err().to_string(), "`x1` is not a node name such as c1, p2 or k3");
    }
}
