//! Tests that a valid scenario stays the same when it is written and parsed, and that changes from outside are checked.

use indoubt_proto::{
    observation::Phase,
    settings::{AbortWhen, WorkRound},
    time::Micros,
};
use indoubt_scenario::{
    protocol::Protocol,
    scenario::{Arrivals, Scenario, Trigger},
};
use proptest::prelude::*;

const HEAD: &str = "name = \"test\"\n[workload]\nkind = \"transfer\"\nrate = 10.0\n";

fn good(rest: &str) -> Scenario {
    Scenario::parse(&format!("{HEAD}{rest}"), "test.toml").unwrap_or_else(|error| panic!("{error}\n{rest}"))
}

fn fault(rest: &str) -> Scenario {
    good(&format!("[[fault]]\n{rest}"))
}

#[test]
fn a_parameter_is_set_by_its_path() {
    let s = good("[[fault]]\non = { phase = \"work-done\", nth = 3 }\ndo = \"kill\"\nnode = \"c1\"");
    let set = |path, value| s.set(path, value).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(set("workload.rate", "200").workload.arrivals, Arrivals::Rate(200.0));
    assert_eq!(set("workload.clients", "8").workload.arrivals, Arrivals::Clients(8));
    assert_eq!(set("workload.clients", "8").set("workload.rate", "5").unwrap().workload.arrivals, Arrivals::Rate(5.0));
    assert_eq!(set("timeouts.vote", "2s").timeouts.vote, Micros::from_secs(2));
    assert_eq!(set("options.abort", "after-all-votes").options.abort, AbortWhen::AfterAllVotes);
    assert_eq!(set("options.work", "with-prepare").options.work, WorkRound::WithPrepare);
    assert_eq!(set("protocols", "[\"saga\"]").protocols, [Protocol::Saga]);
    assert!(matches!(set("fault.0.on.nth", "7").faults[0].trigger, Trigger::Phase { nth: 7, .. }));
    let restarted = set("fault.0.restart_after", "2s");
    assert_eq!(restarted.faults[0].action.lasts(), Some(Micros(2_000_000)));
    // `touch` follows the number of participants unless the scenario says otherwise.
    assert_eq!(set("cluster.participants", "2").workload.touch, 2);
    assert_eq!(set("workload.touch", "2").set("cluster.participants", "5").unwrap().workload.touch, 2);
    // A seed of any size survives a change of something else.
    assert_eq!(s.clone().with_seed(u64::MAX).set("settle", "1s").unwrap().seed, u64::MAX);
    assert_eq!(set("seed", "9").seed, 9);
    assert_eq!(s.set("settle", &s.settle.to_string()), Ok(s.clone()));
}

#[test]
fn a_bad_change_is_refused_by_name() {
    let s = good("");
    for (path, value, words) in [
        ("workload.rtae", "1", ["workload.rtae=1", "`rate`"]),
        ("workload.rate", "fast", ["workload.rate=fast", "`fast`"]),
        ("timeouts.vote", "500", ["timeouts.vote=500", "unit"]),
        ("fault.0.node", "p1", ["fault.0.node=p1", "there is no"]),
        ("nonsense", "1", ["nonsense=1", "`nonsense`"]),
        ("", "1", ["=1", "unknown field"]),
        ("seed.x.y", "1", ["seed.x.y=1", "there is no"]),
        ("network.latency.min", "1ms", ["network.latency.min=1ms", "`max`"]),
        ("cluster.participants", "1", ["cluster.participants=1", "a transfer needs"]),
    ] {
        let error = s.set(path, value).expect_err(path);
        let shown = error.to_string();
        assert!(error.line.is_none() && words.iter().all(|word| shown.contains(word)), "{shown}");
    }
}

#[test]
fn a_scenario_can_run_under_other_protocols() {
    let s = good(
        "[[fault]]\non = { phase = \"half-told\" }\ndo = \"kill\"\nnode = \"p1\"\nprotocols = [\"2pc\"]\n[[expect]]\nprotocol = \"2pc\"\ncheck = \"agreement\"\nholds = true",
    );
    let saga = s.with_protocols(&[Protocol::Saga]).unwrap();
    assert_eq!((saga.protocols.as_slice(), saga.expects.len(), saga.faults.len()), ([Protocol::Saga].as_slice(), 0, 1));
    assert!(!saga.faults[0].applies(Protocol::Saga) && saga.faults[0].applies(Protocol::TwoPhase));
    let s = fault("on = { phase = \"work-done\" }\ndo = \"kill\"\nnode = \"p1\"");
    assert!(s.with_protocols(&[]).is_err());
    let voted = "protocols = [\"2pc\"]\n[workload]\nkind = \"trip\"\nrate = 1\n[[fault]]\non = { node = \"p1\", point = \"voted\" }\ndo = \"heal\"";
    let s = Scenario::parse(&format!("name = \"x\"\n{voted}"), "x").unwrap();
    let error = s.with_protocols(&[Protocol::Saga]).unwrap_err().to_string();
    assert!(error.contains("protocols=saga") && error.contains("`voted`"), "{error}");
}

