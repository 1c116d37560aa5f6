//! What a world must do for a driver: everything that touches disk, clock and network.

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

/// The trace, and the network as one node sees it. Clients need only this part of a world.
pub trait Network {
    /// Writes an observation to the trace. `what` is not called if there is no trace.
    fn observe(&mut self, what: impl FnOnce() -> Observation);

    /// Decides the journey of a message that is about to leave. `duplicated` means that a fault makes a copy of it. `None` if nobody
    /// is at the other end: the message is lost, and there is no copy.
    fn journey(&mut self, packet: &Packet, duplicated: bool) -> Option<Journey>;

    /// Lets a packet arrive after `delay`. Returns the packet if it cannot be sent after all.
    fn carry(&mut self, packet: Packet, delay: Micros) -> Option<Packet>;
}

/// Everything that a driver needs of a world.
pub trait World<M: Machine>: Network {
    /// The reason why the world cannot continue.
    type Error;

    /// Writes an observation of the machine to the trace.
    fn witness(&mut self, what: Observation);

    /// Appends a record to the journal.
    ///
    /// # Errors
    /// If the journal accepts no more records.
    fn append(&mut self, lsn: Lsn, record: M::Record, write: Write) -> Result<(), Self::Error>;

    /// Replaces all records up to `upto` by `records`, with the next forced write.
    ///
    /// # Errors
    /// If the journal accepts no more records.
    fn compact(&mut self, upto: Lsn, records: Vec<M::Record>) -> Result<(), Self::Error>;

    /// Arms a timer: [`Driver::fire`](crate::driver::Driver::fire) must be called when `after` of true time has passed. Replaces an
    /// armed timer with the same key.
    fn arm(&mut self, timer: M::Timer, after: Micros);

    /// Disarms a timer.
    fn disarm(&mut self, timer: M::Timer);

    /// Keeps a packet at this node for `delay`. Then [`Driver::deliver_held`](crate::driver::Driver::deliver_held) must be called with
    /// it.
    fn hold(&mut self, packet: Packet, delay: Micros);

    /// Whether this node knows the address of another node.
    fn knows(&self, node: NodeId) -> bool;

    /// Sends an answer to the operator.
    fn answer_operator(&mut self, message: Message);

    /// Tells the sender that its packet was taken as input, or was lost here. A rule of the sender may wait for that.
    fn fared(&mut self, id: MessageId, lost: bool);

    /// Reports that a rule which only reports has applied. `message` is the message concerned, and `lost` says whether it is lost.
    fn report(&mut self, rule: RuleId, message: Option<MessageId>, lost: bool);

    /// Whether [`World::pass`] wants to be called for every edge that the node passes.
    fn is_watched(&self) -> bool {
        false
    }

    /// Called when the node passes an edge. `message` is set after a send to another node; the message may be lost.
    fn pass(&mut self, _edge: Edge, _moment: &Moment<'_>, _message: Option<MessageId>) {}
}
