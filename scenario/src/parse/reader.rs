//! Reads TOML and keeps positions, so that errors can name the line. A [`Table`] knows which fields it may have. A [`Value`] is
//! read with the type and range that it must have.

use super::error::ScenarioError;
use indoubt_proto::time::Micros;
use std::ops::{Range, RangeInclusive};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The text that is parsed, and the name of its file.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Source { file, text }
    }

    /// An error about a part of the text.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        ScenarioError {
            file: self.file.into(),
            line: Some(before.bytes().filter(|b| *b == b'\n').count() + 1),
            text: self.text.get(span).unwrap_or_default().into(),
            message: shortened(message.into()),
        }
    }
}

/// A message without its middle, if it quotes something long.
fn shortened(message: String) -> String {
    const MOST: usize = 1_000;
    if message.chars().count() <= MOST {
        return message;
    }
    let chars: Vec<char> = message.chars().collect();
    let (start, end) = (&chars[..MOST / 2], &chars[chars.len() - MOST / 2..]);
    start.iter().chain(&[' ', '…', ' ']).chain(end).collect()
}

/// A table whose fields are all known.
#[derive(Debug)]
pub(crate) struct Table<'a, 'i> {
    source: &'a Source<'a>,
    /// Its name in messages, for example `[workload]`.
    pub(crate) name: String,
    span: Range<usize>,
    table: &'a DeTable<'i>,
}

impl<'a, 'i> Table<'a, 'i> {
    /// A table that may have only these fields.
    pub(crate) fn new(
        source: &'a Source<'a>,
        name: impl Into<String>,
        span: Range<usize>,
        table: &'a DeTable<'i>,
        fields: &[&str],
    ) -> Result<Self, ScenarioError> {
        let table = Table { source, name: name.into(), span, table };
        table.only(fields)?;
        Ok(table)
    }

    /// Checks that there are no fields other than these. The error names the first one in the file.
    pub(crate) fn only(&self, fields: &[&str]) -> Result<(), ScenarioError> {
        let unknown = self.table.keys().filter(|key| !fields.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let word = key.get_ref();
                let message = format!("unknown field `{word}` in {}{}", self.name, hint(word, fields.iter().copied()));
                Err(self.source.error(key.span(), message))
            }
        }
    }

    /// This table with another name in messages.
    pub(crate) fn named(&self, name: String) -> Table<'a, 'i> {
        Table { source: self.source, name, span: self.span.clone(), table: self.table }
    }

    /// An error about the table as a whole.
    pub(crate) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.span.clone(), message)
    }

    /// The value of a field; `None` if the field is absent.
    pub(crate) fn get(&self, field: &str) -> Option<Value<'a, 'i>> {
        let value = self.table.get(field)?;
        Some(Value { source: self.source, field: field.into(), value })
    }

    /// The value of a field that must be there.
    pub(crate) fn need(&self, field: &str) -> Result<Value<'a, 'i>, ScenarioError> {
        self.get(field).ok_or_else(|| self.error(format!("{} needs `{field}`", self.name)))
    }

    /// Reads a field with `read`; `None` if the field is absent.
    pub(crate) fn read<T>(
        &self,
        field: &str,
        read: impl FnOnce(&Value<'a, 'i>) -> Result<T, ScenarioError>,
    ) -> Result<Option<T>, ScenarioError> {
        self.get(field).as_ref().map(read).transpose()
    }

    /// The table in a field, which may have only these fields; `None` if the field is absent.
    pub(crate) fn section(&self, field: &str, fields: &[&str]) -> Result<Option<Table<'a, 'i>>, ScenarioError> {
        self.read(field, |value| value.table(format!("[{field}]"), fields))
    }

    /// All values, in the order of the file.
    pub(crate) fn entries(&self) -> Vec<Value<'a, 'i>> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let value = |(key, value): (&Spanned<_>, _)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            Value { source: self.source, field: key.to_string(), value }
        };
        entries.into_iter().map(value).collect()
    }
}

/// A value, and the field that has it.
#[derive(Debug)]
pub(crate) struct Value<'a, 'i> {
    source: &'a Source<'a>,
    pub(crate) field: String,
    value: &'a Spanned<DeValue<'i>>,
}

