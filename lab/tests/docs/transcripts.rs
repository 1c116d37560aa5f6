//! Tests that a page prints what the command prints: every transcript and every table of figures of the virtual world, which
//! gives the same numbers on any machine.

use crate::page::{commands, pages, parts, root};
use indoubt_judge::{
    summary::{Spread, Summary},
    trace::{from_json_line, to_json_line},
};
use std::{fs, process::Command};

/// The output of a command line of the documentation, without what it writes to files.
fn output(words: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_indoubt"));
    command.args(&words[1..]).current_dir(folder.path()).env("NO_COLOR", "1").env("COLUMNS", "200");
    let output = command.output().expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

/// The first line of the transcript that the output does not have after the lines before it. An ellipsis stands for any lines.
fn missing<'a>(transcript: &[&'a str], output: &str) -> Option<&'a str> {
    let mut printed = output.lines().map(str::trim);
    let told = transcript.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && *line != "…");
    told.into_iter().find(|line| !printed.any(|other| other == *line))
}

/// Whether a command line measures real time. Its numbers differ on every machine, so they are not tested.
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

/// The rows of a chapter's table of figures. Each begins with a protocol: its name, its cells, and the checks that do not hold.
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
            let (kept, not_kept) = match protocol {
                "none" | "none-retry" => ("promisednothing", "not kept"),
                _ => ("ok", "not promised, not kept"),
            };
            let (unkept, verdict) =
                unkept.strip_suffix(" (verdict unknown)").map_or((unkept, kept), |u| (u, "unknown"));
            let label = |part: &str| match part.strip_prefix("waived: ") {
                Some(_) => part.to_owned(),
                None => format!("{not_kept}: {part}"),
            };
            let parts: Vec<String> = unkept.split("; ").filter(|part| *part != "—").map(label).collect();
            let unkept = if parts.is_empty() { String::new() } else { format!("({})", parts.join(";")) };
            let row = format!("{protocol}{cells}{verdict}{}", unkept.replace(' ', ""));
            if !printed.iter().any(|line| line.ends_with(&row)) {
                wrong.push(format!("{name}: no row of the output is {row}"));
            }
        }
    }
    assert!(checked >= 54, "only {checked} rows found: the search is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The tables of a text, each with the last metric that is named before it, as rows of cells without the head.
fn tables(text: &str) -> Vec<(&str, Vec<Vec<&str>>)> {
    let mut tables: Vec<(&str, Vec<Vec<&str>>)> = Vec::new();
    let (mut metric, mut lines_in) = ("", 0);
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ") else {
            lines_in = 0;
            let named = line.split('`').skip(1).step_by(2).filter(|word| word.contains(['.', '_']));
            metric = named.last().unwrap_or(metric);
            continue;
        };
        lines_in += 1;
        match lines_in {
            1 => tables.push((metric, vec![])),
            2 => {}
            _ => tables
                .last_mut()
                .expect("its head came first")
                .1
                .push(row.trim_end_matches(" |").split(" | ").collect()),
        }
    }
    tables
}

#[test]
fn the_tables_of_every_sweeps_chapter_are_the_medians_that_the_sweep_prints() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(root().join("scenarios/sweeps")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(root().join(format!("docs/sweeps/{name}.md"))).unwrap();
        let figures = text.split("## What the lab says").nth(1).and_then(|t| t.split("## What not").next()).unwrap();
        let output = output(&["indoubt", "sweep", &name].map(str::to_owned));
        for (metric, rows) in tables(figures) {
            let head = format!("{metric}, medians of 10 seeds");
            let printed = output.lines().skip_while(|line| *line != head).skip(2);
            let printed = printed.take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().collect());
            let printed: Vec<Vec<&str>> = printed.collect();
            checked += rows.len();
            if rows != printed {
                wrong.push(format!("{name}, {metric}:\n{rows:?}\n{printed:?}"));
            }
        }
    }
    assert!(checked > 150, "only {checked} rows found: the search is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Chapter 3 shows a line of each kind, and what a small program makes of one trace.
#[test]
fn the_trace_of_the_third_chapter_is_a_trace_and_what_is_computed_from_it_is_what_the_summary_says() {
    let text = fs::read_to_string(root().join("docs/03-measures-and-checks.md")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("{\"t_us\"") && !line.contains('…'));
    let read: Vec<_> = lines.map(|line| (line, from_json_line(line).expect("a line of a trace"))).collect();
    assert!(read.len() > 25, "{}", read.len());
    for (line, seen) in read {
        assert_eq!(to_json_line(&seen), line);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_indoubt"));
    command.args(["run", "coordinator-dies-after-votes", "--output"]).arg(folder.path());
    assert!(command.output().unwrap().status.success());
    let summary = folder.path().join("coordinator-dies-after-votes/summary.json");
    let summary: Summary = serde_json::from_str(&fs::read_to_string(summary).unwrap()).unwrap();
    let Spread { count, sum, max, .. } = summary.runs[0].measures.in_doubt_ms;
    for told in [
        format!("{count} branches, {max:?} ms at most, {sum:?} ms in all"),
        format!("`\"count\": {count}`, `\"sum\": {sum:?}`, `\"max\": {max:?}`"),
    ] {
        assert!(text.contains(&told), "not there: {told}");
    }
}

#[test]
fn a_wrong_transcript_is_seen() {
    assert_eq!(missing(&["a", "  …", "c"], "a\nb\n  c\n"), None);
    assert_eq!(missing(&["c", "a"], "a\nb\nc\n"), Some("a"));
    let table =
        "## The figures\n\n| protocol | done | kept |\n| --- | --- | --- |\n| `2pc` | 70% | — | none |\n\n## Why";
    assert_eq!(figures(table), [("2pc", "70%-".to_owned(), "none")]);
    let captioned = "So long (`lock_hold_ms.p50`):\n\n| think | `2pc` |\n| --- | ---: |\n| 1ms | 8.00 |\n\n";
    assert_eq!(tables(captioned), [("lock_hold_ms.p50", vec![vec!["1ms", "8.00"]])]);
}
