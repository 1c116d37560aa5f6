//! A random schedule of faults, all of which are over when load ends or soon after.

use indoubt_driver::random::{Stream, stream};
use indoubt_scenario::{
    faults::{
        Shares,
        draw::{Frame, one_of},
    },
    protocol::Family,
};
use rand::RngExt;

/// The `[[fault]]` tables of a run.
pub(super) fn faults(frame: &Frame, random: &mut Stream) -> String {
    let shares = Shares::draw(random);
    // In some runs one node has most of the bad luck: only who dies twice shows what the first death left behind.
    let one_victim = random.random_bool(0.4);
    let victim = one_victim.then(|| frame.any_node(random));
    let drawn = shares.faults(frame, random, &|random| {
        let node = victim.filter(|_| random.random_bool(0.7));
        node.unwrap_or_else(|| frame.any_node(random))
    });
    drawn
        + &after_a_peers_word(frame, &mut stream(frame.seed, "swarm peers"))
        + &after_a_refusal(frame, &mut stream(frame.seed, "swarm refusals"))
}

/// Whether the run is one in which participants refuse steps for lack of money, forget that in a crash, and then apply the step that is
/// asked for again.
pub(super) fn refusals_are_forgotten(frame: &Frame) -> bool {
    frame.protocol.family() == Family::Saga && stream(frame.seed, "swarm scarcity").random_bool(0.1)
}

/// The answer to a step is late, so that the step is asked for again; and its participant dies before it has flushed a refusal.
fn after_a_refusal(frame: &Frame, random: &mut Stream) -> String {
    if !refusals_are_forgotten(frame) {
        return String::new();
    }
    let node = random.random_range(1..=frame.cluster.participants);
    let (share, by) = (one_of(random, &["0.3", "0.6", "1.0"]), random.random_range(50..400));
    format!(
        "[[fault]]\ndo = \"delay\"\nfrom = \"p{node}\"\nmessage = \"step-result\"\nshare = {share}\nby = \"{by}ms\"\n\
         [[fault]]\non = {{ node = \"p{node}\", effect = \"send:step-result:refused\", edge = \"after\", nth = {} }}\n\
         do = \"kill\"\nnode = \"p{node}\"\nkeep = 0\nrestart_after = \"{}ms\"\n",
        random.random_range(1..=4),
        random.random_range(1..20)
    )
}

/// Under cooperative termination a participant may learn the decision from a peer, and from its coordinator before it has flushed
/// that. So its coordinator's decision is late, and it dies between its ACK and the flush.
fn after_a_peers_word(frame: &Frame, random: &mut Stream) -> String {
    if !frame.protocol.entry().cooperates || random.random_bool(0.7) {
        return String::new();
    }
    let (node, nth) = (random.random_range(1..=frame.cluster.participants), random.random_range(1..=6));
    let (home, by) = (random.random_range(1..=frame.cluster.coordinators), random.random_range(50..800));
    format!(
        "[[fault]]\ndo = \"delay\"\nfrom = \"c{home}\"\nto = \"p{node}\"\nmessage = \"decision\"\nshare = 0.5\nby = \"{by}ms\"\n\
         [[fault]]\non = {{ node = \"p{node}\", effect = \"send:ack\", edge = \"after\", nth = {nth} }}\n\
         do = \"kill\"\nnode = \"p{node}\"\nkeep = 0\nrestart_after = \"{}ms\"\n",
        random.random_range(1..100)
    )
}
