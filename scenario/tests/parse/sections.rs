//! The sections of a scenario, other than its faults and claims.

use super::*;

#[test]
fn defaults_are_those_of_the_format() {
    let s = good("");
    assert_eq!(s.protocols, [Protocol::TwoPhase, Protocol::Saga, Protocol::None]);
    assert_eq!((s.seed, s.duration, s.settle), (1, Micros::from_secs(10), Micros::from_secs(20)));
    assert_eq!((s.cluster.participants, s.cluster.coordinators), (3, 2));
    assert_eq!((s.workload.touch, s.workload.keys, s.workload.transactions), (3, 100, None));
    assert_eq!((s.workload.skew, s.workload.refuse, s.workload.audit), (0.0, 0.0, 0.0));
    assert_eq!((s.network.base.loss, s.network.base.duplicate), (0.0, 0.0));
    assert_eq!(s.force, Latency::Constant(Micros::from_millis(1)));
    assert_eq!(s.clocks, Default::default());
    assert_eq!(s.timeouts, Default::default());
    assert_eq!(s.options, Default::default());
    assert!(s.about.is_empty() && s.faults.is_empty() && s.expects.is_empty() && s.sweep.is_empty());
    assert_eq!(good("touch = 2\n[cluster]\nparticipants = 2").workload.touch, 2);
    assert_eq!(good("[cluster]\nparticipants = 2").workload.touch, 2);
    let closed = Scenario::parse("name = \"x\"\n[workload]\nkind = \"trip\"\nclients = 8", "x").unwrap();
    assert_eq!(closed.workload.arrivals, Arrivals::Clients(8));
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_valid_one() {
    refused(
        "name = \"b\"\nabout = \"x\"\nduration = \"2s\"\n[cluster]\nparticipants = 2\n[workload]\nkind = \"transfer\"\nrtae = 10.0\n",
        8,
        &["unknown field `rtae` in [workload]", "did you mean `rate`?"],
    );
    refused("name = \"b\"\ndurration = \"1s\"", 2, &["`durration`", "`duration`"]);
    bad("[network]\nlatncy = \"1ms\"", 2, &["`latncy` in [network]", "`latency`"]);
    bad("[disk]\nfoce = \"1ms\"", 2, &["`foce`", "`force`"]);
    bad("[options]\nreadonly = true", 2, &["`readonly`", "`read_only`"]);
    bad("[timeouts]\nvotes = \"1s\"", 2, &["`votes`", "`vote`"]);
    bad("[cluster]\nparticipant = 3", 2, &["`participant`", "`participants`"]);
    bad_fault("at = \"1s\"\ndo = \"kill\"\nndoe = \"p1\"", 3, &["`ndoe`", "`node`"]);
}

#[test]
fn a_duration_without_a_unit_is_refused() {
    bad("[timeouts]\nvote = \"500\"", 2, &["`500`", "unit"]);
    bad("[timeouts]\nvote = 500", 2, &["`500`", "unit"]);
    bad("[timeouts]\nvote = \"1h\"", 2, &["`1h`", "us, ms, s or m"]);
    bad("[timeouts]\nretry = \"0s\"", 2, &["from 1us to 3600s"]);
    refused("name = \"x\"\nduration = \"61m\"\n[workload]\nkind = \"trip\"\nrate = 1", 2, &["61m", "3600s"]);
    assert_eq!(good("[disk]\nforce = \"1.5ms\"").force, Latency::Constant(Micros(1500)));
}

#[test]
fn a_toml_mistake_has_its_line() {
    refused("name = \"bad-toml\"\nduration = \"2s\n", 2, &["not TOML"]);
    refused("name = \"a\"\nname = \"b\"\n", 2, &["duplicate key"]);
    refused("name = \"a\"\n[workload\n", 2, &["not TOML"]);
}

#[test]
fn wrong_types_are_refused_with_what_they_are() {
    refused("name = 7", 1, &["`name` must be a string in quotes, not `7`"]);
    bad("transactions = \"many\"", 1, &["`transactions` must be a whole number", "`many`"]);
    bad("transactions = 1.5", 1, &["whole number", "`1.5`"]);
    bad("[options]\nread_only = \"yes\"", 2, &["`read_only` must be true or false, not `yes`"]);
    bad("[options]\nabort = \"never\"", 2, &["`never`", "at-once", "after-all-votes"]);
    bad("[network]\nlink = 3", 2, &["`link` must be a list"]);
    bad("[cluster]\nparticipants = [1]", 2, &["`participants`", "a list"]);
    refused("name = \"x\"\nworkload = 3", 2, &["`workload` must be a table"]);
    refused("name = \"x\"\nprotocols = \"2pc\"", 2, &["`protocols` must be a list"]);
}

#[test]
fn numbers_beyond_their_limits_are_refused() {
    bad("[cluster]\nparticipants = 0", 2, &["from 1 to 64"]);
    bad("[cluster]\nparticipants = 65", 2, &["from 1 to 64"]);
    bad("[cluster]\ncoordinators = 17", 2, &["from 1 to 16"]);
    bad("[cluster]\ncoordinators = -1", 2, &["from 1 to 16", "`-1`"]);
    bad("keys = 0", 1, &["from 1 to 1000000"]);
    bad("skew = -0.1", 1, &["from 0 to 10"]);
    bad("refuse = 1.1", 1, &["a share from 0 to 1"]);
    bad("audit = nan", 1, &["a share from 0 to 1"]);
    bad("[network]\nloss = 2", 2, &["a share from 0 to 1"]);
    bad("transactions = 0", 1, &["at least 1"]);
    for rate in ["0", "0.0", "-1.0", "inf", "nan", "1e9"] {
        refused(&format!("name = \"x\"\n[workload]\nkind = \"trip\"\nrate = {rate}"), 4, &["more than 0"]);
    }
}

/// Each of these would cost gigabytes of memory or of output.
#[test]
fn input_without_bound_is_refused_with_a_short_sentence() {
    let large = format!("{HEAD}# {}", "x".repeat(1 << 20));
    refused(&large, 1, &["a scenario has at most 1048576 bytes"]);
    let fault = "[[fault]]\nat = \"1s\"\ndo = \"kill\"\nnode = \"p1\"\n";
    bad(&fault.repeat(1_001), 4_001, &["there are 1001 [[fault]]", "at most 1000"]);
    good(&fault.repeat(1_000));
    bad("keys = 1000000\n[cluster]\nparticipants = 64", 1, &["64000000 records", "at most 4000000"]);
    let long = format!("name = \"{}\"\n[workload]\nkind = \"trip\"\nrate = 1", "x".repeat(1_000_000));
    let error = Scenario::parse(&long, "long.toml").unwrap_err().to_string();
    assert!(error.len() < 1_100 && error.contains("at most 64 letters"), "{error}");
    let unknown = format!("{HEAD}{} = 1", "x".repeat(900_000));
    assert!(Scenario::parse(&unknown, "long.toml").unwrap_err().to_string().len() < 1_100);
}

#[test]
fn load_is_open_or_closed() {
    bad("clients = 3", 1, &["exclude each other"]);
    refused("name = \"x\"\n[workload]\nkind = \"trip\"", 2, &["needs `rate`", "`clients`"]);
    refused("name = \"x\"", 1, &["[workload]"]);
    refused("name = \"x\"\n[workload]\nrate = 1", 2, &["needs `kind`"]);
    refused("name = \"x\"\n[workload]\nkind = \"tirp\"", 3, &["`tirp`", "`trip`"]);
}

#[test]
fn a_transaction_touches_participants_that_exist_and_a_transfer_two() {
    bad("touch = 4", 1, &["`touch` is 4", "only 3 participants"]);
    bad("touch = 1", 1, &["a transfer needs `touch` of at least 2"]);
    refused(&format!("{HEAD}[cluster]\nparticipants = 1"), 2, &["a transfer needs"]);
    assert_eq!(
        Scenario::parse("name = \"x\"\n[workload]\nkind = \"order\"\nrate = 1\ntouch = 1", "x").unwrap().workload.touch,
        1
    );
}

#[test]
fn a_name_can_be_a_folder() {
    for name in ["", "a/b", "..", "a b", ".hidden"] {
        refused(&format!("name = \"{name}\""), 1, &["folder"]);
    }
    refused("about = \"x\"", 1, &["needs `name`"]);
}

#[test]
fn protocols_exist_and_are_listed_once() {
    refused("name = \"x\"\nprotocols = [\"2pc\", \"2cp\"]", 2, &["unknown protocol `2cp`", "`2pc`"]);
    refused("name = \"x\"\nprotocols = [\"2pc\", \"2pc\"]", 2, &["twice"]);
    refused("name = \"x\"\nprotocols = []", 2, &["at least one"]);
}

#[test]
fn latency_has_three_forms() {
    good("[network]\nlatency = \"0ms\"");
    good("[network]\nlatency = { min = \"1ms\", max = \"5ms\" }");
    good("[network]\nlatency = { median = \"1ms\", p99 = \"20ms\" }");
    bad("[network]\nlatency = { min = \"5ms\", max = \"1ms\" }", 2, &["`max`", "5ms"]);
    bad("[network]\nlatency = { median = \"5ms\", p99 = \"1ms\" }", 2, &["`p99`"]);
    bad("[network]\nlatency = { min = \"5ms\", p99 = \"1ms\" }", 2, &["`p99`"]);
    bad("[network]\nlatency = { min = \"5ms\" }", 2, &["`max`"]);
    bad("[network]\nlatency = {}", 2, &["`median`"]);
}

#[test]
fn a_link_override_inherits_what_it_does_not_say() {
    let s = good("[network]\nloss = 0.5\n[[network.link]]\nfrom = \"coordinator\"\nto = \"p2\"\nlatency = \"50ms\"");
    let link = s.network.links[0];
    assert_eq!((link.from, link.to, link.conditions.loss), (NodeId::coordinating(1), NodeId::participant(2), 0.5));
    bad("[[network.link]]\nfrom = \"p1\"\nto = \"p1\"", 3, &["no link from p1 to p1"]);
    bad("[[network.link]]\nfrom = \"c1\"\nto = \"c2\"", 3, &["no link"]);
    bad("[[network.link]]\nfrom = \"c1\"", 1, &["needs `to`"]);
}

#[test]
fn a_node_that_does_not_exist_is_refused() {
    refused(
        "name = \"bad-node\"\nabout = \"x\"\nduration = \"2s\"\n[cluster]\nparticipants = 2\n[workload]\nkind = \"transfer\"\nrate = 10.0\ntouch = 2\n[[fault]]\nat = \"1s\"\ndo = \"kill\"\nnode = \"p9\"\nrestart_after = \"1s\"\n",
        13,
        &["`p9`", "p1, p2"],
    );
    for node in ["c3", "p0", "k1", "lab", "coordinator1", ""] {
        bad_fault(&format!("at = \"1s\"\ndo = \"kill\"\nnode = \"{node}\""), 3, &["there is no node"]);
    }
}

#[test]
fn coordinator_is_c1() {
    let s = fault("on = { phase = \"work-done\" }\ndo = \"kill\"\nnode = \"coordinator\"");
    assert_eq!(
        s.faults[0].action,
        FaultAction::from(Kill { node: NodeId::coordinating(1), restart_after: None, keep: None })
    );
    assert_eq!(s.faults[0].trigger, Trigger::Phase { home: NodeId::coordinating(1), phase: Phase::WorkDone, nth: 1 });
}

#[test]
fn a_force_has_the_forms_of_a_latency_and_clocks_have_rates() {
    let ms = Micros::from_millis;
    assert_eq!(
        good("[disk]\nforce = { min = \"1ms\", max = \"5ms\" }").force,
        Latency::Uniform { min: ms(1), max: ms(5) }
    );
    let tailed = good("[disk]\nforce = { median = \"1ms\", p99 = \"9ms\" }");
    assert_eq!(tailed.force, Latency::LogNormal { median: ms(1), p99: ms(9) });
    let clocks = good("[clocks]\ndrift = 0.1\n[[clocks.node]]\nnode = \"coordinator\"\nrate = 1.5").clocks;
    let c1 = indoubt_proto::ids::NodeId::coordinating(1);
    assert_eq!((clocks.drift, clocks.nodes.len()), (0.1, 1));
    assert_eq!((clocks.nodes[0].0, clocks.nodes[0].1.get()), (c1, 1.5));

    bad("[disk]\nforce = { min = \"5ms\", max = \"1ms\" }", 2, &["`max`", "less than 5ms"]);
    bad("[disk]\nforce = { median = \"5ms\", mean = \"1ms\" }", 2, &["unknown field `mean` in `force`"]);
    bad("[disk]\nforce = { median = \"5ms\" }", 2, &["`p99`"]);
    bad("[clocks]\ndrift = 1", 2, &["`1`", "0 to 0.9"]);
    bad("[clocks]\nrate = 1", 2, &["unknown field `rate` in [clocks]"]);
    bad("[clocks]\n[[clocks.node]]\nnode = \"p1\"\nrate = 0", 4, &["`0`", "0.01 to 100"]);
    bad("[clocks]\n[[clocks.node]]\nnode = \"p9\"\nrate = 2", 3, &["p9"]);
    bad("[clocks]\n[[clocks.node]]\nnode = \"p1\"", 2, &["`rate`"]);
}
