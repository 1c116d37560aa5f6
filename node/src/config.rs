//! The configuration of a node, and the line that it prints when it is ready.

use indoubt_proto::ids::{BadName, LogId, NodeId};
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// The configuration of a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The id of the node.
    pub id: NodeId,
    /// The address at which the node listens. With port 0 the system chooses a port, and the readiness line names it. If a given
    /// port is in use, the node tries again for two seconds, because the process that it replaces may still be ending.
    pub listen: SocketAddr,
    /// The folder of the journal; created if it does not exist.
    pub data_dir: PathBuf,
    /// The other nodes as `host:port`. The node connects to those that [`NodeConfig::dials`] selects; the others connect to it. If
    /// coordinating nodes are among them, the node accepts no other ones.
    pub peers: Vec<(NodeId, String)>,
    /// The name of the protocol, as in scenarios. A data directory belongs to one protocol.
    pub protocol: String,
    /// The file for the node's observations. Without one, they are not written.
    pub trace: Option<PathBuf>,
    /// Whether the node serves the control service through which a lab injects faults.
    pub lab: bool,
    /// The master seed of the node's random streams.
    pub seed: u64,
    /// Which start of the node this is, if somebody counts them who also counts those before its data folder was lost. Otherwise
    /// it is the incarnation.
    pub start: Option<u32>,
    /// The least number of records between two compactions of the journal.
    pub compact_every: u64,
}

impl NodeConfig {
    /// The default of `compact_every`.
    pub const COMPACT_EVERY: u64 = 100_000;

    /// A node on a loopback port that the system chooses, without peers, trace or lab.
    pub fn new(id: NodeId, protocol: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        NodeConfig {
            id,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: data_dir.into(),
            peers: Vec::new(),
            protocol: protocol.into(),
            trace: None,
            lab: false,
            seed: 1,
            start: None,
            compact_every: Self::COMPACT_EVERY,
        }
    }

    /// Whether this node opens the link to `peer`. Of each pair, one node does: its role says so.
    pub fn dials(&self, peer: NodeId) -> bool {
        dials(self.id, peer)
    }
}

/// Whether the link between these nodes is opened by `from`.
pub(crate) fn dials(from: NodeId, to: NodeId) -> bool {
    from.role.dials(to.role) && (from.role != to.role || from.number < to.number)
}

/// Parses an entry of [`NodeConfig::peers`], for example `p1=127.0.0.1:4001`.
///
/// # Errors
/// If the text does not have this form.
pub fn parse_peer(text: &str) -> Result<(NodeId, String), BadName> {
    let bad = || BadName { text: text.into(), expected: "a peer such as p1=127.0.0.1:4001" };
    let (name, address) = text.split_once('=').ok_or_else(bad)?;
    let node: NodeId = name.trim().parse().map_err(|_| bad())?;
    let (host, port) = address.trim().rsplit_once(':').ok_or_else(bad)?;
    if host.is_empty() || port.parse::<u16>().map_or(true, |port| port == 0) {
        return Err(bad());
    }
    if !node.role.runs_machine() {
        return Err(bad());
    }
    Ok((node, address.trim().to_owned()))
}

/// The contents of the readiness line, for example `ready c1 listening on 127.0.0.1:41234 incarnation 1 log 0123456789abcdef`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The node that is ready.
    pub node: NodeId,
    /// The address at which it listens.
    pub address: SocketAddr,
    /// The number of the incarnation, from 1.
    pub incarnation: u32,
    /// The identity of its journal.
    pub log: LogId,
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ready { node, address, incarnation, log } = self;
        write!(f, "ready {node} listening on {address} incarnation {incarnation} log {log}")
    }
}

impl FromStr for Ready {
    type Err = BadName;

    fn from_str(line: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: line.trim_end().into(), expected: "a readiness line" };
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", node, "listening", "on", address, "incarnation", incarnation, "log", log] = words[..] else {
            return Err(bad());
        };
        Ok(Ready {
            node: node.parse().map_err(|_| bad())?,
            address: address.parse().map_err(|_| bad())?,
            incarnation: incarnation.parse().map_err(|_| bad())?,
            log: LogId(u64::from_str_radix(log, 16).map_err(|_| bad())?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::ids::Role;

    #[test]
    fn the_readiness_line_survives_the_round_trip() {
        let line = "ready c1 listening on 127.0.0.1:41234 incarnation 1 log 0123456789abcdef";
        assert_eq!(line.parse::<Ready>().unwrap().to_string(), line);
        assert!("listening on 127.0.0.1:41234".parse::<Ready>().is_err());
    }

    #[test]
    fn peers_are_parsed_or_refused_with_an_example() {
        assert_eq!(parse_peer("p1=[::1]:4001"), Ok((NodeId::participant(1), "[::1]:4001".into())));
        for text in ["", "p1", "p1=", "p1=host", "p1=host:0", "p1=host:x", "k1=host:1", "x=host:1", "p1=:1"] {
            assert!(parse_peer(text).unwrap_err().to_string().contains("a peer such as"), "{text}");
        }
    }

    #[test]
    fn of_each_pair_of_nodes_that_speak_exactly_one_dials() {
        let nodes = ["c1", "c2", "p1", "p2", "p3"].map(|n| n.parse::<NodeId>().unwrap());
        for a in nodes {
            for b in nodes.into_iter().filter(|b| *b != a) {
                let dials = |from: NodeId, to| NodeConfig::new(from, "2pc", "data").dials(to);
                let speak = [a, b].iter().any(|node| node.role == Role::Participant);
                assert_eq!(dials(a, b) != dials(b, a), speak, "{a} {b}");
            }
        }
    }
}
