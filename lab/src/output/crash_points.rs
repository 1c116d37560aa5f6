//! The terminal output of `indoubt crash-points`.

use super::{
    line::outln,
    style::{BAD, GOOD, STRONG},
};
use crate::crash_study::{CrashStudy, CrashSummary};
use indoubt_driver::gate::Verb;
use indoubt_proto::ids::Role;
use indoubt_report::time;
use indoubt_scenario::protocol::Protocol;
use indoubt_studies::crash_points::{CaseResult, Cell};

/// Prints the counts of each protocol, and the crash points with the longest times.
pub(crate) fn tell(study: &CrashStudy, repeat: &dyn Fn(Protocol, &CaseResult) -> String) {
    counts("one crash", &study.single);
    if let Some(pairs) = &study.pairs {
        outln!();
        counts("two crashes", pairs);
    }
    outln!("\n{STRONG}The longest times{STRONG:#}");
    for protocol in study.single.counts.keys() {
        for (ms, what, tried) in worst(&study.single, *protocol) {
            let (moment, at) = tried.case.strikes.first().map_or_else(Default::default, |strike| {
                let point = &strike.point;
                let edge = if point.verb == Verb::Observe { "crashes as it" } else { point.edge_word() };
                (point.deed(), format!("{} {edge}", point.node))
            });
            outln!(
                "  {:15} {what} {:>8}  {at} {moment}\n  {:15} {}",
                protocol.name(),
                time(ms),
                "",
                repeat(*protocol, tried)
            );
        }
    }
}

fn counts(what: &str, summary: &CrashSummary) {
    outln!(
        "{STRONG}{what:15} {:>6} {:>7} {:>9} {:>9} {:>9} {:>11} {:>8} {:>8} {:>9} {:>9} {:>9}{STRONG:#}",
        "points",
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
    for (protocol, counts) in &summary.counts {
        let of = |outcome| counts.outcomes.get(outcome).copied().unwrap_or(0);
        let verdict = match counts.failed {
            0 => format!("{GOOD}all promises kept{GOOD:#}"),
            failed => format!("{BAD}{failed} broken{BAD:#}"),
        };
        outln!(
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

/// The worst case of each kind of node: the one with the longest blocked time or, if no branch is ever blocked, with the longest
/// pending time. Among equals, the first one.
fn worst(summary: &CrashSummary, protocol: Protocol) -> Vec<(f64, &'static str, &CaseResult)> {
    let rows = || summary.heat.values().flat_map(|map| &map.rows);
    let of = |role: Role| rows().filter(move |(row, _)| row.role == role).filter_map(|(_, cells)| cells.get(&protocol));
    let blocks = summary.counts[&protocol].blocked_ms > 0.0;
    let (what, time): (_, fn(&Cell) -> f64) =
        if blocks { ("blocked", |cell| cell.blocked_ms) } else { ("pending", |cell| cell.pending_ms) };
    let longest =
        |role| of(role).fold(None::<&Cell>, |worst, cell| worst.filter(|w| time(w) >= time(cell)).or(Some(cell)));
    let found = Role::with_machines().filter_map(longest);
    found.map(|cell| (time(cell), what, &cell.worst)).filter(|(ms, ..)| *ms > 0.0).collect()
}

/// Two lines about a case that broke a promise.
pub(crate) fn failure(protocol: Protocol, tried: &CaseResult, repeat: &str) -> String {
    let broken: Vec<String> =
        tried.broken.iter().filter(|b| b.promised).map(|b| format!("{}: {}", b.check, b.detail)).collect();
    let broken = if broken.is_empty() {
        "the verdict is unknown, because something is not finished".to_owned()
    } else {
        broken.join("; ")
    };
    format!("{BAD}{protocol}{BAD:#}: {broken}\n  {repeat}")
}

/// Prints the result of one case.
pub(crate) fn one(tried: &CaseResult) {
    outln!("{}; its client was told {}", tried.outcome, tried.told);
    outln!(
        "longest times: in doubt {}, blocked {}, pending {}",
        time(tried.in_doubt_ms),
        time(tried.blocked_ms),
        time(tried.pending_ms)
    );
    if tried.broken.is_empty() {
        outln!("{GOOD}every check holds{GOOD:#}");
    }
    for broken in &tried.broken {
        let promised = if broken.promised { format!("{BAD}broken{BAD:#}") } else { "not promised".into() };
        outln!("{promised}: {}: {}", broken.check, broken.detail);
    }
}