impl<'a, 'i> Value<'a, 'i> {
    pub(crate) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.value.span(), message)
    }

    fn wrong(&self, wanted: &str) -> ScenarioError {
        let found = match self.value.get_ref() {
            DeValue::String(text) => format!("`{text}`"),
            DeValue::Array(_) => "a list".into(),
            DeValue::Table(_) => "a table".into(),
            _ => format!("`{}`", self.text()),
        };
        self.error(format!("`{}` must be {wanted}, not {found}", self.field))
    }

    /// The text of the value in the file.
    fn text(&self) -> &'a str {
        self.source.text.get(self.value.span()).unwrap_or_default()
    }

    pub(crate) fn string(&self) -> Result<&'a str, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("a string in quotes")),
        }
    }

    pub(crate) fn bool(&self) -> Result<bool, ScenarioError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    /// Reads a whole number in a range.
    pub(crate) fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, ScenarioError> {
        let wanted = || match (*range.start(), *range.end()) {
            (0, u64::MAX) => "a whole number that is not negative".into(),
            (least, u64::MAX) => format!("a whole number of at least {least}"),
            (least, most) => format!("a whole number from {least} to {most}"),
        };
        let number = self.value.get_ref().as_integer();
        let number = number.and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        number.filter(|n| range.contains(n)).ok_or_else(|| self.wrong(&wanted()))
    }

    /// Reads a finite number that satisfies `valid`. `wanted` describes such numbers in the error.
    pub(crate) fn number(&self, wanted: &str, valid: impl Fn(f64) -> bool) -> Result<f64, ScenarioError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
            DeValue::Float(n) => n.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|n| n.is_finite() && valid(*n)).ok_or_else(|| self.wrong(wanted))
    }

    /// Reads a share, from 0 to 1.
    pub(crate) fn share(&self) -> Result<f64, ScenarioError> {
        self.number("a share from 0 to 1", |n| (0.0..=1.0).contains(&n))
    }

    /// Reads a duration with its unit, in a range.
    pub(crate) fn duration(&self, range: RangeInclusive<Micros>) -> Result<Micros, ScenarioError> {
        const WANTED: &str = "a duration with its unit (us, ms, s or m), such as \"500ms\"";
        let DeValue::String(text) = self.value.get_ref() else { return Err(self.wrong(WANTED)) };
        let duration = duration(text).ok_or_else(|| self.wrong(WANTED))?;
        if range.contains(&duration) {
            Ok(duration)
        } else {
            Err(self.wrong(&format!("from {} to {}", range.start(), range.end())))
        }
    }

    /// Reads one of some words. `what` names them in the error.
    pub(crate) fn word<T>(
        &self,
        what: &str,
        words: impl Iterator<Item = (&'static str, T)>,
    ) -> Result<T, ScenarioError> {
        let word = self.string()?;
        let mut valid = Vec::new();
        for (name, meaning) in words {
            if name == word {
                return Ok(meaning);
            }
            valid.push(name);
        }
        Err(self.unknown(what, word, valid))
    }

    /// An error about a word that is not one of the valid ones.
    pub(crate) fn unknown<'w>(
        &self,
        what: &str,
        word: &str,
        valid: impl IntoIterator<Item = &'w str>,
    ) -> ScenarioError {
        self.error(format!("unknown {what} `{word}`{}", hint(word, valid)))
    }

    pub(crate) fn list(&self) -> Result<Vec<Value<'a, 'i>>, ScenarioError> {
        let items = self.value.get_ref().as_array().ok_or_else(|| self.wrong("a list"))?;
        let item = |value| Value { source: self.source, field: self.field.clone(), value };
        Ok(items.iter().map(item).collect())
    }

    pub(crate) fn table(&self, name: impl Into<String>, fields: &[&str]) -> Result<Table<'a, 'i>, ScenarioError> {
        let table = self.any_table()?.named(name.into());
        table.only(fields)?;
        Ok(table)
    }

    /// Reads a table whose field names the user chooses.
    pub(crate) fn any_table(&self) -> Result<Table<'a, 'i>, ScenarioError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong("a table"))?;
        Ok(Table { source: self.source, name: self.field.clone(), span: self.value.span(), table })
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Reads a scalar, and returns it in the form that `--set` takes.
    pub(crate) fn scalar(&self) -> Result<String, ScenarioError> {
        Ok(match self.value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(_) => self.integer(0..=u64::MAX)?.to_string(),
            DeValue::Float(_) => self.number("a finite number", |_| true)?.to_string(),
            _ => return Err(self.wrong("a string, a number, true or false")),
        })
    }
}

/// Parses a duration with its unit. A fraction is valid if it gives whole microseconds.
pub(crate) fn duration(text: &str) -> Option<Micros> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 8 {
        return None;
    }
    let parts = 10u64.pow(fraction.len() as u32);
    let tail = fraction.parse::<u64>().ok()? * scale;
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    tail.is_multiple_of(parts).then(|| whole.checked_add(tail / parts)).flatten().map(Micros)
}

/// The end of a message about an unknown word: the nearest valid word, and all valid words if they are few.
pub(crate) fn hint<'w>(word: &str, valid: impl IntoIterator<Item = &'w str>) -> String {
    const LONGEST_WORD: usize = 200;
    if word.len() > LONGEST_WORD {
        return String::new();
    }
    let valid: Vec<&str> = valid.into_iter().collect();
    let distance = |v: &&str| (strsim::damerau_levenshtein(word, v), v.len().abs_diff(word.len()));
    let nearest = valid.iter().min_by_key(|v| distance(v)).filter(|v| distance(v).0 <= (word.len() / 3).max(2));
    let list = valid.join(", ");
    let short = !valid.is_empty() && list.len() <= 120;
    match nearest {
        Some(nearest) if short => format!("; did you mean `{nearest}`? (valid: {list})"),
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if short => format!("; valid: {list}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_and_whole_microseconds() {
        for (text, us) in [("500ms", 500_000), ("12s", 12_000_000), ("1.5ms", 1_500), ("2m", 120_000_000), ("0us", 0)] {
            assert_eq!(duration(text), Some(Micros(us)), "{text}");
        }
        for text in ["500", "", "ms", "1.5us", "-1s", "1 s", "1h", "1.s", ".5s", "1..2s", "99999999999999999999s", "1S"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_hint_names_the_nearest_word_and_a_short_list() {
        assert_eq!(hint("rtae", ["rate", "keys"]), "; did you mean `rate`? (valid: rate, keys)");
        assert_eq!(hint("xyzzy", ["rate", "keys"]), "; valid: rate, keys");
        let long: Vec<String> = (0..100).map(|n| format!("metric_{n}")).collect();
        assert_eq!(hint("metrc_7", long.iter().map(String::as_str)), "; did you mean `metric_7`?");
        assert_eq!(hint("xyzzy", long.iter().map(String::as_str)), "");
    }
}
