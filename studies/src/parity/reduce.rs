//! Reduces a scenario so that both worlds can agree on it exactly: one client, one transaction at a time, and timeouts longer than
//! any outage. What happens then does not depend on how long things take.

use indoubt_driver::{conditions::Latency, gate::Action};
use indoubt_proto::{
    ids::NodeId,
    observation::{Observation, Phase},
    settings::Timeouts,
    time::Micros,
};
use indoubt_scenario::{
    faults::act::Act,
    protocol::{Family, Protocol},
    recording::Recording,
    scenario::{Arrivals, Fault, Network, Patience, Scenario, Trigger},
};
use indoubt_simulator::world;

/// The longest outage in a reduced scenario. Its length does not change what happens, and longer outages would cost real time.
const OUTAGE: Micros = Micros::from_secs(1);
/// By how much every timeout is longer than the longest outage. This leaves time to start a process and connect its links, even on
/// a busy machine.
const MARGIN: Micros = Micros::from_secs(1);
/// The `nth` of the last fault of a reduced scenario.
const LAST_NTH: u64 = 5;
/// How many transactions run. The larger numbers are used only if the faults need more transactions.
const TRANSACTIONS: [u64; 3] = [24, 48, 96];
/// The duration of the load in the rehearsal, which is longer than any reduced run.
const LONG: Micros = Micros::from_secs(300);
/// The latency of messages that must not overtake a forced write. No forced write takes longer, even on a busy machine.
const UNHURRIED: Micros = Micros::from_millis(50);
/// The time of forced writes that copies of messages must not meet. No message takes longer, even on a busy machine.
const UNHURRIED_FORCE: Latency = Latency::Constant(Micros::from_millis(50));

/// A reduced scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct OneClient {
    /// The scenario that both worlds run.
    pub scenario: Scenario,
    /// Whether a fault still strikes, or ends, at a time. It may then strike at different points of a transaction in the two worlds.
    pub by_time: bool,
}

/// Reduces a scenario for one protocol. The load ends shortly after a rehearsal in the virtual world has finished.
pub fn one_client(scenario: &Scenario, protocol: Protocol) -> OneClient {
    let mut reduced = scenario.clone();
    reduced.protocols = vec![protocol];
    reduced.faults.retain(|fault| fault.applies(protocol));
    (reduced.expects, reduced.sweep) = (Vec::new(), Vec::new());
    reduced.workload.arrivals = Arrivals::Clients(1);
    travel_together(&mut reduced.network);
    if protocol.family() == Family::TwoPhase && copies(&reduced) {
        reduced.force = UNHURRIED_FORCE;
    }
    let refuses = |fault: &Fault| fault.action.touches() == Some(Action::Refuse);
    let refused = reduced.workload.refuse > 0.0 || reduced.faults.iter().any(refuses);
    let jumps = reduced.faults.iter().any(|fault| fault.action.acts().iter().any(is_jump));
    if jumps || protocol.family() == Family::TwoPhase && refused {
        outlast_forces(&mut reduced.network);
    }
    let struck_in_time = strike_by_phase(&mut reduced.faults);
    shorten(&mut reduced.faults);
    bring_forward(&mut reduced.faults);
    reduced.timeouts = timeouts(&reduced.faults);
    reduced.workload.patience = patience(reduced.workload.patience, reduced.timeouts);
    for transactions in TRANSACTIONS {
        reduced.duration = LONG;
        reduced.workload.transactions = Some(transactions.min(scenario.workload.transactions.unwrap_or(u64::MAX)));
        let rehearsal = world::run(&reduced, protocol, reduced.seed);
        let end = last_event(&rehearsal);
        reduced.duration = LONG.min(Micros(end.0 + end.0 / 4) + MARGIN);
        if rehearsal.faults.iter().all(|fault| !fault.at.is_empty()) {
            break;
        }
    }
    // Writing and parsing the scenario makes new lines for people that describe the changed faults.
    let read = Scenario::parse(&reduced.clone().with_seed(1).to_toml(), "reduced").expect("a reduction is a scenario");
    let scenario = Scenario { planted: reduced.planted, ..read.with_seed(reduced.seed) };
    OneClient { scenario, by_time: !struck_in_time }
}

/// If the network duplicates messages, both copies take the same time. Otherwise, whether a record is durable when the copy arrives
/// would be a race between the network and the disk.
fn travel_together(network: &mut Network) {
    let links = network.links.iter_mut().map(|link| &mut link.conditions);
    for conditions in links.chain([&mut network.base]).filter(|conditions| conditions.duplicate > 0.0) {
        conditions.latency = match conditions.latency {
            Latency::Constant(latency) => Latency::Constant(latency),
            Latency::Uniform { min, max } => Latency::Constant(Micros((min.0 + max.0) / 2)),
            Latency::LogNormal { median, .. } => Latency::Constant(median),
        };
    }
}

/// Whether the network or a fault copies messages. Whether a copy comes before the forced write that the message brought about, or
/// before the locks are free that it waits for, would be a race. So forced writes take longer than messages: a copy always comes
/// before.
fn copies(scenario: &Scenario) -> bool {
    let network = &scenario.network;
    let by_network =
        network.links.iter().map(|link| link.conditions).chain([network.base]).any(|it| it.duplicate > 0.0);
    by_network || scenario.faults.iter().any(|fault| fault.action.touches() == Some(Action::Duplicate))
}

