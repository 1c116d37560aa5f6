//! Tests of the parser: each mistake is refused, and the error has the line, the offending text and what would be right.

use indoubt_driver::{
    clock::ClockJump,
    conditions::Latency,
    gate::{Edge, Verb},
};
use indoubt_proto::{ids::NodeId, observation::Phase, time::Micros};
use indoubt_scenario::{
    faults::{FaultAction, JumpClock, Kill, LoseDisk, Message, MessageDeed, Partition, RestoreLog, act::OlderCopy},
    parse::ScenarioError,
    protocol::Protocol,
    scenario::{Arrivals, Counted, Scenario, Trigger, Which},
};

const HEAD: &str = "name = \"test\"\n[workload]\nkind = \"transfer\"\nrate = 10.0\n";

/// The head and what follows it: HEAD has 4 lines.
fn with(rest: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(&format!("{HEAD}{rest}"), "test.toml")
}

fn good(rest: &str) -> Scenario {
    with(rest).unwrap_or_else(|error| panic!("{error}\n{rest}"))
}

/// Refused at this line, with these words.
#[track_caller]
fn refused(text: &str, line: usize, words: &[&str]) {
    let error = Scenario::parse(text, "dir/file.toml").expect_err(text);
    let shown = error.to_string();
    assert!(shown.starts_with(&format!("dir/file.toml:{line}: ")), "{shown}\n{text}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is missing: {shown}");
    }
}

/// The same, after HEAD: `line` counts from what follows.
#[track_caller]
fn bad(rest: &str, line: usize, words: &[&str]) {
    refused(&format!("{HEAD}{rest}"), line + 4, words);
}

fn fault(rest: &str) -> Scenario {
    good(&format!("[[fault]]\n{rest}"))
}

/// `line` counts from the line after `[[fault]]`.
#[track_caller]
fn bad_fault(rest: &str, line: usize, words: &[&str]) {
    bad(&format!("[[fault]]\n{rest}"), line + 1, words);
}

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
fn a_kill_may_say_how_much_of_the_unforced_tail_survives() {
    let kill = "at = \"1s\"\ndo = \"kill\"\nnode = \"p1\"\nrestart_after = \"2s\"\n";
    for (keep, text) in
        [(0, "no unforced record survives"), (1, "1 unforced record survives"), (7, "7 unforced records")]
    {
        let s = fault(&format!("{kill}keep = {keep}"));
        assert!(matches!(s.faults[0].action, FaultAction::Kill(Kill { keep: Some(k), .. }) if k == keep));
        assert!(s.faults[0].text.contains(text), "{}", s.faults[0].text);
    }
    assert!(!fault(kill).faults[0].text.contains("survive"));
    bad_fault(&format!("{kill}keep = -1"), 5, &["keep"]);
    bad_fault(&format!("{}keep = 0", kill.replace("kill", "lose-log")), 5, &["unknown field `keep`", "`lose-log`"]);
    bad_fault("at = \"1s\"\ndo = \"heal\"\nkeep = 0", 3, &["`keep`", "`heal`"]);
}

#[test]
fn a_phase_must_exist_under_every_protocol_of_the_fault() {
    bad_fault(
        "on = { phase = \"wrok-done\", nth = 1 }\ndo = \"kill\"\nnode = \"p1\"",
        1,
        &["`wrok-done`", "`work-done`"],
    );
    let half_told = "on = { phase = \"half-told\" }\ndo = \"kill\"\nnode = \"p1\"\n";
    bad_fault(half_told, 1, &["`none` has no phase `half-told`", "`protocols`"]);
    fault(&format!("{half_told}protocols = [\"2pc\", \"saga\"]"));
    bad_fault("on = { phase = \"begun\", node = \"p1\" }\ndo = \"kill\"\nnode = \"p1\"", 1, &["coordinating node"]);
    bad_fault("on = { phase = \"begun\", nth = 0 }\ndo = \"kill\"\nnode = \"p1\"", 1, &["at least 1"]);
}