#[test]
fn every_bundled_scenario_parses_and_survives_being_written_back() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the scenarios of the house") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = std::fs::read_to_string(&path).expect("a scenario");
            let name = path.file_name().expect("a name").to_string_lossy();
            let scenario = Scenario::parse(&text, &name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(Scenario::parse(&scenario.to_toml(), "resolved").as_ref(), Ok(&scenario), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 14, "{seen}");
}

/// One fault that is right under 2PC, of three participants, two coordinating nodes and two clients.
fn any_fault() -> impl Strategy<Value = String> {
    let node = prop::sample::select(vec!["coordinator", "c2", "p1", "p3"]);
    let participant = prop::sample::select(vec!["p1", "p2", "p3"]);
    let phase = prop::sample::select(Phase::ALL.map(Phase::word).to_vec());
    let point = prop::sample::select(vec!["working", "prepared", "voted", "told", "acknowledged"]);
    let effect = prop::sample::select(vec!["append:prepared", "send:vote:yes", "deliver:decision", "observe:applied"]);
    let moment = prop_oneof![
        (0u64..9_000_000).prop_map(|us| format!("at = \"{us}us\"")),
        (phase, 1u64..50).prop_map(|(phase, nth)| format!("on = {{ phase = \"{phase}\", nth = {nth} }}")),
        (participant.clone(), point, 1u64..50)
            .prop_map(|(p, point, nth)| format!("on = {{ node = \"{p}\", point = \"{point}\", nth = {nth} }}")),
        (participant, effect, any::<bool>()).prop_map(|(p, effect, after)| {
            let edge = if after { "after" } else { "before" };
            format!("on = {{ node = \"{p}\", effect = \"{effect}\", edge = \"{edge}\" }}")
        }),
    ];
    let lasts =
        prop::option::of(1u64..5_000).prop_map(|ms| ms.map_or(String::new(), |ms| format!("for = \"{ms}ms\"\n")));
    let struck = (moment, node, lasts.clone()).prop_flat_map(|(moment, node, lasts)| {
        prop::sample::select(vec![
            format!("{moment}\ndo = \"kill\"\nnode = \"{node}\"\nrestart_after = \"1500us\""),
            format!("{moment}\ndo = \"kill\"\nnode = \"{node}\"\nkeep = 2"),
            format!("{moment}\ndo = \"lose-log\"\nnode = \"{node}\"\nrestart_after = \"7ms\""),
            format!("{moment}\ndo = \"restore-log\"\nnode = \"{node}\"\nrecords = 3\nrestart_after = \"7ms\""),
            format!("{moment}\ndo = \"restore-log\"\nnode = \"{node}\"\nas_of = \"0us\"\nrestart_after = \"7ms\""),
            format!("{moment}\ndo = \"lose-disk\"\nnode = \"{node}\"\nrestart_after = \"7ms\""),
            format!("{moment}\ndo = \"restart\"\nnode = \"{node}\""),
            format!("{moment}\ndo = \"pause\"\nnode = \"{node}\"\n{lasts}"),
            format!("{moment}\ndo = \"resume\"\nnode = \"{node}\""),
            format!("{moment}\ndo = \"slow-disk\"\nnode = \"{node}\"\nforce = \"70ms\"\n{lasts}"),
            format!("{moment}\ndo = \"partition\"\nbetween = [[\"{node}\"], [\"p2\"]]\none_way = true\n{lasts}"),
            format!("{moment}\ndo = \"jump-clock\"\nnode = \"{node}\"\nforward = \"1500us\""),
            format!("{moment}\ndo = \"jump-clock\"\nnode = \"{node}\"\nback = \"2s\""),
            format!("{moment}\ndo = \"heal\""),
            format!("{moment}\ndo = \"resolve\"\ndecision = \"abort\""),
            format!("{moment}\ndo = \"resolve\"\ndecision = \"commit\"\nnode = \"p2\""),
        ])
    });
    let which = prop_oneof![
        Just(String::new()),
        (1u64..9).prop_map(|n| format!("nth = {n}\n")),
        (1u64..9).prop_map(|n| format!("count = {n}\n")),
        (1u32..=1000).prop_map(|n| format!("share = {}\n", f64::from(n) / 1000.0)),
    ];
    let ends = prop::sample::select(vec![
        "",
        "from = \"c1\"\n",
        "to = \"p2\"\n",
        "from = \"p1\"\nto = \"c2\"\n",
        "to = \"k2\"\n",
    ]);
    let deed = prop::sample::select(vec!["drop", "duplicate", "delay\"\nby = \"3s"]);
    let touching = (deed, ends, which.clone(), lasts.clone(), 0u64..9_000)
        .prop_map(|(deed, ends, which, lasts, at)| format!("do = \"{deed}\"\nat = \"{at}ms\"\n{ends}{which}{lasts}"));
    let refusing =
        (which, lasts).prop_map(|(which, lasts)| format!("do = \"refuse\"\nmessage = \"prepare\"\n{which}{lasts}"));
    prop_oneof![4 => struck, 3 => touching, 1 => refusing]
}

