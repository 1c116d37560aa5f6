//! A full disk under a real run: the lab names the node, the file and the reason. A limit on the size of files stands in for the full
//! disk.

use std::process::{Command, Stdio};

/// Runs `happy-path` on real processes that cannot write more than this into one file. Returns the status and standard error.
fn run_with_files_of(blocks: u32, rate: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    // A blocked signal stays blocked in the processes that the lab starts, so their writes fail instead of killing them.
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let lab = env!("CARGO_BIN_EXE_indoubt");
    let words = ["run", "happy-path", "--world", "real", "--protocols", "2pc", "--quiet", "--output", "out"];
    let output = Command::new("sh")
        .args(["-c", &limited, lab])
        .args(words)
        .args(["--set", &format!("workload.rate={rate}")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_node_that_cannot_write_its_journal_is_named_with_the_file() {
    // A journal grows by 256 KiB, which is 512 blocks.
    let (status, err) = run_with_files_of(300, "40");
    assert_eq!(status, Some(2), "{err}");
    assert!(err.contains("ended by itself") && err.contains("cannot write") && err.contains(".data/journal"), "{err}");
    assert!(err.contains("File too large"), "{err}");
}

#[test]
fn a_node_that_cannot_write_its_trace_is_named_with_the_file() {
    let (status, err) = run_with_files_of(600, "2000");
    assert_eq!(status, Some(2), "{err}");
    assert!(err.contains("cannot write the trace") && err.contains(".trace: File too large"), "{err}");
}
