//! Frames, batches and envelopes.

use super::{
    error::{At, WireError, list, micros, required},
    limits, v1,
    vocabulary::{node, node_number},
};
use crate::{
    ids::{LogId, MessageId, NodeId},
    message::Message,
    time::Micros,
};

/// What travels on a link, in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first frame, and no other.
    Hello(Hello),
    /// All later frames: messages in the order in which they were sent, at most [`limits::ENVELOPES`].
    Batch(Vec<Envelope>),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The node.
    pub node: NodeId,
    /// Its incarnation.
    pub incarnation: u32,
    /// Its journal; 0 for a client, which has none.
    pub log: LogId,
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

impl From<Frame> for v1::Frame {
    fn from(frame: Frame) -> Self {
        use v1::frame::Frame as Wire;
        let frame = match frame {
            Frame::Hello(hello) => Wire::Hello(v1::Hello {
                node: node_number(hello.node),
                incarnation: hello.incarnation,
                log: hello.log.0,
            }),
            Frame::Batch(envelopes) => {
                Wire::Batch(v1::Batch { envelopes: envelopes.into_iter().map(Into::into).collect() })
            }
        };
        v1::Frame { frame: Some(frame) }
    }
}

impl TryFrom<v1::Frame> for Frame {
    type Error = WireError;

    fn try_from(frame: v1::Frame) -> Result<Self, WireError> {
        use v1::frame::Frame as Wire;
        match frame.frame {
            None => Err(WireError::missing()).at("frame"),
            Some(Wire::Hello(hello)) => {
                let node = node(hello.node).at("node").at("hello")?;
                Ok(Frame::Hello(Hello { node, incarnation: hello.incarnation, log: LogId(hello.log) }))
            }
            Some(Wire::Batch(batch)) => {
                list("envelopes", limits::ENVELOPES, batch.envelopes, Envelope::try_from).map(Frame::Batch).at("batch")
            }
        }
    }
}

impl From<Envelope> for v1::Envelope {
    fn from(envelope: Envelope) -> Self {
        let Envelope { id, to, hold, copy, message } = envelope;
        v1::Envelope {
            count: id.count,
            incarnation: id.incarnation,
            from: node_number(id.from),
            to: node_number(to),
            hold_us: hold.0,
            copy,
            message: Some(message.into()),
        }
    }
}

impl TryFrom<v1::Envelope> for Envelope {
    type Error = WireError;

    fn try_from(envelope: v1::Envelope) -> Result<Self, WireError> {
        let from = node(envelope.from).at("from")?;
        Ok(Envelope {
            id: MessageId { from, incarnation: envelope.incarnation, count: envelope.count },
            to: node(envelope.to).at("to")?,
            hold: micros("hold_us", envelope.hold_us)?,
            copy: envelope.copy,
            message: required("message", envelope.message)?,
        })
    }
}
