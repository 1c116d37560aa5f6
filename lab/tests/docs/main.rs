//! Tests of the documentation: links have targets, the command accepts the command lines, and each bundled scenario and sweep has
//! a chapter. The module `transcripts` tests that the printed output is what the command prints.

use clap::Parser;
use indoubt_lab::commands::{Cli, Command};
use indoubt_proto::settings::Settings;
use indoubt_scenario::scenario::Scenario;
use page::{commands, pages, parts, prose, root, words};
use std::fs;

mod page;
mod transcripts;

/// The targets of all links, `[text](target)`, and images, `![text](target)`.
fn targets(prose: &str) -> Vec<&str> {
    prose.match_indices("](").filter_map(|(at, _)| prose[at + 2..].split(')').next()).collect()
}

/// The anchor of a heading: lower case, without punctuation, with hyphens instead of spaces.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase();
    plain
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let (mut checked, mut broken) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&prose(&text)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (path, name) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().expect("a folder").join(path) };
            let there = file.exists()
                && (name.is_empty()
                    || fs::read_to_string(&file)
                        .is_ok_and(|t| t.lines().any(|line| line.starts_with('#') && anchor(line) == name)));
            if !there {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(checked > 50, "only {checked} links found: the search is broken");
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// Why the command would refuse these words, if it would. Only what can be checked without running it: the options, the names of
/// scenarios and sweeps, and the paths of `--set`.
fn refusal(words: &[String]) -> Option<String> {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(e) if !e.use_stderr() => return None, // --help, --version
        Err(e) => return Some(e.to_string()),
    };
    let (names, folder, sets, protocols) = match cli.command {
        Some(Command::Run(run)) => (run.scenarios, "scenarios", run.set, run.protocols),
        Some(Command::Replay(replay)) => (vec![replay.scenario], "scenarios", replay.set, vec![]),
        Some(Command::CrashPoints(points)) => (vec![points.scenario], "scenarios", points.set, vec![]),
        Some(Command::Explain(explain)) => (vec![explain.scenario], "scenarios", vec![], vec![]),
        Some(Command::Sweep(sweep)) => (vec![sweep.scenario], "scenarios/sweeps", sweep.set, sweep.protocols),
        _ => return None,
    };
    // A name with a dot is a file of the reader, which does not exist here.
    for name in names.iter().filter(|name| !name.contains('.')) {
        let Ok(text) = fs::read_to_string(root().join(folder).join(format!("{name}.toml"))) else {
            return Some(format!("nothing bundled is called `{name}`"));
        };
        let mut scenario = Scenario::parse(&text, name).expect("bundled files are sound");
        if !protocols.is_empty() {
            match scenario.with_protocols(&protocols) {
                Ok(narrowed) => scenario = narrowed,
                Err(e) => return Some(e.to_string()),
            }
        }
        for set in &sets {
            let Some((path, value)) = set.split_once('=') else { return Some(format!("{set} has no value")) };
            match scenario.set(path, value) {
                Ok(changed) => scenario = changed,
                Err(e) => return Some(e.to_string()),
            }
        }
    }
    None
}

#[test]
fn every_command_line_is_one_that_the_command_takes() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for words in commands(&text) {
            checked += 1;
            if let Some(why) = refusal(&words) {
                wrong.push(format!("{}: {}\n  {why}", page.display(), words.join(" ")));
            }
        }
    }
    assert!(checked > 50, "only {checked} command lines found: the search is broken");
    assert!(wrong.is_empty(), "command lines that the command refuses:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_is_seen() {
    let refused = |line: &str| refusal(&words(line)).is_some();
    assert!(!refused("indoubt run happy-path --set workload.rate=200   # a comment"));
    assert!(refused("indoubt run happy-path --sets workload.rate=200"));
    assert!(refused("indoubt run unhappy-path"));
    assert!(refused("indoubt run happy-path --set workload.rat=200"));
    assert!(refused("indoubt sweep happy-path"));
    assert_eq!(words("indoubt submit 'p1:add(a, 5)' & echo"), ["indoubt", "submit", "p1:add(a, 5)"]);
    assert_eq!(anchor("## How to read: it"), "how-to-read-it");
}

#[test]
fn every_bundled_scenario_and_sweep_has_its_chapter_and_every_chapter_its_subject() {
    for (files, chapters, index) in [
        ("scenarios", "docs/scenarios", "docs/scenarios/README.md"),
        ("scenarios/sweeps", "docs/sweeps", "docs/README.md"),
    ] {
        let stems = |folder: &str, ending: &str| {
            let mut stems: Vec<String> = fs::read_dir(root().join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == ending))
                .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
                .filter(|stem| !["README", "which-should-i-choose"].contains(&stem.as_str()))
                .collect();
            stems.sort();
            stems
        };
        let subjects = stems(files, "toml");
        assert!(!subjects.is_empty());
        assert_eq!(subjects, stems(chapters, "md"), "{chapters} beside {files}");
        let index = fs::read_to_string(root().join(index)).unwrap();
        for subject in subjects {
            assert!(index.contains(&format!("{subject}.md)")), "the index does not name {subject}");
        }
    }
}

#[test]
fn the_settings_that_the_second_chapter_shows_are_the_defaults() {
    let text = fs::read_to_string(root().join("docs/02-scenarios.md")).unwrap();
    let shown: Vec<Settings> = parts(&text)
        .into_iter()
        .filter(|(language, _)| *language == Some("json"))
        .map(|(_, lines)| serde_json::from_str(&lines.join("\n")).expect("settings"))
        .collect();
    assert_eq!(shown, [Settings::default()]);
}