fn is_jump(act: &Act) -> bool {
    matches!(act, Act::JumpClock { .. })
}

/// A NO comes at once, a YES when it is forced: whether the abort that the NO brings about overtakes the YES would be a
/// race of the network with the disk. The same holds for what a clock that jumps sends at once. So every message takes
/// longer than any force should.
fn outlast_forces(network: &mut Network) {
    let links = network.links.iter_mut().map(|link| &mut link.conditions);
    for conditions in links.chain([&mut network.base]) {
        match &mut conditions.latency {
            Latency::Constant(low) => *low = UNHURRIED.max(*low),
            Latency::Uniform { min: low, max: high } | Latency::LogNormal { median: low, p99: high } => {
                let more = UNHURRIED.saturating_sub(*low);
                (*low, *high) = (*low + more, *high + more);
            }
        }
    }
}

/// Changes faults that strike at a time and end by themselves: they now strike when a transaction of c1 has sent its work, which
/// is the same point in both worlds. If other faults end them, their times belong together and stay. Returns whether there is no
/// fault left whose time matters.
fn strike_by_phase(faults: &mut [Fault]) -> bool {
    let is_operator = |fault: &Fault| fault.action.acts().iter().all(|act| matches!(act, Act::Resolve { .. }));
    let disturbs = |fault: &Fault| !fault.action.repairs() && !is_operator(fault);
    let apart = !faults.iter().any(|fault| fault.action.repairs());
    let mut settled = true;
    let mut nth = LAST_NTH - 1;
    for fault in faults.iter_mut() {
        match fault.trigger {
            Trigger::At(_) if apart && disturbs(fault) => {
                fault.trigger = Trigger::Phase { home: NodeId::coordinating(1), phase: Phase::WorkSent, nth };
                nth += 1;
            }
            // An operator action at a time is no problem if it comes after everything else.
            Trigger::At(_) => settled &= apart,
            Trigger::Messages { from_time, .. } => settled &= from_time == Micros::ZERO,
            Trigger::Phase { .. } | Trigger::Moment { .. } => {}
        }
        // A message fault with a duration ends at a time.
        settled &= fault.action.touches().is_none() || fault.action.lasts().is_none();
    }
    settled
}

/// Shortens all outages in proportion, so that the longest lasts at most [`OUTAGE`] and the order of restarts stays. Also fixes how
/// many unforced records survive each kill.
fn shorten(faults: &mut [Fault]) {
    let longest = faults.iter().filter_map(|fault| fault.action.lasts()).max().unwrap_or(Micros::ZERO);
    let shorter = |lasts: &mut Option<Micros>| {
        if let Some(lasts) = lasts.as_mut().filter(|_| longest > OUTAGE) {
            *lasts = Micros((lasts.0 * OUTAGE.0 / longest.0).max(1));
        }
    };
    for fault in faults {
        fault.action.settle(&shorter);
    }
}

/// Lowers the `nth` of all faults and keeps their order, because there are fewer transactions.
fn bring_forward(faults: &mut [Fault]) {
    let most = faults.iter().filter_map(|fault| moment(&fault.trigger)).max().unwrap_or(0);
    if most <= LAST_NTH {
        return;
    }
    for fault in faults {
        if let Trigger::Phase { nth, .. } | Trigger::Moment { nth, .. } = &mut fault.trigger {
            *nth = (*nth * LAST_NTH).div_ceil(most);
        }
    }
}

fn moment(trigger: &Trigger) -> Option<u64> {
    match trigger {
        Trigger::Phase { nth, .. } | Trigger::Moment { nth, .. } => Some(*nth),
        Trigger::At(_) | Trigger::Messages { .. } => None,
    }
}

/// Timeouts that are longer than every outage, so that a resend happens once and reaches a node that is up. Timeouts that may run at
/// the same time are different, so that their order does not depend on chance.
fn timeouts(faults: &[Fault]) -> Timeouts {
    let outage = faults.iter().filter_map(|fault| fault.action.outage());
    let longest = outage.max().unwrap_or(Micros::ZERO) + MARGIN;
    let quarter = Micros(longest.0 / 4);
    Timeouts { vote: longest, decision: longest + quarter, lock: longest + quarter + quarter, retry: longest }
}

/// The patience of clients, changed as [`timeouts`] changes the patience of machines: longer than every outage, and with times of
/// its own.
fn patience(patience: Patience, timeouts: Timeouts) -> Patience {
    let longer = Micros(timeouts.lock.0 + timeouts.lock.0 / 8);
    let [timeout, ask_after] = [patience.timeout, patience.ask_after].map(|given| given.map(|_| longer));
    Patience { timeout, ask_after, ..patience }
}

/// The time of the last event that matters. Messages do not matter, because some are resent until the end of the run.
fn last_event(recording: &Recording) -> Micros {
    let meaningless = |what: &Observation| {
        matches!(
            what,
            Observation::End
                | Observation::Sent { .. }
                | Observation::Received { .. }
                | Observation::Dropped { .. }
                | Observation::Durable { .. }
                | Observation::Compacted { .. }
                | Observation::Appended { .. }
        )
    };
    let last = recording.trace.iter().rfind(|seen| !meaningless(&seen.what));
    Micros(last.map_or(0, |seen| seen.t_us.max(0) as u64))
}
