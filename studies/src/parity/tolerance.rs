//! Whether a real run is one that the virtual world might have told: its verdict and counts among those of many seeds, its
//! times within their range and a stated tolerance.

use indoubt_judge::summary::{Run, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;

/// By how much a real number may lie outside the range of the virtual ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// In the number's own unit.
    pub absolute: f64,
    /// A share of the end of the range that is passed.
    pub relative: f64,
}

impl Tolerance {
    /// Outages, doubt and whatever else lasts for a part of a second and longer. A process needs a tenth of a second to
    /// start and to be dialed again, several times that on a busy machine; the virtual world needs nothing.
    pub const OUTAGES_MS: Tolerance = Tolerance { absolute: 500.0, relative: 0.1 };
    /// What lasts some milliseconds. The links and forces of the virtual world have a machine's median and not its tail,
    /// and nobody there waits for a processor.
    pub const MOMENTS_MS: Tolerance = Tolerance { absolute: 5.0, relative: 1.0 };
    /// Shares of all transactions, from 0 to 1.
    pub const SHARES: Tolerance = Tolerance { absolute: 0.05, relative: 0.0 };

    /// So many times as much: for a machine that is busy with other things.
    pub fn slacker(self, slack: f64) -> Tolerance {
        Tolerance { absolute: self.absolute * slack, relative: self.relative * slack }
    }

    fn allows(self, least: f64, most: f64, real: f64) -> bool {
        let below = least - self.absolute - self.relative * least;
        let above = most + self.absolute + self.relative * most;
        (below..=above).contains(&real)
    }
}

/// One number, or count, or word, in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Its name.
    pub what: String,
    /// What the virtual world says, over all seeds.
    pub virtually: String,
    /// What the real run says.
    pub really: String,
    /// Whether that agrees.
    pub agrees: bool,
}

/// The times of one reduced scenario in both worlds, with tolerances `slack` times as wide. What says nothing in either is
/// left out.
pub fn agree_on_times(virtually: &Run, really: &Run, slack: f64) -> Vec<Agreement> {
    times(std::slice::from_ref(virtually), really, slack)
}

/// Compares a real run with those of the virtual world under several seeds; the tolerances of times are `slack` times as
/// wide.
pub fn agree(virtually: &[Run], really: &Run, slack: f64) -> Vec<Agreement> {
    let mut found = vec![among("verdict", virtually, really, |run| word(run.verdict).into())];
    for check in &really.checks {
        let held = |run: &Run| {
            let held = run.checks.iter().find(|other| other.name == check.name).is_some_and(|check| check.held);
            if held { "holds" } else { "does not hold" }.to_owned()
        };
        let mut agreement = among(check.name.word(), virtually, really, held);
        if !check.promised {
            // Whether a rare event that nobody promises to prevent comes in one run is chance.
            agreement.what += " (not promised)";
            agreement.agrees = true;
        }
        found.push(agreement);
    }
    for fault in &really.faults {
        let same = |run: &Run| run.faults.iter().find(|other| other.fault == fault.fault).map_or(0, |same| same.fired);
        let fired = |run: &Run| same(run) as f64;
        let exactly = Tolerance { absolute: 0.0, relative: 0.0 };
        found.push(within(&format!("fired: {}", fault.text), virtually, really, exactly, fired));
    }
    let succeeded = |run: &Run| run.transactions.succeeded as f64 / (run.transactions.submitted as f64).max(1.0);
    found.push(within("share that succeeded", virtually, really, Tolerance::SHARES, succeeded));
    found.extend(times(virtually, really, slack));
    found
}

/// A time of a run: its name, its tolerance, where to find it.
type Time = (&'static str, Tolerance, fn(&Run) -> f64);

fn times(virtually: &[Run], really: &Run, slack: f64) -> Vec<Agreement> {
    let [long, short] = [Tolerance::OUTAGES_MS, Tolerance::MOMENTS_MS].map(|tolerance| tolerance.slacker(slack));
    let measures: [Time; 6] = [
        ("in_doubt_ms.p50", short, |run| run.measures.in_doubt_ms.p50),
        ("in_doubt_ms.max", long, |run| run.measures.in_doubt_ms.max),
        ("blocked_ms.max", long, |run| run.measures.blocked_ms.max),
        ("pending_ms.max", long, |run| run.measures.pending_ms.max),
        ("lock_hold_ms.max", long, |run| run.measures.lock_hold_ms.max),
        ("lock_hold_ms.p50", short, |run| run.measures.lock_hold_ms.p50),
    ];
    let said = |number: &fn(&Run) -> f64| virtually.iter().chain([really]).any(|run| number(run) != 0.0);
    let measures = measures.into_iter().filter(|(_, _, number)| said(number));
    measures.map(|(what, tolerance, number)| within(what, virtually, really, tolerance, number)).collect()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Violated => "violated",
        Verdict::Unknown => "unknown",
    }
}

/// A word that the virtual world says under some seed.
fn among(what: &str, virtually: &[Run], really: &Run, say: impl Fn(&Run) -> String) -> Agreement {
    let words: BTreeSet<String> = virtually.iter().map(&say).collect();
    let real = say(really);
    let agrees = words.contains(&real);
    let virtually = words.into_iter().collect::<Vec<_>>().join(" or ");
    Agreement { what: what.into(), virtually, really: real, agrees }
}

/// A number in the range of the virtual ones, or near it.
fn within(
    what: &str,
    virtually: &[Run],
    really: &Run,
    tolerance: Tolerance,
    number: impl Fn(&Run) -> f64,
) -> Agreement {
    let numbers = virtually.iter().map(&number);
    let (least, most) = numbers.fold((f64::MAX, f64::MIN), |(least, most), n| (least.min(n), most.max(n)));
    let real = number(really);
    let round = |number: f64| (number * 100.0).round() / 100.0;
    let virtually = match (round(least), round(most)) {
        (least, most) if least == most => format!("{least}"),
        (least, most) => format!("{least} to {most}"),
    };
    let agrees = tolerance.allows(least, most, real);
    Agreement { what: what.into(), virtually, really: format!("{}", round(real)), agrees }
}
