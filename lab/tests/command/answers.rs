//! What the command says: verdicts, mistakes, explanations.

use super::*;

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
