//! Parity: whether the virtual and the real world tell the same story of one scenario.
//!
//! Two kinds of comparison. With **one client**, one transaction at a time and timeouts longer than any outage, nothing is
//! left to chance but the length of things: the same transactions must come to the same ends, by the same messages and
//! writes, and every fault must strike at the same place ([`one_client`], [`compare`]). **As written**, with concurrent
//! clients, scheduling decides who meets whom: then verdicts and distributions must agree ([`agree`]).
//!
//! So that times can be compared too, the virtual world runs with the latencies of the machine ([`Profile`](indoubt_scenario::profile::Profile)).

mod compare;
mod latencies;
mod reduce;
mod tolerance;
mod txn_account;

pub use compare::{Aspect, Comparison, Difference, compare};
pub use latencies::Latencies;
pub use reduce::{OneClient, one_client};
pub use tolerance::{Agreement, Tolerance, agree, agree_on_times};
