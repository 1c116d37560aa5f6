//! The folders that runs leave behind.

use super::*;

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
