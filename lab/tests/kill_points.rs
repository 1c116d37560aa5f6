//! Every named crash point, once each, on real processes. At each phase and each point that `indoubt list points` names, and while a
//! journal is compacted, a node is killed by SIGKILL, its journal is cut, and it restarts. Journals are compacted often. Then every
//! promise must hold, and every transaction must end. A scenario fails if its fault never fires, so no crash point is skipped.

use assert_cmd::Command;
use serde_json::Value;
use std::{fmt::Write as _, fs, path::Path, time::Duration};

fn indoubt() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_indoubt"));
    command.timeout(Duration::from_secs(1500));
    command
}

fn points() -> Value {
    let output = indoubt().args(["list", "points", "--format", "json"]).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).expect("a JSON document")
}

/// A scenario in which `node` crashes the third time it reaches what `on` names, and restarts.
fn scenario(protocol: &str, name: &str, on: &str, node: &str) -> String {
    format!(
        r#"name = "{name}"
about = "{node} dies at its moment and comes back."
protocols = ["{protocol}"]
seed = 17
duration = "1500ms"
settle = "20s"
[cluster]
participants = 3
[workload]
kind = "transfer"
rate = 40.0
keys = 50
touch = 3
refuse = 0.3
[disk]
compact_every = 10
[timeouts]
vote = "300ms"
decision = "200ms"
lock = "400ms"
retry = "50ms"
[[fault]]
on = {{ {on} }}
do = "kill"
node = "{node}"
restart_after = "400ms"
[[expect]]
protocol = "{protocol}"
metric = "transactions.unresolved"
equals = 0
"#
    )
}

/// All scenarios of these protocols. At a phase the coordinating node is killed, at a point the node that reaches it.
fn scenarios(protocols: &[&str]) -> Vec<(String, String)> {
    let all = points();
    let mut made = Vec::new();
    for protocol in protocols {
        let its = &all[protocol];
        for phase in its["phases"].as_array().expect("phases") {
            let word = phase["phase"].as_str().expect("a word");
            let name = format!("{protocol}-phase-{word}");
            made.push((name.clone(), scenario(protocol, &name, &format!("phase = \"{word}\", nth = 3"), "c1")));
        }
        for point in its["points"].as_array().expect("points") {
            let word = point["point"].as_str().expect("a word");
            let node = if point["node"] == "participant" { "p2" } else { "c1" };
            let name = format!("{protocol}-point-{word}");
            let on = format!("node = \"{node}\", point = \"{word}\", nth = 3");
            made.push((name.clone(), scenario(protocol, &name, &on, node)));
        }
        for node in ["c1", "p2"] {
            let name = format!("{protocol}-compaction-{node}");
            let on = format!("node = \"{node}\", effect = \"append:compaction\", edge = \"after\", nth = 2");
            made.push((name.clone(), scenario(protocol, &name, &on, node)));
        }
    }
    made
}

fn kill_everywhere(protocols: &[&str], least: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    for (name, text) in scenarios(protocols) {
        let file = folder.path().join(format!("{name}.toml"));
        fs::write(&file, text).expect("a file");
        files.push(file);
    }
    assert!(files.len() >= least, "only {} places to die", files.len());
    let out = folder.path().join("out");
    let run = indoubt()
        .args(["run", "--world", "real", "--quiet", "--output"])
        .arg(&out)
        .args(&files)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{} of {} places:\n{said}{}", protocols.join(" "), files.len(), stories(&out));
    println!("{} places to die, each killed once for real: {}", files.len(), protocols.join(" "));
}

/// Details of the runs that failed.
fn stories(out: &Path) -> String {
    let mut text = String::new();
    let Ok(index) = fs::read_to_string(out.join("index.json")) else { return text };
    let index: Value = serde_json::from_str(&index).expect("index.json is JSON");
    for entry in index["scenarios"].as_array().into_iter().flatten().filter(|e| e["held"] == false) {
        let _ = writeln!(text, "failed: {entry}");
    }
    text
}

#[test]
fn two_phase_commit_survives_a_kill_at_every_point() {
    kill_everywhere(&["2pc"], 14);
}

#[test]
fn a_saga_survives_a_kill_at_every_point() {
    kill_everywhere(&["saga"], 14);
}

#[test]
fn a_parallel_saga_survives_a_kill_at_every_point() {
    kill_everywhere(&["saga-parallel"], 14);
}

#[test]
#[ignore = "minutes; the gate runs it"]
fn the_other_presumptions_and_cooperation_survive_a_kill_at_every_point() {
    kill_everywhere(&["2pc-prn", "2pc-prc", "2pc-cooperative"], 45);
}
