//! Tests of the command from outside: its exit statuses, its errors, and the results that it writes.

use assert_cmd::Command;
use std::{fs, path::Path};

fn indoubt() -> Command {
    Command::new(env!("CARGO_BIN_EXE_indoubt"))
}

/// Runs the command. Returns its exit status, standard output and standard error.
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

/// In commands that results name, words that a shell would split are quoted. A results folder that is used again contains
/// nothing of the earlier run.
#[test]
fn a_folder_tells_of_its_last_run_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["run", "happy-path", "--protocols", "2pc", "--output", "out"];
    assert_eq!(said(&[&run[..], &["--trace"]].concat(), folder.path()).0, 0);
    let trace = folder.path().join("out/happy-path/trace");
    let name = fs::read_dir(&trace).unwrap().next().unwrap().unwrap().path();
    let name = name.to_str().unwrap();
    let (status, _, err) = said(&["explain", name, "--protocol", "saga"], folder.path());
    assert!(status == 2 && err.contains("is the trace of 2pc"), "{err}");
    assert_eq!(said(&["explain", name, "--protocol", "2pc"], folder.path()).0, 0);
    let set = ["--set", "network.latency={ min = \"1ms\", max = \"2ms\" }"];
    assert_eq!(said(&[&run[..], &set].concat(), folder.path()).0, 0);
    assert!(!trace.exists(), "those of another run");
    let report = fs::read_to_string(folder.path().join("out/report.html")).unwrap().replace("&quot;", "\"");
    let command = "indoubt run happy-path --world virtual --protocols 2pc --set 'network.latency={ min = \"1ms\", max = \"2ms\" }'";
    assert!(report.contains(command), "the report does not say: {command}");
}

/// A folder holds the results of one command. Results of other scenarios are refused, because index and report would not tell of
/// them; the same scenario, or more of them, replaces them.
#[test]
fn results_of_other_scenarios_are_refused_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        |words: &[&str]| said(&[words, &["--protocols", "2pc", "--quiet", "--output", "out"]].concat(), folder.path());
    assert_eq!(run(&["run", "happy-path"]).0, 0);
    let index = || fs::read_to_string(folder.path().join("out/index.json")).unwrap();
    let before = index();
    for words in
        [&["run", "participant-says-no"][..], &["sweep", "loss", "--seeds", "1"], &["crash-points", "happy-path"]]
    {
        let (status, _, err) = run(words);
        assert!(status == 2 && err.contains("holds the results of another run (`happy-path`)"), "{words:?}: {err}");
    }
    assert_eq!(index(), before);
    assert_eq!(run(&["run", "happy-path", "participant-says-no"]).0, 0);
    assert!(index().contains("happy-path") && index().contains("participant-says-no"));
    let (status, _, err) = run(&["run", "happy-path"]);
    assert!(status == 2 && err.contains("(`participant-says-no`)"), "{err}");
}

/// Two commands cannot write into one folder. A command that was killed locks nobody out.
#[test]
fn a_folder_has_one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut first = std::process::Command::new(env!("CARGO_BIN_EXE_indoubt"));
        let words = ["run", "happy-path", "--seeds", "1000000", "--quiet", "--output", "out"];
        first.args(words).current_dir(folder.path()).stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut first = start();
    let second = || said(&["run", "happy-path", "--protocols", "2pc", "--quiet", "--output", "out"], folder.path());
    let refused = (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        // On a busy machine the second may have been there first.
        if first.try_wait().unwrap().is_some() {
            first = start();
            return false;
        }
        let (status, _, err) = second();
        status == 2 && err.contains("another command writes its results into out")
    });
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(refused, "both wrote into the folder");
    assert_eq!(second().0, 0);
}

/// Repeats one of many seeds, from the bundled name and from the results folder. The history is the same, byte for byte.
#[test]
fn replay_repeats_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let many = ["run", "slow-lossy-network", "--seeds", "3..5", "--protocols", "saga", "--trace", "--output", "many"];
    assert_eq!(said(&many, folder.path()).0, 0);
    let trace = |run: &str| fs::read(folder.path().join(run).join("slow-lossy-network/trace/saga-4.jsonl")).unwrap();
    for (from, output) in [("slow-lossy-network", "again"), ("many/slow-lossy-network", "from-folder")] {
        let replay = ["replay", from, "--protocol", "saga", "--seed", "4", "--output", output, "--format", "json"];
        let (status, out, err) = said(&replay, folder.path());
        assert_eq!(status, 0, "{err}");
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((told["run"]["seed"].as_u64(), told["run"]["verdict"].as_str()), (Some(4), Some("ok")));
        assert!(trace("many") == trace(output), "{from}");
    }
    let (status, out, _) = said(&["explain", "again/slow-lossy-network/trace/saga-4.jsonl"], folder.path());
    assert!(status == 0 && out.contains("saga with seed 4"), "{out}");
}

