//! Numbers with their units, for people.

/// Milliseconds, with as many digits as matter; a dash for none.
pub fn time(ms: f64) -> String {
    match ms {
        0.0 => "-".into(),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}
