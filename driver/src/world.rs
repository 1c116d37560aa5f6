//! What a world must do for a driver: the hands that touch disk, clock and network.

use crate::{
    conditions::Journey,
    gate::{Edge, Moment, RuleId},
    packet::Packet,
};
use indoubt_proto::{
    ids::{Lsn, MessageId, NodeId},
    machine::{Machine, Write},
    message::Message,
    observation::Observation,
    time::Micros,
};

/// The trace, and the network as one node sees it: all that a client needs of a world.
pub trait Network {
    /// Writes an observation. Where nobody keeps a trace, it is not made.
    fn observe(&mut self, what: impl FnOnce() -> Observation);

    /// What the network does to a message that is about to leave. `duplicated`: a fault makes a copy of it. `None` if
    /// nobody is at the other end: the message is lost, and nobody copies it.
    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey>;

    /// Lets a packet arrive after `delay`. Returns it if it finds no way after all.
    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet>;
}

/// Everything that a driver needs of a world.
pub trait World<M: Machine>: Network {
    /// Why the world cannot go on.
    type Error;

    /// Writes an observation of the machine.
    fn witness(&mut self, what: Observation);

    /// Adds a record to the journal, behind what waits to be forced.
    ///
    /// # Errors
    /// The journal takes nothing any more.
    fn append(&mut self, lsn: Lsn, record: M::Record, write: Write) -> Result<(), Self::Error>;

    /// Replaces the journal up to a record by others, with the next force.
    ///
    /// # Errors
    /// The journal takes nothing any more.
    fn compact(&mut self, upto: Lsn, records: Vec<M::Record>) -> Result<(), Self::Error>;

    /// Lets [`Driver::fire`](crate::driver::Driver::fire) follow after so much true time. Replaces a timer of the same key.
    fn arm(&mut self, timer: M::Timer, after: Micros);

    /// Disarms a timer.
    fn disarm(&mut self, timer: M::Timer);

    /// Keeps a packet at this node for so long; then it comes back by
    /// [`Driver::deliver_held`](crate::driver::Driver::deliver_held).
    fn hold(&mut self, packet: Packet, delay: Micros);

    /// Whether this node was told of another one.
    fn knows(&self, node: NodeId) -> bool;

    /// Answers the operator.
    fn answer_operator(&mut self, message: Message);

    /// A packet was taken as input, or is lost here: a sender may wait for that.
    fn fared(&mut self, id: MessageId, lost: bool);

    /// A rule that only reports has applied, to this message, which is lost or is not.
    fn report(&mut self, rule: RuleId, message: Option<MessageId>, lost: bool);

    /// Whether it wants to be told of every edge that the node passes.
    fn is_watched(&self) -> bool {
        false
    }

    /// The node passes an edge. After a send to another node: `message`, which may be lost.
    fn pass(&mut self, _edge: Edge, _moment: &Moment<'_>, _message: Option<MessageId>) {}
}
