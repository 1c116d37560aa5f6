//! Commands that make many runs: costs, the swarm, crash points.

use super::*;

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