#[test]
fn a_point_must_exist_under_every_protocol_of_the_fault() {
    let voted = "on = { node = \"p2\", point = \"voted\", nth = 3 }\ndo = \"kill\"\nnode = \"p2\"\n";
    bad_fault(voted, 1, &["`saga` has no point `voted`"]);
    let s = fault(&format!("{voted}protocols = [\"2pc\"]"));
    let Trigger::Moment { subject, nodes, selector, counted, nth, .. } = &s.faults[0].trigger else { panic!() };
    // A YES that its coordinator took as input: the gates of the coordinating nodes decide, about p2's message.
    assert_eq!((*subject, *nth, *counted), (NodeId::participant(2), 3, Counted::Transactions));
    assert_eq!(*nodes, [NodeId::coordinating(1), NodeId::coordinating(2)]);
    assert_eq!((selector.verb, selector.edge, selector.peer), (Verb::Deliver, Edge::After, Some(*subject)));
    bad_fault(&voted.replace("voted", "vtoed"), 1, &["unknown point `vtoed`", "`voted`"]);
    let only = "protocols = [\"2pc\"]\n";
    bad_fault(&format!("{}{only}", voted.replace("\"p2\", point", "\"c1\", point")), 1, &["a point of a participant"]);
    bad_fault(&format!("{}{only}", voted.replace("voted", "voted:2")), 1, &["takes no step number"]);
    bad_fault("on = { point = \"voted\" }\ndo = \"heal\"\nprotocols = [\"2pc\"]", 1, &["needs `node`"]);
    bad_fault(
        "on = { node = \"c1\", point = \"initiation-durable\" }\ndo = \"heal\"\nprotocols = [\"2pc\"]",
        1,
        &["`2pc` has no point `initiation-durable`"],
    );
    fault("on = { node = \"c1\", point = \"initiation-durable\" }\ndo = \"heal\"\nprotocols = [\"2pc-prc\"]");
    let s = fault("on = { node = \"p1\", point = \"compensating:2\" }\ndo = \"heal\"\nprotocols = [\"saga\"]");
    assert!(matches!(&s.faults[0].trigger, Trigger::Moment { selector, .. } if selector.step == Some(2)));
    bad_fault(
        "on = { node = \"p1\", point = \"compensating:0\" }\ndo = \"heal\"\nprotocols = [\"saga\"]",
        1,
        &["from 1"],
    );
}

#[test]
fn an_effect_is_checked_word_by_word() {
    let effect = |effect: &str, more: &str| {
        format!("on = {{ node = \"c1\", effect = \"{effect}\"{more} }}\ndo = \"heal\"\nprotocols = [\"2pc\"]")
    };
    for fine in
        ["append:committed", "send:decision:commit", "deliver:vote:yes", "observe:decided:commit", "send:prepare"]
    {
        fault(&effect(fine, ", edge = \"after\", nth = 2"));
    }
    bad_fault(&effect("apend:committed", ""), 1, &["`apend`", "`append`"]);
    bad_fault(&effect("append", ""), 1, &["needs a word"]);
    bad_fault(&effect("append:comitted", ""), 1, &["`comitted`", "`committed`"]);
    bad_fault(&effect("append:prepared", ""), 1, &["c1", "`prepared`"]);
    bad_fault(&effect("append:initiation", ""), 1, &["`initiation`"]);
    bad_fault(&effect("send:vote", ""), 1, &["`vote`"]);
    bad_fault(&effect("deliver:vote:maybe", ""), 1, &["`maybe`", "yes"]);
    bad_fault(&effect("deliver:vote:2", ""), 1, &["`2`"]);
    bad_fault(&effect("observe:durable", ""), 1, &["`durable`"]);
    bad_fault(&effect("send:prepare", ", edge = \"during\""), 1, &["`during`", "before, after"]);
    bad_fault(
        &effect("append:committed", "").replace("[\"2pc\"]", "[\"2pc\", \"saga\"]"),
        1,
        &["`saga` has no record"],
    );
    let s = fault("on = { node = \"p1\", effect = \"deliver:compensate:2\" }\ndo = \"heal\"\nprotocols = [\"saga\"]");
    assert!(matches!(&s.faults[0].trigger, Trigger::Moment { selector, .. } if selector.step == Some(2)));
    // Before and after an observation are the same.
    let s = fault(&effect("observe:decided", ", edge = \"after\""));
    assert!(matches!(&s.faults[0].trigger, Trigger::Moment { selector, .. } if selector.edge == Edge::Before));
}

#[test]
fn on_names_one_kind_of_moment() {
    bad_fault("on = { phase = \"begun\", point = \"voted\" }\ndo = \"heal\"", 1, &["one of"]);
    bad_fault("on = { nth = 3 }\ndo = \"heal\"", 1, &["one of"]);
    bad_fault("on = { phase = \"begun\", edge = \"after\" }\ndo = \"heal\"", 1, &["`edge`"]);
    bad_fault("on = { phase = \"begun\" }\nat = \"1s\"\ndo = \"heal\"", 1, &["not both"]);
    bad_fault("do = \"heal\"", 0, &["`at`", "`on`"]);
    bad_fault("at = \"1s\"", 0, &["needs `do`"]);
    bad_fault("at = \"1s\"\ndo = \"kil\"", 2, &["`kil`", "`kill`"]);
}

