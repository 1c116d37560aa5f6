//! Tests of sweeps from outside: they are continued, divided into shards, merged, and refused.

use assert_cmd::Command;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const SMALL: &str = "name = \"small\"\nabout = \"x\"\nprotocols = [\"2pc\", \"saga\"]\nduration = \"500ms\"\n\
    [workload]\nkind = \"transfer\"\nrate = 20.0\n\
    [sweep]\n\"network.latency\" = [\"1ms\", \"2ms\", \"4ms\"]\n\"workload.refuse\" = [0.0, 0.5]\nlabels = [\"delay\", \"refused\"]\n";

fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_indoubt")).args(args).current_dir(folder).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn rows(folder: &Path, run: &str) -> String {
    fs::read_to_string(folder.join(run).join("small/rows.csv")).expect("rows.csv is there")
}

/// All files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn small() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    folder
}

fn swept(folder: &Path, words: &[&str], output: &str) {
    let (status, _, err) =
        said(&[&["sweep", "small.toml", "--seeds", "3", "--output", output], words].concat(), folder);
    assert_eq!(status, 0, "{err}");
}

#[test]
fn shards_merge_into_what_one_machine_writes() {
    let folder = small();
    swept(folder.path(), &["--jobs", "1"], "whole");
    let whole = rows(folder.path(), "whole");
    assert_eq!(whole.lines().count(), 1 + 6 * 2 * 3);
    assert!(whole.starts_with("cell,scenario,protocol,seed,network.latency,workload.refuse,verdict,"), "{whole}");
    for shard in ["1/3", "2/3", "3/3"] {
        swept(folder.path(), &["--shard", shard], &shard.replace('/', "-"));
    }
    let (status, out, err) = said(&["merge", "1-3", "3-3", "2-3", "--output", "merged"], folder.path());
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("medians of 3 seeds"), "{out}");
    let (one, merged) = (files(&folder.path().join("whole")), files(&folder.path().join("merged")));
    assert!(one.len() > 8, "rows, charts, report and more: {:?}", one.keys());
    assert_eq!(one.keys().collect::<Vec<_>>(), merged.keys().collect::<Vec<_>>());
    let differ: Vec<_> = one.iter().filter(|(path, bytes)| merged[*path] != **bytes).map(|(path, _)| path).collect();
    assert!(differ.is_empty(), "merged files differ from those of one machine: {differ:?}");

    let (status, _, err) = said(&["merge", "1-3", "3-3", "--output", "gap"], folder.path());
    assert!(status == 2 && err.contains("shards 2 of 3 are missing"), "{err}");
    assert!(!folder.path().join("gap").exists(), "a refusal leaves nothing behind");
    let cut = folder.path().join("2-3/small/rows.csv");
    let text = fs::read_to_string(&cut).unwrap();
    fs::write(&cut, &text[..text.trim_end().rfind('\n').unwrap() + 9]).unwrap();
    let (status, _, err) = said(&["merge", "1-3", "2-3", "3-3", "--output", "cut"], folder.path());
    assert!(status == 2 && err.contains("shard 2 of 3 is not finished"), "{err}");
    swept(folder.path(), &["--shard", "2/3", "--set", "workload.rate=21"], "other");
    let (status, _, err) = said(&["merge", "1-3", "other", "3-3", "--output", "mixed"], folder.path());
    assert!(status == 2 && err.contains("different sweeps"), "{err}");
}

/// A claim that some point does not meet, and a fault that fires under no seed of a point, end the sweep with status 1, on one
/// machine and merged from shards. The lines name point, protocol, seed, claim and what was found.
#[test]
fn a_sweep_whose_points_do_not_hold_is_status_1_and_says_which() {
    let folder = small();
    let claim = "[[expect]]\nprotocol = \"2pc\"\nmetric = \"transactions.aborted\"\nmax = 0\n";
    let fault = "[[fault]]\non = { phase = \"work-done\", nth = 100000 }\ndo = \"kill\"\nnode = \"p1\"\n";
    let told = |text: String, words: &[&str], output: &str| {
        fs::write(folder.path().join("small.toml"), text).unwrap();
        said(&[&["sweep", "small.toml", "--seeds", "4", "--output", output], words].concat(), folder.path())
    };
    let surprised = SMALL.replace("[sweep]", &format!("{claim}[sweep]"));
    let (status, _, err) = told(surprised.clone(), &["--quiet"], "claim");
    assert_eq!(status, 1, "{err}");
    let line = |line: &&str| line.contains("network.latency = 2ms, workload.refuse = 0.5: 2pc with seed ");
    let line = err.lines().find(line).unwrap_or_else(|| panic!("the point is not named: {err}"));
    assert!(line.contains("expected 2pc: transactions.aborted <= 0, found ") && line.contains("of 4 seeds)"), "{line}");
    assert!(!err.contains("workload.refuse = 0,") && !err.contains("saga"), "these hold: {err}");
    let (status, json, _) = told(surprised.clone(), &["--format", "json"], "claim");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, json["holds"].as_bool(), json["failures"].as_array().unwrap().len()), (1, Some(false), 3));
    let report = fs::read_to_string(folder.path().join("claim/report.html")).unwrap();
    assert!(report.contains("transactions.aborted &lt;= 0, found"));

    let shards = ["1/2", "2/2"].map(|shard| {
        let output = shard.replace('/', "-");
        assert_eq!(told(surprised.clone(), &["--shard", shard], &output).0, 1);
        output
    });
    let merge = ["merge", &shards[0], &shards[1], "--output", "merged"];
    assert_eq!(said(&merge, folder.path()).0, 1);

    let silent = SMALL.replace("[sweep]", &format!("{fault}[sweep]"));
    let (status, _, err) = told(silent, &["--quiet"], "fault");
    assert!(status == 1 && err.contains("2pc: the fault never fired: ") && err.contains("p1"), "{err}");
}

