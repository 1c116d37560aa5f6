//! The error of a node.

use indoubt_proto::ids::{Lsn, NodeId};
use std::{io, net::SocketAddr, path::PathBuf};

/// The reason why a node cannot start or cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The node cannot listen.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address at which it should listen.
        address: SocketAddr,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The data directory was deleted or replaced.
    #[error("{} was deleted or replaced while the node ran; its next start would miss its records, so it ends", path.display())]
    Gone {
        /// The data directory.
        path: PathBuf,
    },
    /// The journal cannot be opened, or a forced write failed. Then it is not known what is durable, so the process ends.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// A record of the journal cannot be decoded as a record of this protocol.
    #[error("record {} of the journal does not belong to this protocol: {error}", lsn.0)]
    Record {
        /// The number of the record.
        lsn: Lsn,
        /// The error of the decoder.
        error: postcard::Error,
    },
    /// The trace cannot be written.
    #[error("cannot write the trace {}: {error}", path.display())]
    Trace {
        /// The trace file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The alarm cannot be set.
    #[error("cannot set the timer: {0}")]
    Alarm(io::Error),
    /// The gRPC server failed.
    #[error("the server of {node} failed: {error}")]
    Server {
        /// The node of the server.
        node: NodeId,
        /// The error of the server.
        error: String,
    },
}
