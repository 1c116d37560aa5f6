//! Frames, batches and envelopes.

use super::{
    codec::{OnWire, in_one_piece},
    coding::{Alternatives, Coding, WireMessage, message, once},
    codings::{Flag, Log, Nested, Node, OneOf, Optional, Place, U32, U64},
    encoding::{Fields, put},
    error::{At, WireError, micros},
    limits,
};
use crate::{
    ids::{LogId, Lsn, MessageId, NodeId},
    message::Message,
    time::Micros,
};
use prost::bytes::{Buf, BufMut};
use tonic::Status;

/// A frame on a link, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first frame of the sender. No other frame is a `Hello`.
    Hello(Hello),
    /// Every later frame: messages in the order in which they were sent.
    Batch(Batch),
}

/// Identifies the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The node that sends.
    pub node: NodeId,
    /// The incarnation of the sender.
    pub incarnation: u32,
    /// The number of its start, which is in the ids of its messages.
    pub start: u32,
    /// The journal of the sender; 0 for a client, which has none.
    pub log: LogId,
    /// The last durable record of that journal; 0 for a client.
    pub end: Lsn,
    /// The node that the sender expects at the other end; `None` if it does not know.
    pub receiver: Option<Receiver>,
}

/// What the sender of a [`Hello`] knows about its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The expected node.
    pub node: NodeId,
    /// The journal that the node had in the last session; 0 if the sender knows none.
    pub log: LogId,
    /// The incarnation that the node had in the last session.
    pub incarnation: u32,
    /// The last record of that journal that the node reported.
    pub end: Lsn,
}

/// A message with its delivery data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The id of the message, which contains the sender.
    pub id: MessageId,
    /// The node or client to which the message goes.
    pub to: NodeId,
    /// How long the receiver holds the message before it takes it as input.
    pub hold: Micros,
    /// Whether this is a duplicate that a fault made.
    pub copy: bool,
    /// The message itself.
    pub message: Message,
}

impl OnWire for Frame {
    fn encode(&self, out: &mut impl BufMut) {
        let mut head = Vec::new();
        match self {
            Frame::Hello(hello) => {
                Nested::<Hello>::put(hello, 1, &mut head);
                out.put_slice(&head);
            }
            Frame::Batch(batch) => {
                put::bytes_head(2, batch.bytes.len(), &mut head);
                out.put_slice(&head);
                out.put_slice(&batch.bytes);
            }
        }
    }

    /// Decodes a frame. [`Batch::envelopes`] parses the envelopes of a batch later.
    fn decode(bytes: impl Buf) -> Result<Frame, Status> {
        Ok(in_one_piece(bytes, read_frame)?)
    }
}

fn read_frame(bytes: &[u8]) -> Result<Frame, WireError> {
    let mut frame = None;
    let mut fields = Fields(bytes);
    while let Some((number, value)) = fields.next().at("frame")? {
        if let 1 | 2 = number {
            once(&mut frame, (number, value)).at("frame")?;
        }
    }
    match frame {
        Some((1, hello)) => hello.bytes().and_then(Hello::read).map(Frame::Hello).at("hello"),
        Some((_, batch)) => batch.bytes().and_then(Batch::read).map(Frame::Batch).at("batch"),
        None => Err(WireError::missing()).at("frame"),
    }
}

message!(Hello {
    1 node: Node, 2 incarnation: U32, 3 log: Log, 4 end: Place, 5 receiver: Optional<Receiver>, 6 start: U32
});
message!(Receiver { 1 node: Node, 2 log: Log, 3 incarnation: U32, 4 end: Place });

impl WireMessage for Envelope {
    type Value = Envelope;

    fn put(value: &Envelope, out: &mut Vec<u8>) {
        let Envelope { id, to, hold, copy, message } = value;
        U64::put(&id.count, 1, out);
        U32::put(&id.start, 2, out);
        Node::put(&id.from, 3, out);
        Node::put(to, 4, out);
        message.put(out);
        U64::put(&hold.0, 30, out);
        Flag::put(copy, 31, out);
    }