prop_compose! {
    fn any_scenario()(
        seed in any::<u64>(),
        rate in 0.001f64..1e6,
        skew in 0.0f64..10.0,
        share in 0.0f64..=1.0,
        us in 1u64..5_000_000,
        about in "\\PC{0,40}",
        faults in prop::collection::vec(any_fault(), 0..5),
        bound in any::<f64>().prop_filter("a bound is finite", |b| b.is_finite()),
        swept in prop::collection::btree_set("\\PC{0,12}", 1..4),
        latency in prop::sample::select(vec![
            "\"3ms\"", "{ min = \"1us\", max = \"2ms\" }", "{ median = \"1ms\", p99 = \"1s\" }",
        ]),
        work in prop::sample::select(vec!["separate", "with-prepare"]),
        abort in prop::sample::select(vec!["at-once", "after-all-votes"]),
    ) -> String {
        let faults: String = faults
            .into_iter()
            // Without a work round nobody takes WORK.
            .filter(|fault| work == "separate" || !fault.contains("working"))
            .map(|fault| format!("[[fault]]\n{fault}\n"))
            .collect();
        let swept: Vec<String> = swept.iter().filter(|text| *text != "7").map(|text| format!("{text:?}")).collect();
        let swept: Vec<_> = swept.iter().filter(|text| !text.contains("\\u{")).cloned().chain(["7".into()]).collect();
        format!(
            "name = \"any\"\nabout = '''{}'''\nprotocols = [\"2pc\", \"2pc-cooperative\"]\nseed = {seed}\nduration = \"9s\"\n\
             settle = \"{us}us\"\n[workload]\nkind = \"transfer\"\nrate = {rate}\nskew = {skew}\nrefuse = {share}\n\
             [network]\nlatency = {latency}\nloss = {share}\n[[network.link]]\nfrom = \"c1\"\nto = \"p2\"\nlatency = \"{us}us\"\n\
             [timeouts]\nlock = \"{us}us\"\n[options]\nwork = \"{work}\"\nabort = \"{abort}\"\n{faults}\
             [[expect]]\nprotocol = \"2pc\"\nmetric = \"wrong_audits\"\nmin = {bound:?}\n\
             [sweep]\n\"workload.kind\" = [{}]\n",
            about.replace('\'', ""),
            swept.join(", "),
        )
    }
}

proptest! {
    #[test]
    fn whatever_is_parsed_survives_being_written_back(text in any_scenario()) {
        let scenario = Scenario::parse(&text, "any.toml").map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        let written = scenario.to_toml();
        let again = Scenario::parse(&written, "written.toml");
        prop_assert_eq!(again, Ok(scenario), "{}", written);
    }

    #[test]
    fn no_text_whatever_panics(text in "\\PC*", lines in prop::collection::vec("[a-z_.\"\\[\\]= {}0-9]{0,20}", 0..8)) {
        _ = Scenario::parse(&text, "any.toml");
        _ = Scenario::parse(&format!("{HEAD}{}", lines.join("\n")), "any.toml");
    }

    #[test]
    fn no_change_whatever_panics(path in "[a-z.0-9\"]{0,24}", value in "\\PC{0,12}") {
        _ = good("[[fault]]\nat = \"1s\"\ndo = \"heal\"").set(&path, &value);
    }
}

#[test]
fn clocks_and_disks_survive_being_written_back_and_are_set_from_outside() {
    let s = good(
        "[disk]\nforce = { median = \"1ms\", p99 = \"9ms\" }\n[clocks]\ndrift = 0.25\n[[clocks.node]]\nnode = \"p2\"\nrate = 1.5",
    );
    assert_eq!(Scenario::parse(&s.to_toml(), "resolved"), Ok(s.clone()));
    assert_eq!(s.set("clocks.drift", "0.5").unwrap().clocks.drift, 0.5);
    assert_eq!(s.set("clocks.node.0.rate", "2").unwrap().clocks.nodes[0].1.get(), 2.0);
    assert_eq!(s.set("disk.force", "3ms").unwrap().force, good("[disk]\nforce = \"3ms\"").force);
    assert_eq!(
        s.set("disk.force.p99", "99ms").unwrap().force,
        good("[disk]\nforce = { median = \"1ms\", p99 = \"99ms\" }").force
    );
}
