//! Claims, sweeps, and how a scenario is described in one line.

use super::*;

#[test]
fn a_claim_is_about_something_that_is_measured() {
    let expect = |rest: &str| format!("[[expect]]\nprotocol = \"2pc\"\n{rest}");
    good(&expect("metric = \"in_doubt_ms.max\"\nmin = 7000"));
    good(&expect("metric = \"transactions.partial\"\nequals = 0"));
    good(&expect("metric = \"latency_ms.aborted.p99\"\nmin = 1\nmax = 2.5"));
    good(&expect("check = \"agreement\"\nholds = false"));
    bad(&expect("metric = \"in_doubt.max\"\nmin = 1"), 3, &["`in_doubt.max`", "`in_doubt_ms.max`"]);
    bad(&expect("metric = \"in_doubt_ms\"\nmin = 1"), 3, &["parts", "p99"]);
    bad(&expect("check = \"agrement\"\nholds = true"), 3, &["`agrement`", "`agreement`"]);
    bad(&expect("metric = \"wrong_audits\""), 1, &["`min`, `max` or `equals`"]);
    bad(&expect("check = \"agreement\""), 1, &["needs `holds`"]);
    bad(&expect("check = \"agreement\"\nmin = 1"), 4, &["`min`"]);
    bad(&expect("metric = \"wrong_audits\"\nholds = true"), 4, &["`holds`"]);
    bad(&expect("metric = \"wrong_audits\"\nmin = 2\nmax = 1"), 1, &["exclude each other"]);
    bad(&expect("min = 2"), 1, &["`metric` or `check`"]);
    bad("[[expect]]\nmetric = \"wrong_audits\"\nmin = 2", 1, &["needs `protocol`"]);
    bad(
        "[[expect]]\nprotocol = \"2pc-prc\"\nmetric = \"wrong_audits\"\nmin = 2",
        2,
        &["does not run `2pc-prc`", "2pc, saga, none"],
    );
}

#[test]
fn a_sweep_names_parameters() {
    let s = good(
        "[[fault]]\nat = \"1s\"\ndo = \"kill\"\nnode = \"p1\"\n[sweep]\n\"workload.rate\" = [10, 20.5]\n\"fault.0.restart_after\" = [\"1s\", \"2s\"]",
    );
    let values = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        s.sweep,
        [("workload.rate".into(), values(&["10", "20.5"])), ("fault.0.restart_after".into(), values(&["1s", "2s"]))]
    );
    let together =
        good("[sweep]\n\"timeouts.vote, timeouts.decision\" = [\"1s\"]\nmetrics = [\"blocked_ms.max\"]").sweep;
    assert_eq!(
        together.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["timeouts.vote, timeouts.decision", "metrics"]
    );
    bad("[sweep]\nmetrics = [\"blocked_ms.maxx\"]", 2, &["`blocked_ms.maxx`", "blocked_ms.max"]);
    bad("[sweep]\n\"timeouts.vote, timeouts.decison\" = [\"1s\"]", 2, &["`timeouts.decison`"]);
    bad("[sweep]\n\"workload.rtae\" = [1]", 2, &["`workload.rtae`", "`workload.rate`"]);
    bad("[sweep]\n\"fault.0.for\" = [\"1s\"]", 2, &["`fault.0.for`"]);
    bad("[sweep]\nseed = []", 2, &["at least one value"]);
    bad("[sweep]\nseed = [[1]]", 2, &["a number"]);
    bad("[sweep]\nseed = 3", 2, &["a list"]);
}

#[test]
fn a_fault_and_a_claim_are_named_in_one_line() {
    let text = |rest: &str| fault(rest).faults[0].text.clone();
    assert_eq!(
        text("on = { phase = \"work-done\", nth = 15 }\ndo = \"kill\"\nnode = \"coordinator\"\nrestart_after = \"3s\""),
        "kill c1 when the 15th transaction of c1 reaches work-done, back after 3s"
    );
    assert_eq!(
        text("do = \"delay\"\nby = \"3s\"\nmessage = \"ack\"\nto = \"c1\"\ncount = 5\nprotocols = [\"2pc\"]"),
        "delay the first 5 of `ack` to c1 by 3s"
    );
    assert_eq!(
        text("at = \"3s\"\ndo = \"partition\"\nbetween = [[\"c1\"], [\"p2\"]]\nfor = \"2s\""),
        "cut c1 and p2 at 3s for 2s"
    );
    let s = good("[[expect]]\nprotocol = \"2pc\"\nmetric = \"in_doubt_ms.max\"\nmin = 7000\nmax = 9000");
    assert_eq!(s.expects[0].text, "2pc: in_doubt_ms.max >= 7000 and <= 9000");
}
