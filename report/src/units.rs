//! Formats numbers with their units, for people.

use indoubt_judge::shown::Unit;

/// A time in milliseconds as text, with the digits that matter; a dash for 0.
pub fn time(ms: f64) -> String {
    match ms {
        0.0 => "-".into(),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// A number with its unit as text, with the digits that matter.
pub(crate) fn number(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Millis => time(value),
        Unit::Count => format!("{value:.0}"),
        Unit::PerSecond => format!("{value:.1}"),
        Unit::PerTxn => format!("{value:.2}"),
    }
}