/// The table, the JSON document and the file all show each count beside its formula.
#[test]
fn costs_equal_the_papers() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, err) = said(&["costs", "--participants", "2..3", "--output", "out"], folder.path());
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("12 = 12") && out.contains("2m+3f = 2m+3f") && !out.contains('≠'), "{out}");
    let (status, json, _) = said(&["costs", "--participants", "2..3", "--format", "json"], folder.path());
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, told["holds"].as_bool(), told["differences"].as_u64()), (0, Some(true), Some(0)));
    let written = fs::read_to_string(folder.path().join("out/costs.json")).unwrap();
    assert_eq!(written, json.trim_end());
    let (status, _, err) = said(&["costs", "--participants", "3..2"], folder.path());
    assert!(status == 2 && err.contains("empty"), "{err}");
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

/// `ok` is only for promises that were kept while all else held too. The machine-readable verdict stays as it is.
#[test]
fn a_claim_that_fails_is_not_beside_ok_and_no_promise_is_not_ok() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"words\"\nabout = \"x\"\nprotocols = [\"2pc\", \"saga\", \"none\"]\nduration = \"1s\"\n[workload]\n\
                kind = \"transfer\"\nrate = 20.0\n[[expect]]\nprotocol = \"2pc\"\nmetric = \"in_doubt_ms.max\"\nmin = 60000\n";
    fs::write(folder.path().join("words.toml"), text).unwrap();
    let (status, out, _) = said(&["run", "words.toml", "--output", "out"], folder.path());
    assert_eq!(status, 1);
    let row = |protocol: &str| out.lines().find(|line| line.contains(&format!(" {protocol} "))).unwrap().trim_end();
    assert!(row("2pc").ends_with(" promises kept, an expectation does not hold"), "{out}");
    assert!(row("saga").contains("  ok"), "{out}");
    assert!(row("none").contains(" promised nothing") && !row("none").contains(" ok"), "{out}");
    let report = fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    for cell in ["<td>promises kept</td>", "<td>promised nothing</td>", "ok</span></td>"] {
        assert_eq!(report.matches(cell).count(), 1, "{cell}");
    }
    let summary = fs::read_to_string(folder.path().join("out/words/summary.json")).unwrap();
    assert_eq!(summary.matches("\"verdict\": \"ok\"").count(), 3);
}

