//! Where faults can strike under a protocol: its points, messages, records and observations, as the protocol's entry lists them.
//! The parser checks scenarios against these lists, and `indoubt list points` prints them.

mod messages;
mod words;

pub use crate::protocol::point::Point;
use crate::protocol::{Family, Protocol};
use indoubt_driver::gate::COMPACTION;
use indoubt_proto::{ids::Role, observation::Phase};
pub use messages::{MessageInfo, message, messages};
pub use words::{has_steps, qualifiers};

/// What a phase means under this family (the table of docs/02-scenarios.md). `None` if the family does not have the phase.
pub fn phase_meaning(family: Family, phase: Phase) -> Option<&'static str> {
    family.phase(phase).map(|entry| entry.meaning)
}

/// The points of a protocol, in the order of a transaction's life.
pub fn points(protocol: Protocol) -> impl Iterator<Item = &'static Point> {
    protocol.points()
}

fn all_points() -> impl Iterator<Item = &'static Point> {
    Family::ALL.into_iter().flat_map(|family| family.entry().points)
}

/// The point of this name, which must not contain a step.
pub fn point(name: &str) -> Option<&'static Point> {
    all_points().find(|point| point.name == name)
}

/// The words of the records that a node of this role appends under this protocol.
pub fn records(protocol: Protocol, role: Role) -> &'static [&'static str] {
    protocol.entry().records.of(role)
}

/// What a node of this role appends under this protocol, as effect selectors name it: its records, and compactions.
pub fn appends(protocol: Protocol, role: Role) -> impl Iterator<Item = &'static str> {
    records(protocol, role).iter().copied().chain([COMPACTION])
}

/// The words of the protocol's observations that a node of this role makes under this family.
pub fn observations(family: Family, role: Role) -> &'static [&'static str] {
    family.entry().observations.of(role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_driver::gate::Verb;
    use std::collections::BTreeSet;

    #[test]
    fn a_point_has_one_meaning_and_uses_words_that_its_protocol_has() {
        let names: BTreeSet<_> = all_points().map(|p| p.name).collect();
        assert_eq!(names.len(), all_points().count(), "two points share a name");
        for family in Family::ALL {
            for point in family.entry().points {
                let role = point.decided_at();
                let known = match point.verb {
                    // A protocol without this record does not have the point. Some protocol of the family must have it.
                    Verb::Append => Protocol::ALL.into_iter().any(|p| p.family() == family && p.has_point(point)),
                    Verb::Observe => observations(family, role).contains(&point.word),
                    Verb::Send | Verb::Deliver => message(point.word).is_some_and(|info| {
                        let ends = if point.verb == Verb::Send { info.from } else { info.to };
                        family.entry().messages.contains(&info.kind) && ends.contains(&role)
                    }),
                };
                assert!(known, "{}: {} is no word of {family:?}", point.name, point.word);
                if let Some(qualifier) = point.qualifier {
                    assert!(qualifiers(point.verb, point.word).contains(&qualifier), "{}: {qualifier}", point.name);
                }
            }
        }
    }
}
