//! The codec with which tonic writes and reads messages. This crate encodes the messages of links and transactions
//! (coding.rs), and prost those of operators and the lab.

use super::{StatusReply, StatusRequest, SubmitReply, SubmitRequest, coding::WireMessage, error::WireError};
use prost::bytes::{Buf, BufMut};
use std::marker::PhantomData;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A request or reply of a service, with its encoding.
pub trait OnWire: Sized + Send + 'static {
    /// Appends the encoded message to `out`, which grows as needed.
    fn encode(&self, out: &mut impl BufMut);

    /// Parses all of `bytes`.
    ///
    /// # Errors
    /// If `bytes` are not such a message: `invalid_argument` with the field and the reason, or prost's own error.
    fn decode(bytes: impl Buf) -> Result<Self, Status>;
}

impl<T: prost::Message + Default + 'static> OnWire for T {
    fn encode(&self, out: &mut impl BufMut) {
        self.encode_raw(out);
    }

    fn decode(bytes: impl Buf) -> Result<Self, Status> {
        T::decode(bytes).map_err(|error| Status::internal(error.to_string()))
    }
}

macro_rules! on_wire {
    ($($type:ident),*) => {$(
        impl OnWire for $type {
            fn encode(&self, out: &mut impl BufMut) {
                let mut bytes = Vec::new();
                Self::put(self, &mut bytes);
                out.put_slice(&bytes);
            }

            fn decode(bytes: impl Buf) -> Result<Self, Status> {
                Ok(in_one_piece(bytes, Self::read)?)
            }
        }
    )*};
}

on_wire!(SubmitRequest, SubmitReply, StatusRequest, StatusReply);

/// Parses bytes that are contiguous. Those of tonic always are, but its types do not say so.
pub(super) fn in_one_piece<T>(
    mut bytes: impl Buf,
    parse: impl FnOnce(&[u8]) -> Result<T, WireError>,
) -> Result<T, WireError> {
    let length = bytes.remaining();
    if bytes.chunk().len() < length {
        return parse(&bytes.copy_to_bytes(length));
    }
    let parsed = parse(bytes.chunk());
    bytes.advance(length);
    parsed
}

/// The codec of the generated clients and servers. They send `T` and receive `U`.
#[derive(Debug)]
pub struct WireCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for WireCodec<T, U> {
    fn default() -> Self {
        WireCodec(PhantomData)
    }
}

impl<T: OnWire, U: OnWire> Codec for WireCodec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = Writer<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Writer<T> {
        Writer(PhantomData)
    }

    fn decoder(&mut self) -> Reader<U> {
        Reader(PhantomData)
    }
}

/// The encoder of [`WireCodec`].
#[derive(Debug)]
pub struct Writer<T>(PhantomData<T>);

impl<T: OnWire> Encoder for Writer<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(out);
        Ok(())
    }
}

/// The decoder of [`WireCodec`].
#[derive(Debug)]
pub struct Reader<U>(PhantomData<U>);

impl<U: OnWire> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(bytes).map(Some)
    }
}
