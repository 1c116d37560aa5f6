//! Reads pages of the documentation, as far as the tests need it.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The paths of README.md and of all pages below docs/.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("docs can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// Cuts a page into prose (`None`) and code blocks (`Some` language), in their order.
pub(crate) fn parts(text: &str) -> Vec<(Option<&str>, Vec<&str>)> {
    let mut parts = vec![(None, vec![])];
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), parts.last().and_then(|(language, _)| *language)) {
            (Some(_), Some(_)) => parts.push((None, vec![])),
            (Some(language), None) => parts.push((Some(language.trim()), vec![])),
            (None, _) => parts.last_mut().expect("never empty").1.push(line),
        }
    }
    parts
}

/// The text outside of code blocks.
pub(crate) fn prose(text: &str) -> String {
    parts(text)
        .into_iter()
        .filter(|(language, _)| language.is_none())
        .flat_map(|(_, lines)| lines)
        .fold(String::new(), |prose, line| prose + line + "\n")
}

/// The lines of shell code blocks that call `indoubt`, cut into words.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let shell = |language| matches!(language, Some("sh" | "bash" | "console" | ""));
    let lines = parts(text).into_iter().filter(|(language, _)| shell(*language)).flat_map(|(_, lines)| lines);
    lines.map(words).filter(|words| words.first().is_some_and(|word| word == "indoubt")).collect()
}

/// The words of a shell line, as far as the documentation needs it: quotes, comments, and the operators that end a command.
pub(crate) fn words(line: &str) -> Vec<String> {
    let line = line.trim().strip_prefix("$ ").unwrap_or(line);
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | '&' | ';') => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
