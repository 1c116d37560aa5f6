//! Faults, and what each of them may say.

use super::*;

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
    bad_fault("do = \"refuse\"\nmessage = \"vote\"\nprotocols = [\"2pc\"]", 2, &["not a request", "work, prepare"]);
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
