//! Nodes that are started by hand.

use super::*;

/// Starts nodes by hand as the README shows it, submits transactions, looks at the state, and tries invalid input.
#[test]
fn nodes_started_by_hand_take_a_transaction_and_refuse_what_is_none() {
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Stdio},
    };
    let folder = tempfile::tempdir().unwrap();
    let start = |words: &[&str]| -> (Child, String) {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_indoubt"))
            .args(words)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(' ').nth(4).unwrap_or_else(|| panic!("no readiness line: {line}")).to_owned();
        (child, address)
    };
    let (p1, at_p1) = start(&["participant", "--id", "p1", "--data-dir", "p1.d"]);
    let (p2, at_p2) = start(&["participant", "--id", "p2", "--data-dir", "p2.d"]);
    let peers = format!("p1={at_p1},p2={at_p2}");
    let (c1, at_c1) = start(&["orchestrator", "--id", "c1", "--data-dir", "c1.d", "--peers", &peers]);
    let submit = |steps: &[&str]| said(&[&["submit", "--node", &at_c1], steps].concat(), folder.path());
    let (status, out, err) = submit(&["p1:add(p1/a,10)", "p2:add(p2/a,-10)"]);
    assert_eq!(status, 0, "{out}{err}");
    let (status, out, _) = submit(&["p1:add(p1/a,5)", "p2:add(p2/a,-5,0)"]);
    assert!(status == 1 && out.contains("compensated"), "{out}");
    // c1 has no address of p9, so it refuses the submission instead of resending it for ever.
    let (status, out, _) = submit(&["p9:add(p9/a,1)"]);
    assert!(status == 1 && out.contains("refused") && out.contains("p9"), "{out}");
    let (status, _, err) = submit(&["p1:frobnicate(x)"]);
    assert!(status == 2 && err.contains("add(KEY,DELTA)"), "{err}");
    let (_, out, _) = said(&["state", "--node", &at_p1, "--accounts"], folder.path());
    assert!(out.contains("p1/a = 10"), "{out}");
    for mut child in [p1, p2, c1] {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "SIGTERM ends a node well");
    }
}
