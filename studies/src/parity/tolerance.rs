//! Checks that a real run lies in the range of virtual runs under many seeds: its verdict and counts are among theirs, and its times
//! are in their range, with a stated tolerance.

use indoubt_judge::summary::{Run, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;

/// By how much a real number may lie outside the range of the virtual ones. The two parts add up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// The absolute part, in the unit of the number.
    pub absolute: f64,
    /// The relative part, as a share of the bound that the number exceeds.
    pub relative: f64,
}

impl Tolerance {
    /// The tolerance of long times, such as outages and doubt. A process needs a tenth of a second to start and to be connected
    /// again, and several times that on a busy machine. The virtual world needs no time for this.
    pub const OUTAGES_MS: Tolerance = Tolerance { absolute: 500.0, relative: 0.1 };
    /// The tolerance of times of some milliseconds. The virtual world has the medians of the machine but not its slowest times, and
    /// nothing there waits for a processor.
    pub const MOMENTS_MS: Tolerance = Tolerance { absolute: 5.0, relative: 1.0 };
    /// The tolerance of shares of all transactions, from 0 to 1.
    pub const SHARES: Tolerance = Tolerance { absolute: 0.05, relative: 0.0 };

    /// Multiplied by `slack`, for a machine that is busy with other things.
    pub fn slacker(self, slack: f64) -> Tolerance {
        Tolerance { absolute: self.absolute * slack, relative: self.relative * slack }
    }

    fn allows(self, least: f64, most: f64, real: f64) -> bool {
        let below = least - self.absolute - self.relative * least;
        let above = most + self.absolute + self.relative * most;
        (below..=above).contains(&real)
    }
}

/// A number, count or word in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// The name of the number, count or word.
    pub what: String,
    /// The value or range in the virtual world, over all seeds.
    pub virtually: String,
    /// The value in the real run.
    pub really: String,
    /// Whether the real value lies in the virtual range with its tolerance.
    pub agrees: bool,
}

/// Compares the times of one reduced scenario in both worlds, with tolerances that are multiplied by `slack`. Times that are empty in
/// both are left out.
pub fn agree_on_times(virtually: &Run, really: &Run, slack: f64) -> Vec<Agreement> {
    times(std::slice::from_ref(virtually), really, slack)
}

/// Compares a real run with virtual runs under several seeds. The tolerances of times are multiplied by `slack`.
pub fn agree(virtually: &[Run], really: &Run, slack: f64) -> Vec<Agreement> {
    let mut found = vec![among("verdict", virtually, really, |run| word(run.verdict).into())];
    for check in &really.checks {
        let held = |run: &Run| {
            let held = run.checks.iter().find(|other| other.name == check.name).is_some_and(|check| check.held);
            if held { "holds" } else { "does not hold" }.to_owned()
        };
        let mut agreement = among(check.name.word(), virtually, really, held);
        if !check.promised {
            // A check that is not promised may fail in one run and not in another by chance.
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

/// A time of a run: its name, its tolerance, and how to read it.
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

/// Checks that the word of the real run occurs in the virtual world under some seed.
fn among(what: &str, virtually: &[Run], really: &Run, say: impl Fn(&Run) -> String) -> Agreement {
    let words: BTreeSet<String> = virtually.iter().map(&say).collect();
    let real = say(really);
    let agrees = words.contains(&real);
    let virtually = words.into_iter().collect::<Vec<_>>().join(" or ");
    Agreement { what: what.into(), virtually, really: real, agrees }
}

/// Checks that the number of the real run lies in the range of the virtual ones, with its tolerance.
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
