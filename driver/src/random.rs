//! Named random streams from one master seed. An edit in one place does not change the draws of another (docs/04-architecture.md).

use indoubt_proto::ids::NodeId;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers.
pub type Stream = ChaCha8Rng;

/// The stream with this name under `seed`, for example `stream(7, "link c1 p2")`. It is the same on every platform and build.
pub fn stream(seed: u64, name: &str) -> Stream {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    // The key has two FNV-1a hashes with different offsets. So names that differ in one letter share no word of the key.
    for (slot, offset) in [(8, 0xcbf2_9ce4_8422_2325u64), (16, 0x9ae1_6a3b_2f90_404fu64)] {
        let hash = name.bytes().fold(offset, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        key[slot..slot + 8].copy_from_slice(&hash.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A stream that is created at its first use. Most nodes never use most of their streams.
#[derive(Clone, Debug)]
pub struct LazyStream {
    seed: u64,
    name: Name,
    made: Option<Box<Stream>>,
}

#[derive(Clone, Copy, Debug)]
enum Name {
    Gate { node: NodeId, start: u32 },
    Disk(NodeId),
}

impl LazyStream {
    fn new(seed: u64, name: Name) -> Self {
        LazyStream { seed, name, made: None }
    }

    /// The stream, after the last draw.
    pub fn get(&mut self) -> &mut Stream {
        let made = || {
            Box::new(match self.name {
                Name::Gate { node, start } => stream(self.seed, &format!("gate {node} {start}")),
                Name::Disk(node) => stream(self.seed, &format!("disk {node}")),
            })
        };
        self.made.get_or_insert_with(made)
    }
}

// Both worlds use the streams of these names, so under one seed they lose, delay and duplicate the same messages. Each start of a
// node has its own streams, because a new process does not know what the earlier one drew.

/// The stream that decides the journeys of the messages that `from` sends after this start to `to`.
pub fn of_link(seed: u64, from: NodeId, start: u32, to: NodeId) -> Stream {
    stream(seed, &format!("link {from} {to} {start}"))
}

/// The stream that decides to which moments since this start the rules for a share of moments apply.
pub fn of_gate(seed: u64, node: NodeId, start: u32) -> LazyStream {
    LazyStream::new(seed, Name::Gate { node, start })
}

/// The stream that decides how much of a node's unforced tail survives each crash.
pub fn of_disk(seed: u64, node: NodeId) -> LazyStream {
    LazyStream::new(seed, Name::Disk(node))
}

/// The stream that decides how long the forced writes take after this start.
pub fn of_forces(seed: u64, node: NodeId, start: u32) -> Stream {
    stream(seed, &format!("disk force {node} {start}"))
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