    fn read(bytes: &[u8]) -> Result<Envelope, WireError> {
        let (mut count, mut start, mut from, mut to, mut hold, mut copy) = (0, 0, 0, 0, 0, 0);
        let mut message = None;
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => U64::take(&mut count, number, value).at("count")?,
                2 => U32::take(&mut start, number, value).at("start")?,
                3 => Node::take(&mut from, number, value).at("from")?,
                4 => Node::take(&mut to, number, value).at("to")?,
                5..=25 => OneOf::<Message>::take(&mut message, number, value).at("message")?,
                30 => U64::take(&mut hold, number, value).at("hold_us")?,
                31 => Flag::take(&mut copy, number, value).at("copy")?,
                _ => {}
            }
        }
        let id = MessageId { from: Node::finish(from).at("from")?, start: U32::finish(start)?, count };
        Ok(Envelope {
            id,
            to: Node::finish(to).at("to")?,
            hold: micros("hold_us", hold)?,
            copy: Flag::finish(copy)?,
            message: OneOf::<Message>::finish(message).at("message")?,
        })
    }
}

/// Envelopes in the order in which they were sent, in the encoding of the wire. A sender encodes each message into it at
/// once, and a receiver parses it once, so no other copy of the messages is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The message `Batch`, with envelopes and without unknown fields.
    bytes: Vec<u8>,
    envelopes: usize,
}

/// The number of the field `envelopes`.
const ENVELOPES: u32 = 1;

impl Batch {
    /// The number of envelopes.
    pub fn len(&self) -> usize {
        self.envelopes
    }

    /// Whether there are no envelopes.
    pub fn is_empty(&self) -> bool {
        self.envelopes == 0
    }

    /// Adds an envelope.
    pub fn push(&mut self, envelope: &Envelope) {
        Nested::<Envelope>::put(envelope, ENVELOPES, &mut self.bytes);
        self.envelopes += 1;
    }

    /// Moves all envelopes of `other` to the end of this batch.
    pub fn append(&mut self, other: &mut Batch) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else {
            self.bytes.extend_from_slice(&other.bytes);
            self.envelopes += other.envelopes;
            other.bytes.clear();
            other.envelopes = 0;
        }
    }

    /// Removes the first envelopes and returns them: at most `envelopes` of them, and no more once they have `bytes` bytes.
    pub fn take(&mut self, envelopes: usize, bytes: usize) -> Batch {
        if self.envelopes <= envelopes && self.bytes.len() <= bytes {
            // The next batch is likely to be as large.
            let next = Batch { bytes: Vec::with_capacity(self.bytes.len()), envelopes: 0 };
            return std::mem::replace(self, next);
        }
        let mut rest = Fields(&self.bytes);
        let mut taken = 0;
        let size = |rest: &Fields<'_>| self.bytes.len() - rest.0.len();
        while taken < envelopes && size(&rest) < bytes && matches!(rest.next(), Ok(Some(_))) {
            taken += 1;
        }
        let later = Batch { bytes: self.bytes.split_off(size(&rest)), envelopes: self.envelopes - taken };
        Batch { envelopes: taken, ..std::mem::replace(self, later) }
    }

    /// Parses the envelopes one after another.
    ///
    /// # Errors
    /// For each envelope that does not parse: the field and the reason.
    pub fn envelopes(&self) -> impl Iterator<Item = Result<Envelope, WireError>> {
        let mut fields = Fields(&self.bytes);
        (0..self.envelopes).map_while(move |index| {
            let (_, envelope) = fields.next().ok()??;
            Some(envelope.bytes().and_then(Envelope::read).at_index(index).at("envelopes").at("batch"))
        })
    }

    /// Reads the message `Batch` without parsing its envelopes.
    fn read(bytes: &[u8]) -> Result<Batch, WireError> {
        let mut batch = Batch::default();
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            if number == ENVELOPES {
                if batch.envelopes == limits::ENVELOPES {
                    return Err(WireError::new(format!("more than {} elements", limits::ENVELOPES))).at("envelopes");
                }
                let envelope = value.bytes().at("envelopes")?;
                put::bytes_head(ENVELOPES, envelope.len(), &mut batch.bytes);
                batch.bytes.extend_from_slice(envelope);
                batch.envelopes += 1;
            }
        }
        Ok(batch)
    }
}

impl<'a> FromIterator<&'a Envelope> for Batch {
    fn from_iter<I: IntoIterator<Item = &'a Envelope>>(envelopes: I) -> Self {
        let mut batch = Batch::default();
        envelopes.into_iter().for_each(|envelope| batch.push(envelope));
        batch
    }
}
