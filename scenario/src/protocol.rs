//! The registry of protocols. A protocol is one entry. All rooms read the properties of a protocol from [`Entry`] and
//! [`FamilyEntry`]: its name, what it promises, where faults can strike, what it costs, how charts draw it, and which machine
//! runs it.
//!
//! Files, top down: the registry itself (here), [`build`] (the machine of a node), one file for each family with its entries
//! (`two_phase`, `saga`, `unprotected`), [`entry`] (the fields of an entry), [`costs`] (cases and counts of the cost table),
//! [`point`] (the named moments of a protocol).

pub mod build;
pub mod costs;
pub mod entry;
pub mod point;
mod saga;
mod two_phase;
mod unprotected;

pub use entry::Family;
use entry::{Entry, FamilyEntry, PhaseEntry};
use indoubt_proto::observation::Phase;
use point::Point;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

macro_rules! registry {
    ($($(#[$doc:meta])* $id:ident = $entry:path;)*) => {
        /// A protocol: the id of its entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Protocol {
            $($(#[$doc])* $id,)*
        }

        impl Protocol {
            /// All protocols, in the order in which they are shown.
            pub const ALL: [Protocol; [$(Protocol::$id),*].len()] = [$(Protocol::$id),*];

            /// The properties of this protocol.
            pub fn entry(self) -> &'static Entry {
                match self {
                    $(Protocol::$id => &$entry,)*
                }
            }
        }
    };
}

registry! {
    /// Two-phase commit, presumed abort.
    TwoPhase = two_phase::PRESUMED_ABORT;
    /// Two-phase commit, presumed nothing.
    PresumedNothing = two_phase::PRESUMED_NOTHING;
    /// Two-phase commit, presumed commit.
    PresumedCommit = two_phase::PRESUMED_COMMIT;
    /// Two-phase commit, presumed abort. Participants in doubt ask each other.
    Cooperative = two_phase::COOPERATIVE;
    /// An orchestrated saga.
    Saga = saga::SAGA;
    /// An orchestrated saga whose steps run at the same time where they do not depend on each other.
    SagaParallel = saga::PARALLEL;
    /// One attempt per call, in sequence; no retry, no undo, no recovery.
    None = unprotected::NONE;
    /// Retries and a status row; no undo.
    NoneRetry = unprotected::NONE_RETRY;
}

impl Protocol {
    /// The name in scenarios and results.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The protocol of this name.
    pub fn from_name(name: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|p| p.name() == name)
    }

    /// The family, which decides how a transaction is judged.
    pub fn family(self) -> Family {
        self.entry().family
    }

    /// The points of this protocol, in the order of a transaction's life: those of its family, except points of records that
    /// this protocol does not have.
    pub fn points(self) -> impl Iterator<Item = &'static Point> {
        let appends = move |point: &&Point| {
            point.needs_record().is_none_or(|record| self.entry().records.of(point.role).contains(&record))
        };
        self.family().entry().points.iter().filter(appends)
    }

    /// Whether this protocol has a point of its family.
    pub fn has_point(self, point: &Point) -> bool {
        self.points().any(|own| own.name == point.name)
    }
}

impl Family {
    /// The properties of this family.
    pub fn entry(self) -> &'static FamilyEntry {
        match self {
            Family::TwoPhase => &two_phase::FAMILY,
            Family::Saga => &saga::FAMILY,
            Family::Unprotected => &unprotected::FAMILY,
        }
    }

    /// A phase under this family; `None` if the family does not have it.
    pub fn phase(self, phase: Phase) -> Option<&'static PhaseEntry> {
        self.entry().phases.iter().find(|entry| entry.phase == phase)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Protocol::from_name(&name).ok_or_else(|| D::Error::custom(format!("there is no protocol `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::ids::Role;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_lines_tell_protocols_apart() {
        let names: BTreeSet<_> = Protocol::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), Protocol::ALL.len());
        let colours: BTreeSet<_> = Protocol::ALL.iter().map(|p| p.entry().line.colour).collect();
        assert_eq!(colours.len(), Protocol::ALL.len(), "two protocols share a colour");
    }

    #[test]
    fn a_name_survives_the_round_trip_and_others_are_refused() {
        for protocol in Protocol::ALL {
            let text = serde_json::to_string(&protocol).unwrap();
            assert_eq!(text, format!("\"{protocol}\""));
            assert_eq!(serde_json::from_str::<Protocol>(&text).unwrap(), protocol);
        }
        assert!(serde_json::from_str::<Protocol>("\"3pc\"").is_err());
    }

    #[test]
    fn every_protocol_has_points_at_both_kinds_of_node() {
        for protocol in Protocol::ALL {
            for role in Role::with_machines() {
                assert!(protocol.points().any(|p| p.role == role), "{protocol} has none at a {role:?}");
            }
        }
    }

    #[test]
    fn every_place_in_the_cost_table_is_taken_once() {
        let mut places: Vec<u8> =
            Protocol::ALL.iter().filter_map(|p| p.entry().costs.table.as_ref()).map(|table| table.place).collect();
        places.sort_unstable();
        assert!(places.iter().copied().eq(1..=places.len() as u8), "{places:?}");
    }
}
