//! The shell: runs one [`Machine`](indoubt_proto::machine::Machine) as a gRPC process, with a journal, links, timers, a
//! trace and the gate. It knows no protocol.
//!
//! [`run`] makes a process of a machine, [`serve`] a future; [`client`] has what talks to such a process: people's calls, a
//! client's session for load, the lab's control stream.
//!
//! Sends of recovery: a node handles its recovery at once, so that locks are back and branches in doubt are seen before
//! anything else; what it sends to another node in the first 250 ms waits for that link, and is lost only when the link
//! is not up by then. After that, a message without a session is lost at once. A node that serves a lab
//! ([`NodeConfig::lab`]) waits for the first orders, two seconds at most, before it handles its recovery: a fault may
//! concern it.

mod alarm;
pub mod client;
mod clock;
mod config;
mod error;
mod event_loop;
mod frames;
mod hands;
mod inbox;
pub mod journal;
mod lab;
mod link;
mod links;
mod log;
mod node;
mod perform;
mod replies;
mod services;
mod session;
mod timers;
mod trace;

pub use clock::now as monotonic_now;
pub use config::{NodeConfig, Ready, parse_peer};
pub use error::NodeError;
pub use link::LINK_QUEUE;
pub use node::{Node, run, serve};
pub use trace::read_trace;
