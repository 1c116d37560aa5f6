//! Parity: checks that a scenario behaves the same in the virtual and in the real world.
//!
//! There are two kinds of comparison. With **one client**, one transaction at a time and timeouts longer than any outage, only
//! durations are left to chance. So the same transactions must end the same way, with the same messages and writes, and every
//! fault must strike at the same point ([`one_client`], [`compare`]). **As written**, with concurrent clients, the outcome of
//! conflicts depends on scheduling. So verdicts and distributions must agree ([`agree`]).
//!
//! The virtual world runs with the latencies of the machine ([`Profile`](indoubt_scenario::profile::Profile)), so that times can be
//! compared too.

mod compare;
mod drawn;
mod latencies;
mod reduce;
mod tolerance;
mod txn_account;

pub use compare::{Aspect, Comparison, Difference, compare};
pub use drawn::draw;
pub use latencies::Latencies;
pub use reduce::{OneClient, one_client};
pub use tolerance::{Agreement, Tolerance, agree, agree_on_times};
