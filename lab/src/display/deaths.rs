//! What an enumeration of places to die says on the terminal.

use super::{BAD, GOOD, STRONG, time};
use crate::deaths::{Deaths, Toll};
use crate::say::say;
use indoubt_driver::gate::Verb;
use indoubt_proto::ids::Role;
use indoubt_simulator::{
    crash_points::{Cell, Tried},
    protocol::Protocol,
};

/// Counts by protocol, and the places that hurt most.
pub(crate) fn tell(deaths: &Deaths, repeat: &dyn Fn(Protocol, &Tried) -> String) {
    counts("one death", &deaths.single);
    if let Some(pairs) = &deaths.pairs {
        say!();
        counts("two deaths", pairs);
    }
    say!("\n{STRONG}Where it hurts most{STRONG:#}");
    for protocol in deaths.single.counts.keys() {
        for (ms, what, tried) in worst(&deaths.single, *protocol) {
            let (place, at) = tried.case.strikes.first().map_or_else(Default::default, |strike| {
                let place = &strike.place;
                let edge = if place.verb == Verb::Observe { "dies as it" } else { place.edge_word() };
                (place.deed(), format!("{} {edge}", place.node))
            });
            say!(
                "  {:15} {what} {:>8}  {at} {place}\n  {:15} {}",
                protocol.name(),
                time(ms),
                "",
                repeat(*protocol, tried)
            );
        }
    }
}

fn counts(what: &str, toll: &Toll) {
    say!(
        "{STRONG}{what:15} {:>6} {:>7} {:>9} {:>9} {:>9} {:>11} {:>8} {:>8} {:>9} {:>9} {:>9}{STRONG:#}",
        "places",
        "cases",
        "committed",
        "completed",
        "aborted",
        "compensated",
        "refused",
        "partial",
        "in doubt",
        "blocked",
        "pending"
    );
    for (protocol, counts) in &toll.counts {
        let of = |outcome| counts.outcomes.get(outcome).copied().unwrap_or(0);
        let verdict = match counts.failed {
            0 => format!("{GOOD}all promises kept{GOOD:#}"),
            failed => format!("{BAD}{failed} broken{BAD:#}"),
        };
        say!(
            "{:15} {:>6} {:>7} {:>9} {:>9} {:>9} {:>11} {:>8} {:>8} {:>9} {:>9} {:>9}  {verdict}",
            protocol.name(),
            counts.places,
            counts.cases,
            of("committed"),
            of("completed"),
            of("aborted"),
            of("compensated"),
            of("refused"),
            of("partial"),
            time(counts.in_doubt_ms),
            time(counts.blocked_ms),
            time(counts.pending_ms),
        );
    }
}

/// The worst case of each kind of node: that in which somebody is blocked the longest or, where nobody ever is, a record
/// is pending the longest. Of equals the first.
fn worst(toll: &Toll, protocol: Protocol) -> Vec<(f64, &'static str, &Tried)> {
    let rows = || toll.heat.values().flat_map(|map| &map.rows);
    let of = |role: Role| rows().filter(move |(row, _)| row.role == role).filter_map(|(_, cells)| cells.get(&protocol));
    let blocks = toll.counts[&protocol].blocked_ms > 0.0;
    let (what, time): (_, fn(&Cell) -> f64) =
        if blocks { ("blocked", |cell| cell.blocked_ms) } else { ("pending", |cell| cell.pending_ms) };
    let longest =
        |role| of(role).fold(None::<&Cell>, |worst, cell| worst.filter(|w| time(w) >= time(cell)).or(Some(cell)));
    let found = [Role::Coordinating, Role::Participant].into_iter().filter_map(longest);
    found.map(|cell| (time(cell), what, &cell.worst)).filter(|(ms, ..)| *ms > 0.0).collect()
}

/// A case that broke a promise, in two lines.
pub(crate) fn failure(protocol: Protocol, tried: &Tried, repeat: &str) -> String {
    let broken: Vec<String> =
        tried.broken.iter().filter(|b| b.promised).map(|b| format!("{}: {}", b.check, b.detail)).collect();
    let broken = if broken.is_empty() { "something is left open".to_owned() } else { broken.join("; ") };
    format!("{BAD}{protocol}{BAD:#}: {broken}\n  {repeat}")
}

/// What became of one case.
pub(crate) fn one(tried: &Tried) {
    say!("{}; its client was told {}", tried.outcome, tried.told);
    say!(
        "in doubt {} at most, blocked {}, pending {}",
        time(tried.in_doubt_ms),
        time(tried.blocked_ms),
        time(tried.pending_ms)
    );
    if tried.broken.is_empty() {
        say!("{GOOD}every check holds{GOOD:#}");
    }
    for broken in &tried.broken {
        let promised = if broken.promised { format!("{BAD}broken{BAD:#}") } else { "not promised".into() };
        say!("{promised}: {}: {}", broken.check, broken.detail);
    }
}
