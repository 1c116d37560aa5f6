//! A short test of parity on real processes. `indoubt parity` compares the rest.

use assert_cmd::Command;
use serde_json::Value;
use std::{fs, path::Path};

const PROFILE: &str = "[network]\nlatency = { median = \"100us\", p99 = \"1ms\" }\n[disk]\nforce = { median = \"500us\", p99 = \"5ms\" }\n";

/// Runs the command. Returns its exit status, standard output and standard error.
fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_indoubt")).args(args).current_dir(folder).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn with_one_client_both_worlds_do_the_same_when_the_coordinator_dies() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("here.toml"), PROFILE).unwrap();
    let args = ["parity", "coordinator-dies-after-votes", "--only", "one-client", "--protocols", "2pc"];
    let args = [&args[..], &["--profile", "here.toml", "--format", "json"]].concat();
    let (_, out, err) = said(&args, folder.path());
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
    let row = &report["one_client"][0];
    // Times are not compared here, because the start of a process takes a different time on each machine.
    assert_eq!(row["differences"], Value::Array(vec![]), "{row}");
    assert_eq!((&row["unfired"], &row["by_time"]), (&Value::Array(vec![]), &Value::Bool(false)));
    assert_eq!(row["verdicts"], serde_json::json!(["ok", "ok"]));
    assert!(row["transactions"].as_u64().unwrap() >= 20);
}

#[test]
fn both_worlds_do_the_same_where_the_network_loses_and_doubles_and_where_a_submission_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("here.toml"), PROFILE).unwrap();
    for (first, protocol) in [("0", "2pc"), ("3", "saga")] {
        let args = ["parity", "--random", "1", "--first", first, "--protocols", protocol];
        let args = [&args[..], &["--profile", "here.toml", "--slack", "50", "--format", "json"]].concat();
        let (_, out, err) = said(&args, folder.path());
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
        assert_eq!(report["one_client"][0]["differences"], Value::Array(vec![]), "{report}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("here.toml"), PROFILE).unwrap();
    fs::write(folder.path().join("bad.toml"), "[network]\nlatency = \"1ms\"\n").unwrap();
    for (args, words) in [
        (&["parity", "happy-path", "--protocols", "2pc-prn"][..], "none of these scenarios"),
        (&["parity", "happy-pth"], "did you mean `happy-path`?"),
        (&["parity", "happy-path", "--profile", "bad.toml"], "bad.toml:2: in a profile `latency` needs"),
        (&["run", "happy-path", "--profile", "no.toml"], "cannot read the profile no.toml"),
        (
            &["run", "happy-path", "--world", "real", "--profile", "here.toml"],
            "--profile works only in the virtual world",
        ),
    ] {
        let (status, _, err) = said(args, folder.path());
        assert_eq!(status, 2, "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    let run =
        ["run", "happy-path", "--profile", "here.toml", "--protocols", "2pc", "--format", "json", "--output", "out"];
    let (_, out, err) = said(&run, folder.path());
    let summaries: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
    let drawn = &summaries[0]["scenario"]["network"]["base"]["latency"];
    assert_eq!(drawn["log-normal"], serde_json::json!({ "median": 100, "p99": 1000 }));
}
