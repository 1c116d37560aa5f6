//! A scenario reduced to what two worlds can agree on to the letter: one client, one transaction at a time, timeouts longer
//! than any outage, so that what happens does not depend on how long things take.

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
    scenario::{Arrivals, Fault, Network, Scenario, Trigger},
};
use indoubt_simulator::world;

/// The longest outage that a reduction keeps: what it shows does not depend on its length, and real time is dear.
const OUTAGE: Micros = Micros::from_secs(1);
/// By how much every timeout is longer than the longest outage: the start of a process and its links fit in, on a busy
/// machine too.
const MARGIN: Micros = Micros::from_secs(1);
/// The moment that the last fault of a scenario waits for.
const LAST_NTH: u64 = 5;
/// How many transactions are run; more only if the faults need them.
const TRANSACTIONS: [u64; 3] = [24, 48, 96];
/// Longer than any reduced run: how long the rehearsal offers load.
const LONG: Micros = Micros::from_secs(300);
/// What a message takes where it must not overtake a force: longer than a disk keeps anybody waiting, on a busy machine too.
const UNHURRIED: Micros = Micros::from_millis(50);
/// A reduced scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct OneClient {
    /// What both worlds run.
    pub scenario: Scenario,
    /// Whether a fault still strikes, or ends, at a time that says nothing about where in a transaction: then the two
    /// worlds may meet it at different places.
    pub by_time: bool,
}

/// The reduction of a scenario for one protocol. Its load ends when a rehearsal in the virtual world has nothing left to
/// do, and a little later.
pub fn one_client(scenario: &Scenario, protocol: Protocol) -> OneClient {
    let mut reduced = scenario.clone();
    reduced.protocols = vec![protocol];
    reduced.faults.retain(|fault| fault.applies(protocol));
    (reduced.expects, reduced.sweep) = (Vec::new(), Vec::new());
    reduced.workload.arrivals = Arrivals::Clients(1);
    travel_together(&mut reduced.network);
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
    // Written and read again: the lines that name its faults are those of the faults as they are now.
    let read = Scenario::parse(&reduced.clone().with_seed(1).to_toml(), "reduced").expect("a reduction is a scenario");
    let scenario = Scenario { planted: reduced.planted, ..read.with_seed(reduced.seed) };
    OneClient { scenario, by_time: !struck_in_time }
}

/// Where the network doubles messages, both copies take the same time: whether a copy meets a record that is durable by
/// then would be a race of the network with the disk.
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

/// Lets faults that come at a time and undo themselves strike when a transaction of c1 has sent its work instead: the
/// same place in both worlds. Where other faults undo them, their times belong together and stay. Answers whether no
/// fault is left whose time matters.
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
            // The operator comes when all is quiet.
            Trigger::At(_) => settled &= apart,
            Trigger::Messages { from_time, .. } => settled &= from_time == Micros::ZERO,
            Trigger::Phase { .. } | Trigger::Moment { .. } => {}
        }
        // A message fault with an end of its own ends at a time.
        settled &= fault.action.touches().is_none() || fault.action.lasts().is_none();
    }
    settled
}

/// The longest outage lasts [`OUTAGE`] at most, the others in proportion, so that what came back first still does; and no
/// kill leaves to chance what survives.
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

/// Faults that wait for the n-th moment come earlier, in the same order: there are fewer transactions.
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

/// Timeouts during which every outage ends, so that what is sent again is sent once and meets somebody. No two of them
/// that may run at the same time are equal, so that neither world has to draw lots.
fn timeouts(faults: &[Fault]) -> Timeouts {
    let outage = faults.iter().filter_map(|fault| fault.action.outage());
    let longest = outage.max().unwrap_or(Micros::ZERO) + MARGIN;
    let quarter = Micros(longest.0 / 4);
    Timeouts { vote: longest, decision: longest + quarter, lock: longest + quarter, retry: longest }
}

/// When the last thing happened that means something. Messages do not: some are sent again as long as there is time.
fn last_event(recording: &Recording) -> Micros {
    let meaningless = |what: &Observation| {
        matches!(
            what,
            Observation::End
                | Observation::Sent { .. }
                | Observation::Received { .. }
                | Observation::Dropped { .. }
                | Observation::Durable { .. }
                | Observation::Appended { .. }
        )
    };
    let last = recording.trace.iter().rfind(|seen| !meaningless(&seen.what));
    Micros(last.map_or(0, |seen| seen.t_us.max(0) as u64))
}
