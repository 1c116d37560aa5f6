//! A case: the crashes of one run, each with the number of unforced records that survive.

use super::{crash_point::CrashPoint, mini_run::Ending};
use std::{fmt, str::FromStr};

/// One crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Strike {
    /// The crash point.
    pub point: CrashPoint,
    /// How many of the records that no forced write covers survive.
    pub keep: u64,
}

/// One case: the mini run, and the crashes in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// The number of participants in the cluster. The transaction touches all of them.
    pub participants: u16,
    /// How the run ends if no node crashes.
    pub ending: Ending,
    /// The crashes, in order.
    pub strikes: Vec<Strike>,
}

impl fmt::Display for Case {
    /// For example `3/commit/p2/before/append:prepared/1/keep0`. A second crash follows a `+`. A shell takes it as one word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.participants, self.ending)?;
        for (strike, at) in self.strikes.iter().zip(0..) {
            let before = if at == 0 { '/' } else { '+' };
            write!(f, "{before}{}/keep{}", strike.point, strike.keep)?;
        }
        Ok(())
    }
}

impl FromStr for Case {
    type Err = String;

    /// Parses the format of `Display`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        let (Some(participants), Some(ending)) = (parts.next(), parts.next()) else {
            return Err(format!(
                "`{text}` is not a case: expected PARTICIPANTS/ENDING/CRASH-POINT/keepN, for example 3/commit/p2/before/append:prepared/1/keep0"
            ));
        };
        let count = participants.parse().ok().filter(|count| *count > 0);
        let participants = count.ok_or_else(|| format!("`{participants}` is not a number of participants"))?;
        let ending = ending.parse()?;
        let strikes = match parts.next() {
            None => Vec::new(),
            Some(strikes) => strikes.split('+').map(strike).collect::<Result<_, _>>()?,
        };
        Ok(Case { participants, ending, strikes })
    }
}

fn strike(text: &str) -> Result<Strike, String> {
    let (point, keep) = text.rsplit_once("/keep").ok_or_else(|| {
        format!("`{text}` does not say how many unforced records survive: it must end with /keep0, /keep1, …")
    })?;
    let keep = keep.parse().map_err(|_| format!("`keep{keep}`: expected a number of records"))?;
    Ok(Strike { point: point.parse()?, keep })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_one_word_and_survives_being_written() {
        for text in [
            "2/commit",
            "3/refuse-2/p2/before/append:prepared/1/keep0",
            "3/commit/p2/after/append:prepared/1/keep1+c1/after/send:decision:commit/2/keep0",
        ] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "/:+-".contains(c)));
        }
        for (text, word) in [
            ("3", "is not a case"),
            ("0/commit", "participants"),
            ("3/maybe/p2/before/append:prepared/1/keep0", "`maybe`"),
            ("3/commit/p2/before/append:prepared/1", "/keep0"),
            ("3/commit/p2/before/append:prepared/1/keepx", "number of records"),
        ] {
            let error = text.parse::<Case>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