#[test]
fn what_cannot_run_is_status_2_with_a_sentence_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), "name = \"bad\"\n[workload]\nkind = \"transfer\"\nrtae = 1.0\n").unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("p1.d")).unwrap();
    fs::write(folder.path().join("p1.d/journal"), "no journal").unwrap();
    let cases: [(&[&str], &str); 16] = [
        (&["run", "no-such-file.toml"], "no-such-file.toml"),
        (&["run", "hapy-path"], "did you mean `happy-path`"),
        (&["run", "bad.toml"], "bad.toml:4"),
        (&["run", "happy-path", "--set", "workload.rtae=3"], "rtae"),
        (&["run", "happy-path", "--protocols", "3pc"], "unknown protocol"),
        (&["run", "happy-path", "--seeds", "5..1"], "empty"),
        (&["run", "happy-path", "--output", "file/out"], "file/out"),
        (&["state", "--node", "127.0.0.1:1"], "127.0.0.1:1: Connection refused"),
        (&["participant", "--id", "p1", "--data-dir", "p1.d"], "p1.d"),
        (&["sweep", "loss", "--set", "network.loss=0.3"], "parameter is swept"),
        (&["coordinator", "--id", "p1", "--data-dir", "d"], "c1"),
        (&["bench", "--world", "virtual", "--floor"], "--world real"),
        (&["run", "/dev/zero"], "the scenario /dev/zero is larger than 1048576 bytes"),
        (&["sweep", "/dev/zero"], "the scenario /dev/zero is larger than 1048576 bytes"),
        (&["run", "happy-path", "--profile", "/dev/zero"], "the profile /dev/zero is larger than 1048576 bytes"),
        (
            &["participant", "--id", "p1", "--data-dir", "d", "--settings", "/dev/zero"],
            "is larger than 268435456 bytes",
        ),
    ];
    for (args, expected) in cases {
        let (status, out, err) = said(args, folder.path());
        assert_eq!(status, 2, "{args:?}: {out}{err}");
        assert!(err.contains(expected), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        let parts: Vec<&str> = err.trim().split(": ").collect();
        assert!(parts.windows(2).all(|two| two[0] != two[1]), "it says the same thing twice: {err}");
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
    let (status, json, err) = said(&["explain", "coordinator-dies-after-votes", "--format", "json"], Path::new("."));
    assert_eq!(status, 0, "{err}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let lines = json["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    assert!(out.ends_with(&lines.map(|line| format!("{line}\n")).collect::<String>()), "{json}");
    assert_eq!((json["protocol"].as_str(), json["seed"].as_u64()), (Some("2pc"), Some(7)));
}

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

#[test]
fn the_swarm_counts_what_it_saw_and_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, err) = said(&["swarm", "--seeds", "7..48", "--jobs", "2", "--format", "json"], folder.path());
    assert_eq!(status, 0, "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["cases"], 42);
    assert!(told["seen"]["fault: kill"].as_u64() > Some(0), "{out}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a folder is made only if something fails");
}

/// Runs all crash points. Then repeats a cell with the command that it names, and a case from the file that it wrote.
#[test]
fn every_cell_of_the_heat_map_names_a_command_that_repeats_it() {
    let folder = tempfile::tempdir().unwrap();
    let all = ["crash-points", "happy-path", "--protocols", "2pc,saga", "--participants", "2", "--format", "json"];
    let (status, out, err) = said(&[&all[..], &["--output", "out"]].concat(), folder.path());
    assert_eq!(status, 0, "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let cells = told["single"]["cells"].as_array().unwrap();
    let mut blocked = cells.iter().filter(|cell| cell["blocked_ms"].as_f64().unwrap() > 1_000.0);
    let mut pending = cells.iter().filter(|cell| cell["pending_ms"].as_f64().unwrap() > 1_000.0);
    for cell in [blocked.next_back().expect("somebody blocks"), pending.next_back().expect("something is pending")] {
        let command = cell["replay"].as_str().unwrap().to_owned() + " --format json --output case";
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let (status, out, err) = said(&words, folder.path());
        assert_eq!(status, 0, "{command}: {err}");
        let one: serde_json::Value = serde_json::from_str(&out).unwrap();
        for time in ["blocked_ms", "in_doubt_ms", "pending_ms"] {
            assert_eq!(one[0][time], cell[time], "{command}: {time}");
        }
        let protocol = cell["protocol"].as_str().unwrap();
        let replay = ["replay", &format!("case/{protocol}.toml"), "--format", "json", "--output", "again"];
        let (status, out, err) = said(&replay, folder.path());
        assert_eq!(status, 0, "{err}");
        let again: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(again["run"]["measures"]["blocked_ms"]["max"], cell["blocked_ms"]);
    }
    for file in ["cases.csv", "heat-map.csv", "report.html", "charts/heat-map-2pc-commit-coordinator.png"] {
        assert!(fs::metadata(folder.path().join("out").join(file)).is_ok_and(|m| m.len() > 0), "{file}");
    }
    let rows = fs::read_to_string(folder.path().join("out/cases.csv")).unwrap().lines().count() as u64 - 1;
    let counted = ["2pc", "saga"].map(|protocol| told["single"]["protocols"][protocol]["cases"].as_u64().unwrap());
    assert_eq!(rows, counted.iter().sum::<u64>());
}

/// Without `--protocols`, a case runs under those protocols that have its crash point.
#[test]
fn a_case_of_one_protocol_is_tried_under_those_that_pass_there() {
    let folder = tempfile::tempdir().unwrap();
    let case = "2/commit/c1/after/append:initiation/1/keep1";
    let (status, out, err) = said(&["crash-points", "three-presumptions", "--case", case], folder.path());
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("2pc-prc, 2/commit") && !out.contains("2pc, 2/commit"), "{out}");
    assert!(err.contains("2pc never reaches the crash point c1/after/append:initiation/1"), "{err}");
}

#[test]
fn crash_points_that_do_not_exist_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (words, hint) in [
        (
            &["--case", "2/commit/p1/after/send:vote:yes/7/keep0"][..],
            "never reaches the crash point p1/after/send:vote:yes/7",
        ),
        (
            // The message names the crash point that is not reached, here the first of two.
            &["--case", "2/commit/c1/after/append:committed/7/keep0+p1/after/append:prepared/1/keep0"][..],
            "never reaches the crash point c1/after/append:committed/7",
        ),
        (&["--case", "2/perhaps"][..], "`perhaps`"),
        (&["--participants", "1"][..], "`touch`"),
        (&["--restart-after", "0ms"][..], "duration above 0"),
        (&["--case", "2/refuse-9/p1/after/send:vote:yes/1/keep0"][..], "refuse-2"),
    ] {
        let all = [&["crash-points", "happy-path", "--protocols", "2pc"][..], words].concat();
        let (status, _, err) = said(&all, folder.path());
        assert_eq!(status, 2, "{words:?}");
        assert!(err.contains(hint), "{words:?}: {err}");
    }
    assert!(!folder.path().join("results").exists(), "a refusal leaves nothing behind");
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
