//! Frames: what a link accepts survives the way over the wire.

use indoubt_proto::wire::{Frame, v1};
use prost::Message as _;

/// Whether these bytes are a frame.
///
/// # Panics
/// If a frame that was accepted is another one after encoding and decoding it.
pub(crate) fn accepts(bytes: &[u8]) -> bool {
    let Some(frame) = decode(bytes) else { return false };
    let encoded = v1::Frame::from(frame.clone()).encode_to_vec();
    assert_eq!(decode(&encoded), Some(frame));
    true
}

fn decode(bytes: &[u8]) -> Option<Frame> {
    Frame::try_from(v1::Frame::decode(bytes).ok()?).ok()
}
