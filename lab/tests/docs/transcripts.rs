//! What a page prints is what the command prints: every transcript and every table of figures of the virtual world, which gives
//! the same numbers on any machine.

use crate::page::{commands, pages, parts, root};
use std::{fs, process::Command};

/// The output of a command line of the documentation, without what it writes to files.
fn output(words: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_indoubt"));
    command.args(&words[1..]).current_dir(folder.path()).env("NO_COLOR", "1").env("COLUMNS", "200");
    let output = command.output().expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

/// The first of these lines that the output does not have after the ones before it. An ellipsis stands for any lines.
fn missing<'a>(transcript: &[&'a str], output: &str) -> Option<&'a str> {
    let mut printed = output.lines().map(str::trim);
    let told = transcript.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && *line != "…");
    told.into_iter().find(|line| !printed.any(|other| other == *line))
}

/// Real processes and real clocks have other numbers on every machine.
fn told_by_a_clock(words: &[String]) -> bool {
    ["parity", "calibrate", "bench"].contains(&words[1].as_str()) || words.iter().any(|word| word == "real")
}

#[test]
fn every_transcript_is_what_the_command_before_it_prints() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut before: Option<Vec<String>> = None;
        for (language, lines) in parts(&text) {
            let block = lines.join("\n");
            match language {
                Some("sh") => before = commands(&format!("```sh\n{block}\n```")).pop(),
                Some("text") => {
                    let Some(words) = before.take().filter(|words| !told_by_a_clock(words)) else { continue };
                    checked += 1;
                    if let Some(line) = missing(&lines, &output(&words)) {
                        wrong.push(format!("{}: {}\n  does not print: {line}", page.display(), words.join(" ")));
                    }
                }
                _ => {}
            }
        }
    }
    assert!(checked >= 24, "only {checked} transcripts found: the search is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of a chapter's table of figures, which begin with a protocol: its name, its cells, and what it does not keep.
fn figures(text: &str) -> Vec<(&str, String, &str)> {
    let table = text.split("## The figures").nth(1).unwrap_or_default().split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (protocol, cells) = row.split_once('`')?;
        let (cells, unkept) = cells.trim_end_matches(['|', ' ']).rsplit_once('|')?;
        let cells = cells.replace('—', "-").replace(['|', ' '], "");
        Some((protocol, cells, unkept.trim()))
    })
    .collect()
}

#[test]
fn the_figures_of_every_chapter_are_what_a_hundred_seeds_give() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(root().join("docs/scenarios")).unwrap() {
        let page = entry.unwrap().path();
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "README" {
            continue;
        }
        let text = fs::read_to_string(&page).unwrap();
        let output = output(&["indoubt", "run", &name, "--seeds", "100"].map(str::to_owned));
        let printed: Vec<String> = output.lines().map(|line| line.replace(' ', "")).collect();
        let figures = figures(&text);
        assert!(!figures.is_empty(), "{name} has no table of figures");
        for (protocol, cells, unkept) in figures {
            checked += 1;
            let (unkept, verdict) =
                unkept.strip_suffix(" (verdict unknown)").map_or((unkept, "ok"), |u| (u, "unknown"));
            let unkept = if unkept == "—" { String::new() } else { format!("(notpromised,notkept:{unkept})") };
            let row = format!("{protocol}{cells}{verdict}{}", unkept.replace(' ', ""));
            if !printed.iter().any(|line| line.ends_with(&row)) {
                wrong.push(format!("{name}: no row of the output is {row}"));
            }
        }
    }
    assert!(checked >= 54, "only {checked} rows found: the search is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_transcript_is_seen() {
    assert_eq!(missing(&["a", "  …", "c"], "a\nb\n  c\n"), None);
    assert_eq!(missing(&["c", "a"], "a\nb\nc\n"), Some("a"));
    let table =
        "## The figures\n\n| protocol | done | kept |\n| --- | --- | --- |\n| `2pc` | 70% | — | none |\n\n## Why";
    assert_eq!(figures(table), [("2pc", "70%-".to_owned(), "none")]);
}
