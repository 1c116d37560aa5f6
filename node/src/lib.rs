//! The node shell: runs one [`Machine`](indoubt_proto::machine::Machine) as a gRPC process, with a journal, links, timers, a trace
//! and the gate. It does not know any protocol.
//!
//! [`run`] runs a machine as a process, [`serve`] as a future. [`client`] has the other ends: calls for people, sessions of clients,
//! and the control stream of the lab.
//!
//! A node performs its recovery first, so that locks are back and branches in doubt are observed before anything else. Messages to
//! another node in the first 250 ms wait for that link, and are lost only if the link is not up by then. After that, a message
//! without a session is lost at once. A node that serves a lab ([`NodeConfig::lab`]) first waits for its fault plan, two seconds at
//! most, because a fault may concern its recovery.

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
mod peers;
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
