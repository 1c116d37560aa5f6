//! How the command ends when it is told to, and when nobody takes its output.

use super::*;

/// SIGTERM and Ctrl-C give different exit statuses, and a run that wrote nothing leaves no folder.
#[test]
fn a_command_of_the_virtual_world_that_is_told_to_end_says_so() {
    use rustix::process::Signal;
    use std::{io::Read, process::Stdio, time::Duration};
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        if signal == Signal::HUP && leaves_out_hangups() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut lab = std::process::Command::new(env!("CARGO_BIN_EXE_indoubt"))
            .args(["run", "happy-path", "--seeds", "1000000", "--quiet"])
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let runs = || fs::read_dir(folder.path().join("results/runs")).into_iter().flatten().flatten();
        while !runs().any(|entry| entry.file_type().unwrap().is_dir()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&lab), signal).unwrap();
        assert_eq!(lab.wait().unwrap().code(), Some(status));
        let mut said = String::new();
        lab.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "interrupted\n");
        assert_eq!(runs().count(), 0, "an empty folder is left, or a link to it");
    }
}

/// Whether a test must leave out SIGHUP, because it runs under `nohup` and the lab that it starts ignores hangups too.
fn leaves_out_hangups() -> bool {
    let ignored = indoubt_cluster::ignores_hangup();
    if ignored {
        eprintln!("SIGHUP is not tested: whoever started these tests ignores it");
    }
    ignored
}

/// A signal while node processes run, or while they start, gives its status and leaves neither a process nor a folder. The folder
/// of a cluster is closed to other users.
#[test]
fn a_signal_leaves_no_process_and_no_folder_behind_at_any_time() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::{os::unix::fs::PermissionsExt, process::Stdio, time::Duration};
    let moments = [(0, Signal::INT, 130), (1, Signal::HUP, 129), (3, Signal::INT, 130), (8, Signal::TERM, 143)];
    let moments = moments.into_iter().chain([(20, Signal::INT, 130), (60, Signal::QUIT, 131), (400, Signal::INT, 130)]);
    for (after, signal, status) in moments {
        if signal == Signal::HUP && leaves_out_hangups() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let lab = std::process::Command::new(env!("CARGO_BIN_EXE_indoubt"))
            .args(["run", "coordinator-dies-after-votes", "--world", "real", "--quiet", "--output", "out"])
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let clusters = || {
            let entries = fs::read_dir(folder.path()).unwrap().flatten();
            entries.filter(|e| e.file_name().to_string_lossy().starts_with("indoubt-")).collect::<Vec<_>>()
        };
        while clusters().is_empty() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let modes = clusters().into_iter().flat_map(|cluster| cluster.metadata());
        assert!(modes.map(|metadata| metadata.permissions().mode() & 0o777).all(|mode| mode == 0o700));
        std::thread::sleep(Duration::from_millis(after));
        kill_process(Pid::from_child(&lab), signal).unwrap();
        let output = lab.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "after {after} ms: {said}");
        assert!(said.starts_with("interrupted") && said.lines().count() == 1, "after {after} ms: {said}");
        assert!(clusters().is_empty(), "after {after} ms: {:?}", clusters());
        let ours = folder.path().to_string_lossy().into_owned();
        let alive = fs::read_dir("/proc").unwrap().flatten().filter(|p| {
            fs::read(p.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&ours))
        });
        assert_eq!(alive.count(), 0, "after {after} ms");
    }
}

/// `nohup` makes a process ignore SIGHUP; the lab then goes on.
#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    use std::time::Duration;
    let folder = tempfile::tempdir().unwrap();
    let mut lab = std::process::Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_indoubt")])
        .args(["run", "happy-path", "--seeds", "1000000", "--quiet", "--output", "out"])
        .current_dir(folder.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("out").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&lab);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(lab.try_wait().unwrap().is_none(), "it ended");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(lab.wait().unwrap().code(), Some(143));
}

/// A closed pipe ends the command without an error; a full disk is an error.
#[cfg(target_os = "linux")]
#[test]
fn output_that_goes_nowhere_is_no_panic() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_indoubt"));
        command.args(["run", "happy-path", "--output", "out"]).current_dir(folder.path());
        command
    };
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let output = run().stdout(closed).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = run().stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot print: No space left"));
}