#[test]
fn each_fault_knows_its_fields() {
    bad_fault("at = \"1s\"\ndo = \"kill\"\nnode = \"p1\"\nfor = \"1s\"", 4, &["`for` in a `kill` fault"]);
    bad_fault("on = { phase = \"begun\" }\ndo = \"drop\"", 1, &["`on` in a `drop` fault"]);
    bad_fault("at = \"1s\"\ndo = \"pause\"", 0, &["needs `node`"]);
    bad_fault("do = \"delay\"\nmessage = \"work\"\nprotocols = [\"2pc\"]", 0, &["needs `by`"]);
    bad_fault("at = \"1s\"\ndo = \"slow-disk\"\nnode = \"p1\"", 0, &["needs `force`"]);
    bad_fault("do = \"refuse\"", 0, &["`refuse`", "`message`"]);
    bad_fault("at = \"1s\"\ndo = \"partition\"", 0, &["needs `between`"]);
}

#[test]
fn a_partition_has_two_sides_that_share_nobody() {
    let s = fault("at = \"3s\"\ndo = \"partition\"\nbetween = [[\"coordinator\"], [\"p2\", \"p3\"]]\nfor = \"2s\"");
    let FaultAction::Partition(Partition { left, right, one_way, lasts }) = &s.faults[0].action else { panic!() };
    assert_eq!((left.len(), right.len(), *one_way, *lasts), (1, 2, false, Some(Micros::from_secs(2))));
    let sides = |sides: &str| format!("at = \"3s\"\ndo = \"partition\"\nbetween = {sides}");
    bad_fault(&sides("[[\"c1\"], [\"coordinator\"]]"), 3, &["c1", "twice"]);
    bad_fault(&sides("[[\"c1\"]]"), 3, &["two lists"]);
    bad_fault(&sides("[\"c1\", \"p1\"]"), 3, &["two lists"]);
    bad_fault(&sides("[[], [\"p1\"]]"), 3, &["two lists"]);
}

#[test]
fn a_message_fault_names_messages_that_pass_there() {
    let s = fault(
        "do = \"drop\"\nmessage = \"decision\"\nfrom = \"coordinator\"\nto = \"p2\"\nnth = 2\nprotocols = [\"2pc\"]",
    );
    assert_eq!(
        s.faults[0].trigger,
        Trigger::Messages {
            from_time: Micros::ZERO,
            from: Some(NodeId::coordinating(1)),
            to: Some(NodeId::participant(2)),
            message: Some("decision".into()),
            which: Which::Nth(2),
        }
    );
    bad_fault("do = \"drop\"\nmessage = \"decision\"", 2, &["`saga` has no message `decision`"]);
    let two = |rest: &str| format!("do = \"drop\"\nprotocols = [\"2pc\"]\n{rest}");
    bad_fault(&two("message = \"descision\""), 3, &["`descision`", "`decision`"]);
    bad_fault(&two("message = \"vote\"\nfrom = \"c1\""), 3, &["c1 never sends `vote`"]);
    bad_fault(&two("message = \"vote\"\nto = \"p1\""), 3, &["nobody sends `vote` to p1"]);
    bad_fault(&two("message = \"vote\"\nto = \"k9\""), 4, &["no client `k9`"]);
    bad_fault(&two("nth = 1\ncount = 2"), 0, &["exclude each other"]);
    bad_fault(&two("share = 0.0"), 3, &["above 0"]);
    bad_fault(&two("share = 1.5"), 3, &["at most 1"]);
    bad_fault(&two("count = 0"), 3, &["at least 1"]);
    bad_fault("do = \"refuse\"\nmessage = \"vote\"\nprotocols = [\"2pc\"]", 2, &["no request", "work, prepare"]);
    bad(
        "[options]\nwork = \"with-prepare\"\n[[fault]]\ndo = \"drop\"\nmessage = \"work\"\nprotocols = [\"2pc\"]",
        5,
        &["no message `work`"],
    );
    let s = fault(&two("to = \"k1\"").replace("drop", "delay").replace("to =", "by = \"1s\"\nto ="));
    let delay = Message { deed: MessageDeed::Delay(Micros(1_000_000)), lasts: None };
    assert_eq!(s.faults[0].action, delay.into());
}

