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

/// What travels on a link, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first frame, and no other.
    Hello(Hello),
    /// All later frames: messages in the order in which they were sent.
    Batch(Batch),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The node.
    pub node: NodeId,
    /// Its incarnation.
    pub incarnation: u32,
    /// The number of its start, which is in the ids of its messages.
    pub start: u32,
    /// Its journal; 0 for a client, which has none.
    pub log: LogId,
    /// The last durable record of that journal; 0 for a client.
    pub end: Lsn,
    /// Whom it takes the receiver for, if it says so.
    pub receiver: Option<Receiver>,
}

/// What the sender of a [`Hello`] remembers of its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The node that should be there.
    pub node: NodeId,
    /// The journal with which it last came; 0 if the sender remembers none.
    pub log: LogId,
    /// The incarnation in which it last came.
    pub incarnation: u32,
    /// The last record of that journal of which it told.
    pub end: Lsn,
}

/// One message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Its id, which names the sender.
    pub id: MessageId,
    /// The receiver.
    pub to: NodeId,
    /// The receiver holds it for so long before it takes it.
    pub hold: Micros,
    /// A duplicate that a fault made.
    pub copy: bool,
    /// The message.
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

    /// The envelopes of a batch are left to [`Batch::envelopes`].
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

/// Envelopes in the order in which they were sent, as the wire has them. A sender adds to it what it sends, and a receiver
/// parses it once, so that no copy of the messages waits in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The message `Batch`, without unknown fields: nothing but envelopes.
    bytes: Vec<u8>,
    envelopes: usize,
}

/// The number of the field `envelopes`.
const ENVELOPES: u32 = 1;

impl Batch {
    /// How many envelopes it has.
    pub fn len(&self) -> usize {
        self.envelopes
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.envelopes == 0
    }

    /// Adds an envelope.
    pub fn push(&mut self, envelope: &Envelope) {
        Nested::<Envelope>::put(envelope, ENVELOPES, &mut self.bytes);
        self.envelopes += 1;
    }

    /// Adds all envelopes of `other`, which is empty then.
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

    /// Takes the first envelopes: at most so many, and no further one once they have so many bytes.
    pub fn take(&mut self, envelopes: usize, bytes: usize) -> Batch {
        if self.envelopes <= envelopes && self.bytes.len() <= bytes {
            // What comes next is likely to be as large.
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

    /// Parses the envelopes, one after the other.
    ///
    /// # Errors
    /// Each that does not parse, with the field and the reason.
    pub fn envelopes(&self) -> impl Iterator<Item = Result<Envelope, WireError>> {
        let mut fields = Fields(&self.bytes);
        (0..self.envelopes).map_while(move |index| {
            let (_, envelope) = fields.next().ok()??;
            Some(envelope.bytes().and_then(Envelope::read).at_index(index).at("envelopes").at("batch"))
        })
    }

    /// A batch of these bytes, once it is seen that they are one.
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
