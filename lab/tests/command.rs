//! The command seen from outside: exit statuses, errors that say what and where, results on disk.

use assert_cmd::Command;
use std::{fs, path::Path};

fn indoubt() -> Command {
    Command::new(env!("CARGO_BIN_EXE_indoubt"))
}

/// Runs it; answers status, standard output and standard error.
fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let output = indoubt().args(args).current_dir(folder).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_bundled_scenario_leaves_everything_that_design_promises() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, err) = said(&["run", "participant-says-no", "--output", "out", "--trace"], folder.path());
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("report.html"), "{out}");
    let scenario = folder.path().join("out/participant-says-no");
    for file in [
        "scenario.toml",
        "repro.txt",
        "summary.json",
        "summary.csv",
        "charts/locks-held.svg",
        "charts/locks-held.png",
        "trace/2pc-11.jsonl",
    ] {
        let size = fs::metadata(scenario.join(file)).map(|m| m.len()).unwrap_or(0);
        assert!(size > 0, "{file} is missing or empty");
    }
    let report = fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(report.contains("<svg") && !report.contains("src=\"http"), "the report must be one offline file");
}

#[test]
fn the_command_in_repro_txt_repeats_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["run", "duplicated-messages", "--set", "workload.rate=25", "--output", "first"];
    assert_eq!(said(&run, folder.path()).0, 0);
    let first = folder.path().join("first/duplicated-messages");
    let repro = fs::read_to_string(first.join("repro.txt")).unwrap();
    let words: Vec<&str> = repro.lines().next().unwrap().split(' ').skip(1).chain(["--output", "again"]).collect();
    assert_eq!(said(&words, &first).0, 0);
    let summary = |path: &Path| fs::read_to_string(path.join("summary.json")).unwrap();
    assert_eq!(summary(&first), summary(&first.join("again/duplicated-messages")));
}

#[test]
fn a_claim_that_does_not_hold_is_status_1_and_says_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"wrong\"\nabout = \"x\"\nprotocols = [\"2pc\"]\nduration = \"1s\"\n[workload]\nkind = \"transfer\"\nrate = 20.0\n\
                [[expect]]\nprotocol = \"2pc\"\nmetric = \"in_doubt_ms.max\"\nmin = 60000\n";
    fs::write(folder.path().join("wrong.toml"), text).unwrap();
    let (status, _, err) = said(&["run", "wrong.toml", "--output", "out"], folder.path());
    assert_eq!(status, 1);
    assert!(err.contains("in_doubt_ms.max") && err.contains("found"), "{err}");
}

#[test]
fn what_cannot_run_is_status_2_with_a_sentence_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), "name = \"bad\"\n[workload]\nkind = \"transfer\"\nrtae = 1.0\n").unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["run", "no-such-file.toml"], "no-such-file.toml"),
        (&["run", "hapy-path"], "did you mean `happy-path`"),
        (&["run", "bad.toml"], "bad.toml:4"),
        (&["run", "happy-path", "--set", "workload.rtae=3"], "rtae"),
        (&["run", "happy-path", "--protocols", "3pc"], "no such protocol"),
        (&["run", "happy-path", "--seeds", "5..1"], "empty"),
        (&["run", "happy-path", "--output", "file/out"], "file/out"),
        (&["state", "--node", "127.0.0.1:1"], "127.0.0.1:1"),
        (&["coordinator", "--id", "p1", "--data-dir", "d"], "c1"),
    ];
    for (args, expected) in cases {
        let (status, out, err) = said(args, folder.path());
        assert_eq!(status, 2, "{args:?}: {out}{err}");
        assert!(err.contains(expected), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn an_unknown_command_gets_a_suggestion() {
    let (status, _, err) = said(&["explian"], Path::new("."));
    assert_eq!(status, 2);
    assert!(err.contains("explain"), "{err}");
}

#[test]
fn a_pipe_gets_no_colours() {
    let (_, out, _) = said(&["list"], Path::new("."));
    assert!(out.contains("coordinator-dies-after-votes") && !out.contains('\u{1b}'), "{out}");
}

#[test]
fn explain_tells_who_died_and_who_was_blocked() {
    let (status, out, err) = said(&["explain", "coordinator-dies-after-votes"], Path::new("."));
    assert_eq!(status, 0, "{err}");
    for word in ["crash", "in doubt", "restart"] {
        assert!(out.to_lowercase().contains(word), "{word} is missing in:\n{out}");
    }
}