#[test]
fn a_clock_jumps_one_way() {
    let jump = |ways: &str| format!("at = \"1s\"\ndo = \"jump-clock\"\nnode = \"p2\"\n{ways}");
    let forward = fault(&jump("forward = \"2s\""));
    let expected = JumpClock { node: NodeId::participant(2), jump: ClockJump::Forward(Micros::from_secs(2)) };
    assert_eq!(forward.faults[0].action, expected.into());
    assert_eq!(forward.faults[0].text, "jump the clock of p2 forward by 2s at 1s");
    assert_eq!(fault(&jump("back = \"5ms\"")).faults[0].text, "jump the clock of p2 back by 5ms at 1s");
    for ways in ["", "forward = \"1s\"\nback = \"1s\""] {
        bad_fault(&jump(ways), 0, &["`forward` or `back`"]);
    }
    bad_fault(&jump("forward = \"0s\""), 4, &["`forward`"]);
    bad_fault(&jump("for = \"1s\""), 4, &["unknown field `for`", "`jump-clock`"]);
}

#[test]
fn a_node_that_loses_its_disk_comes_back() {
    let lost = "at = \"1s\"\ndo = \"lose-disk\"\nnode = \"p2\"\n";
    let back = fault(&format!("{lost}restart_after = \"5ms\""));
    let expected = LoseDisk { node: NodeId::participant(2), restart_after: Some(Micros::from_millis(5)) };
    assert_eq!(back.faults[0].action, expected.into());
    assert_eq!(back.faults[0].text, "kill p2 and lose its disk at 1s, back after 5ms");
    bad_fault(lost, 0, &["p2 never comes back", "`restart_after`"]);
    fault(&format!("{lost}[[fault]]\nat = \"2s\"\ndo = \"restart\"\nnode = \"p2\"\n"));
}

#[test]
fn a_log_goes_back_to_its_first_records_or_to_a_time() {
    let back = |to: &str| format!("at = \"1s\"\ndo = \"restore-log\"\nnode = \"p2\"\nrestart_after = \"5ms\"\n{to}");
    let text = |to: &str| fault(&back(to)).faults[0].text.clone();
    let expected = RestoreLog {
        node: NodeId::participant(2),
        to: OlderCopy::AsOf(Micros::from_millis(700)),
        restart_after: Some(Micros::from_millis(5)),
    };
    assert_eq!(fault(&back("as_of = \"700ms\"")).faults[0].action, expected.into());
    assert_eq!(text("as_of = \"700ms\""), "kill p2 and set its log back to what it was at 700ms at 1s, back after 5ms");
    assert_eq!(text("records = 12"), "kill p2 and set its log back to its first 12 records at 1s, back after 5ms");
    for to in ["", "records = 1\nas_of = \"1ms\""] {
        bad_fault(&back(to), 0, &["`records`", "`as_of`"]);
    }
    let never = back("records = 1").replace("restart_after = \"5ms\"\n", "");
    bad_fault(&never, 0, &["p2 never comes back", "`restart_after`"]);
}

#[test]
fn an_operator_resolves_branches_in_doubt_only() {
    let resolve = "at = \"1s\"\ndo = \"resolve\"\ndecision = \"commit\"\n";
    let s = fault(&format!("{resolve}protocols = [\"2pc\", \"2pc-prc\"]"));
    assert!(matches!(&s.faults[0].action, FaultAction::Resolve(resolve) if resolve.nodes.len() == 3));
    bad_fault(resolve, 2, &["`saga` has no branches in doubt"]);
    bad_fault(&format!("{resolve}protocols = [\"2pc\"]\nnode = \"c1\""), 5, &["name a participant"]);
    bad_fault(&format!("{}protocols = [\"2pc\"]", resolve.replace("commit", "comit")), 3, &["`comit`", "`commit`"]);
}

#[test]
fn a_fault_begins_in_time() {
    bad_fault("at = \"30s\"\ndo = \"heal\"", 1, &["30s never comes"]);
    // Load ends at 10 s: what lasts until then cannot begin later; what has its own end may.
    bad_fault("at = \"10s\"\ndo = \"pause\"\nnode = \"p1\"", 1, &["load ends at 10s", "`for`"]);
    bad_fault("at = \"10s\"\ndo = \"drop\"", 1, &["load ends at 10s"]);
    fault("at = \"10s\"\ndo = \"pause\"\nnode = \"p1\"\nfor = \"1s\"");
    fault("at = \"15s\"\ndo = \"restart\"\nnode = \"p1\"");
}

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
