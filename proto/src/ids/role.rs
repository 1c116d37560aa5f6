//! The roles of nodes. Everything that a role decides about its nodes is one entry here, so links, worlds, faults and the wire need no
//! list of roles of their own. What is not here: the machine of a role (`indoubt_scenario::protocol::build`).

use serde::{Deserialize, Serialize};

/// The role of a node, which is the first letter of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// A coordinating node (a 2PC coordinator, a saga orchestrator, or a baseline): `c1`, `c2`, …
    Coordinating,
    /// A participant (resource manager): `p1`, `p2`, …
    Participant,
    /// A client: `k1`, `k2`, … The client `k0` stands for callers of the unary `Submit` that give no id.
    Client,
    /// The lab, which also sends operator actions: `lab`.
    Lab,
}

/// What a role decides about its nodes.
#[derive(Debug)]
pub struct RoleEntry {
    /// The role.
    pub role: Role,
    /// What one node of the role is called.
    pub word: &'static str,
    /// How the names of its nodes begin. A number follows, if there can be more than one node.
    pub prefix: &'static str,
    /// The first and the last number of its nodes.
    pub numbers: (u16, u16),
    /// Names of its nodes, for people.
    pub examples: &'static str,
    /// The number of the role on the wire, 1 to 7.
    pub wire: u32,
    /// Whether its nodes run machines. Such nodes make up the cluster: each has a process and a journal.
    pub runs_machine: bool,
    /// The roles to whose nodes its nodes open links. Of two nodes of one role, the one with the lower number does.
    pub dials: &'static [Role],
    /// Its place in the order in which the nodes of a cluster are started.
    pub start: u8,
    /// The subcommand that runs its nodes; `None` if the protocol decides, or if no process is such a node.
    pub command: Option<&'static str>,
}

static ROLES: [RoleEntry; 4] = [
    RoleEntry {
        role: Role::Coordinating,
        word: "coordinating node",
        prefix: "c",
        numbers: (1, u16::MAX),
        examples: "c1, c2, …",
        wire: 1,
        runs_machine: true,
        dials: &[Role::Participant],
        start: 1,
        command: None,
    },
    RoleEntry {
        role: Role::Participant,
        word: "participant",
        prefix: "p",
        numbers: (1, u16::MAX),
        examples: "p1, p2, …",
        wire: 2,
        runs_machine: true,
        dials: &[Role::Participant],
        start: 0,
        command: Some("participant"),
    },
    RoleEntry {
        role: Role::Client,
        word: "client",
        prefix: "k",
        numbers: (0, u16::MAX),
        examples: "k1, k2, …",
        wire: 3,
        runs_machine: false,
        dials: &[Role::Coordinating],
        start: 2,
        command: None,
    },
    RoleEntry {
        role: Role::Lab,
        word: "lab",
        prefix: "lab",
        numbers: (0, 0),
        examples: "lab",
        wire: 4,
        runs_machine: false,
        dials: &[],
        start: 2,
        command: None,
    },
];

impl Role {
    /// All roles, in their order.
    pub const ALL: [Role; ROLES.len()] = [Role::Coordinating, Role::Participant, Role::Client, Role::Lab];

    /// The roles whose nodes run machines, in their order.
    pub fn with_machines() -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(|role| role.runs_machine())
    }

    /// What the role decides about its nodes.
    pub fn entry(self) -> &'static RoleEntry {
        &ROLES[self as usize]
    }

    /// Whether its nodes open links to nodes of `other`.
    pub fn dials(self, other: Role) -> bool {
        self.entry().dials.contains(&other)
    }

    /// Whether its nodes run machines.
    pub fn runs_machine(self) -> bool {
        self.entry().runs_machine
    }
}

impl RoleEntry {
    /// Whether a node of the role can have this number.
    pub(crate) fn has_number(&self, number: u16) -> bool {
        (self.numbers.0..=self.numbers.1).contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_role_has_its_entry_and_no_two_share_a_prefix_or_a_number_on_the_wire() {
        assert!(Role::ALL.iter().all(|role| role.entry().role == *role));
        let different = |of: fn(&RoleEntry) -> String| ROLES.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(different(|entry| entry.prefix[..1].into()), ROLES.len());
        assert_eq!(different(|entry| entry.wire.to_string()), ROLES.len());
        assert!(ROLES.iter().all(|entry| (1..8).contains(&entry.wire)));
    }
}
