//! Why a node cannot start, or cannot go on.

use indoubt_proto::ids::{Lsn, NodeId};
use std::{io, net::SocketAddr, path::PathBuf};

/// Why a node cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot listen.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The data directory cannot be used.
    #[error("{path}: {error}")]
    Data {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The data directory belongs to another node or protocol.
    #[error("{path} belongs to {found}, and this is {expected}")]
    Belongs {
        /// The data directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who wants it.
        expected: String,
    },
    /// The journal cannot be opened, or a force failed: what is durable is no longer known, so the process ends.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// A record of the journal is none of this protocol.
    #[error("record {} of the journal is none of this protocol: {error}", lsn.0)]
    Record {
        /// Which.
        lsn: Lsn,
        /// Why.
        error: postcard::Error,
    },
    /// The trace cannot be written.
    #[error("trace: {0}")]
    Trace(io::Error),
    /// The alarm cannot be set.
    #[error("alarm: {0}")]
    Alarm(io::Error),
    /// The server failed.
    #[error("server of {node}: {error}")]
    Server {
        /// Whose.
        node: NodeId,
        /// Why.
        error: String,
    },
}
