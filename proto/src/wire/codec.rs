//! What tonic writes and reads messages with. The messages of links and transactions are encoded by this crate (coding.rs),
//! those for operators and the lab by prost.

use super::{StatusReply, StatusRequest, SubmitReply, SubmitRequest, coding::WireMessage, error::WireError};
use prost::bytes::{Buf, BufMut};
use std::marker::PhantomData;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// What a service takes or answers, with its encoding.
pub trait OnWire: Sized + Send + 'static {
    /// Appends it to `out`, which must grow as needed.
    fn encode(&self, out: &mut impl BufMut);

    /// Parses all of `bytes`.
    ///
    /// # Errors
    /// It is no such message: `invalid_argument` with the field and the reason, or prost's own reason.
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

/// Parses bytes that are in one piece, as tonic's always are; its types do not promise it.
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

/// The codec that the generated clients and servers use: `T` goes out, `U` comes in.
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

/// The outgoing half of [`WireCodec`].
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

/// The incoming half.
#[derive(Debug)]
pub struct Reader<U>(PhantomData<U>);

impl<U: OnWire> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(bytes).map(Some)
    }
}
