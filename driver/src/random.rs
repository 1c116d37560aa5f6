//! Named random streams from one master seed: an edit in one place does not shift the draws of another (docs/04-architecture.md).

use indoubt_proto::ids::NodeId;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A random stream.
pub type Stream = ChaCha8Rng;

/// The stream called `name` of `seed`, for example `stream(7, "link c1 p2")`. The same on every platform and build.
pub fn stream(seed: u64, name: &str) -> Stream {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    // Two FNV-1a hashes with different offsets, so that names that differ in one letter share no word of the key.
    for (slot, offset) in [(8, 0xcbf2_9ce4_8422_2325u64), (16, 0x9ae1_6a3b_2f90_404fu64)] {
        let hash = name.bytes().fold(offset, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        key[slot..slot + 8].copy_from_slice(&hash.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A stream that is made when it is first drawn from: most nodes never draw from most of theirs.
#[derive(Clone, Debug)]
pub struct LazyStream {
    seed: u64,
    name: Name,
    made: Option<Box<Stream>>,
}

#[derive(Clone, Copy, Debug)]
enum Name {
    Gate { node: NodeId, incarnation: u32 },
    Disk(NodeId),
}

impl LazyStream {
    fn new(seed: u64, name: Name) -> Self {
        LazyStream { seed, name, made: None }
    }

    /// The stream, where the last draw left it.
    pub fn get(&mut self) -> &mut Stream {
        let made = || {
            Box::new(match self.name {
                Name::Gate { node, incarnation } => stream(self.seed, &format!("gate {node} {incarnation}")),
                Name::Disk(node) => stream(self.seed, &format!("disk {node}")),
            })
        };
        self.made.get_or_insert_with(made)
    }
}

// What both worlds draw, they draw from streams of these names: under one seed the same messages are lost, delayed and
// doubled in either. An incarnation draws from streams of its own, because a process that starts knows nothing of the draws
// of the one before it.

/// What the network does to the messages that this incarnation of `from` sends to `to`.
pub fn of_link(seed: u64, from: NodeId, incarnation: u32, to: NodeId) -> Stream {
    stream(seed, &format!("link {from} {to} {incarnation}"))
}

/// Where faults that touch a share of messages apply at this incarnation of a node.
pub fn of_gate(seed: u64, node: NodeId, incarnation: u32) -> LazyStream {
    LazyStream::new(seed, Name::Gate { node, incarnation })
}

/// How much of a node's unforced tail survives each of its deaths.
pub fn of_disk(seed: u64, node: NodeId) -> LazyStream {
    LazyStream::new(seed, Name::Disk(node))
}

/// How long the forces of this incarnation of a node take.
pub fn of_forces(seed: u64, node: NodeId, incarnation: u32) -> Stream {
    stream(seed, &format!("disk force {node} {incarnation}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ_by_name_and_seed() {
        let first = |seed, name| stream(seed, name).next_u64();
        assert_eq!(first(7, "link c1 p2"), first(7, "link c1 p2"));
        assert_ne!(first(7, "link c1 p2"), first(7, "link c1 p3"));
        assert_ne!(first(7, "link c1 p2"), first(8, "link c1 p2"));
    }

    #[test]
    fn a_lazy_stream_is_the_stream_of_its_name() {
        let mut lazy = of_disk(7, NodeId::participant(2));
        let mut named = stream(7, "disk p2");
        for _ in 0..3 {
            assert_eq!(lazy.get().next_u64(), named.next_u64());
        }
        assert_eq!(of_gate(7, NodeId::coordinating(1), 3).get().next_u64(), stream(7, "gate c1 3").next_u64());
    }
}
