//! The measures and checks for a system of your own: it writes a trace in the format of docs/03-measures-and-checks.md, and
//! the judge reads it. Neither the virtual world nor the machines of this repository take part.
//!
//! ```sh
//! cargo run -p indoubt-judge --example judge_a_trace
//! ```

use indoubt_judge::{judge::judge, trace::from_json_line};
use indoubt_scenario::{checks::CheckName, protocol::Protocol, recording::Recording, scenario::Scenario};

/// What the system wrote. Two participants vote yes; the coordinator `c1` commits. `p1` obeys. `p2` loses patience after 40 ms
/// in doubt, and aborts.
const TRACE: &str = r#"
{"t_us":0,"seq":1,"node":"k1","kind":"client-began","txn":"c1-k1-1","due_us":0,"what":"transfer","plan":[{"node":"p1","step":1,"key":"p1/a","delta":-5},{"node":"p2","step":2,"key":"p2/a","delta":5}]}
{"t_us":10000,"seq":2,"node":"p1","kind":"voted","txn":"c1-k1-1","vote":"yes"}
{"t_us":10000,"seq":3,"node":"p1","kind":"in-doubt","txn":"c1-k1-1"}
{"t_us":12000,"seq":4,"node":"p2","kind":"voted","txn":"c1-k1-1","vote":"yes"}
{"t_us":12000,"seq":5,"node":"p2","kind":"in-doubt","txn":"c1-k1-1"}
{"t_us":20000,"seq":6,"node":"c1","kind":"decided","txn":"c1-k1-1","outcome":"commit"}
{"t_us":22000,"seq":7,"node":"p1","kind":"decided","txn":"c1-k1-1","outcome":"commit"}
{"t_us":22000,"seq":8,"node":"p1","kind":"applied","txn":"c1-k1-1","effects":[{"key":"p1/a","delta":-5}],"log":"00000000000000a1","lsn":2}
{"t_us":23000,"seq":9,"node":"k1","kind":"client-ended","txn":"c1-k1-1","outcome":"succeeded"}
{"t_us":52000,"seq":10,"node":"p2","kind":"decided","txn":"c1-k1-1","outcome":"abort"}
{"t_us":100000,"seq":11,"node":"lab","kind":"end"}
"#;

/// What the judge has to know beside the trace: how long load was offered, timeouts, and what you expect.
const SCENARIO: &str = r#"
name = "my-system"
about = "One transfer in a system of my own."
protocols = ["2pc"]
duration = "100ms"
[workload]
kind = "transfer"
rate = 10.0
[[expect]]
protocol = "2pc"
metric = "in_doubt_ms.max"
max = 20
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Scenario::parse(SCENARIO, "my-system.toml")?;
    let lines = TRACE.lines().filter(|line| !line.is_empty());
    let trace = lines.map(from_json_line).collect::<Result<Vec<_>, _>>()?;
    let run = judge(&scenario, &Recording { protocol: Protocol::TwoPhase, seed: 1, trace, faults: vec![] });

    println!("in doubt: {} branches, {:?} ms at most", run.measures.in_doubt_ms.count, run.measures.in_doubt_ms.max);
    for check in run.checks.iter().filter(|check| !check.held) {
        println!("broken: {}: {}", check.name, check.detail);
    }
    for expectation in run.expectations.iter().filter(|expectation| !expectation.held) {
        println!("not as expected: {}: it is {}", expectation.text, expectation.actual);
    }

    let agreement = run.checks.iter().find(|check| check.name == CheckName::Agreement);
    assert!(agreement.is_some_and(|check| !check.held), "the judge sees that p2 went its own way");
    assert!((run.measures.in_doubt_ms.max - 40.0).abs() < 1e-9);
    Ok(())
}
