//! The tables of `indoubt parity`.

use super::{
    line::outln,
    style::{BAD, FAINT, GOOD, STRONG},
};
use crate::parity_study::{AsWritten, OneClient};
use indoubt_judge::summary::Verdict;
use indoubt_report::time;
use indoubt_scenario::profile::Profile;
use indoubt_studies::parity::{Agreement, Aspect, Tolerance};

/// How many differences of one row are printed. The others are only counted.
const SHOWN: usize = 6;

/// Prints the tables of both comparisons; with `quiet`, only the rows that do not agree.
pub(crate) fn print(profile: &Profile, ones: &[OneClient], written: &[AsWritten], slack: f64, quiet: bool) {
    if !quiet {
        outln!(
            "this machine: a message from node to node {} (p99 {}), a force {} (p99 {})\n",
            time(profile.latency.median.as_millis_f64()),
            time(profile.latency.p99.as_millis_f64()),
            time(profile.force.median.as_millis_f64()),
            time(profile.force.p99.as_millis_f64()),
        );
        if !ones.is_empty() {
            one_client(ones);
        }
        if !written.is_empty() {
            as_written(written);
        }
        tolerances(slack);
    }
    for row in ones {
        let differences = row.comparison.differences.iter().map(|difference| difference.text.clone());
        let never = row.unfired.iter().map(|text| format!("the fault `{text}` fired in neither world"));
        let verdicts = (row.verdicts[0] != row.verdicts[1]).then(|| {
            format!("verdict {} in the virtual world, {} in the real one", word(row.verdicts[0]), word(row.verdicts[1]))
        });
        let lines = differences.chain(never).chain(verdicts).chain(disagreements(&row.times)).collect();
        let style = if row.agrees { FAINT } else { BAD };
        lines_of(style, &format!("{} {} with one client", row.scenario, row.protocol), lines);
    }
    for row in written {
        lines_of(
            BAD,
            &format!("{} {} as written", row.scenario, row.protocol),
            disagreements(&row.agreements).collect(),
        );
    }
}

fn disagreements(all: &[Agreement]) -> impl Iterator<Item = String> {
    all.iter()
        .filter(|it| !it.agrees)
        .map(|it| format!("{}: {} virtually, {} really", it.what, it.virtually, it.really))
}

fn lines_of(style: anstyle::Style, name: &str, lines: Vec<String>) {
    for line in lines.iter().take(SHOWN) {
        anstream::eprintln!("{style}{name}{style:#}: {line}");
    }
    if let Some(more) = lines.len().checked_sub(SHOWN + 1) {
        anstream::eprintln!("{style}{name}{style:#}: and {} more", more + 1);
    }
}

fn one_client(rows: &[OneClient]) {
    let wide = rows.iter().map(|row| row.scenario.len()).max().unwrap_or(8).max(8);
    outln!(
        "{STRONG}with one client: the same, message by message{STRONG:#}\n{STRONG}{:wide$}  {:15} {:>5}  {:8} {:8} {:7} {:7} {:>19} {:>19}  {:12} agree{STRONG:#}",
        "scenario",
        "protocol",
        "txns",
        "outcomes",
        "messages",
        "writes",
        "faults",
        "in doubt max v/r",
        "lock p50 v/r",
        "verdict v/r"
    );
    let mut last = "";
    for row in rows {
        let name = if row.scenario == last { "" } else { &row.scenario };
        last = &row.scenario;
        let [outcomes, messages, writes, faults] =
            [Aspect::Outcomes, Aspect::Messages, Aspect::Writes, Aspect::Places].map(|aspect| row.alike(aspect));
        let [v, r] = row.verdicts.map(word);
        outln!(
            "{name:wide$}  {:15} {:>5}  {outcomes:8} {messages:8} {writes:7} {faults:7} {:>19} {:>19}  {:12} {}",
            row.protocol.name(),
            row.comparison.transactions,
            both(&row.times, "in_doubt_ms.max"),
            both(&row.times, "lock_hold_ms.p50"),
            format!("{v} {r}"),
            verdict(row.agrees),
        );
    }
    outln!();
}

fn as_written(rows: &[AsWritten]) {
    let wide = rows.iter().map(|row| row.scenario.len()).max().unwrap_or(8).max(8);
    outln!(
        "{STRONG}as written: a real run in the range of the virtual ones{STRONG:#}\n{STRONG}{:wide$}  {:15} {:12} {:>7} {:>21} {:>24} {:>24} {:>21}  agree{STRONG:#}",
        "scenario",
        "protocol",
        "verdict v/r",
        "checks",
        "succeeded v/r",
        "in doubt max v/r",
        "blocked max v/r",
        "lock p50 v/r"
    );
    let mut last = "";
    for row in rows {
        let name = if row.scenario == last { "" } else { &row.scenario };
        last = &row.scenario;
        let find = |what: &str| row.agreements.iter().find(|it| it.what == what);
        let verdicts = find("verdict").map_or("-".into(), |it| format!("{} {}", it.virtually, it.really));
        let words = row.agreements.iter().filter(|it| it.really == "holds" || it.really == "does not hold");
        let checks = if words.clone().all(|it| it.agrees) { "same" } else { "differ" };
        let share = find("share that succeeded").map_or("-".into(), |it| format!("{} / {}", it.virtually, it.really));
        outln!(
            "{name:wide$}  {:15} {verdicts:12} {checks:>7} {share:>21} {:>24} {:>24} {:>21}  {}",
            row.protocol.name(),
            both(&row.agreements, "in_doubt_ms.max"),
            both(&row.agreements, "blocked_ms.max"),
            both(&row.agreements, "lock_hold_ms.p50"),
            verdict(row.agrees),
        );
    }
}

fn tolerances(slack: f64) {
    let [long, short] = [Tolerance::OUTAGES_MS, Tolerance::MOMENTS_MS].map(|tolerance| tolerance.slacker(slack));
    let share = Tolerance::SHARES;
    outln!(
        "{FAINT}v: virtual, r: real; times in ms. Allowed beyond the virtual range: {} ms and {:.0}% for maxima, {} ms and {:.0}% for medians, {} of all for shares.{FAINT:#}",
        long.absolute,
        long.relative * 100.0,
        short.absolute,
        short.relative * 100.0,
        share.absolute
    );
}

/// A number in both worlds; a dash if it was not compared.
fn both(all: &[Agreement], what: &str) -> String {
    all.iter().find(|it| it.what == what).map_or("-".into(), |it| format!("{} / {}", it.virtually, it.really))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Violated => "violated",
        Verdict::Unknown => "unknown",
    }
}

fn verdict(agrees: bool) -> String {
    if agrees { format!("{GOOD}yes{GOOD:#}") } else { format!("{BAD}no{BAD:#}") }
}
