//! Damaged frames that reach a node: the session ends with a status, and the node goes on.

mod common;

use common::{C1, Cluster, request, steps};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, TxnId},
    message::{Message, Outcome},
    plan::Submission,
    time::Micros,
    wire::{Batch, Envelope, Frame, Hello, OnWire, WireCodec},
};
use prost::bytes::{Buf, BufMut};
use std::time::Duration;
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};

const K7: NodeId = NodeId::client(7);

/// Bytes that are sent as they are.
struct Raw(Vec<u8>);

impl OnWire for Raw {
    fn encode(&self, out: &mut impl BufMut) {
        out.put_slice(&self.0);
    }

    fn decode(mut bytes: impl Buf) -> Result<Self, Status> {
        Ok(Raw(bytes.copy_to_bytes(bytes.remaining()).into()))
    }
}

fn raw(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

fn submission() -> Vec<u8> {
    let txn = TxnId { home: C1, client: K7, number: 1 };
    let message = Message::Submit(Submission { txn, epoch: 1, log: LogId(0), audit: false, steps: steps() });
    let id = MessageId { from: K7, start: 1, count: 1 };
    raw(&Frame::Batch(Batch::from_iter([&Envelope { id, to: C1, hold: Micros::ZERO, copy: false, message }])))
}

/// How a session ends in which a frame of these bytes follows the hello.
async fn session(channel: Channel, frame: Vec<u8>) -> Result<(), Status> {
    let hello =
        raw(&Frame::Hello(Hello { node: K7, incarnation: 1, start: 1, log: LogId(0), end: Lsn(0), receiver: None }));
    let frames = Request::new(tokio_stream::iter([Raw(hello), Raw(frame)]));
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.expect("the node listens");
    let path = PathAndQuery::from_static("/indoubt.v1.Transactions/SubmitStream");
    let mut answers = grpc.streaming(frames, path, WireCodec::<Raw, Frame>::default()).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// Each bit flipped, each byte replaced by the largest, and each cut: some of these are still frames, the others are refused.
fn damaged(sound: &[u8]) -> Vec<Vec<u8>> {
    let changed = |place: usize, byte: u8| {
        let mut bytes = sound.to_vec();
        bytes[place] = byte;
        bytes
    };
    let flips = (0..sound.len()).flat_map(|place| (0..8).map(move |bit| (place, sound[place] ^ 1 << bit)));
    let largest = (0..sound.len()).map(|place| (place, 0xff));
    let cuts = (0..sound.len()).map(|length| sound[..length].to_vec());
    flips.chain(largest).map(|(place, byte)| changed(place, byte)).chain(cuts).collect()
}

#[tokio::test]
async fn damaged_frames_end_their_sessions_and_nothing_else() {
    let cluster = Cluster::start().await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", cluster.c1.address())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut refused = 0;
    for frame in damaged(&submission()) {
        let ended = tokio::time::timeout(Duration::from_secs(20), session(channel.clone(), frame.clone())).await;
        if let Err(status) = ended.unwrap_or_else(|_| panic!("{frame:x?} leaves its session open")) {
            let (field, reason) = status.message().split_once(": ").unwrap_or_default();
            assert!(!field.is_empty() && !reason.is_empty(), "{frame:x?}: {status}");
            assert_eq!(status.code(), Code::InvalidArgument, "{frame:x?}: {status}");
            refused += 1;
        }
    }
    assert!(refused > 500, "{refused}");
    let (_, outcome) = cluster.c1.client().await.submit(request()).await.unwrap();
    assert_eq!(outcome, Outcome::Committed { reads: Vec::new() });
    cluster.c1.stop().await;
}
