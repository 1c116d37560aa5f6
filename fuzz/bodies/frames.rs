//! Frames: what a link accepts survives the way over the wire.

use indoubt_proto::wire::{Envelope, Frame, OnWire as _};

/// Whether these bytes are a frame.
///
/// # Panics
/// If a frame that was accepted is another one after encoding and decoding it.
pub(crate) fn accepts(bytes: &[u8]) -> bool {
    let Some(accepted) = decode(bytes) else { return false };
    let mut encoded = Vec::new();
    accepted.0.encode(&mut encoded);
    assert_eq!(decode(&encoded), Some(accepted));
    true
}

/// A frame and its envelopes. A batch keeps the bytes of its envelopes, so it is made anew from what was parsed: without
/// unknown fields, and in our own order.
fn decode(bytes: &[u8]) -> Option<(Frame, Vec<Envelope>)> {
    match Frame::decode(bytes).ok()? {
        Frame::Batch(batch) => {
            let envelopes: Vec<Envelope> = batch.envelopes().collect::<Result<_, _>>().ok()?;
            Some((Frame::Batch(envelopes.iter().collect()), envelopes))
        }
        hello => Some((hello, Vec::new())),
    }
}
