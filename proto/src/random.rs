//! Named random streams from one master seed: an edit in one place does not shift the draws of another (docs/04-architecture.md).

use crate::ids::NodeId;
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

// What both worlds draw, they draw from streams of these names: under one seed the same messages are lost, delayed and
// doubled in either. An incarnation draws from streams of its own, because a process that starts knows nothing of the draws
// of the one before it.

/// What the network does to the messages that this incarnation of `from` sends to `to`.
pub fn of_link(seed: u64, from: NodeId, incarnation: u32, to: NodeId) -> Stream {
    stream(seed, &format!("link {from} {to} {incarnation}"))
}

/// Where faults that touch a share of messages apply at this incarnation of a node.
pub fn of_gate(seed: u64, node: NodeId, incarnation: u32) -> Stream {
    stream(seed, &format!("gate {node} {incarnation}"))
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
}
