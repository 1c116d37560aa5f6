//! A case: the crashes of one run, each with what of the node's disk survives it.

use super::{crash_point::CrashPoint, mini_run::Ending};
use std::{fmt, str::FromStr};

/// One crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Strike {
    /// The crash point.
    pub point: CrashPoint,
    /// What of the node's disk survives.
    pub survives: Survives,
}

/// What of a node's disk survives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Survives {
    /// Everything that was forced, and so many of the records that no forced write covers.
    Tail(u64),
    /// So many records of the journal: an older copy of it was put back.
    OlderCopy(u64),
    /// Nothing: the node starts as new.
    Nothing,
}

impl fmt::Display for Survives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Survives::Tail(records) => write!(f, "keep{records}"),
            Survives::OlderCopy(records) => write!(f, "restore{records}"),
            Survives::Nothing => f.write_str("lose-disk"),
        }
    }
}

impl FromStr for Survives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| text.strip_prefix(word).map(str::parse);
        match (number("keep"), number("restore")) {
            (Some(Ok(records)), _) => Ok(Survives::Tail(records)),
            (_, Some(Ok(records))) => Ok(Survives::OlderCopy(records)),
            (None, None) if text == "lose-disk" => Ok(Survives::Nothing),
            (None, None) => Err(format!(
                "`{text}` does not say what survives: a crash must end with /keepN (N unforced records), /restoreN (the first N \
                 records) or /lose-disk, for example /keep0"
            )),
            _ => Err(format!("`{text}`: expected a number of records")),
        }
    }
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
            write!(f, "{before}{}/{}", strike.point, strike.survives)?;
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
    let (point, survives) = text.rsplit_once('/').unwrap_or(("", text));
    let survives = survives.parse()?;
    Ok(Strike { point: point.parse()?, survives })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_one_word_and_survives_being_written() {
        for text in [
            "2/commit",
            "3/refuse-2/p2/before/append:prepared/1/keep0",
            "2/commit/p2/before/append:prepared/1/lose-disk",
            "2/commit/p2/before/append:prepared/1/restore2+p2/after/append:booted/1/keep0",
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
