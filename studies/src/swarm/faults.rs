//! A random schedule of faults, all of which are over when load ends or soon after.

use indoubt_driver::random::Stream;
use indoubt_scenario::faults::{Shares, draw::Frame};
use rand::RngExt;

/// The `[[fault]]` tables of a run.
pub(super) fn faults(frame: &Frame, random: &mut Stream) -> String {
    let shares = Shares::draw(random);
    // In some runs one node has most of the bad luck: only who dies twice shows what the first death left behind.
    let one_victim = random.random_bool(0.4);
    let victim = one_victim.then(|| frame.any_node(random));
    shares.faults(frame, random, &|random| {
        let node = victim.filter(|_| random.random_bool(0.7));
        node.unwrap_or_else(|| frame.any_node(random))
    })
}