/// Continues a sweep after an interrupt that left some whole rows and a torn one.
#[test]
fn an_interrupted_sweep_goes_on_and_ends_with_the_same_bytes() {
    let folder = small();
    swept(folder.path(), &[], "whole");
    let whole = rows(folder.path(), "whole");
    swept(folder.path(), &[], "torn");
    let torn = folder.path().join("torn/small");
    let kept: String = whole.lines().skip(1).take(7).map(|line| format!("{line}\n")).collect();
    fs::remove_file(torn.join("rows.csv")).unwrap();
    fs::write(torn.join("rows.part"), kept + &whole.lines().nth(8).unwrap()[..20]).unwrap();
    swept(folder.path(), &[], "torn");
    assert!(whole == rows(folder.path(), "torn"));
    assert!(!torn.join("rows.part").exists());
    // Rows without a sweep.json are not continued, because their sweep is not known.
    fs::rename(torn.join("sweep.json"), folder.path().join("sweep.json")).unwrap();
    let (status, _, err) = said(&["sweep", "small.toml", "--seeds", "3", "--output", "torn"], folder.path());
    assert!(status == 2 && err.contains("rows.csv has no sweep.json"), "{err}");
    fs::rename(folder.path().join("sweep.json"), torn.join("sweep.json")).unwrap();
    // Another sweep does not continue in this folder.
    let changed = ["sweep", "small.toml", "--seeds", "4", "--output", "torn"];
    let (status, _, err) = said(&changed, folder.path());
    assert!(status == 2 && err.contains("holds another sweep") && err.contains("--output"), "{err}");
}

#[test]
fn wrong_sweeps_are_refused_with_file_line_and_value() {
    let folder = small();
    let cases = [
        ("[\"1ms\", \"2ms\", \"4ms\"]", "[\"1ms\", \"fast\"]", "small.toml:9: `network.latency` = fast"),
        (
            "\"workload.refuse\" = [0.0, 0.5]",
            "\"workload.refuse\" = [0.0, 1.5]",
            "small.toml:10: `workload.refuse` = 1.5",
        ),
        (
            "\"workload.refuse\" = [0.0, 0.5]",
            "\"cluster.participants\" = [3, 100000]",
            "small.toml:10: `cluster.participants`",
        ),
        ("workload.refuse", "workload.refsue", "`workload.refuse`"),
        ("labels = [\"delay\", \"refused\"]", "labels = [\"delay\"]", "small.toml:11: `labels` has 1 names for 2 axes"),
        ("labels = [\"delay\", \"refused\"]", "metrics = [\"blocked.max\"]", "blocked_ms.max"),
    ];
    for (from, to, expected) in cases {
        fs::write(folder.path().join("small.toml"), SMALL.replace(from, to)).unwrap();
        let (status, _, err) = said(&["sweep", "small.toml", "--output", "out"], folder.path());
        assert!(status == 2 && err.contains(expected) && !err.contains("panicked"), "{to}: {err}");
    }
    let nothing = SMALL.split("[sweep]").next().unwrap();
    fs::write(folder.path().join("small.toml"), nothing).unwrap();
    for (args, expected) in [
        (&["sweep", "small.toml"][..], "has no [sweep]"),
        (&["sweep", "coordinator-downtme"], "coordinator-downtime"),
        (&["sweep", "contention", "--shard", "4/3"], "3/8"),
        (&["merge", "nowhere"], "nowhere"),
    ] {
        let (status, _, err) = said(args, folder.path());
        assert!(status == 2 && err.contains(expected) && !err.contains("panicked"), "{args:?}: {err}");
    }
}

/// An expectation over seeds or between protocols is judged once for each point, when all its seeds are there.
#[test]
fn what_is_expected_over_seeds_is_judged_at_each_point() {
    let folder = small();
    let claims = "[[expect]]\nprotocol = \"2pc\"\nmetric = \"messages_per_txn\"\nbelow = \"saga\"\n\
        [[expect]]\nprotocol = \"2pc\"\ncheck = \"agreement\"\nholds = true\nseeds = \">= 100%\"\n[sweep]";
    fs::write(folder.path().join("small.toml"), SMALL.replace("[sweep]", claims)).unwrap();
    let sweep =
        |words: &[&str]| said(&[&["sweep", "small.toml", "--seeds", "3", "--output"], words].concat(), folder.path());
    let (status, _, err) = sweep(&["whole"]);
    let unmet =
        "expected 2pc: messages_per_txn below that of saga, but it is so under 0 of 3 seeds; not under seed 1: ";
    assert!(status == 1 && err.contains(&format!("network.latency = 4ms, workload.refuse = 0: {unmet}")), "{err}");
    assert_eq!(err.matches(unmet).count(), 6, "at each point: {err}");
    assert!(!err.contains("agreement"), "{err}");
    let (status, _, err) = sweep(&["shard", "--shard", "1/2"]);
    assert_eq!(status, 0, "a shard does not have all seeds: {err}");
}
